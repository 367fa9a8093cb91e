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
* After a vfork only the parent runs until the child has left its memory, without traps; the others stand.
* A thread that cannot be reached although it stands has been killed: its end is waited for like anything else.
"""

from __future__ import annotations

import contextlib
import os
import signal as signals
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from rdb.arch.base import Arch, Bank
from rdb.errors import CannotAccessMemory, PtraceFailed
from rdb.events import (
    Accessed,
    AtBreakpoint,
    Executed,
    Exited,
    Forked,
    Killed,
    Reason,
    Resume,
    RunnerEnded,
    Signalled,
    Stepped,
    Stop,
    ThreadCreated,
    ThreadExited,
    Watch,
)
from rdb.linux import debug_registers, procfs, ptrace
from rdb.linux.ptrace import TRAPPED, Event
from rdb.linux.threads import Threads, is_killed, send
from rdb.target.newborn import HOW, Newborn
from rdb.target.traps import Traps

# Signals that an instruction causes: they must be delivered to it, not behind it (signal(7)).
_FAULTS = (signals.SIGSEGV, signals.SIGBUS, signals.SIGFPE, signals.SIGILL, signals.SIGSYS, signals.SIGTRAP)
_FAULT_MASK = sum(1 << number - 1 for number in _FAULTS)
# si_code of a signal sent by tgkill(2), and of one that the kernel made for an int3, <asm-generic/siginfo.h>.
_SI_TKILL, _SI_KERNEL = -6, 0x80
# How often to look for an interrupt while the program is stopped by job control, in seconds: it does not take signals then.
_LISTENING = 0.05
# How often to look whether a system call that is stepped over is done or waits, in seconds.
_CALL = 0.0002


@dataclass
class Standing:
    """What is to be remembered of a thread that stands."""

    told: int | None = None  # the pc at which it was told of
    reasons: tuple[Reason, ...] = ()  # found and not told yet
    signal: int = 0  # to be delivered when it goes on
    takes_signal: bool = False  # it stands where ptrace delivers signals
    sent: set[int] = field(default_factory=set)  # signals of ours on their way to it
    group_stop: int = 0  # the signal by which job control has stopped it
    slots: list[debug_registers.Slot] = field(default_factory=list)  # in its debug registers
    stepping: bool = False  # it was set going by a step
    newborn: Newborn | None = None  # the child that it has made and that somebody wants to decide about


class AllStop:
    """Moves `threads`, the traced threads of one process, all of which stand; `current` is the one that steps.

    Children that are made by the calls in `births` are kept, and the program stops with a Forked; then the child is `newborn`.
    Others are let go, which `tell` is told, as it is of threads that have ended.
    """

    def __init__(self, threads: Threads, arch: Arch, memory: ptrace.Memory, tell: Callable[[Reason], None]) -> None:
        self.threads, self.arch, self.memory = threads, arch, memory
        self.current = threads.ids[0]
        self.traps = Traps(memory, arch.breakpoint)
        self.watches: list[Watch] = []
        self.silent: Collection[int] = frozenset()
        self.births: frozenset[str] = frozenset()
        self.newborn: Newborn | None = None
        self.cpus: Collection[int] | None = None
        self.tell = tell
        threads.born = lambda thread: tell(ThreadCreated(thread))
        threads.gone = self._gone
        self._standings: dict[int, Standing] = {}
        self._request = Resume()
        self._watched: dict[Watch, bytes | None] = {}
        self._stepper: int | None = None
        self._stop: Stop | None = None
        self._vforks: dict[int, Newborn | None] = {}
        self._interrupted = self._waiting = self._stop_sent = False
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
        self._watched = {watch: self._peek(watch) for watch in self.watches}
        for thread in self.threads.ids:
            with self._unless_killed(thread):
                self._drop_what_is_stale(thread)
        self._stop = self._found(self.current)
        if self._stop is None:
            self._set_going()

    def wait(self) -> Stop:
        """Wait until some thread has something to tell, and bring all to a stand."""
        self._waiting = True
        while self._stop is None:
            self._turn()
        stop, self._stop = self._stop, None
        self._waiting = self._interrupted = False
        self.current = stop.thread
        if not stop.ended:
            standing = self._at(stop.thread)
            self.newborn, standing.newborn = standing.newborn, None
            with self._unless_killed(stop.thread):
                standing.told = self.pc(stop.thread)
        return stop

    def interrupt(self) -> None:
        """Make the wait end soon, now or when it begins; from any system thread, and from a signal handler.

        Signals of the program's cannot hinder that.  Only the system thread that traces can interrupt by ptrace; from others
        SIGSTOP is sent, which cannot be blocked, and is taken back when it arrives.
        """
        self._interrupted = True
        if threading.get_native_id() == self._tracer:
            for thread in tuple(self.threads.running):
                self.threads.interrupt(thread)
        elif self._waiting:
            self._stop_sent = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.threads.pid, signals.SIGSTOP)

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

    def pc(self, thread: int) -> int:
        general = ptrace.get_registers(thread, self.arch.registers.sizes[Bank.GENERAL])
        return int.from_bytes(self.arch.registers.get(self.arch.registers[self.arch.pc], (general, b"")), "little")

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
        self.threads.go(thread, ptrace.step if standing.stepping else ptrace.cont, signal)

    def _to_deliver(self, thread: int, signal: int) -> int:
        """The signal to go on with; where ptrace delivers none it is sent instead, and let through when it arrives."""
        standing = self._at(thread)
        if not signal or standing.takes_signal:
            return signal
        standing.sent.add(signal)
        send(self.threads.pid, thread, signal)
        return 0

    def _is_on_breakpoint(self, thread: int) -> bool:
        """Whether a thread must step off a breakpoint that it stands on: the user knows of it, or looks at it."""
        standing = self._at(thread)
        if thread in self.threads.running or standing.group_stop or self._vforks:
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
                self.threads.go(thread, ptrace.step, signal)
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
    def _signals_wait(self, thread: int) -> Iterator[None]:
        """Have a thread execute an instruction without a signal coming in between."""
        mask = ptrace.signal_mask(thread)
        # A blocked fault would take the program's handler from it (kernel/signal.c, force_sig_info), and a step ends in one.
        blocked = (1 << 8 * ptrace.SIGSET_SIZE) - 1 & ~_FAULT_MASK | int.from_bytes(mask, "little") & _FAULT_MASK
        ptrace.set_signal_mask(thread, blocked.to_bytes(ptrace.SIGSET_SIZE, "little"))
        yield
        with self._unless_killed(thread):
            ptrace.set_signal_mask(thread, mask)

    def _load_watches(self, thread: int) -> None:
        standing, slots = self._at(thread), debug_registers.slots(self.watches)
        if standing.slots != slots:
            debug_registers.load(thread, slots)
            standing.slots = slots

    # -- what is reported

    def _turn(self) -> None:
        """Take one status, and set the thread going again or bring all to a stand."""
        if self._interrupted:
            self._hold(None)
            self._stop = self._stop or Stop((Signalled(signals.SIGINT),), self._answerer())
            return
        if self.threads.ids and not self.threads.running and not self._expect_ends():
            self._stop = Stop((RunnerEnded(),), self.current)
            return
        found = self.threads.wait(_LISTENING if self._someone_listens() else None)
        if found is None:
            return
        thread, status = found
        self._note(thread, status)
        if self._at(thread).reasons or any(self._vforks.values()):
            self._hold_and_go(thread)
        elif thread in self.threads.ids and not self._interrupted:
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
                if thread == self._stepper != first:
                    self._drop_step(thread)
            if not self.threads.running:
                break
        self.traps.erase()
        self._let_vforks_go()
        self._take_stop_back()
        self._stop = self._found(first)

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

    def _note(self, thread: int, status: int) -> None:
        """Look at a status, and keep with the thread what there is to tell of it."""
        if os.WIFSTOPPED(status) or thread == self.threads.pid:
            with self._unless_killed(thread):
                self._at(thread).reasons = self._look(thread, status)

    def _look(self, thread: int, status: int) -> tuple[Reason, ...]:
        """What a status that has just been taken tells the user; nothing, as a rule, where the thread is just to go on."""
        if not os.WIFSTOPPED(status):
            self.traps.forget()
        if os.WIFEXITED(status):
            return (Exited(os.WEXITSTATUS(status)),)
        if os.WIFSIGNALED(status):
            return (Killed(os.WTERMSIG(status)),)
        standing, event, number = self._at(thread), status >> 16, os.WSTOPSIG(status)
        standing.takes_signal = not event
        standing.group_stop = number if event == Event.STOP and number != signals.SIGTRAP else 0
        if event:
            return self._on_event(thread, Event(event))
        info = ptrace.signal_info(thread)
        code, sender = int.from_bytes(info[8:12], "little", signed=True), int.from_bytes(info[16:20], "little")
        if number == signals.SIGTRAP and code > 0:
            return self._on_trap(thread, code)
        if sender == os.getpid() and code == _SI_TKILL and number in standing.sent:
            standing.sent.discard(number)
            standing.signal = number
            return ()
        if sender == os.getpid() and number == signals.SIGSTOP and self._stop_sent:
            self._stop_sent = False
            return ()
        if number in self.silent:
            standing.signal = number
            return ()
        return (Signalled(number, code, int.from_bytes(info[16:24], "little")),)

    def _on_trap(self, thread: int, code: int) -> tuple[Reason, ...]:
        """The reasons behind a SIGTRAP that the CPU has caused; none when it ends a step off a breakpoint or within a range."""
        standing = self._at(thread)
        reasons: list[Reason] = []
        for watch in debug_registers.triggered(thread, standing.slots):
            reasons.append(Accessed(watch, self._watched.get(watch), self._peek(watch)))
        pc, size = self.pc(thread), len(self.traps.trap)
        if not standing.stepping and not reasons and pc - size in self.traps.addresses:
            self._move_pc(thread, pc - size)
            return (AtBreakpoint(pc - size),)
        if not standing.stepping or code == _SI_KERNEL:
            return tuple(reasons) or (Signalled(signals.SIGTRAP),)
        if thread == self._stepper:
            if pc in self.traps.addresses:
                reasons.append(AtBreakpoint(pc))
            elif reasons or pc not in (self._request.within or ()):
                reasons.append(Stepped())
        return tuple(reasons)

    def _on_event(self, thread: int, event: Event) -> tuple[Reason, ...]:
        """A fork is followed by letting the child go, as a rule; exec starts a new image."""
        if event is Event.EXEC:
            return self._executed(thread)
        if event is Event.VFORK_DONE:
            self._vforks.pop(thread, None)
        elif event in HOW:
            newborn = Newborn(ptrace.event_message(thread), HOW[event])
            if newborn.how == "vfork":
                self._vforks[thread] = newborn  # it is freed when the traps have been erased
            elif not self.threads.is_ours(newborn.pid):
                newborn.free(self.traps.code, self.cpus)
                return self._decide(thread, newborn)
        return ()

    def _executed(self, thread: int) -> tuple[Reason, ...]:
        """Everything that was inserted belonged to the image that is gone."""
        self.forget_image()
        status = self.threads.settle(thread)
        if status is not None and not os.WIFSTOPPED(status):
            return self._look(thread, status)
        return (Executed(procfs.executable(thread)),)

    def forget_image(self) -> None:
        """The process has got a new memory."""
        self.traps.forget()
        self.watches.clear()
        self._standings.clear()
        self._vforks.clear()
        self.memory.reopen(self.threads.pid)

    # -- children

    def _decide(self, thread: int, newborn: Newborn, keep: bool = False) -> tuple[Reason, ...]:
        """Let a child that has nothing of ours go, or keep it, which is something to tell."""
        if keep or newborn.how in self.births:
            self._at(thread).newborn = newborn
            return (Forked(newborn.pid, newborn.how),)
        newborn.let_go()
        self.tell(Forked(newborn.pid, newborn.how))
        return ()

    def _let_vforks_go(self) -> None:
        """The children that share our memory, which is without traps now, may go."""
        for parent, newborn in self._vforks.items():
            if newborn is not None:
                self._vforks[parent] = None
                newborn.free({}, self.cpus)
                self._at(parent).reasons += self._decide(parent, newborn)

    def bear(self, event: Event, keep: bool) -> bool:
        """See to an event of the current thread, which somebody else has stepped; whether it was about a child.

        With `keep` the child becomes `newborn`.  No traps are in memory.
        """
        if event is Event.VFORK_DONE:
            self._vforks.pop(self.current, None)
        elif event in HOW:
            newborn = Newborn(ptrace.event_message(self.current), HOW[event])
            newborn.free({}, self.cpus)
            if newborn.how == "vfork":
                self._vforks[self.current] = None
            self._decide(self.current, newborn, keep)
            self.newborn, self._at(self.current).newborn = self._at(self.current).newborn, None
        return event is Event.VFORK_DONE or event in HOW

    def take_newborns(self) -> list[Newborn]:
        """All children that are kept; they are the caller's."""
        kept = [self.newborn, *self._vforks.values(), *(standing.newborn for standing in self._standings.values())]
        self.newborn = None
        for standing in self._standings.values():
            standing.newborn = None
        return [newborn for newborn in kept if newborn is not None]

    # -- what is remembered

    def _at(self, thread: int) -> Standing:
        return self._standings.setdefault(thread, Standing())

    def _gone(self, thread: int) -> None:
        """A thread has ended while others live."""
        self._standings.pop(thread, None)
        self._vforks.pop(thread, None)
        if thread == self.current:
            self.current = next(iter(self.threads.ids), self.threads.pid)
        self.tell(ThreadExited(thread))

    @contextlib.contextmanager
    def _unless_killed(self, thread: int) -> Iterator[None]:
        """Do something with a thread that stands; if it turns out to have been killed, its end is what to wait for."""
        try:
            yield
        except PtraceFailed as failed:
            if not is_killed(failed):
                raise
            self._at(thread).reasons = ()
            self.threads.running.add(thread)

    def _drop_what_is_stale(self, thread: int) -> None:
        """Keep those reasons that still hold."""
        standing = self._at(thread)
        if standing.reasons:
            pc = self.pc(thread)
            standing.reasons = tuple(reason for reason in standing.reasons if self._holds(reason, pc))

    def _holds(self, reason: Reason, pc: int) -> bool:
        if isinstance(reason, AtBreakpoint):
            return reason.address == pc and pc in self.traps.addresses
        return not isinstance(reason, Accessed) or reason.watch in self.watches

    def _drop_step(self, thread: int) -> None:
        """A step that ended while we were about to tell of somebody else is not told later: it was over with this stop."""
        standing = self._at(thread)
        if standing.stepping:
            standing.reasons = tuple(each for each in standing.reasons if not isinstance(each, (Stepped, AtBreakpoint)))

    def _someone_listens(self) -> bool:
        return any(self._at(thread).group_stop for thread in self.threads.running)

    def _take_stop_back(self) -> None:
        """Have the SIGSTOP by which we were to be interrupted taken by a thread, if something else has made us stop."""
        free = (thread for thread in list(self.threads.ids) if not self._at(thread).reasons and not self._at(thread).signal)
        for thread in free:
            if not self._stop_sent or not _is_pending(self.threads.pid, signals.SIGSTOP):
                break
            if self._at(thread).group_stop or thread in self._vforks:
                continue
            self.threads.go(thread, ptrace.cont)
            status = self.threads.collect(thread)
            if status is not None:
                self._note(thread, status)

    # -- memory and registers

    def _move_pc(self, thread: int, address: int) -> None:
        table = self.arch.registers
        general = ptrace.get_registers(thread, table.sizes[Bank.GENERAL])
        table.put(table[self.arch.pc], (general, bytearray()), address.to_bytes(8, "little"))
        ptrace.set_registers(thread, general)

    def _peek(self, watch: Watch) -> bytes | None:
        try:
            return self.memory.read(watch.address, watch.length)
        except CannotAccessMemory:
            return None


def _is_pending(pid: int, signal: int) -> bool:
    """Whether a signal that was sent to the process has not been taken by a thread yet."""
    return bool(int(procfs.status(pid)["ShdPnd"], 16) >> signal - 1 & 1)
