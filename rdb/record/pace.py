"""How long recording has taken, by position, and telling about it while it goes on.

The time is that of the resumes which recorded, measured whenever somebody looks up between two bursts.  In between, recording
counts as even.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable

from rdb.events import Progress, ProgressHidden

# In seconds: how far marks are apart, after how long a resume is worth telling about, and how often.
_MARK, _PATIENCE, _EVERY = 0.05, 1.0, 0.2


class Pace:
    """For one recording, which begins at position 0.  `tell` is told how it goes on; by default nobody is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.tell: Callable[[Progress | ProgressHidden], None] = lambda progress: None
        self._clock = clock
        self._positions, self._seconds = array("q", [0]), array("d", [0.0])
        self._elapsed = 0.0
        # Of the resume under way: when it began, when time was measured, when it was told about and how far it was then.
        self._began = self._looked = self._told_at = 0.0
        self._told_high = 0
        self._is_shown = False

    def begin(self, high: int) -> None:
        """A resume begins to record at position `high`."""
        self._began = self._looked = self._told_at = self._clock()
        self._told_high = high

    def look(self, high: int, size: Callable[[], int], may_tell: bool) -> None:
        """Position `high` has been reached, with a log of `size()` bytes."""
        now = self._clock()
        self._elapsed += now - self._looked
        self._looked = now
        if self._elapsed - self._seconds[-1] >= _MARK:
            self._mark(high)
        if may_tell and now - self._began >= _PATIENCE and now - self._told_at >= _EVERY:
            self.tell(Progress(high, (high - self._told_high) / (now - self._told_at), size()))
            self._told_at, self._told_high, self._is_shown = now, high, True

    def hide(self) -> None:
        """What has been told must not stand on the terminal now: the program is about to use it, or has stopped."""
        if self._is_shown:
            self._is_shown = False
            self.tell(ProgressHidden())

    def end(self, high: int) -> None:
        """The resume has stopped at position `high`."""
        self.look(high, lambda: 0, False)
        self.hide()
        self._mark(high)

    def _mark(self, position: int) -> None:
        if position > self._positions[-1]:
            self._positions.append(position)
            self._seconds.append(self._elapsed)
        else:
            self._seconds[-1] = self._elapsed

    def at(self, position: int) -> float:
        """How many seconds had been spent when `position` was reached."""
        after = bisect_left(self._positions, position)
        if after in (0, len(self._positions)):
            return self._seconds[min(after, len(self._positions) - 1)]
        (first, last), (begin, end) = self._positions[after - 1 : after + 1], self._seconds[after - 1 : after + 1]
        return begin + (end - begin) * (position - first) / (last - first)

    def prune(self, low: int) -> None:
        """Nobody asks about what lies before `low` any more."""
        gone = max(0, bisect_right(self._positions, low) - 1)
        del self._positions[:gone], self._seconds[:gone]

    def cut(self, position: int) -> None:
        """What came after `position` has never been."""
        self._elapsed = self.at(position)
        kept = max(1, bisect_right(self._positions, position))
        del self._positions[kept:], self._seconds[kept:]
        self._mark(position)
