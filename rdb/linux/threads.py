"""The traced threads of one process: which there are, which of them run, and what they report.

A thread is in one of two states.  It *runs* from the moment it is set going by `go`, until its next status is taken by `wait`
(or `collect`, `look`); a thread whose end is awaited counts as running.  Otherwise it *stands*, and ptrace can reach it.

Invariants:
* Statuses are taken only for threads of this process, whatever other children this Python process has: `wait` looks who is first
  in the kernel's list without taking anything, and where that is a stranger it asks for each of ours.
* A new thread is known when the status of its parent that tells of it has been taken, or its own first one, whichever comes
  first.  It is born standing; its first status, INTERRUPTED, comes out of `wait` like any other.
* A thread other than the leader that ends is forgotten when its end has been taken.  A leader that ends before the others cannot
  be waited for (ptrace(2), "Execve under ptrace"; wait(2)): it is found to be a zombie, and leaves `ids`; its status is that of
  the whole process, and comes last.
* exec leaves one thread, the one that has called it, with the id of the leader: the other threads end, of which `gone` is told.
  The leader's own end and the old id of the caller are told to nobody.
* An INTERRUPTED that nobody asked for may come at any time, since a thread may stop for something else while it is being
  interrupted.  It means nothing: set the thread going again as it was going.

All threads must be traced by seizing, by the system thread that asks, with Option.CLONE inherited from the first.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from rdb.errors import NoProcess, PtraceFailed
from rdb.linux import procfs, ptrace
from rdb.linux.ptrace import Event, Option

_libc = ctypes.CDLL(None)
# A thread, and what waitpid says of it.
Status = tuple[int, int]
# What every process under rdb is traced with.
OPTIONS = Option.SYSGOOD | Option.FORK | Option.VFORK | Option.VFORKDONE | Option.CLONE | Option.EXEC

_ENDED_OR_STOPPED = os.WEXITED | os.WSTOPPED | ptrace.WAIT_ALL
_ENDS = (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED)
# Where waiting means asking again and again: the first and the longest pause, in seconds.
_PAUSE, _LONGEST_PAUSE = 0.0001, 0.01
# So often is asked before the first pause; a single step takes some ten microseconds.
_AT_ONCE = 20


class Threads:
    """The threads of process `pid`; `ids` in the order in which they came, all standing."""

    def __init__(self, pid: int, ids: Iterable[int] = ()) -> None:
        self.pid = pid
        self.ids = list(ids) or [pid]
        self.running: set[int] = set()
        self.born: Callable[[int], None] = lambda thread: None
        self.gone: Callable[[int], None] = lambda thread: None
        # Who is stepped, and waited for alone, while it has the turn.
        self.in_turn: int | None = None
        self._taken: deque[Status] = deque()

    # -- making them go

    def go(self, thread: int, request: Callable[[int, int], None], number: int = 0) -> None:
        """Set a standing thread going by ptrace.cont or ptrace.step; one that was killed meanwhile is going to its end."""
        try:
            request(thread, number)
        except PtraceFailed as failed:
            if not is_killed(failed):
                raise
        self.running.add(thread)

    def listen(self, thread: int) -> None:
        """Let a thread that stands for job control be stopped, as it would be without us."""
        self.go(thread, lambda thread, number: ptrace.listen(thread))

    def interrupt(self, thread: int) -> None:
        """Make a running thread report something soon: INTERRUPTED, if nothing else; safe in a signal handler."""
        try:
            ptrace.interrupt(thread)
        except PtraceFailed:
            pass  # it has ended

    # -- what they report

    def wait(self, timeout: float | None = None) -> Status | None:
        """The next status of any thread, and whose it is.

        None when nothing was reported within `timeout` seconds, or no running thread is left but a leader that has ended.
        """
        if not self._taken and self.ids == [self.pid] and timeout is None:
            return self._took(self.pid, ptrace.wait(self.pid))
        while not self._taken and timeout is None and not self._only_leader_runs():
            thread = os.waitid(os.P_ALL, 0, _ENDED_OR_STOPPED | os.WNOWAIT).si_pid  # type: ignore[union-attr]
            if not self._recognises(thread):
                break
            status = self.look(thread)
            if status is not None:
                return thread, status
        return self._taken.popleft() if self._taken else self._ask_all(timeout)

    def look(self, thread: int) -> int | None:
        """The status of one thread if it has one that was not taken yet; does not wait."""
        status = ptrace.look(thread)
        return self._took(thread, status)[1] if status is not None else None

    def collect(self, thread: int, timeout: float | None = None) -> int | None:
        """Wait for one running thread; its status, or None for a leader that has ended while others live.

        None also when nothing was reported within `timeout` seconds.
        """
        if timeout is None and (thread != self.pid or len(self.ids) == 1):
            return self._took(thread, ptrace.wait(thread))[1]
        found = self._ask([thread], timeout)
        return found[1] if found else None

    def collect_from_exec(self, thread: int) -> int:
        """Wait for a thread that calls exec: its status if it comes back as itself, else the leader's, which it has become.

        The kernel waits for the other threads to be gone, so their ends are taken; what else they report is left to be taken.
        """
        pauses = _pauses()
        while True:
            for each in {thread, self.pid, *self.ids}:
                status = self._look_again(each) if each == thread else self._look_for_end(each)
                if status is not None and each in (thread, self.pid):
                    return status
            if pause := next(pauses):
                time.sleep(pause)

    def _look_for_end(self, thread: int) -> int | None:
        """The status of a thread if it tells that it has ended, or become another program."""
        with contextlib.suppress(ChildProcessError):
            found = os.waitid(os.P_PID, thread, _ENDED_OR_STOPPED | os.WNOWAIT | os.WNOHANG)
            if found is not None and (found.si_code in _ENDS or found.si_status >> 8 == Event.EXEC):
                return self.look(thread)
        return None

    def adopt(self, thread: int) -> None:
        """A thread was made by one that somebody else has stepped: wait until it stands, and tell nobody that it does."""
        self._adopt(thread)
        self._taken = deque(status for status in self._taken if status[0] != thread)

    def end(self) -> int:
        """The process is ending: wait until it is gone; the status of it as a whole, which comes after those of the threads."""
        with contextlib.suppress(NoProcess):
            while others := [thread for thread in procfs.threads(self.pid) if thread != self.pid]:
                for thread in others:
                    with contextlib.suppress(ChildProcessError):
                        self._took(*os.waitpid(thread, ptrace.WAIT_ALL))
        return self._took(self.pid, ptrace.wait(self.pid))[1]

    def settle(self, thread: int) -> int | None:
        """Take a thread that stands at an event inside a system call to where it is about to return from it.

        From there a step executes an instruction; from the event it would only end the call.  The answer is the status, which is
        INTERRUPTED unless the thread was killed.
        """
        self.interrupt(thread)
        self.go(thread, ptrace.cont)
        return self.collect(thread)

    def stop_all(self) -> list[Status]:
        """Bring every running thread to a stand; all that was reported on the way, oldest first."""
        for thread in self.running:
            self.interrupt(thread)
        statuses = []
        while self.running or self._taken:
            found = self.wait()
            if found is not None:
                statuses.append(found)
        return statuses

    def kill(self) -> None:
        """End the process and wait until it is gone; the leader's end is told after those of the others."""
        with contextlib.suppress(ProcessLookupError, ChildProcessError, NoProcess):
            os.kill(self.pid, signal.SIGKILL)
            while others := [thread for thread in procfs.threads(self.pid) if thread != self.pid]:
                for thread in others:
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(thread, ptrace.WAIT_ALL)
            while os.WIFSTOPPED(os.waitpid(self.pid, ptrace.WAIT_ALL)[1]):
                os.kill(self.pid, signal.SIGKILL)

    def waits_for_leader(self) -> bool:
        """Whether whoever waits may wait for the leader alone."""
        return self.ids == [self.pid] or self.in_turn == self.pid

    def is_blocked(self, thread: int) -> bool:
        """Whether a running thread waits for something inside a system call."""
        return procfs.thread_state(self.pid, thread) in ("S", "D")

    def is_ours(self, task: int) -> bool:
        """Whether a task is a thread of this process and not another process."""
        return task in self.ids or os.path.exists(f"/proc/{self.pid}/task/{task}")

    # -- how it is done

    def _took(self, thread: int, status: int) -> Status:
        """Keep the books on a status that has just been taken."""
        self.running.discard(thread)
        if not os.WIFSTOPPED(status):
            if thread in self.ids:
                self._forget(thread, tell=thread != self.pid)
        elif status >> 16 == Event.CLONE:
            try:
                self._adopt(ptrace.event_message(thread))
            except PtraceFailed:
                pass  # killed meanwhile, and so is the new one
        elif status >> 16 == Event.EXEC:
            self._only_one_left()
        return thread, status

    def _only_one_left(self) -> None:
        """A thread has executed a program, and goes on as the leader."""
        caller = ptrace.event_message(self.pid)  # what its id was (ptrace(2), PTRACE_EVENT_EXEC)
        for other in [each for each in self.ids if each != self.pid]:
            self._forget(other, tell=other != caller)
        self.ids, self._taken = [self.pid], deque()
        self.running.clear()

    def _adopt(self, thread: int) -> None:
        """A thread has been made: wait until it is there; it stands when it is told of."""
        if thread in self.ids or not self.is_ours(thread):
            return
        status = ptrace.wait(thread)
        self._know(thread)
        self._taken.append(self._took(thread, status))

    def _know(self, thread: int) -> None:
        self.ids.append(thread)
        self.born(thread)

    def _forget(self, thread: int, tell: bool = True) -> None:
        self.running.discard(thread)
        if thread not in self.ids:
            return
        self.ids.remove(thread)
        if tell:
            self.gone(thread)

    def _recognises(self, thread: int) -> bool:
        """Whether a status is that of one of our threads; the first that a new one reports makes it known."""
        if thread in self.ids or thread == self.pid:
            return True
        if self.is_ours(thread):
            self._know(thread)
            return True
        return False

    def _only_leader_runs(self) -> bool:
        return self.running == {self.pid} and len(self.ids) > 1

    def _ask_all(self, timeout: float | None) -> Status | None:
        return self._ask([*self.ids] if self.pid in self.ids else [self.pid, *self.ids], timeout)

    def _ask(self, threads: list[int], timeout: float | None) -> Status | None:
        """Ask for the statuses of `threads` until one has come, for whatever else there is may not be taken."""
        end = time.monotonic() + timeout if timeout is not None else None
        pauses = _pauses()
        while True:
            for thread in threads:
                status = self._look_again(thread)
                if status is not None:
                    return thread, status
            if self._leader_left(threads) or (end is not None and time.monotonic() > end):
                return None
            if pause := next(pauses):
                time.sleep(pause)

    def _look_again(self, thread: int) -> int | None:
        try:
            return self.look(thread)
        except ChildProcessError:
            return None  # an exec in another thread has ended this one, without a status

    def _leader_left(self, asked: list[int]) -> bool:
        """Whether the leader has ended alone, and nobody else runs or is asked: its end is told with the last thread's."""
        if (self._only_leader_runs() or asked == [self.pid] != self.ids) and procfs.thread_state(self.pid, self.pid) == "Z":
            self._forget(self.pid)
            return True
        return False


