"""The i386 room: registers against GDB, calling convention, effects of what only 32-bit code has, disassembly."""

from __future__ import annotations

import math
import platform
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from rdb.arch import find
from rdb.arch.base import Arch, Bank, Field, Flow
from rdb.arch.i386.calling import return_pieces
from rdb.arch.i386.effects import effects
from rdb.arch.x86 import xstate

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an x86 CPU")


@pytest.fixture(scope="module")
def arch() -> Arch:
    found = find(3, 32)
    assert found is not None
    return found


@pytest.fixture
def banks(arch: Arch) -> tuple[bytearray, bytearray]:
    general, extended = arch.registers.sizes
    return bytearray(general), xstate.normal(bytearray(extended))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 32-bit executable that needs no 32-bit libraries."""
    folder = tmp_path_factory.mktemp("i386")
    source, path = folder / "start.s", folder / "start"
    source.write_text(".globl _start\n_start: xor %eax,%eax\n mov %gs:0x14,%eax\n inc %eax\n pusha\n")
    made = subprocess.run(["gcc", "-m32", "-nostdlib", "-static", str(source), "-o", str(path)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("gcc cannot make 32-bit programs here")
    return path


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is the reference")
@pytest.mark.parametrize(("command", "group"), [("info registers", "general"), ("info all-registers", "all")])
def test_registers_are_listed_in_gdbs_order(arch: Arch, program: Path, command: str, group: str) -> None:
    output = subprocess.run(
        ["gdb", "-q", "-nx", "-batch", "-ex", "starti", "-ex", command, str(program)], capture_output=True, text=True, check=False
    ).stdout
    theirs = re.findall(r"^([a-z]\w*) {2,}(?:0x|\{|-?\d|\[|<|[-+]?inf|[-+]?nan)", output, re.MULTILINE)
    assert [register.name for register in arch.registers.registers if group in register.groups] == theirs


def test_registers_are_the_low_halves(arch: Arch, banks: tuple[bytearray, bytearray]) -> None:
    arch.registers.put(arch.registers["eax"], banks, b"\xff" * 8)
    assert sum(banks[Bank.GENERAL]) == 4 * 0xFF
    assert arch.registers.by_dwarf[4].name == "esp" and arch.registers.by_dwarf[8].name == "eip"


def test_mmx_registers_do_not_move_with_the_top_of_the_stack(arch: Arch, banks: tuple[bytearray, bytearray]) -> None:
    table = arch.registers
    banks[Bank.EXTENDED][3] = 6 << 3
    table.put(table["st0"], banks, struct.pack("<QH", 0x1122, 0))
    assert table.get(table["mm6"], banks) == (0x1122).to_bytes(8, "little")
    table.put(table["mm7"], banks, (0x33).to_bytes(8, "little"))
    assert table.get(table["st1"], banks)[:8] == (0x33).to_bytes(8, "little")


@pytest.mark.parametrize(
    ("size", "kind", "registers"),
    [
        (0, None, []),
        (1, "int", [("eax", 1)]),
        (4, "int", [("eax", 4)]),
        (8, "int", [("eax", 4), ("edx", 4)]),
        (4, "float", [("st0", 4)]),
        (8, "float", [("st0", 8)]),
        (12, "x87", [("st0", 12)]),
        (16, "float", [("xmm0", 16)]),
    ],
)
def test_scalars_in_registers(size: int, kind: str | None, registers: list[tuple[str, int]]) -> None:
    found = return_pieces(size, [Field(0, size, kind)] if kind else [])
    assert found is not None
    assert [(register.name, register.size) for register in found] == registers


def test_structures_in_memory() -> None:
    assert return_pieces(4, [Field(0, 4, "int")], aggregate=True) is None


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -2.5, 1e300, 1e-300, 5e-324, math.inf, -math.inf, 0.1])
def test_floating_point_is_converted(arch: Arch, banks: tuple[bytearray, bytearray], value: float) -> None:
    registers = return_pieces(8, [Field(0, 8, "float")])
    assert registers is not None
    arch.registers.put(registers[0], banks, struct.pack("<d", value))
    assert arch.registers.get(registers[0], banks) == struct.pack("<d", value)
    exact = {1.0: (1 << 63, 0x3FFF), -2.5: (0xA000000000000000, 0xC000), -0.0: (0, 0x8000)}
    if value in exact and str(value) != "0.0":
        assert struct.unpack_from("<QH", banks[Bank.EXTENDED], xstate.ST) == exact[value]


@pytest.mark.parametrize(
    ("code", "registers", "sizes", "flow"),
    [
        ("60", {"esp"}, [4] * 8, Flow.NEXT),  # pusha
        ("40", {"eax"}, [], Flow.NEXT),  # inc %eax
        ("cd80", {"eax"}, [], Flow.SYSTEM_CALL),
        ("0f34", {"eax", "ecx", "edx", "ebp", "esp"}, [], Flow.SYSTEM_CALL),
        ("c8000002", {"esp", "ebp"}, [12], Flow.NEXT),  # enter $0,$2
        ("e8fb0f0000", {"esp"}, [4], Flow.CALL),
    ],
)
def test_effects(code: str, registers: set[str], sizes: list[int], flow: Flow) -> None:
    found = effects(bytes.fromhex(code), 0x1000)
    assert (set(found.registers), [write.size for write in found.writes], found.flow) == (registers, sizes, flow)


def test_segments_wrap_at_32_bits() -> None:
    class Registers:
        def register(self, name: str) -> int:
            return {"gs_base": 0xF7D00540}[name]

        def memory(self, address: int, size: int) -> bytes:
            raise NotImplementedError

    (write,) = effects(bytes.fromhex("65a3fcffffff"), 0).writes  # mov %eax,%gs:0xfffffffc
    assert write.extent(Registers()) == (0xF7D0053C, 4)


@pytest.mark.parametrize(
    ("code", "att"),
    [
        ("65a114000000", "mov    %gs:0x14,%eax"),
        ("60", "pusha"),
        ("ff7508", "push   0x8(%ebp)"),
        ("8d742600", "lea    0x0(%esi,%eiz,1),%esi"),
        ("ff5508", "call   *0x8(%ebp)"),
        ("e8fb0f0000", "call   0x2000"),
        ("c9", "leave"),
    ],
)
def test_disassembly(arch: Arch, code: str, att: str) -> None:
    (line,) = arch.disassemble(bytes.fromhex(code), 0x1000, "att")
    assert f"{line.mnemonic:<6} {line.operands}".rstrip() == att
