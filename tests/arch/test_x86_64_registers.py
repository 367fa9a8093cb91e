"""The register table of x86-64: names and order against GDB, contents, and the normal form of the extended state."""

from __future__ import annotations

import platform
import re
import shutil
import struct
import subprocess

import pytest

from rdb.arch import find
from rdb.arch.base import Arch, Bank, Register
from rdb.arch.x86 import cpuid, xstate

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an x86-64 CPU")


@pytest.fixture(scope="module")
def arch() -> Arch:
    found = find(62, 64)
    assert found is not None
    return found


@pytest.fixture
def banks(arch: Arch) -> tuple[bytearray, bytearray]:
    general, extended = arch.registers.sizes
    return bytearray(general), xstate.normal(bytearray(extended))


def test_pieces_lie_within_their_banks(arch: Arch) -> None:
    for register in arch.registers.registers:
        for bank, offset, size in register.pieces:
            assert 0 <= offset < offset + size <= arch.registers.sizes[bank], register.name


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is the reference")
@pytest.mark.parametrize(("command", "group"), [("info registers", "general"), ("info all-registers", "all")])
def test_registers_are_listed_in_gdbs_order(arch: Arch, command: str, group: str) -> None:
    output = subprocess.run(
        ["gdb", "-q", "-nx", "-batch", "-ex", "starti", "-ex", command, "/bin/true"], capture_output=True, text=True, check=False
    ).stdout
    theirs = re.findall(r"^([a-z]\w*) {2,}(?:0x|\{|-?\d|\[|<|[-+]?inf|[-+]?nan)", output, re.MULTILINE)
    ours = [register.name for register in arch.registers.registers if group in register.groups]
    # This gdb may count the bases of segments among the general registers.
    assert ours == [name for name in theirs if name not in ("fs_base", "gs_base")]


def test_parts_and_wholes_share_bytes(arch: Arch, banks: tuple[bytearray, bytearray]) -> None:
    table = arch.registers
    table.put(table["rax"], banks, (0x1122334455667788).to_bytes(8, "little"))
    assert [table.get(table[name], banks) for name in ("al", "ah", "ax", "eax")] == [
        b"\x88", b"\x77", b"\x88\x77", b"\x88\x77\x66\x55",
    ]  # fmt: skip
    table.put(table["ah"], banks, b"\0")
    assert table.get(table["rax"], banks)[:2] == b"\x88\0"


def test_vector_registers_are_made_of_their_pieces(arch: Arch, banks: tuple[bytearray, bytearray]) -> None:
    table = arch.registers
    widest = [name for name in ("xmm3", "ymm3", "zmm3") if name in table.by_name]
    value = bytes(range(table[widest[-1]].size))
    table.put(table[widest[-1]], banks, value)
    for name in widest:
        assert table.get(table[name], banks) == value[: table[name].size]


def test_dwarf_numbers(arch: Arch) -> None:
    numbers = {0: "rax", 1: "rdx", 7: "rsp", 16: "rip", 17: "xmm0", 33: "st0", 49: "eflags", 50: "es", 58: "fs_base"}
    assert {number: arch.registers.by_dwarf[number].name for number in numbers} == numbers


def test_the_tag_word_is_written_out(arch: Arch, banks: tuple[bytearray, bytearray]) -> None:
    table = arch.registers
    assert table.get(table["ftag"], banks) == struct.pack("<I", 0xFFFF)
    # TOP is 6: st0 is physical register 6 and holds 1.0, st1 is 7 and holds zero.
    banks[Bank.EXTENDED][3] = 6 << 3
    banks[Bank.EXTENDED][4] = 0b11000000
    table.put(table["st0"], banks, struct.pack("<QH", 1 << 63, 0x3FFF))
    assert table.get(table["ftag"], banks) == struct.pack("<I", 0b01_00_11_11_11_11_11_11)
    table.put(table["ftag"], banks, struct.pack("<I", 0xFFFF))
    assert banks[Bank.EXTENDED][4] == 0


def test_control_registers_are_as_wide_as_in_gdb(arch: Arch, banks: tuple[bytearray, bytearray]) -> None:
    assert arch.registers.get(arch.registers["fctrl"], banks) == struct.pack("<I", 0x37F)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("eflags", 0x246, "[ PF ZF IF ]"), ("eflags", 0x2, "[ ]"), ("mxcsr", 0x1F80, "[ IM DM ZM OM UM PM ]")],
)
def test_flag_names(arch: Arch, name: str, value: int, text: str) -> None:
    assert arch.registers[name].flag_names(value) == text


class TestNormalForm:
    def area(self, present: int) -> bytearray:
        area = bytearray(b"\xaa" * xstate.layout().leading)
        area[xstate.XSTATE_BV : xstate.XSTATE_BV + 64] = present.to_bytes(8, "little") + bytes(56)
        return area

    def test_what_is_present_stays(self) -> None:
        every = (1 << 64) - 1
        area = self.area(every & ~0)
        assert xstate.normal(area) == area

    def test_what_is_absent_becomes_initial(self) -> None:
        normal = xstate.normal(self.area(0))
        assert normal[:2] == xstate.INITIAL_FCW
        assert normal[2 : xstate.MXCSR] == bytes(22)
        assert normal[xstate.MXCSR : xstate.MXCSR + 4] == xstate.INITIAL_MXCSR
        assert normal[xstate.ST : xstate.XMM + 256] == bytes(384)
        assert int.from_bytes(normal[xstate.XSTATE_BV : xstate.XSTATE_BV + 8], "little") & 3 == 3

    def test_mxcsr_belongs_to_sse_and_avx_both(self) -> None:
        if xstate.AVX in xstate.layout().components:
            assert xstate.normal(self.area(1 << xstate.AVX))[xstate.MXCSR] == 0xAA

    def test_tiles_are_left_alone(self) -> None:
        present = int.from_bytes(xstate.normal(self.area(0))[xstate.XSTATE_BV : xstate.XSTATE_BV + 8], "little")
        assert not present >> xstate.TILE_CONFIG & 3

    def test_it_leaves_its_argument_alone(self) -> None:
        area = self.area(0)
        xstate.normal(area)
        assert area == self.area(0)


def test_layout_follows_the_cpu() -> None:
    layout = xstate.layout()
    assert set(layout.components) == {0, 1} | {n for n in range(2, 63) if cpuid.enabled_components() >> n & 1}
    assert layout.leading <= layout.size
    assert cpuid.vendor().isascii() and len(cpuid.vendor()) == 12


def test_saved_area_grows_with_what_is_asked_for() -> None:
    layout = xstate.layout()
    assert layout.extent(3, compacted=False) == layout.extent(3, compacted=True) == 576
    assert layout.extent(2**64 - 1, compacted=False) == layout.size
    assert layout.extent(2**64 - 1, compacted=True) <= layout.size


def test_a_register_knows_its_size() -> None:
    assert Register("none", ()).size == 0