def _pauses() -> Iterator[float]:
    """How long to wait between two questions, in seconds."""
    yield from [0] * _AT_ONCE
    pause = _PAUSE
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE)


def is_killed(failed: PtraceFailed) -> bool:
    """Whether a request failed because a thread that stood is on its way to its end: killed, or left behind by exec or exit."""
    return failed.errno == errno.ESRCH


def send(pid: int, thread: int, number: int) -> None:
    """Send a signal to one thread (tgkill(2)); one that has ended gets none."""
    _libc.tgkill(pid, thread, number)


def attach(pid: int) -> tuple[Threads, list[Status]]:
    """Trace all threads of a running process and bring them to a stand; what they reported on the way.

    A thread that comes while we attach is traced from its birth if its parent is; it is found in /proc if not.  So the list there
    is read until there is nobody in it who is not traced.  Raises PtraceFailed when the process may not be traced, NoProcess when
    there is none.
    """
    ptrace.seize(pid, OPTIONS)
    threads = Threads(pid)
    tried = {pid}
    while True:
        new = [thread for thread in procfs.threads(pid) if thread not in tried]
        tried.update(new)
        seized = [thread for thread in new if _seize(thread)]
        if not seized:
            break
        threads.ids += seized
    threads.running.update(threads.ids)
    return threads, threads.stop_all()


def _seize(thread: int) -> bool:
    """Trace a thread; whether that was still to be done: it may have ended, or be the child of one that is traced."""
    try:
        ptrace.seize(thread, OPTIONS)
    except PtraceFailed:
        return False
    return True
