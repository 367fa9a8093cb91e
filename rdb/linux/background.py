"""Work that nobody waits for, done by a process of its own.

The process is nobody's child: it is forked twice and the one in between is reaped at once, so no wait of the debugger's ever
meets it.  It has no terminal to write to, takes no signals from one, leaves the CPU to others, and takes with it a copy of all
that the caller has in memory.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable

_NICE = 10


def in_background(work: Callable[[], object]) -> None:
    """Have `work` done; its result, and whatever it raises, is lost.  Where no process can be made it is not done."""
    with contextlib.suppress(OSError):
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            return
        try:
            if not os.fork():
                _do(work)
        finally:
            os._exit(0)


def _do(work: Callable[[], object]) -> None:
    # A session of its own gets no signals from the terminal.
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    os.closerange(3, nothing)
    os.closerange(nothing + 1, os.sysconf("SC_OPEN_MAX"))
    os.nice(_NICE)
    work()
