"""From what a stride of the step loop leaves behind to the records of its instructions.

The loop leaves columns (rdb.linux.step_loop): the general registers before each instruction, and the bytes of everything else
that was saved.  A record (rdb.record.entry) begins with general registers, each one word of the state before the instruction; all
other slots stand behind them, in the order in which they were saved.  So the records of a stride are the saved bytes, with words
of the states put in between: a few numpy operations for a thousand instructions.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from rdb.arch.base import Bank
from rdb.linux.step_loop import StepLoop
from rdb.record.entry import Layout

Words = NDArray[np.uint64]
_WORD_SIZE = 8


class Weaver:
    """Weaves records out of the columns of one step loop, whose numbers are those of layouts that were `add`ed."""

    def __init__(self, loop: StepLoop) -> None:
        self._loop = loop
        self._states: Words = np.frombuffer(loop.states, np.uint64).reshape(-1, loop.state_words)
        self._saved: Words = np.frombuffer(loop.saved, np.uint64)
        # By layout: the words of a record, how many of them are registers, and which words of the state these are.
        self._sizes = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)
        self._sources = np.zeros((0, loop.state_words), np.uint8)

    def add(self, layout: Layout) -> None:
        """Make ready for records of this layout."""
        if layout.number >= len(self._sizes):
            more = 2 * layout.number + 64 - len(self._sizes)
            self._sizes = np.pad(self._sizes, (0, more))
            self._counts = np.pad(self._counts, (0, more))
            self._sources = np.pad(self._sources, ((0, more), (0, 0)))
        sources = [slot.offset // _WORD_SIZE for slot in layout.registers if slot.bank is Bank.GENERAL]
        self._sizes[layout.number] = layout.size // _WORD_SIZE
        self._counts[layout.number] = len(sources)
        self._sources[layout.number, : len(sources)] = sources

    def weave(self, trace: array[int], values: bytearray) -> None:
        """Append the numbers and the records of the instructions that were taken."""
        taken = self._loop.taken
        if not taken:
            return
        states = self._states[:taken]
        numbers = states[:, self._loop.number_word].astype(np.int64)
        sizes, counts = self._sizes[numbers], self._counts[numbers]
        ends = np.cumsum(sizes)
        starts = ends - sizes
        records = np.empty(int(ends[-1]), np.uint64)
        rest = np.ones(len(records), np.bool_)
        for column in range(int(counts.max())):
            rows = np.flatnonzero(counts > column)
            places = starts[rows] + column
            records[places] = states[rows, self._sources[numbers[rows], column]]
            rest[places] = False
        records[rest] = self._saved[: int(np.count_nonzero(rest))]
        trace.frombytes(numbers.astype(np.uint32).tobytes())
        values += records.tobytes()
