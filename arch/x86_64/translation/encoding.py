"""The few x86-64 instructions that a translation puts between the program's own, as bytes.

All of them leave the flags alone (mov, lea, movzx, lahf, seto, jrcxz, jumps), because the program's flags are live everywhere.
Registers are the CPU's numbers, 0 (rax) to 15 (r15).  GS stands for the base of the gs segment, where
the scratch area is.

Facts: Intel SDM volume 2, chapter 2 (instruction format) and the entries of the instructions.
"""

from __future__ import annotations

import functools
import struct
from typing import NamedTuple

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)
NUMBERS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{number}" for number in range(8, 16)))
TRAP = b"\xcc"
FAR_JUMP_SIZE = 14
_GS, _FS = b"\x65", b"\x64"
_SIGNED_32 = range(-(1 << 31), 1 << 31)


class Place(NamedTuple):
    """[base + indexed * scale + displacement]; None for no register."""

    base: int | None = None
    indexed: int | None = None
    scale: int = 1
    displacement: int = 0


class _Operand(NamedTuple):
    """ModRM, SIB and displacement, and the bits that go into the prefix: x extends the index, b the base."""

    x: int
    b: int
    code: bytes


_PIECES = (16, 8, 4, 2, 1)
_SCALES = {1: 0x00, 2: 0x40, 4: 0x80, 8: 0xC0}


# Most of what a translation consists of has been needed before.
_remembered = functools.lru_cache(1 << 14)


@_remembered
def cut(size: int, widest: int = 8) -> tuple[tuple[int, int], ...]:
    """Cut a stretch into pieces that one register holds, of `widest` bytes at most: (offset, size) of each."""
    at, pieces = 0, []
    while at < size:
        part = next(part for part in _PIECES if part <= widest and at + part <= size)
        pieces.append((at, part))
        at += part
    return tuple(pieces)


def fits(displacement: int) -> bool:
    """Whether a number can be a displacement."""
    return displacement in _SIGNED_32


def _operand(register: int, place: Place, short: bool = True) -> _Operand:
    """`short` allows a displacement of one byte, which EVEX would scale."""
    base, index, scale, displacement = place
    middle = (register & 7) << 3
    if base is None:
        sib = 0x25 if index is None else _SCALES[scale] | (index & 7) << 3 | 5
        return _Operand((index or 0) >> 3, 0, bytes((middle | 4, sib)) + struct.pack("<i", displacement))
    if index is None:
        low, sib_code = base & 7, b"\x24" if base & 7 == 4 else b""
    else:
        low, sib_code = 4, bytes((_SCALES[scale] | (index & 7) << 3 | base & 7,))
    if displacement == 0 and base & 7 != 5:
        mode, tail = 0x00, b""
    elif short and -128 <= displacement <= 127:
        mode, tail = 0x40, struct.pack("<b", displacement)
    else:
        mode, tail = 0x80, struct.pack("<i", displacement)
    return _Operand((index or 0) >> 3, base >> 3, bytes((mode | middle | low,)) + sib_code + tail)


def _with_place(opcode: bytes, register: int, place: Place, prefix: bytes = b"", wide: int = 1) -> bytes:
    operand = _operand(register, place)
    rex = 0x40 | wide << 3 | register >> 3 << 2 | operand.x << 1 | operand.b
    return prefix + bytes((rex,)) + opcode + operand.code


@_remembered
def store(place: Place, register: int) -> bytes:
    """mov [place], register"""
    return _with_place(b"\x89", register, place)


@_remembered
def store_word(place: Place, register: int) -> bytes:
    """mov [place], the low 16 bits of register"""
    return store_part(place, register, 2)


def store_part(place: Place, register: int, size: int) -> bytes:
    """mov [place], the low 1, 2, 4 or 8 bytes of register"""
    prefix, opcode, wide = _STORES[size]
    return _with_place(opcode, register, place, prefix, wide)


_STORES = {1: (b"", b"\x88", 0), 2: (b"\x66", b"\x89", 0), 4: (b"", b"\x89", 0), 8: (b"", b"\x89", 1)}


def store_number(place: Place, number: int) -> bytes:
    """mov dword [place], number"""
    return _with_place(b"\xc7", 0, place, wide=0) + struct.pack("<I", number)


@_remembered
def load(register: int, place: Place, fs: bool = False) -> bytes:
    """mov register, [place]"""
    return _with_place(b"\x8b", register, place, _FS if fs else b"")


@_remembered
def load_zero_extended(register: int, place: Place, size: int) -> bytes:
    """mov or movzx of 1, 2, 4 or 8 bytes into the whole register"""
    opcode, wide = _LOADS[size]
    return _with_place(opcode, register, place, wide=wide)


