"""Bulk moves made by the program's own process: exchanging millions of records with the machine without coming back here.

The code that does so is the CPU's (rdb.arch.translation.Stub).  It lies, with the register file and the tables of stubs, in
memory of ours inside the process, and is executed by a stopped thread whose registers are put back afterwards.  The registers of
the recorded thread are exchanged in the register file: there they go before a walk, and from there they are taken after it.

What the program may not write by itself (a page that is read only now) is exchanged through the debugger, piece by piece.

A stub is made when a walk comes to a block that has none: until then its place in the table leads to a trap.  As the next
executions will want more of them, those of the next few thousand are made together.
"""

from __future__ import annotations

import bisect
import functools
import os
import signal as signals
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rdb.arch.base import Bank
from rdb.arch.translation import Shape, Stub
from rdb.errors import ProgramEnded, RdbError
from rdb.linux.inject import Borrowed, Injector
from rdb.linux.stepper import TRAPPED
from rdb.record.compiled.block import Block, BlockTable
from rdb.record.compiled.shared import READ_WRITE_EXECUTE, Shared, far_places
from rdb.record.entry import padded
from rdb.record.machine import Banks, Machine

if TYPE_CHECKING:
    from rdb.record.compiled.log import Chunk

_WORD = 8
# Offsets in our memory.  In the register file: the general bank, the extended one behind it, at last the flags.
_EXTENDED, _FLAGS = 0x100, 0x4000
_FILES = {Bank.GENERAL: 0, Bank.EXTENDED: _EXTENDED}
_MOST_BLOCKS = 1 << 20
_TRAP = 0x8000
_TABLES = {forward: 0x10000 + forward * _WORD * _MOST_BLOCKS for forward in (False, True)}
_CODE = 0x10000 + 2 * _WORD * _MOST_BLOCKS
_SIZE = _CODE + (32 << 20)
# So many executions are looked at for blocks that have no stub.
_AHEAD = 4096
_NUMBER = np.uint64(0xFFFFFFFF)
_FAULTS = (signals.SIGSEGV, signals.SIGBUS)


class Way(NamedTuple):
    """What to exchange: executions [low, high) in a chunk's trace, whose records are the words [start, end) of its values."""

    chunk: Chunk
    low: int
    high: int
    start: int
    end: int


class _Placed(NamedTuple):
    """A stub in our memory, by the offset there."""

    at: int
    stub: Stub


