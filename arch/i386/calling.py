"""Where the i386 System V ABI, as Linux has it, returns values.

Integers and pointers are in eax, 64-bit ones in edx:eax; floating point of any size is on the x87 stack; structures are in
memory, however small.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Sequence

from rdb.arch.base import Bank, Field, Piece, Register, View
from rdb.arch.i386.registers import table
from rdb.arch.x86 import xstate

ARGUMENTS: tuple[str, ...] = ()

_WORD = 4
_LONG_DOUBLE = 12
_VECTORS = {16: "xmm0", 32: "ymm0", 64: "zmm0"}


def return_pieces(size: int, fields: Sequence[Field], aggregate: bool = False) -> tuple[Register, ...] | None:
    """Arch.return_pieces."""
    if aggregate or len(fields) > 1:
        return None
    if fields and fields[0].kind in ("float", "x87"):
        return _floating(size)
    if size > 2 * _WORD:
        return None
    return tuple(_cut(name, min(_WORD, size - start)) for name, start in zip(("eax", "edx"), range(0, size, _WORD)))


def _floating(size: int) -> tuple[Register, ...] | None:
    if size in _FORMATS:
        return (_on_the_stack(size),)
    if size == _LONG_DOUBLE:
        st0 = table()["st0"]
        return (Register("st0", st0.pieces, "float", st0.groups, st0.dwarf, width=size),)
    register = table().by_name.get(_VECTORS.get(size, ""))
    return (register,) if register else None


def _cut(name: str, size: int) -> Register:
    register = table()[name]
    return Register(name, (Piece(register.pieces[0].bank, register.pieces[0].offset, size),), dwarf=register.dwarf)


_FORMATS = {4: "<f", 8: "<d"}
_BIAS, _FRACTION_BITS, _SPECIAL = 0x3FFF, 63, 0x7FFF


def _on_the_stack(size: int) -> Register:
    """A float or double, which st0 holds in its own format."""
    st0 = table()["st0"]
    view = View(functools.partial(_narrowed, size), functools.partial(_put_widened, size))
    return Register("st0", st0.pieces, "float", st0.groups, st0.dwarf, width=size, view=view)


def _narrowed(size: int, banks: Sequence[bytes | bytearray]) -> bytes:
    mantissa, exponent = struct.unpack_from("<QH", banks[Bank.EXTENDED], xstate.ST)
    sign = -1.0 if exponent >> 15 else 1.0
    exponent &= _SPECIAL
    if exponent == _SPECIAL:
        value = math.inf if mantissa << 1 & (1 << 64) - 1 == 0 else math.nan
    else:
        value = math.ldexp(mantissa, exponent - _BIAS - _FRACTION_BITS) if exponent - _BIAS < 1025 else math.inf
    try:
        return struct.pack(_FORMATS[size], math.copysign(value, sign))
    except OverflowError:
        return struct.pack(_FORMATS[size], math.copysign(math.inf, sign))


def _put_widened(size: int, banks: Sequence[bytearray], data: bytes) -> None:
    (value,) = struct.unpack(_FORMATS[size], data)
    sign = 0x8000 if math.copysign(1.0, value) < 0 else 0
    if math.isnan(value) or math.isinf(value):
        mantissa, exponent = 1 << 63 | (1 << 62 if math.isnan(value) else 0), _SPECIAL
    elif value == 0:
        mantissa, exponent = 0, 0
    else:
        fraction, power = math.frexp(abs(value))
        mantissa, exponent = int(math.ldexp(fraction, 64)), power - 1 + _BIAS
    struct.pack_into("<QH", banks[Bank.EXTENDED], xstate.ST, mantissa, sign | exponent)
