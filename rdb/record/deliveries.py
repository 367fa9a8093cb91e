"""The signals that threads were given, by position, so that the past is stopped at them too.

The position is where the program stood when it got the signal.  If that has a handler, the record at the position is the
delivery's: the next thing that happens is that the handler is entered.  One that was ignored has no record; for the history the
program has only stood there.  What is kept of each is its siginfo_t and whose it was (a number of rdb.record.turns).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from typing import NamedTuple

from rdb.events import Direction, Signalled


def signalled(info: bytes) -> Signalled:
    """The reason to stop that a siginfo_t (of a 64-bit kernel) tells of: si_signo, si_code, si_addr."""
    number, code = (int.from_bytes(info[at : at + 4], "little", signed=True) for at in (0, 8))
    return Signalled(number, code, int.from_bytes(info[16:24], "little"))


class Delivery(NamedTuple):
    """Thread `number` was given the signal that the siginfo_t tells of."""

    position: int
    number: int
    info: bytes


class Deliveries:
    """Ascending by position; where there are several at one position, the last is the one that may have a record."""

    def __init__(self) -> None:
        self._positions: list[int] = []
        self._deliveries: list[Delivery] = []

    def add(self, position: int, number: int, info: bytes) -> None:
        """At `position`, the newest, thread `number` is given a signal."""
        self._positions.append(position)
        self._deliveries.append(Delivery(position, number, info))

    def cut(self, position: int) -> None:
        """Forget what was delivered from `position` on."""
        first = bisect_left(self._positions, position)
        del self._positions[first:], self._deliveries[first:]

    def prune(self, low: int) -> None:
        """Forget what was delivered before `low`."""
        first = bisect_left(self._positions, low)
        del self._positions[:first], self._deliveries[:first]

    def at(self, position: int, passed: Collection[int] = ()) -> Delivery | None:
        """The signal that somebody is about to be given at `position`, if it is not one of `passed`."""
        first, end = bisect_left(self._positions, position), bisect_right(self._positions, position)
        return self._first(range(end - 1, first - 1, -1), passed)

    def nearest(self, position: int, direction: Direction, passed: Collection[int]) -> Delivery | None:
        """The one at the nearest other position in `direction` at which a signal that is not one of `passed` is given."""
        if direction is Direction.REVERSE:
            return self._first(range(bisect_left(self._positions, position) - 1, -1, -1), passed)
        found = self._first(range(bisect_right(self._positions, position), len(self._positions)), passed)
        return found and self.at(found.position, passed)

    def _first(self, indices: Iterable[int], passed: Collection[int]) -> Delivery | None:
        found = (self._deliveries[index] for index in indices)
        return next((each for each in found if signalled(each.info).number not in passed), None)
