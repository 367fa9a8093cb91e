"""Little-endian base 128 numbers (DWARF 5, 7.6).

Each function answers the number and the position after it.  IndexError where the data ends first.
"""

from __future__ import annotations

# Compressed sections are read in pieces.
Bytes = bytes | bytearray


def uleb(data: Bytes, position: int) -> tuple[int, int]:
    """An unsigned LEB128 number at `position`."""
    byte = data[position]
    position += 1
    if byte < 0x80:
        return byte, position
    value, shift = byte & 0x7F, 7
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def sleb(data: Bytes, position: int) -> tuple[int, int]:
    """A signed LEB128 number at `position`."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value - (1 << shift) if byte & 0x40 else value, position