_LOADS = {1: (b"\x0f\xb6", 0), 2: (b"\x0f\xb7", 0), 4: (b"\x8b", 0), 8: (b"\x8b", 1)}


@_remembered
def lea(register: int, place: Place) -> bytes:
    return _with_place(b"\x8d", register, place)


def move(to: int, register: int) -> bytes:
    """mov to, register"""
    return bytes((0x48 | register >> 3 << 2 | to >> 3, 0x89, 0xC0 | (register & 7) << 3 | to & 7))


def move_number(to: int, number: int) -> bytes:
    """mov to, a 64-bit number, in as few bytes as it takes"""
    number &= (1 << 64) - 1
    if number < 1 << 32:
        return (b"\x41" if to & 8 else b"") + bytes((0xB8 | to & 7,)) + struct.pack("<I", number)
    return bytes((0x48 | to >> 3, 0xB8 | to & 7)) + struct.pack("<Q", number)


@_remembered
def gs_store(offset: int, register: int) -> bytes:
    return _with_place(b"\x89", register, Place(displacement=offset), _GS)


@_remembered
def gs_load(register: int, offset: int, index: int | None = None, scale: int = 1) -> bytes:
    return _with_place(b"\x8b", register, Place(None, index, scale, offset), _GS)


def gs_load_word(register: int, offset: int) -> bytes:
    """movzx register, the 16 bits at gs:[offset]"""
    return _with_place(b"\x0f\xb7", register, Place(displacement=offset), _GS, wide=0)


def gs_jump(offset: int) -> bytes:
    """jmp gs:[offset]"""
    return _GS + b"\xff\x24\x25" + struct.pack("<i", offset)


def jump_to(place: Place) -> bytes:
    """jmp [place]"""
    return _with_place(b"\xff", 4, place, wide=0)


def read_fs_base(register: int) -> bytes:
    return b"\xf3" + bytes((0x48 | register >> 3, 0x0F, 0xAE, 0xC0 | register & 7))


# lahf; seto al: the arithmetic flags are in ax.
FLAGS_TO_AX = b"\x9f\x0f\x90\xc0"


@_remembered
def store_vector(place: Place, number: int, size: int) -> bytes:
    """The low 16, 32 or 64 bytes of vector register `number`: movups, vmovups, or vmovdqu64 of a whole zmm."""
    if size == 16:
        return _with_place(b"\x0f\x11", number, place, wide=0)
    if size == 32:
        operand = _operand(number, place)
        inverted = (number >> 3 ^ 1) << 7 | (operand.x ^ 1) << 6 | (operand.b ^ 1) << 5
        return bytes((0xC4, inverted | 1, 0x7C, 0x11)) + operand.code
    operand = _operand(number, place, short=False)
    inverted = (number >> 3 & 1 ^ 1) << 7 | (operand.x ^ 1) << 6 | (operand.b ^ 1) << 5 | (number >> 4 ^ 1) << 4
    return bytes((0x62, inverted | 1, 0xFE, 0x48, 0x7F)) + operand.code


def load_vector(place: Place, number: int) -> bytes:
    """movups the 16 bytes at a place into vector register `number`"""
    return _with_place(b"\x0f\x10", number, place, wide=0)


@_remembered
def store_mask(place: Place, number: int) -> bytes:
    """kmovq [place], mask register"""
    operand = _operand(number, place)
    return bytes((0xC4, 0x80 | (operand.x ^ 1) << 6 | (operand.b ^ 1) << 5 | 1, 0xF8, 0x91)) + operand.code


@_remembered
def store_mxcsr(place: Place) -> bytes:
    return _with_place(b"\x0f\xae", 3, place, wide=0)


def gs_store_x87(offset: int) -> bytes:
    """fxsave64 gs:[offset]"""
    return _with_place(b"\x0f\xae", 0, Place(displacement=offset), _GS)


def jump_if_rcx_zero(distance: int) -> bytes:
    """jrcxz over `distance` bytes"""
    return b"\xe3" + struct.pack("<b", distance)


def far_jump(address: int) -> bytes:
    """jmp to any address, which lies behind the instruction"""
    return b"\xff\x25\0\0\0\0" + struct.pack("<Q", address)


def near_jump(distance: int) -> bytes:
    return b"\xe9" + struct.pack("<i", distance)


def push_number(number: int) -> bytes:
    """push a 64-bit number, in two stores where it is not a signed 32-bit one"""
    low = (number & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
    code = b"\x68" + struct.pack("<i", low)
    if low & (1 << 64) - 1 != number:
        code += b"\xc7\x44\x24\x04" + struct.pack("<I", number >> 32)
    return code
