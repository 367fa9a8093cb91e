"""The signals that were delivered to handlers, by position, so that the past is stopped at them too.

The position is that of the delivery's record: there the program stands where the signal interrupted it, and the next thing that
happens is that the handler is entered.  What is kept of each is its siginfo_t.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection

from rdb.events import Direction, Signalled


def signalled(info: bytes) -> Signalled:
    """The reason to stop that a siginfo_t (of a 64-bit kernel) tells of: si_signo, si_code, si_addr."""
    number, code = (int.from_bytes(info[at : at + 4], "little", signed=True) for at in (0, 8))
    return Signalled(number, code, int.from_bytes(info[16:24], "little"))


class Deliveries:
    """Ascending by position."""

    def __init__(self) -> None:
        self._positions: list[int] = []
        self._infos: list[bytes] = []

    def add(self, position: int, info: bytes) -> None:
        """The record at `position` delivers a signal."""
        self._positions.append(position)
        self._infos.append(info)

    def cut(self, position: int) -> None:
        """Forget what was delivered from `position` on."""
        first = bisect_left(self._positions, position)
        del self._positions[first:], self._infos[first:]

    def prune(self, low: int) -> None:
        """Forget what was delivered before `low`."""
        first = bisect_left(self._positions, low)
        del self._positions[:first], self._infos[:first]

    def at(self, position: int) -> bytes | None:
        """The siginfo_t of the signal that is about to be delivered at `position`."""
        index = bisect_left(self._positions, position)
        return self._infos[index] if self._positions[index : index + 1] == [position] else None

    def nearest(self, position: int, direction: Direction, passed: Collection[int]) -> tuple[int, Signalled] | None:
        """The nearest other position in `direction` at which a signal that is not one of `passed` is about to be delivered."""
        if direction is Direction.FORWARD:
            indices = range(bisect_right(self._positions, position), len(self._positions))
        else:
            indices = range(bisect_left(self._positions, position) - 1, -1, -1)
        for index in indices:
            found = signalled(self._infos[index])
            if found.number not in passed:
                return self._positions[index], found
        return None
