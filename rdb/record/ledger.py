"""The ledger: what has happened outside the log, by position.

The log undoes registers, memory and mappings.  What the kernel keeps for the program (descriptors and their offsets, the working
directory...) and what has left the program stays as the newest recorded moment made it, as long as the past is only looked at.
When the future is cut and the program goes on from the past, `cut` puts back what can be put back, and says what has moved on.

Two kinds of entries, ascending by position, where a position is that of the system call (or signal) that did it:

* `remember(position, state, before)`: something that the kernel keeps is about to change; `state` (rdb.record.kernel_state) says
  how to look at it and how to put it back, `before` is what it was.  What it was at a position is what its first entry at that
  position or later remembers; without one it has not changed since.  The state whose first entry is the newest is put back first,
  so that states that depend on each other (two descriptors of one open file) come out right.
* `did(position, verb, subject, amount)`: something was done that stays done.

Whoever records something that belongs here calls these two; nobody needs to know who else does.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from rdb.record.kernel_state import CannotPutBack, NoOwner, Process, State

_MOST_LINES = 12
_WAYS = {"wrote": "to", "read": "from"}


@dataclass(frozen=True)
class Moved:
    """What the cut found: `on` are things that have moved on for good, `back` what was put back; each a phrase."""

    on: tuple[str, ...] = ()
    back: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The user is told this; empty when there is nothing to tell."""
        lines = []
        if self.on:
            things = "1 thing outside it has" if len(self.on) == 1 else f"{len(self.on)} things outside it have"
            lines.append(f"The program goes on from here, but {things} moved on:")
            lines += [f"  {phrase}" for phrase in self.on[:_MOST_LINES]]
            if len(self.on) > _MOST_LINES:
                lines.append(f"  and {len(self.on) - _MOST_LINES} more")
        if self.back:
            more = len(self.back) - _MOST_LINES
            lines.append(f"Put back: {', '.join(self.back[:_MOST_LINES])}{f', and {more} more' if more > 0 else ''}.")
        return "\n".join(lines)


@dataclass
class _Timeline:
    """What one state was, before each change of it."""

    positions: array[int] = field(default_factory=lambda: array("q"))
    before: list[object] = field(default_factory=list)


class Ledger:
    """For one process under recording."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._states: dict[State, _Timeline] = {}
        self._positions, self._deeds, self._amounts = array("q"), array("I"), array("q")
        self._phrases: list[tuple[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def remember(self, position: int, state: State, before: object) -> None:
        """The instruction at `position` changes a state, which was `before`."""
        line = self._states.setdefault(state, _Timeline())
        line.positions.append(position)
        line.before.append(before)

    def did(self, position: int, verb: str, subject: str = "", amount: int = 0) -> None:
        """The instruction at `position` did something outside; for bytes moved the amount says how many."""
        number = self._numbers.setdefault((verb, subject), len(self._phrases))
        if number == len(self._phrases):
            self._phrases.append((verb, subject))
        self._positions.append(position)
        self._deeds.append(number)
        self._amounts.append(amount)

    def prune(self, low: int) -> None:
        """Nobody can go to before `low` any more."""
        if self._positions and self._positions[len(self._positions) // 2] < low:
            gone = bisect_left(self._positions, low)
            for column in (self._positions, self._deeds, self._amounts):
                del column[:gone]
        for line in self._states.values():
            if line.positions[len(line.positions) // 2] < low:
                gone = bisect_left(line.positions, low)
                del line.positions[:gone], line.before[:gone]
        self._states = {state: line for state, line in self._states.items() if line.positions}

    def cut(self, position: int) -> Moved:
        """The program goes on from `position`: put back what can be, and forget what came after; what there is to tell.

        The thread stands there, with its registers and memory of then.
        """
        lost, back = self._put_back(position)
        moved = Moved((*self._told(position), *lost), tuple(back))
        first = bisect_left(self._positions, position)
        for column in (self._positions, self._deeds, self._amounts):
            del column[first:]
        for line in self._states.values():
            first = bisect_left(line.positions, position)
            del line.positions[first:], line.before[first:]
        self._states = {state: line for state, line in self._states.items() if line.positions}
        return moved

    def _put_back(self, position: int) -> tuple[list[str], list[str]]:
        """Put back all states that have changed since; phrases for those that could not be, and for those that were."""
        lost, back = [], []
        process = self.process
        for state, before in self._changed_since(position):
            try:
                if state.read(process) == before:
                    continue
                state.write(process, before)
            except NoOwner:
                continue
            except (CannotPutBack, OSError):
                lost.append(state.loss(process, before))
            else:
                back.append(state.title(process, before))
        return lost[::-1], list(dict.fromkeys(back[::-1]))

    def _changed_since(self, position: int) -> Iterator[tuple[State, object]]:
        """The states with an entry at `position` or later, and what they were; the one that changed first comes last.

        A part whose whole had changed earlier is left out: what it was at `position` the whole knows.
        """
        firsts: dict[State, tuple[int, object]] = {}
        for state, line in self._states.items():
            first = bisect_left(line.positions, position)
            if first < len(line.positions):
                firsts[state] = (line.positions[first], line.before[first])
        ascending = sorted(firsts.items(), key=lambda item: item[1][0])
        for state, (changed, before) in reversed(ascending):
            whole = state.within()
            if whole is None or whole not in firsts or changed <= firsts[whole][0]:
                yield state, before

    def _told(self, position: int) -> list[str]:
        """The deeds from `position` on, each kind once."""
        sums: dict[int, list[int]] = {}
        for index in range(bisect_left(self._positions, position), len(self._positions)):
            total = sums.setdefault(self._deeds[index], [0, 0])
            total[0] += 1
            total[1] += self._amounts[index]
        return [_phrase(*self._phrases[number], *total) for number, total in sums.items()]


def _phrase(verb: str, subject: str, times: int, amount: int) -> str:
    """ "wrote 42 bytes to standard output", "removed ./x", "started a process (3 times)"."""
    if verb in _WAYS:
        return f"{verb} {amount} byte{'s' * (amount != 1)} {_WAYS[verb]} {subject}"
    again = f" ({times} times)" if times > 1 else ""
    return f"{verb} {subject}".strip() + again
