"""What the threads of a process report, and what of it concerns the user.

A status is looked at once, when it is taken (`_note`).  What there is to tell of it becomes the `reasons` of its thread's
Standing; a status without reasons means that the thread is just to go on.  Looking also does what cannot wait: the pc of a thread
that has hit a breakpoint is moved back to it, a child is freed of our traps.
"""

from __future__ import annotations

import contextlib
import os
import signal as signals
from collections.abc import Callable, Collection, Iterator

from rdb.arch.base import Arch, Bank
from rdb.arch.linux.syscalls import NUMBER_MASK
from rdb.errors import CannotAccessMemory, CannotWriteSignal, NoProcess, PtraceFailed
from rdb.events import (
    NO_CALLS,
    Accessed,
    AtBreakpoint,
    Executed,
    Exited,
    Forked,
    Killed,
    Reason,
    Resume,
    Signalled,
    Stepped,
    SystemCall,
    ThreadCreated,
    ThreadExited,
    Watch,
)
from rdb.linux import debug_registers, procfs, ptrace
from rdb.linux.ptrace import INTERRUPTED, TRAPPED, Event
from rdb.linux.threads import Threads, is_killed
from rdb.target.newborn import HOW, Newborn, strays
from rdb.target.standing import Standing
from rdb.target.traps import Traps

# si_code of a signal sent by tgkill(2), and of one that the kernel made for an int3, <asm-generic/siginfo.h>.
_SI_TKILL, _SI_KERNEL = -6, 0x80


