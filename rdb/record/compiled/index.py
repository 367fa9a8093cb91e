"""Where in a chunk what is: which execution an instruction belongs to, and where its record begins.

How many instructions an execution has, and how many words its record, is its block's to say (BlockTable.extents); where it lies
is the sum of all before it in the chunk.  These sums are kept for the *edges* only, every STRIDE executions, as the chunk grows;
in between they are made when somebody asks (`Stretch`).  So an index of a hundred million instructions is a few kilobytes, a look
at one place costs a fraction of a millisecond, and what a stride needs fits into the CPU's cache.

It is an index of the chunk, not of segments: however often these are cut up, it stays right.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rdb.record.compiled.shared import Words

if TYPE_CHECKING:
    from rdb.record.compiled.block import BlockTable

Numbers = NDArray[np.int64]
STRIDE = 1 << 15
# The halves of an extent (BlockTable).
HALF, LOW = 32, 0xFFFFFFFF
_NUMBER = np.uint64(0xFFFFFFFF)


class Place(NamedTuple):
    """A place between two executions: how many instructions lie before it in the chunk, and how many words of records."""

    instructions: int
    words: int


class Stretch(NamedTuple):
    """Executions from `low` on: the block of each, and where its instructions and its record begin; one more for the end."""

    low: int
    numbers: Numbers
    instructions: Numbers
    words: Numbers

    @property
    def high(self) -> int:
        return self.low + len(self.numbers)

    def part(self, low: int, high: int) -> Stretch:
        """The executions [low, high) of it."""
        start, end = low - self.low, high - self.low
        return Stretch(low, self.numbers[start:end], self.instructions[start : end + 1], self.words[start : end + 1])


class Index:
    """The index of a trace of executions of the blocks in `table`."""

    def __init__(self, table: BlockTable, trace: Words) -> None:
        self._table, self._trace = table, trace
        self._instructions, self._words = [0], [0]
        # The farthest execution whose place is known; it lies in the last stride that was begun.
        self._farthest = 0
        self._reached = Place(0, 0)
        self._last: Stretch | None = None

    def numbers(self, low: int, high: int) -> Numbers:
        """The block of each of the executions [low, high)."""
        return (self._trace[low:high] & _NUMBER).view(np.int64)

    def place(self, execution: int) -> Place:
        """The place in front of an execution."""
        while self._farthest < execution:
            edge = STRIDE * len(self._instructions)
            self._reached = self._beyond(self._reached, self._farthest, min(edge, execution))
            self._farthest = min(edge, execution)
            if self._farthest == edge:
                self._instructions.append(self._reached.instructions)
                self._words.append(self._reached.words)
        if execution == self._farthest:
            return self._reached
        stride = execution // STRIDE
        return self._beyond(Place(self._instructions[stride], self._words[stride]), stride * STRIDE, execution)

    def _beyond(self, place: Place, low: int, high: int) -> Place:
        """The place in front of execution `high`, when that in front of `low` is `place`."""
        instructions, words = self._table.sums(self.numbers(low, high)) if low < high else (0, 0)
        return Place(place.instructions + instructions, place.words + words)

    def stretch(self, low: int, high: int) -> Stretch:
        """The executions [low, high), all of one stride."""
        if self._last is None or not self._last.low <= low <= high <= self._last.high:
            start = low // STRIDE * STRIDE
            place, numbers = self.place(start), self.numbers(start, min(start + STRIDE, max(high, self._farthest)))
            extents = self._table.extents[numbers]
            self._last = Stretch(start, numbers, _ends(extents & LOW, place.instructions), _ends(extents >> HALF, place.words))
        return self._last.part(low, high)

    def spans(self, low: int, high: int) -> list[tuple[int, int]]:
        """The executions [low, high) cut at the edges between strides."""
        edges = [low, *range((low // STRIDE + 1) * STRIDE, high, STRIDE), high]
        return list(zip(edges, edges[1:]))

    def execution(self, instruction: int, low: int, high: int) -> tuple[int, int]:
        """Which of the executions [low, high) has an instruction, counted in the chunk, and which instruction of it that is."""
        self.place(high)
        stride = bisect.bisect_right(self._instructions, instruction) - 1
        stretch = self.stretch(max(low, stride * STRIDE), min(high, (stride + 1) * STRIDE))
        at = int(np.searchsorted(stretch.instructions, instruction, "right")) - 1
        return stretch.low + at, instruction - int(stretch.instructions[at])


def _ends(sizes: Numbers, start: int) -> Numbers:
    """Where each of stretches of these sizes begins, the first at `start`, and the end of the last."""
    result = np.empty(len(sizes) + 1, np.int64)
    result[0] = start
    np.cumsum(sizes, out=result[1:])
    result[1:] += start
    return result
