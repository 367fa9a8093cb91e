"""How long turns last: in instructions, for each thread.

To change threads takes as long as thousands of instructions of translated code, so a slice is longer the longer the program runs
without a stop: it is doubled whenever a thread has used it up.  It is short again with the next resume; who stops at breakpoints
all the time sees all threads then.

A thread that goes round in a few blocks may wait for what another is to do, in a spin lock for instance.  Nobody can tell that
from work, so its slices grow too, but not so far.
"""

from __future__ import annotations

from collections.abc import Callable

# The first slice after a resume, and the only one by single steps: some twenty milliseconds then.
SLICE = 2048
# The longest ones of translated code: some milliseconds, and where threads may wait for each other less than one.
_LONGEST, _LONGEST_CIRCLING = 1 << 18, 1 << 15
# More than any slice.
_ALL = 1 << 62


class Slices:
    """`is_circling` says whether the thread in turn has been in a small loop lately.

    Slices grow only where that is set.  What a thread has spent counts over stops, until another has the turn.
    """

    def __init__(self) -> None:
        self.is_circling: Callable[[], bool] | None = None
        self._lengths: dict[int, int] = {}
        self._spender = self._spent = 0

    def begin(self) -> None:
        """The program is resumed."""
        self._lengths.clear()

    def rest(self, thread: int) -> int:
        """The instructions that are left of a thread's slice; none if it is less than one."""
        return self._length(thread) - (self._spent if self._spender == thread else 0)

    def spend(self, thread: int, instructions: int) -> None:
        """A thread has executed so many."""
        if self._spender != thread:
            self._spender, self._spent = thread, 0
        self._spent += instructions

    def give_way(self, thread: int) -> None:
        """A thread has no use for the rest of its slice."""
        self._spender, self._spent = thread, _ALL

    def end(self) -> None:
        """The turn of whoever has spent something is over."""
        thread = self._spender
        if self.is_circling is not None and self._length(thread) <= self._spent < _ALL:
            most = _LONGEST_CIRCLING if self.is_circling() else _LONGEST
            self._lengths[thread] = min(2 * self._length(thread), most)
        self._spender = self._spent = 0

    def _length(self, thread: int) -> int:
        return self._lengths.get(thread, SLICE)
