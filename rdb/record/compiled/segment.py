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

from collections.abc import Sequence

import numpy as np

from rdb.record.compiled.block import Block, BlockTable
from rdb.record.compiled.index import Index
from rdb.record.compiled.log import Chunk
from rdb.record.compiled.walk import Way
from rdb.record.entry import Kind
from rdb.record.log_segment import LogSegment, Searchable
from rdb.record.machine import Machine

_WORD = 8
# Fewer executions than this are moved one after the other, from here: every quicker way takes as long to get going.
FEW = 16
_NUMBER = np.uint64(0xFFFFFFFF)


class BlockSegment(LogSegment):
    """Executions [trace_start, trace_end) of a chunk, all by thread `thread` (rdb.record.turns)."""

    room = 0
    gaps = 0

    def __init__(self, first: int, thread: int, table: BlockTable, chunk: Chunk, trace: tuple[int, int]) -> None:
        self.first, self.thread = first, thread
        self.table, self.chunk = table, chunk
        self.trace_start, self.trace_end = trace
        self._start, self._stop = self.index.place(self.trace_start), self.index.place(self.trace_end)
        # What is to be added to the number of an instruction in the chunk, for its index here.
        self.ahead = -self._start.instructions
        self._end = first + self.ahead + self._stop.instructions

    @property
    def index(self) -> Index:
        """Where in the chunk what is."""
        return self.chunk.index(self.table)

    @property
    def end(self) -> int:
        return self._end

    @property
    def bytes_used(self) -> int:
        return _WORD * (self.trace_end - self.trace_start + self._stop.words - self._start.words)

    @property
    def own_bytes(self) -> int:
        return 0

    def pieces(self, first: int, last: int) -> Sequence[Searchable]:
        from rdb.record.compiled.columns import BlockPiece

        low = self.trace_start if first == 0 else self.execution(self.first + first)[0]
        high = self.trace_end
        if last < len(self):
            # With the savers that follow the last of them.
            execution, inside = self.execution(self.first + last)
            high = execution + (inside > 0)
        return [BlockPiece(self, *span, first, last) for span in self.index.spans(low, high)]

    def execution(self, position: int) -> tuple[int, int]:
        """Which execution of the chunk instruction `position` belongs to, and which instruction of it that is."""
        return self.index.execution(position - self.first - self.ahead, self.trace_start, self.trace_end)

    def block(self, execution: int) -> Block:
        """That of an execution of the chunk."""
        return self.table[int(self.chunk.trace[execution] & _NUMBER)]

    def pc(self, position: int) -> int:
        execution, index = self.execution(position)
        return self.block(execution).addresses[index]

    def kind(self, position: int) -> Kind:
        return Kind.INSTRUCTION

    def boundary(self, position: int) -> int:
        """The position of the beginning of the execution that `position` is in."""
        return position - self.execution(position)[1]

    def part(self, start: int, end: int) -> BlockSegment:
        """The executions [start, end) of the chunk as a segment."""
        first = self.first + self.ahead + self.index.place(start).instructions
        return BlockSegment(first, self.thread, self.table, self.chunk, (start, end))

    def cut(self, position: int) -> None:
        """Forget the instructions from `position` on, where an execution begins."""
        if position < self.end:
            self.trace_end, index = self.execution(position)
            assert index == 0
            self._stop, self._end = self.index.place(self.trace_end), position

    def move(self, first: int, last: int, forward: bool, machine: Machine) -> None:
        """Exchange instructions [first, last) of this segment with the machine; executions begin at both."""
        low, high = self._edge(first), self._edge(last)
        way = Way(self.chunk, low, high, self.index.place(low).words, self.index.place(high).words)
        if high - low < FEW or not self.table.walk.move(way, forward, machine.banks[self.thread], machine):
            from rdb.record.compiled import columns

            columns.move(self, low, high, forward, machine)

    def _edge(self, index: int) -> int:
        """The execution that begins with an instruction of this segment, or its end."""
        if index == len(self):
            return self.trace_end
        execution, inside = self.execution(self.first + index)
        assert not inside, "a move ends inside a block"
        return execution
