"""The scratch area: the memory behind gs while a thread executes translated code.

Its first words are variables, addressed by the offsets below; the two lookup tables behind them lead indirect branches to the
translations of their targets (rdb.arch.translation.Table).  The first table is chosen by the lowest bits of an address, the
second by the bits from the 8th on.
"""

from __future__ import annotations

from rdb.arch.translation import Area, Table

# What the two scratch registers of a block hold for the program.
POINTER_SPILL, TEMPORARY_SPILL = 0x00, 0x08
# Where the next words of the trace and of the values go.
TRACE, VALUES = 0x10, 0x18
# An indirect branch: the target in the program, its translation, and what rax and rcx hold for the program meanwhile.
TARGET, LANDING, RAX_SPILL, RCX_SPILL = 0x20, 0x28, 0x30, 0x38
# What other registers, and the flags, hold for the program while a write is saved in pieces.
SPARE, FLAGS = (0x40, 0x48, 0x50, 0x58, 0x60), 0x68
# Where the x87 state is stored, to be copied to a record: 512 bytes, aligned to 16.
X87 = 0x200
TABLES = (Table(0x10000, 0x90000, 0), Table(0x110000, 0x190000, 8))
AREA = Area(0x210000, TRACE, VALUES, TARGET, TABLES)
