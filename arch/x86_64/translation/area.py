"""The scratch area: the memory behind gs while a thread executes translated code.

Its first words are variables, addressed by the offsets below; the two lookup tables behind them lead indirect branches to the
translations of their targets.  A table has one row for each value of 16 bits of the target's address: `negative` holds minus the
address that is known there, `landing` its translation.  The first table is chosen by the lowest bits, the second by the bits from
the 8th on; an address that loses its row in the first moves to the second.
"""

from __future__ import annotations

from typing import NamedTuple

# What the two scratch registers of a block hold for the program.
POINTER_SPILL, TEMPORARY_SPILL = 0x00, 0x08
# Where the next words of the trace and of the values go.
TRACE, VALUES = 0x10, 0x18
# An indirect branch: the target in the program, its translation, and what rax and rcx hold for the program meanwhile.
TARGET, LANDING, RAX_SPILL, RCX_SPILL = 0x20, 0x28, 0x30, 0x38
# FXSAVE wants 16 bytes of alignment.
X87 = 0x400

ROWS = 1 << 16


class Table(NamedTuple):
    """A lookup table: the offsets of its columns, and which 16 bits of an address choose the row."""

    negative: int
    landing: int
    shift: int

    def row(self, address: int) -> int:
        return address >> self.shift & ROWS - 1


TABLES = (Table(0x10000, 0x90000, 0), Table(0x110000, 0x190000, 8))
SIZE = 0x210000
