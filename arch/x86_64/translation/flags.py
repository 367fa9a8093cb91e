"""The arithmetic flags as the trace holds them: what `lahf; seto al` makes of them.

Bit 0 is the overflow flag; the bits from the 8th on are the low byte of the flags register (Intel SDM volume 2, LAHF).
"""

from __future__ import annotations

from rdb.arch.x86.registers import SLOT

_AT = SLOT["eflags"]
_LOW_FLAGS, _ALWAYS = 0xD5, 0x02
_OVERFLOW_BIT = 11
_ARITHMETIC = _LOW_FLAGS | 1 << _OVERFLOW_BIT


def packed(bank: bytes | bytearray) -> int:
    """The flags of a GENERAL bank, as in a trace word."""
    value = int.from_bytes(bank[_AT : _AT + 8], "little")
    return value >> _OVERFLOW_BIT & 1 | (value & _LOW_FLAGS | _ALWAYS) << 8


def unpack(word: int, bank: bytearray) -> None:
    """Put the flags of a trace word into a GENERAL bank."""
    value = int.from_bytes(bank[_AT : _AT + 8], "little") & ~_ARITHMETIC
    value |= word >> 8 & _LOW_FLAGS | (word & 1) << _OVERFLOW_BIT
    bank[_AT : _AT + 8] = value.to_bytes(8, "little")
