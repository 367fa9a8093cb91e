"""The system calls that were made, by position, so that the past is stopped at them too.

The position is that of the call's record: there the thread stands in front of the call, and at the next position it has returned.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

from rdb.events import Calls, Direction, SystemCall


class CallsMade:
    """Ascending by position; a number from which nobody returned is kept as its complement."""

    def __init__(self) -> None:
        self._positions = array("q")
        self._numbers = array("q")

    def add(self, position: int, number: int, returns: bool = True) -> None:
        """The record at `position` is system call `number`, from which a thread that ends does not return."""
        self._positions.append(position)
        self._numbers.append(number if returns else ~number)

    def cut(self, position: int) -> None:
        """Forget the calls from `position` on."""
        first = bisect_left(self._positions, position)
        del self._positions[first:], self._numbers[first:]

    def prune(self, low: int) -> None:
        """Forget the calls before `low`."""
        first = bisect_left(self._positions, low)
        del self._positions[:first], self._numbers[:first]

    def returned(self, position: int, calls: Calls) -> SystemCall | None:
        """The call of `calls` that has returned at `position`."""
        return self._of(position - 1, calls, returned=True)

    def begun(self, position: int, calls: Calls) -> SystemCall | None:
        """The call of `calls` that is about to be made at `position`."""
        return self._of(position, calls, returned=False)

    def _of(self, position: int, calls: Calls, returned: bool) -> SystemCall | None:
        index = bisect_left(self._positions, position)
        if index == len(self._positions) or self._positions[index] != position:
            return None
        number = self._number(index)
        return SystemCall(number, returned) if number in calls and (self._returns(index) or not returned) else None

    def _number(self, index: int) -> int:
        return self._numbers[index] if self._returns(index) else ~self._numbers[index]

    def _returns(self, index: int) -> bool:
        return self._numbers[index] >= 0

    def nearest(self, position: int, direction: Direction, calls: Calls) -> int | None:
        """The nearest other position in `direction` at which one of `calls` is about to be made, or has returned."""
        first, forward = bisect_left(self._positions, position), direction is Direction.FORWARD
        for index in range(first, len(self._positions)) if forward else range(first - 1, -1, -1):
            if self._number(index) not in calls:
                continue
            at = self._positions[index]
            for place in sorted({at, at + self._returns(index)}, reverse=not forward):
                if place > position if forward else place < position:
                    return place
        return None
