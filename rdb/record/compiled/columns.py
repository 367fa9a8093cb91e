"""A segment in blocks form as columns of numbers, for questions and moves over many executions at once."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from rdb.address import Range
from rdb.arch.base import Bank
from rdb.events import Direction
from rdb.record.columns import NOTHING, Flat, exchange, flatten, walk
from rdb.record.compiled.block import BlockTable
from rdb.record.compiled.index import Numbers, Stretch
from rdb.record.compiled.segment import FEW, BlockSegment
from rdb.record.entry import Layout
from rdb.record.machine import Machine

_WORD = 8
# The longest stretch that one store of a block writes.
_LONGEST_WRITE = 64
_HIGH = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


class BlockPiece:
    """The executions [low, high) of a segment's chunk, all of one stride, as far as they are instructions [first, last) of it.

    The rows alias the records, so a move through them changes the segment itself.
    """

    def __init__(self, segment: BlockSegment, low: int, high: int, first: int, last: int) -> None:
        self._segment, self._low, self._high, self._first, self._last = segment, low, high, first, last

    def at(self, addresses: Collection[int]) -> Numbers:
        """The indices of the instructions whose pc is among `addresses`, ascending."""
        hits = self._segment.table.at(addresses)
        numbers = self._segment.index.numbers(self._low, self._high)
        which = np.flatnonzero(np.take(hits.hit, numbers))
        if not len(which):
            return which
        of, starts = numbers[which], self._instructions()[which]
        found = np.sort(np.concatenate([starts[of == number] + at for number, each in hits.indices.items() for at in each]))
        return found[(found >= self._first) & (found < self._last)]

    def outside(self, within: Range, direction: Direction) -> int | None:
        """The index of the first instruction in a direction whose pc is not in a range; None if there is none."""
        which = np.flatnonzero(np.take(self._segment.table.outside(within), self._segment.index.numbers(self._low, self._high)))
        forward = direction is Direction.FORWARD
        # What lies before the first instruction, or behind the last, belongs to the executions at the ends.
        for at in (which if forward else which[::-1]).tolist():
            start, pcs = int(self._instructions()[at]), self._segment.block(self._low + at).addresses
            found = [start + index for index, pc in enumerate(pcs) if pc not in within]
            found = [index for index in found if self._first <= index < self._last]
            if found:
                return found[0 if forward else -1]
        return None

    def _instructions(self) -> Numbers:
        """Where each execution begins in the segment."""
        return self._stretch().instructions + self._segment.ahead

    def _stretch(self) -> Stretch:
        return self._segment.index.stretch(self._low, self._high)

    def writers(self, start: int, end: int) -> Flat:
        """Every memory entry that shares a byte with [start, end), oldest first.

        An address that is near enough is looked for among all words of the records; few of them are anything else.
        """
        index = self._segment.index
        low, high = index.place(self._low).words, index.place(self._high).words
        values = self._segment.chunk.values[low:high]
        lowest = np.uint64(start - _LONGEST_WRITE & (1 << 64) - 1)
        near = np.flatnonzero(values - lowest < np.uint64(end - start + _LONGEST_WRITE))
        if not len(near):
            return NOTHING
        rows = self._rows(near + low)
        return rows.where((rows.location < end) & (rows.location + rows.size > start)).rows(self._first, self._last)

    def _rows(self, words: Numbers) -> Flat:
        """The memory entries whose addresses are among these words of the chunk's values, oldest first."""
        segment, stretch = self._segment, self._stretch()
        executions = np.searchsorted(stretch.words, words, "right") - 1
        numbers, at = stretch.numbers[executions], (words - stretch.words[executions]) * _WORD
        addresses, starts = segment.chunk.values[words].view(np.int64), self._instructions()[executions]
        found = [NOTHING]
        for number in np.unique(numbers).tolist():
            block, here = segment.table[number], numbers == number
            for slot, writer in zip(block.layout.memory, block.writers):
                which = np.flatnonzero(here & (at == slot.at))
                size = np.full(len(which), slot.size)
                found.append(Flat(addresses[which], size, (words[which] + 1) * _WORD, starts[which] + writer))
        return Flat.joined(found).by_place()

    def saved(self, place: int, size: int) -> bytes:
        return self._segment.chunk.values.view(np.uint8)[place : place + size].tobytes()


def move(segment: BlockSegment, low: int, high: int, forward: bool, machine: Machine) -> None:
    """Redo (or undo) the executions [low, high) of the segment's chunk.

    In bulk only if that is worth it, and if there are not two ways to the same byte.
    """
    spans = segment.index.spans(low, high)
    swap = walk if high - low < FEW or machine.aliased() else exchange
    for span in spans if forward else reversed(spans):
        stretch = segment.index.stretch(*span)
        starts, words = stretch.words[:-1] * _WORD, segment.chunk.values.view(np.int64)
        rows = flatten(stretch.numbers, _Layouts(segment.table), starts, words, segment.thread)
        swap(rows, segment.chunk.values.view(np.uint8), forward, machine)
        _exchange_flags(segment, stretch, forward, machine)


def _exchange_flags(segment: BlockSegment, stretch: Stretch, forward: bool, machine: Machine) -> None:
    """The same exchange for flags, which are in the trace."""
    table, trace = segment.table, segment.chunk.trace
    which = stretch.low + np.flatnonzero(table.flags[stretch.numbers])
    if not len(which):
        return
    saved = (trace[which] >> _HIGH).astype(np.uint64)
    bank = machine.banks[segment.thread][Bank.GENERAL]
    current = np.uint64(table.translator.packed_flags(bank))
    if forward:
        moved = np.concatenate(([current], saved[:-1]))
        table.translator.unpack_flags(int(saved[-1]), bank)
    else:
        moved = np.concatenate((saved[1:], [current]))
        table.translator.unpack_flags(int(saved[0]), bank)
    trace[which] = trace[which] & _LOW | moved << _HIGH


class _Layouts:
    """The layouts of the blocks of a table."""

    def __init__(self, table: BlockTable) -> None:
        self._table = table

    def __getitem__(self, number: int) -> Layout:
        return self._table[number].layout

    def __len__(self) -> int:
        return len(self._table)

