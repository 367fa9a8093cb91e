"""Whose instructions they are: the threads of a recording, and the turns that they took.

A recording is one total order of instructions, of which one thread at a time executes a few: a *turn*.  A turn is no instruction
and takes no position; it is the position from which on the instructions are a thread's, until the next turn begins.

Threads are numbered as they come, because the kernel uses their ids again.  A *life* says which id a number stands for and at
which positions the thread exists: from `born` on, and until `died`, where it does no more.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


@dataclass
class Life:
    """Thread `thread`, which exists at the positions [born, died).

    `pc` is where it stands when it has no more instruction in the record list.
    """

    thread: int
    born: int
    died: int | None = None
    pc: int = 0

    def exists(self, position: int) -> bool:
        return self.born <= position and (self.died is None or position < self.died)


class Turn(NamedTuple):
    """The instructions [first, last) are those of thread `number`."""

    first: int
    last: int
    number: int


class Turns:
    """All turns by ascending position, of any number of threads.  The thread with number 0 has the first."""

    def __init__(self, thread: int = 0, position: int = 0) -> None:
        self.lives = [Life(thread, position)]
        self._starts = array("q", [position])
        self._numbers = array("q", [0])
        # For each thread, by its number, where its turns begin.
        self._own: list[array[int]] = [array("q", [position])]

    # -- what happens

    def born(self, thread: int, position: int, pc: int = 0) -> int:
        """A thread has come: it exists from `position` on.  Its number."""
        self.lives.append(Life(thread, position, pc=pc))
        self._own.append(array("q"))
        return len(self.lives) - 1

    def died(self, number: int, position: int) -> None:
        """A thread has ended: at `position` it exists no more."""
        self.lives[number].died = position

    def begin(self, number: int, position: int) -> None:
        """From `position`, the newest, on it is the turn of a thread."""
        if self._starts[-1] == position and len(self._starts) > 1:
            # Nothing was executed in the turn that began here.
            self._forget_last()
        if self._numbers[-1] == number:
            return
        if self._starts[-1] == position:
            self._own[self._numbers[-1]].pop()
            self._numbers[-1] = number
        else:
            self._starts.append(position)
            self._numbers.append(number)
        self._own[number].append(position)

    def cut(self, position: int) -> None:
        """Forget what came after `position`: turns, births and deaths."""
        while len(self._starts) > 1 and self._starts[-1] >= position:
            self._forget_last()
        while len(self.lives) > 1 and self.lives[-1].born > position:
            self.lives.pop()
            self._own.pop()
        for life in self.lives:
            if life.died is not None and life.died > position:
                life.died = None

    def prune(self, low: int) -> None:
        """Forget the turns that ended before `low`."""
        count = bisect_right(self._starts, low) - 1
        for number in set(self._numbers[:count]):
            own = self._own[number]
            del own[: bisect_left(own, self._starts[count])]
        del self._starts[:count], self._numbers[:count]

    def _forget_last(self) -> None:
        self._starts.pop()
        self._own[self._numbers.pop()].pop()

    # -- questions

    def at(self, position: int) -> int:
        """The number of the thread whose turn it is at `position`."""
        return self._numbers[bisect_right(self._starts, position) - 1]

    def turn(self, position: int, high: int) -> Turn:
        """The turn that `position` is in, as far as it lies before `high`."""
        index = bisect_right(self._starts, position) - 1
        last = self._starts[index + 1] if index + 1 < len(self._starts) else high
        return Turn(self._starts[index], min(last, high), self._numbers[index])

    def within(self, first: int, last: int) -> Iterator[Turn]:
        """The turns that lie in [first, last), oldest first, cut to it."""
        index = bisect_right(self._starts, first) - 1
        while first < last:
            end = min(last, self._starts[index + 1]) if index + 1 < len(self._starts) else last
            yield Turn(first, end, self._numbers[index])
            first, index = end, index + 1

    def next(self, number: int, position: int, high: int) -> int | None:
        """The first instruction of a thread at `position` or later, and before `high`; None if it has none."""
        if position < high and self.at(position) == number:
            return position
        own = self._own[number]
        index = bisect_right(own, position)
        return own[index] if index < len(own) and own[index] < high else None

    def previous(self, number: int, position: int, low: int) -> int | None:
        """The last instruction of a thread before `position`, and not before `low`; None if it has none."""
        own = self._own[number]
        index = bisect_left(own, position) - 1
        if index < 0:
            return None
        turn = bisect_right(self._starts, own[index])
        last = min(position, self._starts[turn]) - 1 if turn < len(self._starts) else position - 1
        return last if last >= low else None

    def existing(self, position: int) -> list[int]:
        """The numbers of the threads that exist at `position`, in the order in which they came."""
        return [number for number, life in enumerate(self.lives) if life.exists(position)]

    def number(self, thread: int, position: int) -> int | None:
        """The number of the thread that has the id `thread` at `position`; None if there is none."""
        return next((number for number in self.existing(position) if self.lives[number].thread == thread), None)
