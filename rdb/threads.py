"""The threads of the program as the user sees them: numbers 1, 2, 3… in the order in which they came, never used twice.

The system knows a thread by its id, which it may give away again once the thread has ended; the user knows it by its number.  A
thread that has ended keeps its entry, because a recorded past shows it again, under its old number.  Which threads exist at the
moment that is looked at is the target's knowledge, not this table's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass


@dataclass
class Thread:
    """What is kept of a thread: `given_name` is the user's name for it, `pointer` its pthread_t and `system_name` its name in
    the system as they were last seen (0 and empty when they never were)."""

    number: int
    tid: int
    given_name: str | None = None
    pointer: int = 0
    system_name: str = ""
    ended: bool = False


@dataclass(frozen=True)
class ThreadInfo:
    """A thread that exists at the moment that is looked at.

    `tid` is the system's id and `target_id` what GDB calls it: "Thread 0x7ffff7d8a6c0 (LWP 123)" with a pthread_t, else
    "LWP 123", or "process 123" for the only thread of a process that has none.  `given_name` is the user's name for it.
    """

    number: int
    tid: int
    target_id: str
    system_name: str
    given_name: str | None
    current: bool

    @property
    def name(self) -> str:
        return self.system_name if self.given_name is None else self.given_name


class Threads:
    """All threads that this run of the program has had, by the order in which they came."""

    def __init__(self) -> None:
        self._by_tid: dict[int, Thread] = {}
        self._last_number = 0

    def __iter__(self) -> Iterator[Thread]:
        return iter(list(self._by_tid.values()))

    @property
    def several(self) -> bool:
        """Whether there has ever been a second thread: from then on GDB says of each stop which thread it is about."""
        return self._last_number > 1

    def begin(self, tids: Iterable[int]) -> None:
        """A program begins to be debugged, with these threads."""
        self._by_tid.clear()
        self._last_number = 0
        for tid in tids:
            self.came(tid)

    def keep(self, tids: Collection[int]) -> None:
        """The process executes another program: only these threads are left."""
        for thread in self:
            thread.ended |= thread.tid not in tids

    def came(self, tid: int) -> Thread:
        """A thread has come; one that is known is known already, unless it had ended: then the system has used its id again."""
        known = self._by_tid.get(tid)
        if known is not None and not known.ended:
            return known
        self._last_number += 1
        self._by_tid.pop(tid, None)
        thread = self._by_tid[tid] = Thread(self._last_number, tid)
        return thread

    def ended(self, tid: int) -> Thread:
        """A thread has ended."""
        thread = self.of(tid)
        thread.ended = True
        return thread

    def of(self, tid: int) -> Thread:
        """The thread that the system calls `tid`, living or not; one never heard of is taken in."""
        known = self._by_tid.get(tid)
        return known if known is not None else self.came(tid)
