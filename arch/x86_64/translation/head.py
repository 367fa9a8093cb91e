"""The head of a translation: spilling the scratch registers, the word of the trace, saving registers.

All that depends on is which registers the block touches and changes.  Most blocks have a head that another one has had before, so
it is made once, and remembered whole.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from rdb.arch.base import Bank, Piece
from rdb.arch.x86.corrections import X87_STATE
from rdb.arch.x86.registers import SLOT
from rdb.arch.x86_64.translation import area
from rdb.arch.x86_64.translation import encoding as emit
from rdb.arch.x86_64.translation.encoding import RAX, RCX, Place
from rdb.arch.x86_64.translation.instruction import Unit, pieces

_WORD = 8
# rax first, because the flags are read into it; rcx last, because guarding needs it.
_SCRATCH_ORDER = (RAX, 11, 10, 9, 8, 7, 6, 2, 3, 15, 14, 13, 12, 5, RCX)
_remembered = functools.lru_cache(1 << 12)


@_remembered
def scratch(used: int) -> tuple[int, int]:
    """The temporary register and the pointer of a block that touches some registers, one bit each."""
    first, second, *_ = (each for each in _SCRATCH_ORDER if not used >> each & 1)
    return first, second


@_remembered
def spills(pointer: int, temporary: int) -> bytes:
    return emit.gs_store(area.POINTER_SPILL, pointer) + emit.gs_store(area.TEMPORARY_SPILL, temporary)


@_remembered
def restores(pointer: int, temporary: int) -> bytes:
    return emit.gs_load(pointer, area.POINTER_SPILL) + emit.gs_load(temporary, area.TEMPORARY_SPILL)


class Word(NamedTuple):
    """The code that appends a word to the trace: the offset of the number in it, and between which ones rax is elsewhere."""

    code: bytes
    number: int
    window: tuple[int, int] | None


@_remembered
def word(pointer: int, temporary: int, flags: bool) -> Word:
    code, window = emit.gs_load(pointer, area.TRACE) + emit.store_number(Place(pointer), 0), None
    number = len(code) - 4
    if flags:
        if temporary != RAX:
            code += emit.move(temporary, RAX)
        start = len(code)
        code += emit.FLAGS_TO_AX + emit.store_word(Place(pointer, displacement=4), RAX)
        if temporary != RAX:
            code += emit.move(RAX, temporary)
            window = (start, len(code))
    code += emit.lea(temporary, Place(pointer, displacement=8)) + emit.gs_store(area.TRACE, temporary)
    return Word(code, number, window)


@_remembered
def reserve(pointer: int, temporary: int, size: int) -> bytes:
    """The code that makes room for a record of `size` bytes; `pointer` is where it begins."""
    code = emit.gs_load(pointer, area.VALUES) + emit.lea(temporary, Place(pointer, displacement=size))
    return code + emit.gs_store(area.VALUES, temporary)


def padded(size: int) -> int:
    """How many bytes so many take in a record."""
    return size + 7 & ~7


class Saves(NamedTuple):
    """The code that saves registers at the beginning of a record, what it saves, in its order, and how many bytes that takes."""

    code: bytes
    pieces: tuple[Piece, ...]
    size: int


@_remembered
def saves(pointer: int, temporary: int, saved: int, units: tuple[Unit, ...]) -> Saves:
    """`saved` are general registers, one bit each."""
    code, found, at = b"", [], 0
    for number in range(16):
        if saved >> number & 1:
            code += emit.store(Place(pointer, displacement=at), number)
            found.append(Piece(Bank.GENERAL, SLOT[emit.NUMBERS[number]], _WORD))
            at += _WORD
    for unit in units:
        code += _save_unit(unit, Place(pointer, displacement=at), temporary)
        for offset, size in pieces(unit):
            found.append(Piece(Bank.EXTENDED, offset, size))
            at += padded(size)
    return Saves(code, tuple(found), at)


def _save_unit(unit: Unit, place: Place, temporary: int) -> bytes:
    kind, number, size = unit
    if kind == "x87":
        return _save_x87(place, temporary)
    if kind == "mxcsr":
        return emit.store_mxcsr(place)
    return emit.store_mask(place, number) if kind == "mask" else emit.store_vector(place, number, size)


def _save_x87(place: Place, temporary: int) -> bytes:
    """The registers of x87 and what belongs to them; stored as a whole first, because the CPU can do nothing less."""
    code, at = emit.gs_store_x87(area.X87), place.displacement
    for start, size in X87_STATE:
        for word in range(0, size, _WORD):
            code += emit.gs_load(temporary, area.X87 + start + word) + emit.store(place._replace(displacement=at), temporary)
            at += _WORD
    return code
