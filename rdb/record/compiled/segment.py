"""A segment in blocks form: a stretch of history that translated code wrote into the log.

It is a stretch of a chunk's trace and the stretch of its values that belongs to it (rdb.record.compiled.log): execution number i
is word i of `trace`, and its record stands behind those of the executions before it.  Instruction numbers follow from how many
instructions each block has, places of records from how many words it saves; neither is stored.

The invariant of entry segments holds here too (swap-undo): a record, and the flags in the trace, are those *before* the block
while its execution is in the past, and those *after* it while it is in the future.

A machine can stand between two executions only.  Whoever wants to get inside one has it expanded
(rdb.record.compiled.expansion); looking needs no expansion: which instruction is at a position, and which wrote, is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rdb.record.compiled.block import Block, BlockTable
from rdb.record.compiled.log import Chunk
from rdb.record.compiled.walk import Way
from rdb.record.entry import Kind
from rdb.record.log_segment import LogSegment
from rdb.record.machine import Machine

if TYPE_CHECKING:
    from rdb.record.compiled.columns import BlockColumns

_WORD = 8
# Fewer executions than this are moved from here: to make the process do it takes as long.
_FEW = 16
_NUMBER = np.uint64(0xFFFFFFFF)


class BlockSegment(LogSegment):
    """Executions [trace_start, trace_end) of a chunk, all by thread `thread` (rdb.record.turns)."""

    room = 0
    gaps = 0

    def __init__(
        self, first: int, thread: int, table: BlockTable, chunk: Chunk, trace: tuple[int, int], values: tuple[int, int]
    ) -> None:
        self.first, self.thread = first, thread
        self.table, self.chunk = table, chunk
        self.trace_start, self.trace_end = trace
        self.values_start, self.values_end = values
        self._columns: BlockColumns | None = None
        self._end = first + table.instructions(chunk.trace[slice(*trace)])

    @property
    def end(self) -> int:
        return self._end

    @property
    def numbers(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The number of the block of each execution."""
        return (self.chunk.trace[self.trace_start : self.trace_end] & _NUMBER).astype(np.int64)

    @property
    def bytes_used(self) -> int:
        return _WORD * (self.trace_end - self.trace_start + self.values_end - self.values_start)

    @property
    def own_bytes(self) -> int:
        return 0

    def columns(self) -> BlockColumns:
        """The numpy view of this segment."""
        from rdb.record.compiled.columns import BlockColumns

        if self._columns is None:
            self._columns = BlockColumns(self)
        return self._columns

    def execution(self, position: int) -> tuple[int, int]:
        """Which execution instruction `position` belongs to, and which instruction of it that is."""
        return self.columns().execution(position - self.first)

    def block(self, execution: int) -> Block:
        return self.table[int(self.chunk.trace[self.trace_start + execution] & _NUMBER)]

    def pc(self, position: int) -> int:
        execution, index = self.execution(position)
        return self.block(execution).addresses[index]

    def kind(self, position: int) -> Kind:
        return Kind.INSTRUCTION

    def boundary(self, position: int) -> int:
        """The position of the beginning of the execution that `position` is in."""
        return position - self.execution(position)[1]

    def part(self, start: int, end: int) -> BlockSegment:
        """The executions [start, end) as a segment."""
        columns = self.columns()
        starts = columns.starts
        return BlockSegment(
            self.first + int(columns.positions[start]),
            self.thread,
            self.table,
            self.chunk,
            (self.trace_start + start, self.trace_start + end),
            (self.values_start + int(starts[start]), self.values_start + int(starts[end])),
        )

    def cut(self, position: int) -> None:
        """Forget the instructions from `position` on, where an execution begins."""
        columns = self.columns()
        execution, index = columns.execution(position - self.first) if position < self.end else (columns.count, 0)
        assert index == 0
        self.values_end = self.values_start + int(columns.starts[execution])
        self.trace_end = self.trace_start + execution
        self._end = position
        self._columns = None

    def move(self, first: int, last: int, forward: bool, machine: Machine) -> None:
        """Exchange instructions [first, last) of this segment with the machine; executions begin at both."""
        way = self._way(first, last)
        if way.high - way.low < _FEW or not self.table.walk.move(way, forward, machine.banks[self.thread], machine):
            self.columns().move(first, last, forward, machine)

    def _way(self, first: int, last: int) -> Way:
        """The stretch of the log that holds instructions [first, last); all of it needs no looking up."""
        if first == 0 and last == len(self):
            return Way(self.chunk, self.trace_start, self.trace_end, self.values_start, self.values_end)
        columns = self.columns()
        low, high = (int(each) for each in np.searchsorted(columns.positions, (first, last)))
        start, end = (self.values_start + int(columns.starts[each]) for each in (low, high))
        return Way(self.chunk, self.trace_start + low, self.trace_start + high, start, end)
