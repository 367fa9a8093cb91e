"""The register table of i386, in the order of GDB's `info all-registers`, and then the parts of registers that it knows.

The kernel shows a 32-bit thread to a 64-bit tracer as user_regs_struct of x86-64; the 32-bit registers are the low halves.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from rdb.arch.base import Register, RegisterTable
from rdb.arch.x86 import registers as x86
from rdb.arch.x86 import xstate
from rdb.arch.x86.registers import GENERAL, PART, SYSTEM, slot
from rdb.arch.x86.xstate import Layout

# In the order of their DWARF numbers, and the registers of user_regs_struct that hold them.
INTEGERS = {f"e{name}": f"r{name}" for name in ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")}
_SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
_DWARF_EIP, _DWARF_FLAGS, _DWARF_ST0, _DWARF_XMM0, _DWARF_MM0, _DWARF_MXCSR, _DWARF_ES, _DWARF_K0 = 8, 9, 11, 21, 29, 39, 40, 93


@functools.cache
def table() -> RegisterTable:
    """The registers of this machine's CPU in 32-bit mode."""
    layout = xstate.layout()
    return RegisterTable(tuple(_registers(layout)), (x86.GENERAL_SIZE, layout.size), layout.leading)


def _registers(layout: Layout) -> Iterator[Register]:
    widest = x86.widest_vector(layout)
    for number, (name, full) in enumerate(INTEGERS.items()):
        yield Register(name, slot(full, 4), "data_ptr" if name in ("ebp", "esp") else "int", GENERAL, number)
    yield Register("eip", slot("rip", 4), "code_ptr", GENERAL, _DWARF_EIP)
    yield x86.flags(_DWARF_FLAGS)
    for name in ("cs", "ss", "ds", "es", "fs", "gs"):
        yield Register(name, slot(name, 4), "int", GENERAL, _DWARF_ES + _SEGMENTS.index(name))
    yield from x86.x87(_DWARF_ST0)
    yield from _vectors(layout, 16, widest)
    yield x86.mxcsr(_DWARF_MXCSR, frozenset({"vector", "sse", "all"}))
    yield from x86.masks(layout, _DWARF_K0)
    yield from x86.pkru(layout)
    yield Register("orig_eax", slot("orig_rax", 4), "int", SYSTEM)
    yield from _parts()
    for size in (32, 64):
        yield from _vectors(layout, size, widest)
    yield from x86.mmx(_DWARF_MM0)
    # GDB does not show the bases of segments here, but operands are addressed through them.
    for name in ("fs_base", "gs_base"):
        yield Register(name, slot(name, 4), "int", PART)


def _vectors(layout: Layout, size: int, widest: int) -> Iterator[Register]:
    prefix = {16: "xmm", 32: "ymm", 64: "zmm"}[size]
    groups = x86.vector_groups(size, widest)
    for number, pieces in x86.vectors(layout, size, 8, 0):
        yield Register(f"{prefix}{number}", pieces, "vector", groups, _DWARF_XMM0 + number if size == 16 else None)


def _parts() -> Iterator[Register]:
    for letter in "acdb":
        yield Register(f"{letter}l", slot(f"r{letter}x", 1), groups=PART)
    for letter in "acdb":
        yield Register(f"{letter}h", slot(f"r{letter}x", 1, high=1), groups=PART)
    for name in ("ax", "cx", "dx", "bx", "bp", "si", "di"):
        yield Register(name, slot(f"r{name}", 2), groups=PART)
