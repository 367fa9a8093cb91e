"""Ctrl-C while the program has the terminal and does not hear it.

The terminal sends SIGINT to the program then, not to us (termios(3), ISIG).  A program that blocks SIGINT, or is stopped by job
control, does not take it, and nothing would tell us.  But the signal stays pending, so a thread of ours looks for that a few
times a second while the program runs.

A pending signal is not sent again: until the program has taken the first, no further Ctrl-C is noticed.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

from rdb.errors import NoProcess
from rdb.linux import procfs

# In seconds.
_PERIOD = 0.2


class Unheard:
    """Calls `noticed`, in a thread of its own, when a SIGINT has come for process `pid` that is not taken."""

    def __init__(self, pid: int, noticed: Callable[[], None]) -> None:
        self._pid, self._noticed = pid, noticed
        self._looking = threading.Event()
        self._thread: threading.Thread | None = None
        self._known = self._closed = False

    def begin(self) -> None:
        """The program is about to run; a signal that has been waiting since long is no news."""
        self._known = self._is_pending()
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, daemon=True)
            self._thread.start()
        self._looking.set()

    def end(self) -> None:
        """The program has stopped."""
        self._looking.clear()

    def close(self) -> None:
        self._closed = True
        self._looking.set()

    def _look(self) -> None:
        while self._looking.wait() and not self._closed:
            time.sleep(_PERIOD)
            if self._looking.is_set() and not self._known and self._is_pending():
                self._known = True
                self._noticed()

    def _is_pending(self) -> bool:
        try:
            return procfs.is_pending(self._pid, signal.SIGINT)
        except NoProcess:
            return False
