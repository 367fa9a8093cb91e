"""What a CPU offers to the compiled recorder (rdb.record.compiled): the contract between the two.

A CPU that can be recorded by translated code has a Translator (Arch.translator).  It turns a basic block of the program into code
that does the same and saves what it overwrites.  Where the code stands, how blocks are linked and found, and what becomes of the
log is the recorder's business; which bytes do all that is the CPU's.

Translated code keeps its variables in a *scratch area*, whose address a register holds while it runs (`area_register`).  It
appends to two streams.  *Trace*: one 64-bit word per execution of a block, the block's number in the low half, in the high half
its flags as they were before, if it changes any.  *Values*: one record per execution, in 64-bit words: the registers that the
block changes, in the order of `Translation.registers`, each padded to words; then for each write to memory its address and the
old contents, padded likewise.

A write that is too long for that, or of which only the moment says how long it is, is saved in pieces by *savers*: blocks without
instructions, whose executions follow that of the block that writes.  They are the first in every table of blocks.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from rdb.arch.base import Piece


class Jump(NamedTuple):
    """A direct way out of a translation, to `target` in the program.

    At offset `field` is the 32-bit distance of the jump, counted from behind it; it leads to a trap at offset `stub`.
    """

    field: int
    stub: int
    target: int


class Write(NamedTuple):
    """A write to memory by instruction number `instruction` of the block.

    Its address is at `at` in the record, and `size` bytes saved behind that; they are there from offset `ready` of the
    translation on.
    """

    instruction: int
    size: int
    at: int
    ready: int


class Holds(enum.IntEnum):
    """What a number in the code of a translation is.

    NUMBER     32 bits: the number of the block
    DISTANCE   32 bits: the distance from a place in the translation to one in the program
    ADDRESS    64 bits: an address in the program
    HALVES     the same as two halves of 32 bits, the higher one 8 bytes behind the lower one
    """

    NUMBER = 0
    DISTANCE = 1
    ADDRESS = 2
    HALVES = 3


class Fix(NamedTuple):
    """What the code of a translation has at offset `at` depends on where it, or the program, stands.

    With all of its fixes corrected a translation can be used elsewhere, for the same code at another address: as long as the
    distances fit, and if addresses that have no more than 32 bits stay the same (they take less code, and no fix).
    """

    holds: Holds
    at: int


class Stage(NamedTuple):
    """From which offset of a translation on the word of the trace is complete, the record reserved, the registers saved in it."""

    trace: int
    record: int
    registers: int


class Translation(NamedTuple):
    """What was made of a block.

    addresses   of its instructions; `end` is behind the last
    code        the translation, with traps at `jumps`' stubs and at `lookup` and `changed`
    registers   what a record saves of the register banks, in its order; `flags` says whether the trace has the flags
    writes      to memory, in the order in which they happen
    size        of a record in bytes
    jumps       direct ways out
    lookup      the offset of the trap for an indirect target that is in no table, or 0; with a target that is beyond all
                addresses, nothing has been done that cannot be taken back, and the block is left to single steps
    changed     the offsets of the traps for code that is not any more what was translated
    returns     where a call at the end comes back to, or None
    stage       see there
    held        what the translator wants to know again for `program_registers`: numbers, and tuples of numbers
    fixes       what in `code` depends on where things stand, except for jumps
    saved       from which offsets on the trace, and the values, have executions of savers, if there are any
    """

    addresses: tuple[int, ...]
    end: int
    code: bytes
    registers: tuple[Piece, ...]
    flags: bool
    writes: tuple[Write, ...]
    size: int
    jumps: tuple[Jump, ...]
    lookup: int
    changed: tuple[int, ...]
    returns: int | None
    stage: Stage
    held: tuple[object, ...]
    fixes: tuple[Fix, ...]
    saved: tuple[int, int] = (0, 0)


class Table(NamedTuple):
    """A table of the scratch area that leads indirect branches to translations: the offsets of its two columns of `ROWS` words.

    The row of an address is chosen by 16 of its bits, from `shift` on.  `negative` holds minus the address that is known there,
    `landing` the address of its translation.
    """

    negative: int
    landing: int
    shift: int

    def row(self, address: int) -> int:
        return address >> self.shift & ROWS - 1


ROWS = 1 << 16


class Area(NamedTuple):
    """The scratch area: its size, and the offsets of what the recorder reads and writes there.

    `trace` and `values` are where the next words of the streams go; `target` is where the program wants to go, at the trap of an
    indirect branch; what finds its row of the first of `tables` taken goes to the second.
    """

    size: int
    trace: int
    values: int
    target: int
    tables: tuple[Table, Table]


class Shape(NamedTuple):
    """What a record of `size` bytes holds.

    registers   (offset in the register file, size, place in the record) of each
    memory      (place of the address, size) of each; the contents lie behind the address
    flags       whether the trace has flags
    """

    registers: tuple[tuple[int, int, int], ...]
    memory: tuple[tuple[int, int], ...]
    flags: bool
    size: int


class Exchange(NamedTuple):
    """The exchange of `size` bytes at `skip` behind the address that is at `at` in the record.

    Its code is from `start` to `after` in the stub.
    """

    start: int
    after: int
    at: int
    skip: int
    size: int


class Stub(NamedTuple):
    """Code that exchanges one record with the machine; it may stand anywhere."""

    code: bytes
    pieces: tuple[Exchange, ...]


class WalkRegisters(NamedTuple):
    """The registers of a walk over the log by stubs.

    trace    the word of the trace
    record   the record: its beginning going forwards, its end going back
    left     how many executions are left
    stubs    the addresses of the stubs, by block number
    file     the register file
    """

    trace: str
    record: str
    left: str
    stubs: str
    file: str


class Translator(Protocol):
    """One CPU's translator; `longest` is the most instructions of a block, `trap` its trap instruction.

    Flags: while any of `unfit_flags` is set, translated code must not run; `stray_flags` are set by faults in translated code and
    are none of the program's.  A branch to `address_limit` or above faults itself, before it is made.
    """

    @property
    def area(self) -> Area: ...

    @property
    def area_register(self) -> str: ...

    @property
    def longest(self) -> int: ...

    @property
    def trap(self) -> bytes: ...

    @property
    def unfit_flags(self) -> int: ...

    @property
    def stray_flags(self) -> int: ...

    @property
    def address_limit(self) -> int: ...

    @property
    def savers(self) -> tuple[Translation, ...]:
        """The blocks, from number 0 on, that save pieces of long writes; their one write is the last instruction's before."""

    @property
    def walk_registers(self) -> WalkRegisters: ...

    @property
    def identity(self) -> tuple[object, ...]:
        """On what besides its source code its translations depend: the CPU's features, the decoder's version.

        Numbers, strings, and what has a repr that says it all.
        """

    def translate(
        self,
        code: bytes,
        pc: int,
        here: int,
        number: int,
        stops: Collection[int] = (),
        guarded: bool = False,
        fickle: bool = False,
    ) -> Translation | None:
        """The block that begins at `pc` with `code`, as block `number`, to be placed at `here`; None if it cannot be translated.

        It does not run through any address in `stops`.  `guarded` code is compared with `code` each time it is entered.
        `fickle` code reads memory that somebody else changes all the time.
        """

    def program_registers(
        self, translation: Translation, offset: int, bank: bytes | bytearray, word: Callable[[int], int]
    ) -> dict[str, int]:
        """Which registers are not in a thread's GENERAL bank what they are for the program, when it is at `offset` of a
        translation, and what they are; `word` gives the word of the scratch area at an offset."""

    def jump(self, distance: int) -> bytes | None:
        """A jump over `distance` bytes, counted from its beginning; None if that is too far."""

    def far_jump(self, address: int) -> bytes:
        """A jump to any address, that fits in the place of a stub's trap."""

    def packed_flags(self, bank: bytes | bytearray) -> int:
        """The flags of a GENERAL bank, as in the high half of a trace word."""

    def unpack_flags(self, word: int, bank: bytearray) -> None:
        """Put the flags of a trace word's high half into a GENERAL bank."""

    def stub(self, shape: Shape, forward: bool, flags_at: int) -> Stub:
        """The stub for executions whose records have a shape; the register file has the flags, as in the trace, at `flags_at`."""
