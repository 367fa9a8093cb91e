"""The registers that 64-bit and 32-bit x86 have in common: names, kinds and places, in GDB's order.

GENERAL is user_regs_struct as a 64-bit tracer sees it, also when the tracee is 32-bit (linux, arch/x86/include/asm/user_64.h).
EXTENDED is the XSAVE area (xstate.py).  What the CPU lacks has no register.

Facts: FXSAVE in Intel SDM volume 2; DWARF numbers in the System V ABI (AMD64 supplement figure 3.36, i386 supplement table 2.14).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from rdb.arch.base import Bank, Piece, Register, View
from rdb.arch.x86 import xstate
from rdb.arch.x86.xstate import Layout

USER_REGS = [
    "r15",
    "r14",
    "r13",
    "r12",
    "rbp",
    "rbx",
    "r11",
    "r10",
    "r9",
    "r8",
    "rax",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
    "orig_rax",
    "rip",
    "cs",
    "eflags",
    "rsp",
    "ss",
    "fs_base",
    "gs_base",
    "ds",
    "es",
    "fs",
    "gs",
]
SLOT = {name: 8 * number for number, name in enumerate(USER_REGS)}
GENERAL_SIZE = 8 * len(USER_REGS)

GENERAL = frozenset({"general", "all"})
FLOAT = frozenset({"float", "all"})
SYSTEM = frozenset({"system"})
ALL = frozenset({"all"})
PART: frozenset[str] = frozenset()

EFLAGS_BITS = tuple(
    zip(
        (0, 2, 4, 6, 7, 8, 9, 10, 11, 14, 16, 17, 18, 19, 20, 21),
        ["CF", "PF", "AF", "ZF", "SF", "TF", "IF", "DF", "OF", "NT", "RF", "VM", "AC", "VIF", "VIP", "ID"],
    )
)
MXCSR_BITS = tuple(zip((*range(13), 15), ["IE", "DE", "ZE", "OE", "UE", "PE", "DAZ", "IM", "DM", "ZM", "OM", "UM", "PM", "FZ"]))


def slot(name: str, size: int = 8, high: int = 0) -> tuple[Piece]:
    """`size` bytes of a register of user_regs_struct, `high` bytes up."""
    return (Piece(Bank.GENERAL, SLOT[name] + high, size),)


def extended(offset: int, size: int) -> Piece:
    return Piece(Bank.EXTENDED, offset, size)


def flags(dwarf: int) -> Register:
    return Register("eflags", slot("eflags", 4), "flags", GENERAL, dwarf, bits=EFLAGS_BITS)


def x87(first_dwarf: int) -> Iterator[Register]:
    """st0-st7 and the control registers, which GDB shows as 32-bit integers."""
    for number in range(8):
        yield Register(f"st{number}", (extended(xstate.ST + 16 * number, 10),), "float", FLOAT, first_dwarf + number)
    for name, offset, size in (
        ("fctrl", 0, 2),
        ("fstat", 2, 2),
        ("ftag", 4, 1),
        ("fiseg", 12, 2),
        ("fioff", 8, 4),
        ("foseg", 20, 2),
        ("fooff", 16, 4),
        ("fop", 6, 2),
    ):
        view = View(full_tags, put_full_tags) if name == "ftag" else None
        yield Register(name, (extended(offset, size),), "int", FLOAT, width=4, view=view)


def mmx(first_dwarf: int) -> Iterator[Register]:
    """mm0-mm7, the mantissas of the physical x87 registers; where one lies in the area depends on the top of the stack."""
    groups = frozenset({"vector", "mmx", "all"})
    for number in range(8):
        view = View(functools.partial(_mmx, number), functools.partial(_put_mmx, number))
        whole = (extended(xstate.ST, xstate.XMM - xstate.ST),)
        yield Register(f"mm{number}", whole, "vector", groups, first_dwarf + number, width=8, view=view)


def mxcsr(dwarf: int | None, groups: frozenset[str]) -> Register:
    return Register("mxcsr", (extended(xstate.MXCSR, 4),), "flags", groups, dwarf, bits=MXCSR_BITS)


def masks(layout: Layout, first_dwarf: int) -> Iterator[Register]:
    start = layout.offset(xstate.MASKS)
    if start is not None:
        for number in range(8):
            yield Register(f"k{number}", (extended(start + 8 * number, 8),), "mask", GENERAL, first_dwarf + number)


def pkru(layout: Layout) -> Iterator[Register]:
    start = layout.offset(xstate.PKRU)
    if start is not None:
        yield Register("pkru", (extended(start, 4),), "mask", ALL)


def vectors(layout: Layout, size: int, low: int, count: int) -> Iterator[tuple[int, tuple[Piece, ...]]]:
    """(number, pieces) of the vector registers of `size` bytes (16, 32, 64) that the CPU has; `low` can be named without EVEX."""
    parts = [(xstate.XMM, 16)]
    if size >= 32:
        parts.append((layout.offset(xstate.AVX) or 0, 16))
    if size == 64:
        parts.append((layout.offset(xstate.ZMM_HIGH) or 0, 32))
    if any(start == 0 for start, _ in parts):
        return
    for number in range(low):
        yield number, tuple(extended(start + step * number, step) for start, step in parts)
    high = layout.offset(xstate.HIGH_ZMM)
    if high is not None:
        for number in range(16, count):
            yield number, (extended(high + 64 * (number - 16), size),)


def widest_vector(layout: Layout) -> int:
    """The size of the widest vector register, which is the one that GDB lists."""
    if layout.offset(xstate.ZMM_HIGH) is not None:
        return 64
    return 32 if layout.offset(xstate.AVX) is not None else 16


def vector_groups(size: int, widest: int) -> frozenset[str]:
    groups = {"vector", "all"} if size == widest else set()
    return frozenset(groups | {"sse"} if size == 16 else groups)


def _mmx_start(number: int, area: bytes | bytearray) -> int:
    return xstate.ST + 16 * (number - (area[3] >> 3) & 7)


def _mmx(number: int, banks: Sequence[bytes | bytearray]) -> bytes:
    start = _mmx_start(number, banks[Bank.EXTENDED])
    return bytes(banks[Bank.EXTENDED][start : start + 8])


def _put_mmx(number: int, banks: Sequence[bytearray], data: bytes) -> None:
    start = _mmx_start(number, banks[Bank.EXTENDED])
    banks[Bank.EXTENDED][start : start + 8] = data


def full_tags(banks: Sequence[bytes | bytearray]) -> bytes:
    """x87's tag word, two bits a register, out of FXSAVE's one: 0 valid, 1 zero, 2 special, 3 empty (Intel SDM, FXSAVE)."""
    area = banks[Bank.EXTENDED]
    top = area[3] >> 3 & 7
    tags = 0
    for physical in range(8):
        tags |= _tag(area, physical, top) << 2 * physical
    return tags.to_bytes(4, "little")


def _tag(area: bytes | bytearray, physical: int, top: int) -> int:
    if not area[4] >> physical & 1:
        return 3
    start = xstate.ST + 16 * (physical - top & 7)
    mantissa = int.from_bytes(area[start : start + 8], "little")
    exponent = int.from_bytes(area[start + 8 : start + 10], "little") & 0x7FFF
    if exponent == 0 and mantissa == 0:
        return 1
    return 0 if mantissa >> 63 and exponent != 0x7FFF else 2


def put_full_tags(banks: Sequence[bytearray], data: bytes) -> None:
    tags = int.from_bytes(data[:2], "little")
    banks[Bank.EXTENDED][4] = sum(1 << number for number in range(8) if tags >> 2 * number & 3 != 3)
