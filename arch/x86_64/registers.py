"""The register table of x86-64, in the order of GDB's `info all-registers`, and then the parts of registers that it knows."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from rdb.arch.base import Register, RegisterTable
from rdb.arch.x86 import registers as x86
from rdb.arch.x86 import xstate
from rdb.arch.x86.registers import GENERAL, PART, SYSTEM, slot
from rdb.arch.x86.xstate import Layout

INTEGERS = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"]
BYTES = ["al", "bl", "cl", "dl", "sil", "dil", "bpl", "spl", "r8l", "r9l", "r10l", "r11l", "r12l", "r13l", "r14l", "r15l"]
HIGH_BYTES = ["ah", "bh", "ch", "dh"]
# A word called sp is missing: that is GDB's name for the whole stack pointer.
WORDS = ["ax", "bx", "cx", "dx", "si", "di", "bp", "", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"]
DOUBLE_WORDS = [f"e{name[1:]}" for name in INTEGERS[:8]] + [f"{name}d" for name in INTEGERS[8:]]

DWARF = {name: number for number, name in enumerate(["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"])}
DWARF |= {f"r{number}": number for number in range(8, 16)} | {"rip": 16}
DWARF |= {name: 50 + number for number, name in enumerate(["es", "cs", "ss", "ds", "fs", "gs"])} | {"fs_base": 58, "gs_base": 59}
DWARF |= {f"xmm{number}": 17 + number for number in range(16)} | {f"xmm{number}": 51 + number for number in range(16, 32)}
DWARF_FLAGS, DWARF_ST0, DWARF_MXCSR, DWARF_K0 = 49, 33, 64, 118


@functools.cache
def table() -> RegisterTable:
    """The registers of this machine's CPU."""
    layout = xstate.layout()
    return RegisterTable(tuple(_registers(layout)), (x86.GENERAL_SIZE, layout.size), layout.leading)


def _registers(layout: Layout) -> Iterator[Register]:
    widest = x86.widest_vector(layout)
    for name in INTEGERS:
        yield Register(name, slot(name), "data_ptr" if name in ("rbp", "rsp") else "int", GENERAL, DWARF[name])
    yield Register("rip", slot("rip"), "code_ptr", GENERAL, DWARF["rip"])
    yield x86.flags(DWARF_FLAGS)
    for name in ("cs", "ss", "ds", "es", "fs", "gs"):
        yield Register(name, slot(name, 4), "int", GENERAL, DWARF[name])
    yield from x86.x87(DWARF_ST0)
    yield from _vectors(layout, 16, widest)
    yield x86.mxcsr(DWARF_MXCSR, frozenset({"vector", "sse", "all"}))
    yield from x86.masks(layout, DWARF_K0)
    yield from x86.pkru(layout)
    for name in ("fs_base", "gs_base"):
        yield Register(name, slot(name), "int", SYSTEM, DWARF[name])
    yield Register("orig_rax", slot("orig_rax"), "int", SYSTEM)
    yield from _parts()
    for size in (32, 64):
        yield from _vectors(layout, size, widest)


def _vectors(layout: Layout, size: int, widest: int) -> Iterator[Register]:
    prefix = {16: "xmm", 32: "ymm", 64: "zmm"}[size]
    groups = x86.vector_groups(size, widest)
    for number, pieces in x86.vectors(layout, size, 16, 32):
        yield Register(f"{prefix}{number}", pieces, "vector", groups, DWARF.get(f"{prefix}{number}"))


def _parts() -> Iterator[Register]:
    for name, full in zip(BYTES, INTEGERS):
        yield Register(name, slot(full, 1), groups=PART)
    for name, full in zip(HIGH_BYTES, INTEGERS):
        yield Register(name, slot(full, 1, high=1), groups=PART)
    for name, full in zip(WORDS, INTEGERS):
        if name:
            yield Register(name, slot(full, 2), groups=PART)
    for name, full in zip(DOUBLE_WORDS, INTEGERS):
        yield Register(name, slot(full, 4), groups=PART)
