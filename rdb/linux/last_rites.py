"""The ends of threads that nobody waits for, while somebody waits for the leader of their process.

The kernel tells of a leader's end only when the ends of all other threads have been taken (ptrace(2), "Death under ptrace").
Whoever steps the leader waits for the leader alone, and so does who knows of no other thread because the first is being made;
when the process is killed in that moment, that would be for ever.  So a system thread of ours looks now and then whether this has
happened, and takes the ends of the others.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from rdb.errors import NoProcess
from rdb.linux import procfs, ptrace

_PAUSE = 0.1
_GONE = ("Z", "X", "")


class LastRites(threading.Thread):
    """For process `pid`, while `waits` says that the leader may be waited for alone; from `start` until `close`."""

    def __init__(self, pid: int, waits: Callable[[], bool]) -> None:
        super().__init__(name="rdb last rites", daemon=True)
        self._pid, self._waits = pid, waits
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(_PAUSE):
            with contextlib.suppress(NoProcess):
                threads = procfs.threads(self._pid)
                if len(threads) > 1 and all(procfs.thread_state(self._pid, each) in _GONE for each in threads) and self._waits():
                    self._take(threads)

    def _take(self, threads: list[int]) -> None:
        for thread in threads:
            if thread != self._pid:
                with contextlib.suppress(ChildProcessError):
                    ptrace.look(thread)

    def close(self) -> None:
        self._over.set()
