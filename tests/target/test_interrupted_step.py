"""A step over a system call that blocks is interrupted: its trap is not left behind, whatever the process does next.

The kernel raises the trap on the way out of the call, but tells of the interrupt first.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from rdb.events import Resume, Signalled, Stop
from rdb.linux import procfs, ptrace, threads
from tests.target.debugged import Debugged

Start = Callable[..., Debugged]
THREADS = 6
INTERRUPTED = (Signalled(signal.SIGINT),)
STEP = Resume(step=True)


def goes(debugged: Debugged, request: Resume, action: Callable[[], None]) -> Stop:
    """Resume, do something from a signal handler as soon as every thread sleeps in a call, and wait for the stop."""
    target = debugged.target

    def look(number: int, frame: object) -> None:
        if all(procfs.thread_state(target.pid, thread) == "S" for thread in target.threads()):
            signal.setitimer(signal.ITIMER_REAL, 0)
            action()

    previous = signal.signal(signal.SIGALRM, look)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
        return debugged.go(request)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def asleep(start: Start) -> Debugged:
    """The program, with every thread asleep, the current one by a step that has been interrupted."""
    debugged = start("sleep")
    debugged.until("alive", THREADS)
    for request in (Resume(), STEP):
        assert goes(debugged, request, debugged.target.interrupt) == Stop(INTERRUPTED, debugged.target.pid)
    return debugged


def numbers(stop: Stop) -> list[int]:
    return [each.number for each in stop.reasons if isinstance(each, Signalled)]


def test_going_on(start: Start) -> None:
    debugged = asleep(start)
    target = debugged.target
    for _ in range(3):
        assert numbers(goes(debugged, Resume(), lambda: os.kill(target.pid, signal.SIGUSR2))) == [signal.SIGUSR2]
        assert goes(debugged, STEP, target.interrupt).reasons == INTERRUPTED


def test_another_thread_stops_meanwhile(start: Start) -> None:
    """The step is interrupted for the sake of whoever has something to tell."""
    debugged = asleep(start)
    target = debugged.target
    other = target.threads()[-1]
    stop = goes(debugged, STEP, lambda: threads.send(target.pid, other, signal.SIGUSR1))
    assert stop.thread == other and numbers(stop) == [signal.SIGUSR1]
    assert goes(debugged, Resume(), target.interrupt).reasons == INTERRUPTED


def test_being_let_go(start: Start) -> None:
    target = asleep(start).target
    target.detach()
    os.kill(target.pid, signal.SIGTERM)
    assert os.waitpid(target.pid, 0)[1] == signal.SIGTERM


def test_a_trap_that_somebody_has_sent_is_told(start: Start) -> None:
    """Even if it is there in the same moment as the interrupt."""
    debugged = asleep(start)
    threads.send(debugged.target.pid, debugged.target.thread, signal.SIGTRAP)
    ptrace.interrupt(debugged.target.thread)
    reason = debugged.go(STEP).reason(Signalled)
    assert reason is not None and reason.number == signal.SIGTRAP and reason.code < 0
