"""Two kinds of address that must not be mixed.

An *Address* is where something is in the running inferior.  A *FileAddress* is where the ELF file and its DWARF say it is.
They differ by the load bias of the object; only a loaded object (rdb.symbols) turns one into the other.
"""

from __future__ import annotations

from typing import NamedTuple, NewType

Address = NewType("Address", int)
FileAddress = NewType("FileAddress", int)


class Range(NamedTuple):
    """A half-open stretch of run-time addresses, [start, end)."""

    start: int
    end: int

    def __contains__(self, address: object) -> bool:
        return isinstance(address, int) and self.start <= address < self.end

    def overlaps(self, start: int, end: int) -> bool:
        """Whether [start, end) shares a byte with this range."""
        return self.start < end and start < self.end


def address_text(address: int, word: int) -> str:
    """An address with all the digits that one of `word` bytes has."""
    return f"{address:#0{2 + 2 * word}x}"
