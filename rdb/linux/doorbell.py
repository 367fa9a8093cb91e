"""Waiting, for a traced thread or for input, without sleeping through a signal.

Python runs a signal's handler between two instructions of its own.  A signal that comes when a system call is about to be
entered, or that the kernel gives to another system thread of ours, is noted, but wakes nobody: the handler would run when there
is something to wait for no more, perhaps never.

Whoever waits for input waits for a pipe too, into which Python writes as soon as it notes a signal (signal.set_wakeup_fd).

waitpid(2) does not look at pipes.  So while somebody waits for a thread a system thread of ours rings now and then: it sends the
one that waits a signal that does no more than end the system call, which Python makes again after it has run the handlers that
are due.

SIGURG is what rings: by default it is ignored.  Its handler stays once it is there, for a signal may come late.  Where somebody
else uses it, and in any but the main system thread, where no handlers run, nothing rings.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

# In seconds: so long, at most, a handler has to wait.
_PERIOD = 0.05


class _Bell:
    """Rings in the main system thread while `waited` is set, which calls the newest of `listeners`."""

    waited = threading.Event()
    listeners: list[Callable[[], None]] = []
    thread: threading.Thread | None = None


@contextlib.contextmanager
def answered(heard: Callable[[], None]) -> Iterator[None]:
    """Meanwhile system calls do not last, and `heard` is called some times a second, in a signal handler."""
    if threading.current_thread() is not threading.main_thread() or not _is_free():
        yield
        return
    if _Bell.thread is None:
        signal.signal(signal.SIGURG, _rung)
        _Bell.thread = threading.Thread(target=_ring, args=(threading.get_ident(),), name="rdb doorbell", daemon=True)
        _Bell.thread.start()
    _Bell.listeners.append(heard)
    _Bell.waited.set()
    try:
        yield
    finally:
        _Bell.listeners.pop()
        if not _Bell.listeners:
            _Bell.waited.clear()


def _is_free() -> bool:
    """Whether nobody else uses the signal."""
    return signal.getsignal(signal.SIGURG) in (signal.SIG_DFL, signal.SIG_IGN, _rung)


def _rung(number: int, frame: FrameType | None) -> None:
    if _Bell.listeners:
        _Bell.listeners[-1]()


def _ring(waiting: int) -> None:
    while _Bell.waited.wait():
        time.sleep(_PERIOD)
        if _Bell.waited.is_set():
            signal.pthread_kill(waiting, signal.SIGURG)


def wait_for_input(file: int) -> None:
    """Wait until a file can be read; the handlers of signals that come meanwhile run at once, and may raise."""
    if select.select([file], [], [], 0)[0]:
        return
    if threading.current_thread() is not threading.main_thread():
        select.select([file], [], [])
        return
    with contextlib.closing(_Pipe()) as pipe:
        ready: list[int] = []
        while file not in ready:
            ready, _, _ = select.select([file, pipe.reads], [], [])
            if pipe.reads in ready:
                os.read(pipe.reads, select.PIPE_BUF)


class _Pipe:
    """Where Python writes when a signal comes, until it is closed."""

    def __init__(self) -> None:
        self.reads, self._writes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before = signal.set_wakeup_fd(self._writes, warn_on_full_buffer=False)

    def close(self) -> None:
        signal.set_wakeup_fd(self._before)
        os.close(self.reads)
        os.close(self._writes)
