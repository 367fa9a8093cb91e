"""ELF files: facts, words for what is none, and damage of every kind, which must never be more than a missing answer."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from rdb.errors import BadProgram, RdbError
from rdb.symbols.elf import ET_DYN, ET_EXEC, open_elf
from rdb.symbols.linespec import resolve
from rdb.symbols.table import SymbolTable
from rdb.symbols.types import describe
from rdb.symbols.unwind import frames
from tests.build import program
from tests.symbols.oracle import gdb_commands, needs_gdb


def test_facts() -> None:
    path = program("sym_frames.c")
    elf = open_elf(str(path))
    assert (elf.elf_class, elf.machine, elf.type) == (64, 62, ET_DYN)
    assert elf.interpreter == "/lib64/ld-linux-x86-64.so.2"
    assert elf.low_address == 0 and ".text" in elf.sections
    notes = subprocess.run(["readelf", "-n", str(path)], capture_output=True, text=True, check=True).stdout
    assert elf.build_id is not None and elf.build_id in notes
    fixed = open_elf(str(program("sym_frames.c", "-O0", "-g", "-no-pie")))
    assert fixed.type == ET_EXEC and fixed.low_address == 0x400000


def test_words(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("int main;\n")
    with pytest.raises(BadProgram, match=f'^"{text}": not in executable format: file format not recognized$'):
        open_elf(str(text))
    with pytest.raises(RdbError, match=r": No such file or directory\.$"):
        open_elf(str(tmp_path / "nothing"))
    with pytest.raises(RdbError, match=r": Is a directory\.$"):
        open_elf(str(tmp_path))
    cut = tmp_path / "cut"
    cut.write_bytes(program("sym_frames.c").read_bytes()[:2000])
    with pytest.raises(BadProgram):
        open_elf(str(cut))


def test_minimal_symbols() -> None:
    table = SymbolTable()
    loaded = table.add(str(program("sym_frames.c")), 0x10000)
    (main,) = table.minimal("main")
    assert main.is_code and main.object is loaded and loaded.low <= main.address < loaded.high
    assert table.minimal_at(main.address + 4) == (main, 4)
    (stub,) = table.minimal("qsort@plt")
    assert table.minimal_at(stub.address + 2) == (stub, 2)
    (data,) = table.minimal("table")
    assert data.kind == "data" and table.minimal_at(data.address + 4) == (data, 4)
    assert table.minimal("calls")[0].kind == "tls"
    assert table.minimal_at(loaded.high + 1) is None and table.minimal("nowhere") == []


@needs_gdb
@pytest.mark.parametrize("source", ["sym_blocks.c", "sym_types.c"])
def test_symbol_of_every_address(source: str) -> None:
    """`info symbol` in every section that is loaded, byte by byte where it is small."""
    path = program(source)
    table = SymbolTable()
    loaded = table.add(str(path))
    sections = [section for section in loaded.elf.section_list if section.flags & 2 and section.address]
    places = [section.address + offset for section in sections if section.name not in (".tbss", ".tdata", ".got.plt")
              for offset in range(0, section.size, 1 + section.size // 200)]  # fmt: skip
    for place, answer in zip(places, gdb_commands(path, [f"info symbol {place:#x}" for place in places])):
        found = table.minimal_at(place)
        mine = f"No symbol matches {place:#x}."
        if found is not None:
            symbol, offset = found
            mine = f"{symbol.print_name}{f' + {offset}' if offset else ''} in section {symbol.section}"
        assert mine == answer


def exercise(path: Path) -> None:
    """Ask everything that there is to ask."""
    table = SymbolTable()
    table.add(str(path), 0x1000)
    places: list[int] = []
    for spec in ("main", "deep", "twice", "sym_frames.c:22", "40", "printf"):
        try:
            places += [location.address for location in resolve(table, spec)]
        except RdbError:
            pass
    for address in [*places, 0x1000 + 0x1200, 0x1000 + 0x1300]:
        table.line_at(address)
        table.minimal_at(address)
        function = table.function_at(address)
        if function is not None:
            describe(function.type)
            assert isinstance(function.inlined, list)
        for block in table.locals_at(address):
            for variable in block.variables:
                describe(variable.type)
        registers = {"rip": address, "rsp": 0x7000_0000, "rbp": 0x7000_0100}
        for level, _ in enumerate(
            frames(registers, lambda address, size: b"\x11\x22\0\0\0\0\0\0"[:size].ljust(size, b"\0"), table)
        ):
            if level > 5:
                break
    table.variable("table", None)
    table.type_named("struct pair")
    table.sources()


@pytest.mark.parametrize("flags", [("-O0", "-g"), ("-O2", "-g", "-gdwarf-4")], ids=" ".join)
def test_damaged_files(flags: tuple[str, ...], tmp_path: Path) -> None:
    """Cut files, and files with bytes changed in the headers, the debug sections and the unwind tables."""
    whole = program("sym_frames.c", *flags).read_bytes()
    sections = open_elf(str(program("sym_frames.c", *flags))).section_list
    chosen = [
        section for section in sections if section.name.startswith((".debug", ".eh_frame", ".symtab", ".strtab", ".rela", ".dyn"))
    ]
    rounds = random.Random(20)
    for number in range(int(os.environ.get("RDB_FUZZ", "120"))):
        data = bytearray(whole)
        if number % 6 == 0:
            del data[rounds.randrange(len(data)) :]
        elif number % 6 == 1:
            for _ in range(4):
                data[rounds.randrange(64 if number % 4 else 1500)] = rounds.randrange(256)
        else:
            section = rounds.choice(chosen)
            for _ in range(rounds.choice((1, 3, 30))):
                data[section.offset + rounds.randrange(max(section.size, 1))] = rounds.choice(
                    (0, 1, 0x7F, 0x80, 0xFF, rounds.randrange(256))
                )
        path = tmp_path / f"damaged{number}"
        path.write_bytes(data)
        try:
            exercise(path)
        except RdbError:
            pass
        path.unlink()
