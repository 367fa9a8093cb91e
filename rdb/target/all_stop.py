"""How the threads of a process move: all at a time, or one alone; and how all stand when one has something to tell.

Between a wait and the next resume every thread stands, and the memory holds no trap of ours.  A resume

* tells again what could not be told last time: several threads may have had something to tell at once, and a stop is about one;
* takes each thread that stands on a breakpoint it was already told about off it, while the others stand and no trap is written;
* writes the traps and sets everybody going: the current thread by a step if one was asked for, the others freely.

Invariants:
* What a thread has reported is looked at when it is taken, once (`_look`): a breakpoint that was hit moves pc back then.  The
  reasons found are kept with the thread (`Standing.reasons`) until they are told, and dropped if they do not hold any more: the
  breakpoint or the watch is gone, or the thread has been taken elsewhere.
* A breakpoint is told once per arrival: a thread that has come to stand on one by being stopped there hits it when it runs on.
* While a thread steps off a breakpoint signals wait, so the instruction under the breakpoint is what is executed.
* A signal that stops the program by default, and that the user was told of, does not stop it again when it is resumed with that.
  One that passes silently does: job control holds the program until SIGCONT then.
* After a vfork only the parent runs until the child has left its memory, without traps; the others stand.
* A thread that cannot be reached although it stands has been killed: its end is waited for like anything else.
"""

from __future__ import annotations

import contextlib
import os
import signal as signals
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from rdb.arch.base import Arch
from rdb.events import (
    INTERRUPT,
    Accessed,
    AtBreakpoint,
    Reason,
    Resume,
    RunnerEnded,
    Signalled,
    Stepped,
    Stop,
    SystemCall,
    is_signal,
)
from rdb.linux import debug_registers, procfs, ptrace
from rdb.linux.inject import ALL_BUT_FAULTS, all_but
from rdb.linux.ptrace import INTERRUPTED, TRAPPED
from rdb.linux.signal_state import bit, sets
from rdb.linux.signals import stops_by_default
from rdb.linux.threads import Threads, send
from rdb.target.lookout import Lookout

# Signals that an instruction causes: they must be delivered to it, not behind it (signal(7)).
_FAULTS = (signals.SIGSEGV, signals.SIGBUS, signals.SIGFPE, signals.SIGILL, signals.SIGSYS, signals.SIGTRAP)
# What a thread stands with when we have made it stop; a Ctrl-C is answered by us.
_OUR_STOPS = (signals.SIGTRAP, signals.SIGSTOP, signals.SIGINT)
# How often to look for an interrupt while the program is stopped by job control, in seconds: it does not take signals then.
_LISTENING = 0.05
# How often to look whether a system call that is stepped over is done or waits, in seconds.
_CALL = 0.0002


