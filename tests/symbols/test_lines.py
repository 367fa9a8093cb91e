"""Lines, breakpoint addresses and linespecs, compared with gdb for every line and function of a few programs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rdb.errors import NoLocation
from rdb.symbols.linespec import resolve
from rdb.symbols.table import SymbolTable
from tests.build import PROGRAMS, program
from tests.symbols.oracle import gdb_breakpoints, gdb_commands, needs_gdb

FLAGS = [
    ("-O0", "-g"),
    ("-O2", "-g"),
    ("-O2", "-g", "-gdwarf-4"),
    ("-O0", "-g", "-gdwarf-4", "-no-pie"),
    ("-O1", "-g", "-fomit-frame-pointer"),
    ("-O0", "-g", "-fcf-protection", "-fno-asynchronous-unwind-tables"),
    ("-O2", "-g", "-gdwarf-5", "-gno-column-info", "-flto"),
]
SOURCES = ["sym_frames.c", "sym_blocks.c", "sym_types.c", "expr_values.c"]
FUNCTIONS = {
    "sym_frames.c": ["main", "twice", "compare", "deep", "on_signal", "nowhere", "qsort", "sym_frames.c:deep"],
    "sym_blocks.c": ["main", "nested", "mixed", "variable_length", "branchy", "_start", "puts", "printf"],
    "sym_types.c": ["main", "func", "nofn", "make", "choose"],
    "expr_values.c": ["main"],
}


def loaded(path: Path) -> SymbolTable:
    table = SymbolTable()
    table.add(str(path))
    return table


def addresses(table: SymbolTable, spec: str) -> list[int] | None:
    """The addresses of a linespec; None where gdb offers to make the breakpoint pending."""
    try:
        return sorted(location.address for location in resolve(table, spec))
    except NoLocation:
        return None


@needs_gdb
@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
@pytest.mark.parametrize("source", SOURCES)
def test_breakpoints(source: str, flags: tuple[str, ...]) -> None:
    path = program(source, *flags)
    count = len((PROGRAMS / source).read_text().splitlines())
    specs = [f"{source}:{line}" for line in range(1, count + 2)] + FUNCTIONS[source]
    table = loaded(path)
    expected = dict(zip(specs, gdb_breakpoints(path, specs)))
    assert {spec: addresses(table, spec) for spec in specs} == expected


@needs_gdb
@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
@pytest.mark.parametrize("source", SOURCES)
def test_line_of_every_address(source: str, flags: tuple[str, ...]) -> None:
    """`info line *ADDRESS` for every byte of the program's own functions."""
    path = program(source, *flags)
    table = loaded(path)
    places = {
        address
        for name in FUNCTIONS[source]
        for function in table.functions_named(name)
        for stretch in function.ranges
        for address in range(*stretch)
    }
    ordered = sorted(places)
    for address, text in zip(ordered, gdb_commands(path, [f"info line *{address:#x}" for address in ordered])):
        line = table.line_at(address)
        match = re.match(r'Line (\d+) of "([^"]*)" starts at address (0x\w+).* and ends at (0x\w+)', text)
        if match is None:
            assert line is None, text
        else:
            expected = (int(match[1]), match[2], int(match[3], 16), int(match[4], 16))
            assert line is not None and (line.line, line.path, line.start, line.end) == expected, text


@needs_gdb
@pytest.mark.parametrize("flags", FLAGS[:3], ids=" ".join)
def test_info_line(flags: tuple[str, ...]) -> None:
    path = program("sym_blocks.c", *flags)
    table = loaded(path)
    count = len((PROGRAMS / "sym_blocks.c").read_text().splitlines())
    for line, text in enumerate(gdb_commands(path, [f"info line {line}" for line in range(1, count + 2)]), 1):
        found = [
            (int(match[1], 16), int(match[2] or match[1], 16))
            for match in re.finditer(r"at address (0x\w+)[^\n]*?(?:ends at (0x\w+)|but contains no code)", text)
        ]
        assert table.stretches_of("sym_blocks.c", line) == found, text


def test_wording() -> None:
    table = loaded(program("sym_types.c"))
    for spec, sentence in {
        "nowhere": 'Function "nowhere" not defined.',
        "999": "No line 999 in the current file.",
        "sym_types.c:999": 'No line 999 in file "sym_types.c".',
        "other.c:1": "No source file named other.c.",
        "sym_types.c:nowhere": 'Function "nowhere" not defined in "sym_types.c".',
        "main:label": 'No label "label" defined in function "main".',
    }.items():
        with pytest.raises(NoLocation) as caught:
            resolve(table, spec)
        assert str(caught.value) == sentence
        assert caught.value.linespec == spec


def test_relative_and_default() -> None:
    table = loaded(program("sym_types.c"))
    (main,) = resolve(table, "main")
    assert main.line is not None and main.path == "sym_types.c" and main.function == "main"
    assert resolve(table, "+1", ("sym_types.c", main.line - 1)) == [main]
    assert resolve(table, "-1", ("sym_types.c", main.line + 1)) == [main]
    assert resolve(table, f"*{main.address:#x}") == [main]
    assert resolve(table, "", pc=main.address) == [main]
    assert resolve(table, "'sym_types.c':main") == [main]