class Lookout:
    """Watches over `threads`, the traced threads of one process; `current` is the one that registers and steps refer to.

    System calls in `calls` are told when they begin and when they return.  Children that are made by the calls in `births` are
    kept, and the program stops with a Forked; then the child is `newborn`.  Others are let go, which `tell` is told, as it is of
    threads that come and go.
    """

    def __init__(self, threads: Threads, arch: Arch, memory: ptrace.Memory, tell: Callable[[Reason], None]) -> None:
        self.threads, self.arch, self.memory, self.tell = threads, arch, memory, tell
        self.current = threads.ids[0]
        self.traps = Traps(memory, arch.breakpoint)
        self.watches: list[Watch] = []
        self.silent: Collection[int] = frozenset()
        self.births: frozenset[str] = frozenset()
        self.calls = NO_CALLS
        self.newborn: Newborn | None = None
        self.cpus: Collection[int] | None = None
        self.mask: bytes | None = None
        self._request = Resume()
        self._stepper: int | None = None
        self._watched: dict[Watch, bytes | None] = {}
        self._vforks: dict[int, Newborn | None] = {}
        self._stop_sent = False
        self._standings: dict[int, Standing] = {}
        threads.born = lambda thread: tell(ThreadCreated(thread))
        threads.gone = self._gone

    def pc(self, thread: int) -> int:
        general = ptrace.get_registers(thread, self.arch.registers.sizes[Bank.GENERAL])
        return int.from_bytes(self.arch.registers.get(self.arch.registers[self.arch.pc], (general, b"")), "little")

    def signal_info(self, thread: int) -> bytes:
        """The siginfo_t of the signal with which a thread has stopped; b"" if it has stopped without one."""
        return self._at(thread).info

    def set_signal_info(self, thread: int, info: bytes) -> None:
        """Change that for the thread and for us."""
        try:
            ptrace.set_signal_info(thread, info)
        except PtraceFailed:
            raise CannotWriteSignal from None
        self._at(thread).info = info

    def _is_in_call(self, thread: int) -> bool:
        """Whether a thread stands in a system call that was interrupted and will begin again."""
        table, call = self.arch.registers, self.arch.syscall
        if f"orig_{call.number}" not in table.by_name:
            return False
        banks = ptrace.get_registers(thread, table.sizes[Bank.GENERAL]), b""
        result, number = (
            int.from_bytes(table.get(table[name], banks), "little", signed=True)
            for name in (call.result, f"orig_{call.number}")
        )
        return result in ptrace.UNDECIDED and number >= 0

    # -- statuses

    def _note(self, thread: int, status: int | None) -> None:
        """Look at a status, and keep with the thread what there is to tell of it."""
        status = self._settled(thread, status)
        if status is None:
            return
        if os.WIFSTOPPED(status) or thread == self.threads.pid:
            with self._unless_killed(thread):
                self._at(thread).reasons = self._look(thread, status)

    def _settled(self, thread: int, status: int | None) -> int | None:
        """The status of a step as a whole: interrupted in front of the instruction, or in a call that begins again, or made.

        A step that is interrupted tells of that first, and its trap is yet to come, which whoever goes on freely, or is let go,
        must not get.  None for a leader that has ended while others live.
        """
        with self._unless_killed(thread):
            while status == INTERRUPTED and self._at(thread).stepping and ptrace.is_about_to_trap(thread):
                self.threads.go(thread, ptrace.step)
                status = self.threads.collect(thread)
                if status == TRAPPED and self._is_in_call(thread):
                    return INTERRUPTED
        return status

    def _look(self, thread: int, status: int) -> tuple[Reason, ...]:
        """What a status that has just been taken tells the user; nothing, as a rule, where the thread is just to go on."""
        if not os.WIFSTOPPED(status):
            if thread == self.threads.pid:
                self.free_strays()
            self.traps.forget()
        if os.WIFEXITED(status):
            return (Exited(os.WEXITSTATUS(status)),)
        if os.WIFSIGNALED(status):
            return (Killed(os.WTERMSIG(status)),)
        standing, event, number = self._at(thread), status >> 16, os.WSTOPSIG(status)
        standing.takes_signal = not event and status != ptrace.IN_CALL
        standing.group_stop = number if event == Event.STOP and number != signals.SIGTRAP else 0
        standing.info = info = b"" if event else ptrace.signal_info(thread)
        if event:
            return self._on_event(thread, Event(event))
        if status == ptrace.IN_CALL:
            return self._on_call(thread)
        code, sender = int.from_bytes(info[8:12], "little", signed=True), int.from_bytes(info[16:20], "little")
        if number == signals.SIGTRAP and code > 0:
            return self._on_trap(thread, code)
        if sender == os.getpid() and code == _SI_TKILL and number in standing.sent:
            standing.sent.discard(number)
            standing.signal = number
            return ()
        if self.took_stop(info):
            return ()
        if number in self.silent:
            standing.signal = number
            return ()
        return (Signalled(number, code, int.from_bytes(info[16:24], "little")),)

    def took_stop(self, info: bytes) -> bool:
        """Whether a signal that has arrived is the SIGSTOP by which we were to be interrupted."""
        took = self._stop_sent and ptrace.is_own_stop(info)
        self._stop_sent = self._stop_sent and not took
        return took

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

    def _on_call(self, thread: int) -> tuple[Reason, ...]:
        """A system call begins or ends; one that is interrupted by us and begun again has neither ended nor begun."""
        standing = self._at(thread)
        begins, value = ptrace.call_info(thread)
        begun = standing.call
        if not begins and value not in ptrace.UNDECIDED:
            standing.call = None
            return (SystemCall(begun, returned=True),) if begun is not None and begun in self.calls else ()
        number = value & NUMBER_MASK
        if not begins or begun == number:
            return ()
        standing.call = number
        return (SystemCall(number),) if number in self.calls else ()

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
        try:
            call = self._at(ptrace.event_message(thread)).call
            self.forget_image()
            executed = Executed(procfs.executable(thread))
        except (OSError, NoProcess):
            return ()  # killed meanwhile
        status = self.threads.settle(thread)
        if status is not None and not os.WIFSTOPPED(status):
            return self._look(thread, status)
        return (executed,) if call is None or call not in self.calls else (executed, SystemCall(call, returned=True))

    def forget_image(self) -> None:
        """The process has got a new memory, and but one thread, the leader."""
        self.current = self.threads.pid
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
            newborn.free({}, self.cpus, self.mask)
            if newborn.how == "vfork":
                self._vforks[self.current] = None
            self._decide(self.current, newborn, keep)
            self.newborn, self._at(self.current).newborn = self._at(self.current).newborn, None
        return event is Event.VFORK_DONE or event in HOW

    def free_strays(self) -> None:
        """The process is gone: the children that it has not told of go on without it, and without us."""
        for newborn in strays():
            newborn.free(self.traps.code, self.cpus, self.mask)
            newborn.let_go()

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

    def _move_pc(self, thread: int, address: int) -> None:
        self._set(thread, **{self.arch.pc: address})

    def _set(self, thread: int, **values: int) -> None:
        """Give general registers new values."""
        table = self.arch.registers
        general = ptrace.get_registers(thread, table.sizes[Bank.GENERAL])
        for name, value in values.items():
            register = table[name]
            table.put(register, (general, bytearray()), (value & (1 << 8 * register.size) - 1).to_bytes(register.size, "little"))
        ptrace.set_registers(thread, general)

    def _peek(self, watch: Watch) -> bytes | None:
        try:
            return self.memory.read(watch.address, watch.length)
        except CannotAccessMemory:
            return None