class AllStop(Lookout):
    """Moves the threads of one process; all of them stand to begin with."""

    def __init__(self, threads: Threads, arch: Arch, memory: ptrace.Memory, tell: Callable[[Reason], None]) -> None:
        super().__init__(threads, arch, memory, tell)
        self._stop: Stop | None = None
        self._interrupted = self._waiting = False
        self._tracer = threading.get_native_id()

    # -- for the target

    def take_in(self, statuses: Iterable[tuple[int, int]]) -> None:
        """Look at what threads reported before they came here."""
        for thread, status in statuses:
            self._note(thread, status)
        for thread in self.threads.ids:
            standing = self._at(thread)
            if standing.group_stop and thread == self.current:
                standing.reasons = (Signalled(standing.group_stop),)

    def resume(self, request: Resume) -> None:
        """Set going what `request` asks for, unless something is left to be told."""
        self._request = request
        self._stepper = self.current if request.step else None
        self._at(self.current).signal = request.signal
        if self._only_stops(request.signal):
            self._end_stop_of_job_control()
        self._watched = {watch: self._peek(watch) for watch in self.watches}
        for thread in self.threads.ids:
            with self._unless_killed(thread):
                self._drop_what_is_stale(thread)
        self._stop = self._found(self.current)
        if self._stop is None:
            self._set_going()

    def _only_stops(self, number: int) -> bool:
        """Whether that is all that a signal would do."""
        return stops_by_default(number) and not sets(self.current)[0] & bit(number)

    def _end_stop_of_job_control(self) -> None:
        """The signal has stopped the program already, by us, and who resumes wants that to be over."""
        self._at(self.current).signal = 0
        for thread in self.threads.ids:
            self._at(thread).group_stop = 0

    def wait(self) -> Stop:
        """Wait until some thread has something to tell, and bring all to a stand."""
        self._waiting = True
        while self._stop is None:
            self._turn()
        stop, self._stop = self._stop, None
        interrupted, self._interrupted, self._waiting = self._interrupted, False, False
        if interrupted:
            stop = stop.interrupted()
        self.current = stop.thread
        if not stop.ended:
            standing = self._at(stop.thread)
            self.newborn, standing.newborn = standing.newborn, None
            with self._unless_killed(stop.thread):
                standing.told = self.pc(stop.thread)
        return stop

    def interrupt(self) -> None:
        """Make the wait end soon, now or when it begins; from any system thread, and from a signal handler.

        Among its reasons is a SIGINT then, whatever else has happened.  Signals of the program's cannot hinder that.  Only the
        system thread that traces can interrupt by ptrace; from others SIGSTOP is sent, which cannot be blocked, and is taken back
        when it arrives.
        """
        self._interrupted = True
        if threading.get_native_id() == self._tracer:
            for thread in tuple(self.threads.running):
                self.threads.interrupt(thread)
        elif self._waiting:
            self.send_stop()

    def interrupt_again(self) -> None:
        """For who waits: if an interrupt was asked for and nothing has come of it, do what is to bring it about once more."""
        if self._interrupted:
            self.interrupt()

    def send_stop(self) -> None:
        """Make some running thread report something soon, from a system thread that does not trace."""
        self._stop_sent = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.threads.pid, signals.SIGSTOP)

    def forget_interrupt(self) -> None:
        """Nobody wants the next wait to end any more."""
        self._interrupted = False

    def detach(self, signal: int) -> None:
        """Let every thread go on without us, the current one with `signal`, the others with what they were about to get."""
        self._take_stop_back()
        self._at(self.current).signal = signal
        for thread in self.threads.ids:
            with self._unless_killed(thread):
                standing = self._at(thread)
                waiting = next((reason.number for reason in standing.reasons if isinstance(reason, Signalled)), 0)
                debug_registers.load(thread, [])
                ptrace.detach(thread, self._to_deliver(thread, standing.signal or waiting))

    def take_out_of_call(self, thread: int) -> None:
        """Bring a thread that stands in a system call in front of it; if it has been made, behind it."""
        begins, number = ptrace.call_info(thread)
        convention = self.arch.syscall
        if begins:
            self._set(thread, **{f"orig_{convention.number}": -1})  # then the kernel makes no call
            self._go(thread, ptrace.run_to_call, 0)
            self.threads.collect(thread)
            instruction = self.pc(thread) - len(convention.instruction)
            self._set(thread, **{self.arch.pc: instruction, convention.number: number})
        self._at(thread).call = None
        self.threads.settle(thread)

    # -- setting going

    def _set_going(self) -> None:
        """Everybody stands: take threads off breakpoints, then let all go who are to."""
        runners = self._runners()
        for thread in runners:
            with self._unless_killed(thread):
                self._load_watches(thread)
        for thread in [thread for thread in runners if self._is_on_breakpoint(thread)]:
            if thread == self._stepper:
                self._start(thread)
                return  # the others go when it has made its step
            if not self._step_off(thread):
                self._stop = self._found(thread)
                return
        runners = self._runners()
        if not self._vforks and runners != [self._stepper]:
            self.traps.write()
        for thread in runners:
            if thread not in self.threads.running:
                self._start(thread)

    def _runners(self) -> list[int]:
        if self._vforks:
            return list(self._vforks)
        return [self.current] if self._request.alone else list(self.threads.ids)

    def _start(self, thread: int) -> None:
        """Set a thread going in the way that the request asks of it."""
        standing = self._at(thread)
        signal, standing.signal = standing.signal, 0
        if standing.group_stop and signal != signals.SIGCONT:
            if signal != standing.group_stop:
                self._to_deliver(thread, signal)
            self.threads.listen(thread)
            return
        standing.told, standing.stepping = None, thread == self._stepper
        signal = self._to_deliver(thread, signal)
        self._go(thread, ptrace.step if standing.stepping else ptrace.run_to_call if self.calls else ptrace.cont, signal)

    def _go(self, thread: int, request: Callable[[int, int], None], signal: int) -> None:
        """Set a thread going; unless it is to run to where a system call begins or ends, nobody will see where its call ends."""
        if request is not ptrace.run_to_call:
            self._at(thread).call = None
        self.threads.go(thread, request, signal)

    def _to_deliver(self, thread: int, signal: int) -> int:
        """The signal to go on with; where ptrace delivers none it is sent instead, and let through when it arrives."""
        standing = self._at(thread)
        if not signal or standing.takes_signal:
            return signal
        standing.sent.add(signal)
        send(self.threads.pid, thread, signal)
        return 0

    def _load_watches(self, thread: int) -> None:
        standing, slots = self._at(thread), debug_registers.slots(self.watches)
        if standing.slots != slots:
            debug_registers.load(thread, slots)
            standing.slots = slots

    # -- off a breakpoint

    def _is_on_breakpoint(self, thread: int) -> bool:
        """Whether a thread must step off a breakpoint that it stands on: the user knows of it, or looks at it."""
        standing = self._at(thread)
        if thread in self.threads.running or standing.group_stop or self._vforks or standing.call is not None:
            return False
        with self._unless_killed(thread):
            pc = self.pc(thread)
            return pc in self.traps.addresses and (thread == self.current or standing.told == pc)
        return False

    def _step_off(self, thread: int) -> bool:
        """Execute the one instruction under a breakpoint, nobody else running; whether that was all that happened."""
        standing = self._at(thread)
        signal = standing.signal if standing.signal in _FAULTS else 0
        if signal:
            standing.signal = 0
        standing.told, standing.stepping = None, True
        call = self._is_at_call(thread)
        with contextlib.nullcontext() if signal or call else self._signals_wait(thread):
            while True:
                begins = call and self.calls and standing.call is None
                self._go(thread, ptrace.run_to_call if begins else ptrace.step, signal)
                signal, status = 0, self._end_of_call(thread) if call else self.threads.collect(thread)
                if status is None:
                    return True
                self._note(thread, status)
                self._let_vforks_go()
                if standing.reasons or status == TRAPPED or not os.WIFSTOPPED(status):
                    return not standing.reasons

    def _is_at_call(self, thread: int) -> bool:
        """Whether a thread stands at a system call, which may depend on the signals that it blocks, and be ended by one."""
        code = self.memory.read_some(self.pc(thread), self.arch.max_instruction)
        return code.startswith((self.arch.syscall.instruction, *self.arch.syscall.others))

    def _end_of_call(self, thread: int) -> int | None:
        """Wait for a step over a system call; None when the thread waits in it, perhaps for the others, or has ended by it."""
        while (status := self.threads.look(thread)) is None:
            if procfs.thread_state(self.threads.pid, thread) in ("S", "D", "Z"):
                break
            time.sleep(_CALL)
        return status

    @contextlib.contextmanager
    def _signals_wait(self, thread: int, blocked: bytes = ALL_BUT_FAULTS) -> Iterator[None]:
        """Have a thread execute an instruction without a signal coming in between, but for those that are not `blocked`."""
        mask = ptrace.signal_mask(thread)
        ptrace.set_signal_mask(thread, blocked)
        yield
        with self._unless_killed(thread):
            ptrace.set_signal_mask(thread, mask)

    # -- coming to a stand

    def _turn(self) -> None:
        """Take one status, and set the thread going again or bring all to a stand."""
        if self._interrupted:
            self._hold(None)
            self._stop = self._stop or Stop((INTERRUPT,), self._answerer())
            return
        if self.threads.ids and not self.threads.running and not self._expect_ends():
            self._stop = Stop((RunnerEnded(),), self.current)
            return
        found = self.threads.wait(_LISTENING if self._someone_listens() else None)
        if found is None:
            return
        thread, status = found
        self._note(thread, status)
        if self._interrupted and self.threads.ids:
            return
        if self._at(thread).reasons or any(self._vforks.values()):
            self._hold_and_go(thread)
        elif thread in self.threads.ids:
            self._go_on(thread)

    def _go_on(self, thread: int) -> None:
        """Nobody is interested in what a thread has reported."""
        if thread not in self._runners() or thread in self.threads.running:
            return  # made while only one may run; killed meanwhile
        with self._unless_killed(thread):
            self._load_watches(thread)
            traps_are_right = self.traps.written or self._vforks or self._runners() == [self._stepper]
            if traps_are_right and not self._is_on_breakpoint(thread):
                self._start(thread)
            else:
                self._hold_and_go(thread)

    def _hold_and_go(self, first: int) -> None:
        """Bring all to a stand; set them going again if nobody has anything to tell."""
        self._hold(first)
        if self._stop is None:
            self._set_going()

    def _hold(self, first: int | None) -> None:
        """Bring all to a stand, without traps; what is to be told is told of `first` if it has a reason."""
        while True:
            for thread, status in self.threads.stop_all():
                self._note(thread, status)
            if not self.threads.running:
                break
        self.traps.erase()
        self._let_vforks_go()
        self._take_stop_back()
        if first is None:
            self._drop_step(Stepped)
        self._stop = self._found(first)
        if self._stop is not None and self._stop.thread != self._stepper:
            self._drop_step(Stepped, AtBreakpoint)

    def _found(self, first: int | None) -> Stop | None:
        """The stop to tell of, if any thread that the request is about has something to tell."""
        pid = self.threads.pid
        asked = [self.current] if self._request.alone else self.threads.ids
        for thread in [first or self.current, *asked] if self.threads.ids else [pid]:
            standing = self._at(thread)
            if standing.reasons:
                stop, standing.reasons = Stop(standing.reasons, thread), ()
                return stop
        return None

    def _answerer(self) -> int:
        """The thread that an interrupt is told of: the leader, as the kernel prefers it for signals (signal(7))."""
        return self.current if self._request.alone or self.threads.pid not in self.threads.ids else self.threads.pid

    def _expect_ends(self) -> bool:
        """Nobody runs: whether those that stand have been killed, so that there is something to wait for."""
        for thread in self.threads.ids:
            with self._unless_killed(thread):
                ptrace.event_message(thread)
        return bool(self.threads.running)

    def _drop_what_is_stale(self, thread: int) -> None:
        """Keep those reasons that still hold."""
        standing = self._at(thread)
        if standing.reasons:
            pc = self.pc(thread)
            standing.reasons = tuple(reason for reason in standing.reasons if self._holds(reason, pc))

    def _holds(self, reason: Reason, pc: int) -> bool:
        if isinstance(reason, AtBreakpoint):
            return reason.address == pc and pc in self.traps.addresses
        if isinstance(reason, SystemCall):
            return reason.number in self.calls
        return not isinstance(reason, Accessed) or reason.watch in self.watches

    def _drop_step(self, *kinds: type[Reason]) -> None:
        """A step that ended while we were about to tell of something else is not told later: it was over with this stop."""
        if self._stepper in self.threads.ids:
            standing = self._at(self._stepper)
            standing.reasons = tuple(each for each in standing.reasons if not isinstance(each, kinds))

    def _someone_listens(self) -> bool:
        return any(self._at(thread).group_stop for thread in self.threads.running)

    # -- signals that are not for the program

    def take_out(self, number: int) -> None:
        """All stand: a stop has answered this signal; nobody is to get it who has not yet, or to be told of it again.

        A thread takes it that has nothing else to tell and no other signal; without one the signal stays.
        """
        for thread in self._takers(number):
            with self._unless_killed(thread):
                if ptrace.signal_number(ptrace.signal_info(thread)) in _OUR_STOPS and not ptrace.stands_in_call(thread):
                    with self._signals_wait(thread, all_but(number)):
                        self._take(thread)
        for thread in self.threads.ids:
            standing = self._at(thread)
            standing.reasons = tuple(each for each in standing.reasons if not is_signal(each, number))

    def _take_stop_back(self) -> None:
        """Have the SIGSTOP by which we were to be interrupted taken by a thread, if something else has made us stop."""
        for thread in self._takers(signals.SIGSTOP) if self._stop_sent else ():
            self._take(thread)

    def _takers(self, number: int) -> Iterator[int]:
        """The threads that may be made to take a signal that waits for the process, as long as it does."""
        for thread in tuple(self.threads.ids):
            if not procfs.is_pending(self.threads.pid, number):
                return
            standing = self._at(thread)
            if not (standing.reasons or standing.signal or standing.group_stop or thread in self._vforks):
                yield thread

    def _take(self, thread: int) -> None:
        """Have a thread take the signal that waits for it: the kernel stops it for that before it executes anything."""
        status: int | None = INTERRUPTED
        while status == INTERRUPTED:
            self._go(thread, ptrace.cont, 0)
            status = self.threads.collect(thread)
        self._note(thread, status)
