"""Signals that would come too fast are held back, so that the program gets on.

A program under recording is slower than life, the clock is not: where the handler of a timer takes longer than the timer's
period, the next signal would always be there when the handler returns, and nothing but the handler would ever run.  So after a
delivery, and after the return from a handler, the signals that are passed without a stop wait until the thread has executed
`patience` instructions, in the handler or outside of it, or has made a system call that sleeps or has to do with signals.

They wait where blocked signals do: the thread's mask has them in addition.  So the kernel keeps them as it does for any program
that is not fast enough: none is lost that it would not merge anyway, their order is its own, and a timer counts its overruns.

Invariants:
* The program never finds out.  A call that has to do with masks or pending signals is entered with ours, so that it begins for
  sure, and gets the program's before it does anything; what is pending comes when it is done.  Children get the program's.
* Nobody sleeps in a call while signals are held: a thread that does is brought back to the call, which it makes again with its
  own mask.
* At a stop nothing is held: masks, like all that is looked at, are the program's.
* Faults are not held, nor what stops the program by default, nor SIGINT.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Collection

from rdb.errors import PtraceFailed
from rdb.linux import ptrace
from rdb.linux.inject import FAULTS
from rdb.record.single_step import SingleStepRecorder

_AT_ONCE = frozenset(
    (*FAULTS, signal.SIGSYS, signal.SIGINT, signal.SIGKILL, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
)
# The calls that end a handler, and those that set the mask.
RETURNS = ("rt_sigreturn", "sigreturn")
_SET_MASK = ("rt_sigprocmask", "sigprocmask", "ssetmask")
# The calls that look at the mask or at what is pending, that have a mask of their own, or that hand a mask on; and those by which
# a program signals itself, which return when the handler has run.
_CONCERNED = (
    "rt_sigprocmask", "sigprocmask", "sgetmask", "ssetmask", "rt_sigpending", "sigpending", "rt_sigsuspend", "sigsuspend",
    "rt_sigtimedwait", "rt_sigtimedwait_time64", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "epoll_pwait",
    "epoll_pwait2", "io_pgetevents", "io_pgetevents_time64", "io_uring_enter", "kill", "tkill", "tgkill", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo", "pidfd_send_signal", "execve", "execveat",
)  # fmt: skip


class HeldSignals:
    """Holds signals back from the thread that `recorder` stands for; `silent` are those that are passed without a stop."""

    def __init__(self, recorder: SingleStepRecorder) -> None:
        self.recorder = recorder
        self.patience = 0
        self.silent: Collection[int] = frozenset()
        # How many instructions a thread has yet to execute, since which position, and the program's mask where it has ours.
        self._rest: dict[int, int] = {}
        self._since: dict[int, int] = {}
        self._masks: dict[int, bytes] = {}
        # The threads that are in a handler, or have left the last one by a jump.
        self._handling: set[int] = set()

    @property
    def _thread(self) -> int:
        return self.recorder.stepper.pid

    @property
    def is_on(self) -> bool:
        """Whether signals are held back from the thread now."""
        return self._thread in self._masks

    def mask(self) -> bytes:
        """The signals that the program has blocked in the thread."""
        return self._masks.get(self._thread) or ptrace.signal_mask(self._thread)

    def concerns(self, name: str | None) -> bool:
        """Whether a system call must have the program's own mask."""
        return name in _CONCERNED

    def leaves_handler(self, name: str | None) -> bool:
        """Whether the thread may leave a handler by a system call: it returns, or is in siglongjmp(3), which sets the mask."""
        return name in RETURNS or (name in _SET_MASK and self._thread in self._handling)

    # -- when

    def entered(self) -> None:
        """A handler has been entered."""
        self._handling.add(self._thread)
        self.begin()

    def begin(self) -> None:
        """The thread is to get on before the next signal comes."""
        self._rest[self._thread], self._since[self._thread] = self.patience, self.recorder.log.high

    def spend(self, instructions: int) -> None:
        """The thread has executed so many, up to the newest position."""
        if self._thread in self._rest:
            self._rest[self._thread] -= min(instructions, self.recorder.log.high - self._since[self._thread])
            if self._rest[self._thread] <= 0:
                del self._rest[self._thread]

    def hold(self, limit: int) -> int:
        """The thread is about to execute up to `limit` instructions: hold signals back if it is time to, and for how many."""
        rest = self._rest.get(self._thread)
        if rest is None:
            self.lift()
            return limit
        if not self.is_on:
            self.put(ptrace.signal_mask(self._thread))
        return min(limit, rest)

    def end(self) -> None:
        """What is pending may come at once."""
        self._rest.pop(self._thread, None)
        self.lift()

    def forget(self) -> None:
        """The program goes on from its past."""
        self._rest.clear()
        self._handling.clear()

    def ended(self, thread: int) -> None:
        """A thread is no more."""
        for each in (self._rest, self._since, self._masks):
            each.pop(thread, None)
        self._handling.discard(thread)

    # -- masks

    def put(self, mask: bytes) -> None:
        """Hold signals back; the program has blocked those of `mask`."""
        held = sum(1 << number - 1 for number in self.silent if number not in _AT_ONCE)
        if held:
            ptrace.set_signal_mask(self._thread, (int.from_bytes(mask, "little") | held).to_bytes(len(mask), "little"))
            self._masks[self._thread] = mask

    def lift(self) -> None:
        """The thread has its own mask again."""
        mask = self._masks.pop(self._thread, None)
        if mask is not None:
            ptrace.set_signal_mask(self._thread, mask)

    def lift_all(self) -> None:
        """All threads have their own masks again."""
        for thread, mask in self._masks.items():
            with contextlib.suppress(PtraceFailed):  # it has ended
                ptrace.set_signal_mask(thread, mask)
        self._masks.clear()

    # -- in a system call

    def enter(self, to_call: Callable[[], int]) -> int:
        """Take the thread, which has our mask, into the call that it is about to make, and give it its own there.

        `to_call` makes it run to where a call begins or ends; the answer is the status, ptrace.IN_CALL if all is well.
        """
        status = to_call()
        if status == ptrace.IN_CALL:
            self.end()
        return status

    def come_back(self, name: str | None, to_call: Callable[[], int]) -> int:
        """Take the thread through a call by which it leaves a handler; what is pending then does not come at once."""
        status = to_call()
        if status == ptrace.IN_CALL:
            self.lift()
            status = to_call()
        if status == ptrace.IN_CALL:
            self.put(ptrace.signal_mask(self._thread))
            self.begin()
            if name in RETURNS:
                self._handling.discard(self._thread)
        return status
