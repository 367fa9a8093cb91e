"""What the program has written, by position.

Each write to a descriptor is an entry: the position of its system call, the descriptor, and where its bytes end in one text that
holds all of them in the order of time.  So "what was on the screen at position t" is a prefix, found by one binary search.

What the log still reaches is kept whole.  Of what was written before the oldest position, which is seen from everywhere in the
log, the newest EARLIER bytes are kept.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass

EARLIER = 1 << 20


@dataclass(frozen=True)
class Written:
    """Bytes that went out through some descriptors.

    `data` is what is kept of what had been written at the moment looked at, `size` how many bytes that were, `later` how many
    more were written after it.
    """

    data: bytes
    size: int
    later: int


class OutputIndex:
    """All that was written while recording."""

    def __init__(self) -> None:
        self._positions, self._descriptors, self._ends = array("q"), array("i"), array("q")
        self._text = bytearray()
        self._dropped = 0  # bytes in front of _text
        self._dropped_of: dict[int, int] = {}  # the same by descriptor

    def add(self, position: int, descriptor: int, data: bytes) -> None:
        """The system call at `position` wrote `data`."""
        self._text += data
        self._positions.append(position)
        self._descriptors.append(descriptor)
        self._ends.append(self._dropped + len(self._text))

    def cut(self, position: int) -> None:
        """What was written at `position` and later has never been written, as far as the log knows."""
        first = bisect_left(self._positions, position)
        for column in (self._positions, self._descriptors, self._ends):
            del column[first:]
        del self._text[(self._ends[-1] - self._dropped) if self._ends else 0 :]

    def prune(self, low: int) -> None:
        """The log begins at `low` now: of what was written before, keep as much as is allowed."""
        count = bisect_left(self._positions, low)
        if not count or self._ends[count - 1] - self._dropped <= 2 * EARLIER:
            return
        gone = bisect_left(self._ends, self._ends[count - 1] - EARLIER)
        for _, descriptor, start, end in self._entries(0, gone):
            self._dropped_of[descriptor] = self._dropped_of.get(descriptor, 0) + end - start
        size = self._ends[gone - 1] - self._dropped if gone else 0
        for column in (self._positions, self._descriptors, self._ends):
            del column[:gone]
        del self._text[:size]
        self._dropped += size

    def descriptors(self) -> list[int]:
        """Those through which something was written, ascending."""
        return sorted({*self._dropped_of, *self._descriptors})

    def written(self, descriptors: Collection[int], position: int) -> Written:
        """What had gone out through `descriptors` at `position`, in the order of time."""
        here = bisect_left(self._positions, position)
        data = b"".join(
            self._text[start - self._dropped : end - self._dropped]
            for _, descriptor, start, end in self._entries(0, here)
            if descriptor in descriptors
        )
        before = sum(self._dropped_of.get(descriptor, 0) for descriptor in set(descriptors))
        later = sum(end - start for _, each, start, end in self._entries(here, len(self._ends)) if each in descriptors)
        return Written(data, before + len(data), later)

    def _entries(self, first: int, last: int) -> Iterator[tuple[int, int, int, int]]:
        """(position, descriptor, start, end) of the entries [first, last)."""
        start = self._ends[first - 1] if first else self._dropped
        for index in range(first, last):
            end = self._ends[index]
            yield self._positions[index], self._descriptors[index], start, end
            start = end