class Walk:
    """Walks over executions of the blocks in `table`; `injector` says which thread can be used."""

    def __init__(self, injector: Injector, table: BlockTable) -> None:
        self._injector, self._table = injector, table
        self._end = _CODE
        # How many blocks have a place in the table of each direction.
        self._listed = dict.fromkeys(_TABLES, 0)
        self._stubs: dict[tuple[Shape, bool], _Placed] = {}
        self._placed: list[_Placed] = []

    @functools.cached_property
    def _memory(self) -> Shared:
        """Mapped when it is first needed: most recordings are never walked through in bulk."""
        memory = Shared(self._injector, "walk", _SIZE, far_places(), READ_WRITE_EXECUTE)
        trap = self._table.translator.trap
        memory.bytes[_TRAP : _TRAP + len(trap)] = bytearray(trap)
        return memory

    def _is_mapped(self) -> bool:
        """Whether the program can hold our code (setrlimit(2), RLIMIT_AS; seccomp(2))."""
        try:
            return bool(self._memory.size)
        except ProgramEnded:
            raise
        except RdbError:
            return False

    def move(self, way: Way, forward: bool, banks: Banks, machine: Machine) -> bool:
        """Exchange executions with a machine, of which `banks` are the registers; False if that cannot be done in this way."""
        if not self._is_mapped() or not self._list(forward):
            return False
        self._put(banks)
        chunk, arch, names = way.chunk, self._injector.arch, self._table.translator.walk_registers
        trace, values = (way.low, way.start) if forward else (way.high - 1, way.end)
        registers = {
            arch.pc: self._missing,
            names.trace: chunk.trace_address + _WORD * trace,
            names.record: chunk.values_address + _WORD * values,
            names.stubs: self._memory.address + _TABLES[forward],
            names.left: way.high - way.low,
            names.file: self._memory.address,
        }
        with self._injector.borrowed(extended=True) as borrowed:
            borrowed.set(registers)
            status = TRAPPED
            while self._goes_on(status, borrowed, chunk, forward, machine):
                status = borrowed.run()
            if borrowed.get(names.left):
                raise RdbError("The recorded past could not be walked through: the walk has stopped on its way.")
        self._take(banks)
        return True

    def _goes_on(self, status: int, borrowed: Borrowed, chunk: Chunk, forward: bool, machine: Machine) -> bool:
        """Whether a walk that has stopped is to go on; if so, see to what it has stopped for."""
        if status != TRAPPED and os.WSTOPSIG(status) in _FAULTS:
            self._help(borrowed, chunk, machine)
        elif borrowed.get(self._injector.arch.pc) == self._missing:
            self._aim(borrowed, chunk, forward)
        else:
            return False
        return True

    def _aim(self, borrowed: Borrowed, chunk: Chunk, forward: bool) -> None:
        """A walk has come to an execution without a stub: make one for it, and for those behind it, and go there."""
        names = self._table.translator.walk_registers
        at = (borrowed.get(names.trace) - chunk.trace_address) // _WORD
        count = min(borrowed.get(names.left), _AHEAD)
        ahead = slice(at, at + count) if forward else slice(at - count + 1, at + 1)
        numbers = np.unique(chunk.trace[ahead] & _NUMBER)
        listed = self._memory.words[_TABLES[forward] // _WORD :]
        for number in numbers[listed[numbers] == self._memory.address + _TRAP].tolist():
            self._stub(number, forward)
        borrowed.set({self._injector.arch.pc: int(listed[chunk.trace[at] & _NUMBER])})

    def _help(self, borrowed: Borrowed, chunk: Chunk, machine: Machine) -> None:
        """Exchange, and pass over, the piece of memory that the walk must not touch."""
        at = borrowed.get(self._injector.arch.pc) - self._memory.address
        placed = self._placed[bisect.bisect_right(self._placed, at, key=lambda each: each.at) - 1]
        piece = next((each for each in placed.stub.pieces if each.start <= at - placed.at < each.after), None)
        if piece is None:
            raise RdbError(f"The recorded past could not be walked through: the walk faulted at {at:#x}.")
        record = borrowed.get(self._table.translator.walk_registers.record) - chunk.memory.address
        saved_at = record + piece.at + _WORD + piece.skip
        place = slice(saved_at, saved_at + piece.size)
        address = int(chunk.memory.words[(record + piece.at) // _WORD]) + piece.skip
        saved = chunk.memory.bytes[place].tobytes()
        current = machine.read(address, piece.size)
        machine.write(address, saved)
        chunk.memory.bytes[place] = bytearray(current)
        borrowed.set({self._injector.arch.pc: self._memory.address + placed.at + piece.after})

    # -- the register file

    def _put(self, banks: Banks) -> None:
        file = self._memory.bytes
        for at, bank in ((0, banks[Bank.GENERAL]), (_EXTENDED, banks[Bank.EXTENDED])):
            file[at : at + len(bank)] = bank
        self._memory.words[_FLAGS // _WORD] = self._table.translator.packed_flags(banks[Bank.GENERAL])

    def _take(self, banks: Banks) -> None:
        file = self._memory.bytes
        for at, bank in ((0, banks[Bank.GENERAL]), (_EXTENDED, banks[Bank.EXTENDED])):
            bank[:] = file[at : at + len(bank)].tobytes()
        self._table.translator.unpack_flags(int(self._memory.words[_FLAGS // _WORD]), banks[Bank.GENERAL])

    # -- stubs

    @property
    def _missing(self) -> int:
        """Where the thread is behind the trap for blocks that have no stub."""
        return self._memory.address + _TRAP + len(self._table.translator.trap)

    def _list(self, forward: bool) -> bool:
        """Have a place for every block in a direction's table; False if there are too many."""
        count, start = len(self._table), _TABLES[forward] // _WORD
        if count > _MOST_BLOCKS:
            return False
        self._memory.words[start + self._listed[forward] : start + count] = self._memory.address + _TRAP
        self._listed[forward] = count
        return True

    def _stub(self, number: int, forward: bool) -> None:
        """Have a stub for a block, and its address in the table."""
        shape = _shape(self._table[number])
        placed = self._stubs.get((shape, forward)) or self._place(shape, forward)
        self._memory.words[_TABLES[forward] // _WORD + number] = self._memory.address + placed.at

    def _place(self, shape: Shape, forward: bool) -> _Placed:
        stub = self._table.translator.stub(shape, forward, _FLAGS)
        if self._end + len(stub.code) > _SIZE:
            self._forget()
        placed = _Placed(self._end, stub)
        self._memory.bytes[self._end : self._end + len(stub.code)] = bytearray(stub.code)
        self._end += len(stub.code)
        self._stubs[shape, forward] = placed
        self._placed.append(placed)
        return placed

    def _forget(self) -> None:
        """There is no room for more stubs: begin anew.  The walk stands in none of them."""
        self._stubs.clear()
        self._placed.clear()
        self._end = _CODE
        for forward in _TABLES:
            self._listed[forward] = 0
            self._list(forward)


def _shape(block: Block) -> Shape:
    made, registers, at = block.translation, [], 0
    for bank, offset, size in made.registers:
        registers.append((_FILES[bank] + offset, size, at))
        at += padded(size)
    return Shape(tuple(registers), tuple([(write.at, write.size) for write in made.writes]), made.flags, made.size)
