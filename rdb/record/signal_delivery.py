"""Recording the delivery of a signal: the kernel builds a frame for the handler and changes registers.

The frame lies in one of two places, below the stack pointer or at the top of the alternate stack, and its size is bounded
(rdb.arch.base.SignalFrame); so that is what is compared, and all registers.  Afterwards the stack pointer must lie in one of the
places: a frame that was put elsewhere is noticed, and the record marked as a gap.

Invariants:
* Only a signal that starts a handler or ends the program is given to it.  One that is ignored, also by default, is dropped: the
  kernel would do the same, and execute an instruction that nobody has recorded.  Signals that stop a program by default are
  dropped too, since the debugger has stopped it already.
* A signal that the thread has blocked (the user sends one by `signal`) is left pending for it.
* What is known of the signal, its siginfo_t, is what it was when the thread stopped for it, whatever calls of ours the thread
  has made since.
* A single step of a thread that has SIGTRAP blocked, as its handler has, takes the handler of SIGTRAP away; it is given back
  when the handler returns and before a SIGTRAP is delivered.
* A handler that was set for once is gone when it is entered; the ledger knows what it was.
* A call that waits with a mask of its own (sigsuspend, ppoll) has the handler begin with that mask.  The kernel forgets it when
  somebody sets the thread's mask, as each call of ours does; then the thread is made to wait once more (`_wait_again`).
* `altstacks` is what the kernel has for each thread.  It is asked when nothing can be disturbed: when recording begins and after
  the calls that change it, not between the arrival of a signal and its delivery.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence

from rdb.arch.base import Bank
from rdb.arch.linux.structures import Abi
from rdb.errors import PtraceFailed
from rdb.linux import procfs, ptrace, signal_state
from rdb.linux.inject import FAULTS, Injector
from rdb.linux.signal_state import AlternateStack
from rdb.linux.signals import ends_by_default
from rdb.linux.stepper import TRAPPED
from rdb.linux.threads import send
from rdb.record.comparison import Comparison, Stretches
from rdb.record.entry import Kind
from rdb.record.held_signals import RETURNS, HeldSignals
from rdb.record.interrupted_call import InterruptedCalls
from rdb.record.kernel_state import Disposition
from rdb.record.ledger import Ledger
from rdb.record.signal_states import SignalMask, SignalStack
from rdb.record.single_step import SingleStepRecorder

# <linux/auxvec.h>
_AT_MINSIGSTKSZ = 51
# <asm-generic/signal-defs.h>
_SIG_DFL, _SIG_IGN = 0, 1
# <asm-generic/siginfo.h>
_TRAP_TRACE, _SI_TKILL = 2, -6
# What an instruction raises that has not been executed.
_FAULTS = frozenset(FAULTS) - {signal.SIGTRAP}
# The calls after which the alternate stack may be another.
_CHANGE_STACK = ("sigaltstack", "rt_sigreturn")
# Other calls after which the mask may be another.
_CHANGE_MASK = ("rt_sigprocmask", "sigprocmask", "sigreturn", "ssetmask")
# The calls after which a signal may have another handler.
_CHANGE_ACTION = ("rt_sigaction", "sigaction", "signal")


class SignalDelivery:
    """Delivers signals to the thread that `recorder` records."""

    def __init__(
        self, recorder: SingleStepRecorder, injector: Injector, abi: Abi, ledger: Ledger, warn: Callable[[str], None]
    ) -> None:
        self.recorder, self.injector, self.abi, self.ledger, self.warn = recorder, injector, abi, ledger, warn
        self.calls = InterruptedCalls(recorder)
        self.held = HeldSignals(recorder)
        self.altstacks: dict[int, AlternateStack] = {}
        self._masks: dict[int, bytes] = {}
        self._size = self._largest()
        self._infos: dict[int, bytes] = {}
        self._kept: dict[int, bytes] = {}
        # The signals that a thread has blocked while it waits, where that is a mask of the call's own.
        self._waits: dict[int, int] = {}
        # What is known of the signals that were sent again, by thread and number.
        self._resent: dict[tuple[int, int], deque[bytes]] = {}
        self._undone: set[int] = set()
        self._trap_action = b""
        self.learn()

    @property
    def _thread(self) -> int:
        return self.recorder.stepper.pid

    @property
    def is_traced(self) -> bool:
        """Whether the program has set the CPU's trap flag itself, so that it gets a SIGTRAP after each instruction."""
        arch = self.recorder.arch
        return bool(self.recorder.register(arch.flags) & arch.trap_flag)

    def learn(self) -> None:
        """Ask for what the kernel has for the current thread, which must not be about to be given a signal."""
        self._masks[self._thread] = mask = self.held.mask()
        if not self._trap_action or not int.from_bytes(mask, "little") & signal_state.bit(signal.SIGTRAP):
            self._trap_action = signal_state.action(self.injector, self.abi, signal.SIGTRAP)
        self.altstacks[self._thread] = signal_state.alternate_stack(self.injector, self.abi)

    def _notice(self, stack: AlternateStack) -> None:
        """The newest record may have changed the mask, and the alternate stack, which is `stack` now."""
        thread, position = self._thread, self.recorder.log.high - 1
        mask, known = self.held.mask(), self._altstack()
        if mask != self._masks.get(thread, mask):
            self.ledger.remember(position, SignalMask(thread), self._masks[thread])
        if stack != known:
            self.ledger.remember(position, SignalStack(thread, self.abi), known)
        self._masks[thread], self.altstacks[thread] = mask, stack

    def called(self, name: str | None, arguments: Sequence[int]) -> None:
        """The thread has made this system call."""
        if name in RETURNS:
            self._set_trap_action()
        if name in _CHANGE_STACK:
            self._notice(signal_state.alternate_stack(self.injector, self.abi))
        elif name in _CHANGE_MASK:
            self._notice(self._altstack())
        elif name in _CHANGE_ACTION and arguments[0] == signal.SIGTRAP:
            self._trap_action = signal_state.action(self.injector, self.abi, signal.SIGTRAP)

    def is_trap(self) -> bool:
        """Whether the SIGTRAP with which the thread has stopped is by its instruction (int3), not by the single step."""
        return _code(ptrace.signal_info(self._thread)) != _TRAP_TRACE

    def came_with_call(self, status: int) -> bool:
        """Whether a signal has arrived together with the end of a system call; what is known of it is held.

        A SIGTRAP that the program sends to itself hides that of the step.
        """
        info = ptrace.signal_info(self._thread)
        signalled = status != TRAPPED or _code(info) <= 0
        self._kept.pop(self._thread, None)
        if signalled:
            self.keep()
        return signalled

    def keep(self) -> None:
        """The thread has stopped for a signal that is dealt with later: keep what is known of it."""
        thread = self._thread
        self._kept[thread] = ptrace.signal_info(thread)
        blocked = signal_state.sets(thread)[2]
        self._waits.pop(thread, None)
        if ptrace.signal_mask(thread) != blocked.to_bytes(ptrace.SIGSET_SIZE, "little"):
            self._waits[thread] = blocked

    def arrived(self) -> bytes:
        """The thread has stopped for a signal: the siginfo_t of it."""
        if self._thread not in self._kept:
            self.keep()
        self._infos[self._thread] = info = self._original(self._kept.pop(self._thread))
        self._undone.clear()
        if ptrace.signal_number(info) == signal.SIGTRAP and _code(info) > 0:
            # The program's own instruction has raised it; as a rule it is for the debugger, and never given to the program.
            self._note(signal.SIGTRAP, info)
        return info

    def left(self) -> None:
        """The user looks at the past: back in the present, an instruction that has failed fails again, and tells of it."""
        for info in self._infos.values():
            if ptrace.signal_number(info) in _FAULTS and _code(info) > 0:
                self._undone.add(ptrace.signal_number(info))

    def _original(self, info: bytes) -> bytes:
        """What was known of a signal that was sent again: they come in the order in which they came first."""
        known = self._resent.get((self._thread, ptrace.signal_number(info)))
        if not known:
            return info
        if not _is_ours(info):
            known.append(info)
        return known.popleft()

    def info(self, thread: int) -> bytes:
        """The siginfo_t of the signal that a thread has stopped for and has not got yet; b"" if there is none."""
        return self._infos.get(thread, b"")

    def change(self, thread: int, info: bytes) -> None:
        """The user changes what the thread will be told of that signal."""
        self._infos[thread] = info

    def drop(self) -> None:
        """The signal that has arrived was not for the program."""
        self._infos.pop(self._thread, None)

    def cut(self) -> None:
        """The program goes on from the past: no call is under way there, and what has arrived since has not."""
        self.calls.forget()
        self.held.forget()
        self._undone = {ptrace.signal_number(info) for info in self._infos.values()}
        self._infos.clear()
        self._masks.clear()
        for memory in (self._kept, self._waits, self._resent):
            memory.clear()

    def born(self, mask: bytes) -> None:
        """The thread has come, with this mask."""
        self._masks[self._thread] = mask

    def forget(self, thread: int) -> None:
        """A thread has ended: the kernel may use its id again."""
        for each in (self.altstacks, self._masks, self._infos):
            each.pop(thread, None)
        self.calls.ended(thread)
        self.held.ended(thread)

    def let_go(self) -> None:
        """Recording ends here: what is under way goes on without us."""
        self.calls.give_back()

    # -- delivering

    def deliver(self, number: int) -> int:
        """Deliver a signal, or drop it where it does nothing; a wait status, TRAPPED where recording may go on."""
        self.held.lift()
        info = self._infos.pop(self._thread, b"")
        if number in self._undone:
            self._undone.clear()
            return TRAPPED
        bit = signal_state.bit(number)
        if number == signal.SIGTRAP:
            self._set_trap_action()
        caught, ignored, blocked = signal_state.sets(self._thread)
        waited = self._waits.pop(self._thread, blocked)
        if waited != blocked and caught & bit and not waited & bit:
            self._wait_again(number, waited)
        elif blocked & bit:
            self._send(number)
            return TRAPPED
        if not caught & bit and (ignored & bit or not ends_by_default(number)):
            self._note(number, info)
            return TRAPPED
        places = self._places()
        comparison = Comparison(self.recorder, places, self.recorder.arch.registers.sizes[Bank.EXTENDED])
        self._give_back(number, info)
        self.calls.give_back()
        status = self.recorder.stepper.step(number)
        if os.WIFSTOPPED(status) and not comparison.unchanged():
            if status == TRAPPED:
                self._note(number, info)
                self.held.entered()
            self._commit(number, comparison, places, entered=status == TRAPPED)
        return status

    def _note(self, number: int, info: bytes) -> None:
        """The thread is given a signal here, if that is not known yet."""
        log = self.recorder.log
        thread, known = log.turns.number(self._thread, log.high), log.deliveries.at(log.high)
        if thread is not None and (known is None or (known.number, ptrace.signal_number(known.info)) != (thread, number)):
            log.deliveries.add(log.high, thread, _about(number, info))

    def stand_ready(self) -> int:
        """Have the thread stand where it can be given a signal, as it cannot where a system call ends."""
        self.injector.call("getpid")
        self.recorder.stepper.refresh()
        return TRAPPED

    def _set_trap_action(self) -> None:
        if signal_state.handler(self._trap_action, self.abi) <= _SIG_IGN:
            return
        caught, _, _ = signal_state.sets(self._thread)
        if not caught & signal_state.bit(signal.SIGTRAP):
            signal_state.set_action(self.injector, signal.SIGTRAP, self._trap_action)

    def _wait_again(self, number: int, blocked: int) -> None:
        """Have the thread stand in a wait of ours with the mask of its own wait, interrupted by a signal of this number.

        What comes before that is sent again and remembered; one of the same number may have taken the place of ours.
        """
        self._send(number)
        for info in self.injector.suspend(blocked.to_bytes(ptrace.SIGSET_SIZE, "little"), number):
            if not _is_ours(info):
                self._resent.setdefault((self._thread, ptrace.signal_number(info)), deque()).append(info)
                if ptrace.signal_number(info) != number or number < signal.SIGRTMIN:
                    self._send(ptrace.signal_number(info))

    def _send(self, number: int) -> None:
        """Send the thread a signal once more."""
        send(int(procfs.status(self._thread)["Tgid"]), self._thread, number)

    def _give_back(self, number: int, info: bytes) -> None:
        """Have the kernel deliver what has arrived, though the thread may have made calls of ours since."""
        if ptrace.signal_number(info) == number:
            with contextlib.suppress(PtraceFailed):
                ptrace.set_signal_info(self._thread, info)

    def _commit(self, number: int, comparison: Comparison, places: Stretches, entered: bool) -> None:
        sp = self._sp()
        expected = not entered or any(start <= sp < start + size for start, size in places)
        if not expected:
            self.warn(f"The frame of a signal handler lies at {sp:#x}, where it was not expected: it cannot be undone.")
        comparison.commit(Kind.SIGNAL, gap=not expected)
        if entered:
            self._notice(self._altstack().after_delivery())
            self._notice_reset(number)

    def _notice_reset(self, number: int) -> None:
        """The handler that has just been entered may have been one for once (SA_RESETHAND, sigaction(2)): it is none any more.

        The kernel has forgotten which function it was, and nothing else.
        """
        if number == signal.SIGTRAP:
            action = self._trap_action
            if signal_state.is_for_once(action, self.abi):
                self._trap_action = signal_state.with_handler(action, self.abi, _SIG_DFL)
        else:
            caught, _, _ = signal_state.sets(self._thread)
            if caught & signal_state.bit(number):
                return
            action = signal_state.action(self.injector, self.abi, number)
            action = signal_state.with_handler(action, self.abi, self.recorder.pc)
        if signal_state.is_for_once(action, self.abi):
            self.ledger.remember(self.recorder.log.high - 1, Disposition(number), action)

    # -- where the frame may be

    def _places(self) -> Stretches:
        sp, stack = self._sp(), self._altstack()
        tops = [sp - self.recorder.arch.signal_frame.red_zone]
        if stack.enabled and not stack.holds(sp):
            tops.append(stack.top)
        return [(max(top - self._size, 0), min(self._size, top)) for top in tops]

    def _altstack(self) -> AlternateStack:
        """A new thread has none."""
        return self.altstacks.get(self._thread, AlternateStack())

    def _sp(self) -> int:
        return self.recorder.register(self.recorder.arch.sp)

    def _largest(self) -> int:
        frame = self.recorder.arch.signal_frame
        told = procfs.auxiliary_vector(self._thread, self.abi.word).get(_AT_MINSIGSTKSZ)
        return told + frame.alignment if told else frame.largest


def _about(number: int, info: bytes) -> bytes:
    """The siginfo_t of a signal that is delivered; one that the user has sent in place of another has none of its own."""
    return info if ptrace.signal_number(info) == number else number.to_bytes(4, "little").ljust(len(info) or 128, b"\0")


def _is_ours(info: bytes) -> bool:
    """Whether a signal was sent by us, to a thread."""
    return _code(info) == _SI_TKILL and int.from_bytes(info[16:20], "little") == os.getpid()


def _code(info: bytes) -> int:
    """si_code: 0 or less for what a process has sent (SI_USER, SI_QUEUE, SI_TKILL)."""
    return int.from_bytes(info[8:12], "little", signed=True)
