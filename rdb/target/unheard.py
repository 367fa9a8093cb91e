"""Ctrl-C while the program has the terminal and does not hear it.

The terminal sends SIGINT to the program then, not to us (termios(3), ISIG).  A program that blocks SIGINT, or is stopped by job
control, does not take it, and nothing would tell us.  But the signal stays pending, so a thread of ours looks for that some
times a second while the program runs.

One look is not enough: the signal may be about to be taken.

A pending signal is not sent again: while one waits, no further Ctrl-C is noticed.  So whoever has answered it takes it out of the
program, which would stop for it once more, much later (`answered`).
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

from rdb.errors import NoProcess
from rdb.linux import procfs

# In seconds.
_PERIOD = 0.02


class Unheard:
    """Calls `noticed`, in a thread of its own, when a SIGINT has come for process `pid` that is not taken."""

    def __init__(self, pid: int, noticed: Callable[[], None]) -> None:
        self._pid, self._tell = pid, noticed
        self._looking = threading.Event()
        self._thread: threading.Thread | None = None
        # One that was there from the beginning is no news.
        self._known = self._is_pending()
        self._noticed = self._closed = False

    def begin(self) -> None:
        """The program is about to run; a signal that has been noticed and is waiting still is no news."""
        self._known = self._known and self._is_pending()
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, daemon=True)
            self._thread.start()
        self._looking.set()

    def end(self) -> None:
        """The program has stopped."""
        self._looking.clear()

    def answered(self) -> bool:
        """A stop is told of; whether it answers a signal that was noticed, which the program may not have taken still."""
        noticed, self._noticed = self._noticed, False
        return noticed

    def close(self) -> None:
        self._closed = True
        self._looking.set()

    def _look(self) -> None:
        waits = False
        while self._looking.wait() and not self._closed:
            time.sleep(_PERIOD)
            waited, waits = waits, not self._known and self._is_pending()
            if self._looking.is_set() and waited and waits:
                self._known = self._noticed = True
                self._tell()

    def _is_pending(self) -> bool:
        try:
            return procfs.is_pending(self._pid, signal.SIGINT)
        except NoProcess:
            return False
