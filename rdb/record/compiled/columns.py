"""A segment in blocks form as columns of numbers, for questions and moves over many executions at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdb.arch.base import Bank
from rdb.record.columns import Flat, exchange, flatten
from rdb.record.compiled.block import BlockTable
from rdb.record.entry import Layout
from rdb.record.machine import Machine

if TYPE_CHECKING:
    from rdb.record.compiled.segment import BlockSegment

Numbers = NDArray[np.int64]
_WORD = 8
# The longest stretch that one store of a block writes.
_LONGEST_WRITE = 64
# So many executions are moved at once: more would take much memory for their rows.
_STRIDE = 1 << 15
_HIGH = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


class BlockColumns:
    """The columns of one segment.  They alias its records, so a move through them changes the segment itself.

    numbers     the block of each execution
    positions   where its instructions begin, counted from the segment's first; one more for the end
    starts      where its record begins, in words; one more for the end
    """

    def __init__(self, segment: BlockSegment) -> None:
        table, chunk = segment.table, segment.chunk
        self._table, self._thread = table, segment.thread
        self._trace = chunk.trace[segment.trace_start : segment.trace_end]
        self._values = chunk.values[segment.values_start : segment.values_end]
        self.numbers = segment.numbers
        self.count = len(self.numbers)
        self.positions = _ends(table.counts[self.numbers])
        self.starts = _ends(table.sizes[self.numbers])

    def execution(self, index: int) -> tuple[int, int]:
        """Which execution instruction `index` of the segment belongs to, and which instruction of it that is."""
        execution = int(np.searchsorted(self.positions, index, "right")) - 1
        return execution, index - int(self.positions[execution])

    # -- questions

    def at(self, addresses: Collection[int]) -> Numbers:
        """The indices of the instructions whose pc is among `addresses`, ascending."""
        found = []
        for number in np.unique(self.numbers).tolist():
            block = self._table[number]
            hits = [index for index, pc in enumerate(block.addresses) if pc in addresses]
            if hits:
                positions = self.positions[np.flatnonzero(self.numbers == number)]
                found += [positions + hit for hit in hits]
        return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def writers(self, start: int, end: int) -> Flat:
        """Every memory entry that shares a byte with [start, end), oldest first.

        An address that is near enough is looked for among all words of the records; few of them are anything else.
        """
        values = self._values
        lowest = np.uint64(start - _LONGEST_WRITE & (1 << 64) - 1)
        near = np.flatnonzero(values - lowest < np.uint64(end - start + _LONGEST_WRITE))
        rows: list[tuple[int, int, int, int]] = []
        executions = np.searchsorted(self.starts, near, "right") - 1
        for word, execution in zip(near.tolist(), executions.tolist()):
            block = self._table[int(self.numbers[execution])]
            at = (word - int(self.starts[execution])) * _WORD
            for slot, writer in zip(block.layout.memory, block.writers):
                address = int(values[word])
                if slot.at == at and address < end and address + slot.size > start:
                    place = (word + 1) * _WORD
                    rows.append((address, slot.size, place, int(self.positions[execution]) + writer))
        columns = np.array(rows, np.int64).reshape(-1, 4).T
        return Flat(*columns)

    def saved(self, place: int, size: int) -> bytes:
        return self._values.view(np.uint8)[place : place + size].tobytes()

    # -- moving

    def move(self, first: int, last: int, forward: bool, machine: Machine) -> None:
        """Redo (or undo) the instructions [first, last), at both of which an execution begins."""
        low, high = (int(each) for each in np.searchsorted(self.positions, (first, last)))
        assert self.positions[low] == first and self.positions[high] == last, "a move ends inside a block"
        edges = [*range(low, high, _STRIDE), high]
        spans = list(zip(edges, edges[1:]))
        for start, end in spans if forward else reversed(spans):
            exchange(self._rows(start, end), self._values.view(np.uint8), forward, machine)
            self._exchange_flags(start, end, forward, machine)

    def _rows(self, low: int, high: int) -> Flat:
        """What the executions [low, high), counted from `low`, saved, in the order in which they did."""
        starts = self.starts[low:high] * _WORD
        return flatten(self.numbers[low:high], _Layouts(self._table), starts, self._values.view(np.int64), self._thread)

    def _exchange_flags(self, low: int, high: int, forward: bool, machine: Machine) -> None:
        """The same exchange for flags, which are in the trace."""
        which = low + np.flatnonzero(self._table.flags[self.numbers[low:high]])
        if not len(which):
            return
        saved = (self._trace[which] >> _HIGH).astype(np.uint64)
        bank = machine.banks[self._thread][Bank.GENERAL]
        current = np.uint64(self._table.translator.packed_flags(bank))
        if forward:
            moved = np.concatenate(([current], saved[:-1]))
            self._table.translator.unpack_flags(int(saved[-1]), bank)
        else:
            moved = np.concatenate((saved[1:], [current]))
            self._table.translator.unpack_flags(int(saved[0]), bank)
        self._trace[which] = self._trace[which] & _LOW | moved << _HIGH


class _Layouts:
    """The layouts of the blocks of a table."""

    def __init__(self, table: BlockTable) -> None:
        self._table = table

    def __getitem__(self, number: int) -> Layout:
        return self._table[number].layout

    def __len__(self) -> int:
        return len(self._table)


def _ends(sizes: NDArray[np.integer[Any]]) -> Numbers:
    """Where each of stretches of these sizes begins, and the end of the last."""
    result = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=result[1:])
    return result
