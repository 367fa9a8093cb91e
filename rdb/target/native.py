"""The native target: a process of this machine, under ptrace.

Invariants:
* While the process is stopped its memory holds no breakpoint of ours: traps are written when it is resumed and taken out when it
  has stopped, so every reader sees the program as it is.
* All threads stop together; how they move is said in rdb.target.all_stop, which carries it out.
* A fork's child is freed of our traps and let go; it runs on its own.  Who wants to decide about it asks for a stop: then it is
  kept as `newborn`.  While the child of a vfork has our memory, there are no traps in it.
* Signals that the user does not want to see are delivered without a stop.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterable, Sequence

from rdb.arch.base import Arch, Bank
from rdb.errors import PtraceFailed, RdbError
from rdb.events import Calls, Executed, Reason, Resume, Stop, Watch
from rdb.linux import debug_registers, doorbell, procfs, ptrace, wards
from rdb.linux.last_rites import LastRites
from rdb.linux.procfs import Mapping
from rdb.linux.stepper import Stepper
from rdb.linux.terminal import Terminal
from rdb.linux.threads import OPTIONS, Threads
from rdb.target.all_stop import AllStop
from rdb.target.base import Stratum, Target
from rdb.target.newborn import HOW, Newborn, debugged
from rdb.target.unheard import Unheard

_IN_A_CALL = (*HOW, ptrace.Event.EXEC, ptrace.Event.VFORK_DONE)


class NativeTarget(Target):
    stratum = Stratum.PROCESS
    name = "native"
    title = "Native process"

    def __init__(
        self,
        pid: int,
        arch: Arch,
        terminal: Terminal,
        attached: bool = False,
        threads: Threads | None = None,
        statuses: Iterable[tuple[int, int]] = (),
    ) -> None:
        """Take over `pid`, whose threads (just the one if not given) stand and are traced by us.

        `statuses` are what they have reported and nobody has looked at.  `tell` is called for threads that come and go;
        `unheard`, by another system thread, when the program does not take a Ctrl-C.
        """
        super().__init__()
        self._pid = pid
        debugged.add(pid)
        self.attached = attached
        self.tell: Callable[[Reason], None] = lambda reason: None
        self.memory = ptrace.Memory(pid)
        self._terminal = terminal
        self._group = os.getpgid(pid)
        self._threads = threads or Threads(pid)
        self._movement = AllStop(self._threads, arch, self.memory, lambda reason: self.tell(reason))
        self.unheard: Callable[[], None] = self.interrupt
        self._unheard = Unheard(pid, lambda: self.unheard())
        self._rites = LastRites(pid, self._threads.waits_for_leader)
        self._rites.start()
        self._lender: NativeTarget | None = None
        # A launched program must not outlive its debugger, stopped for ever; an attached one must survive it.
        self.options = OPTIONS if attached else OPTIONS | ptrace.Option.EXITKILL
        for thread in self._threads.ids:
            ptrace.set_options(thread, self.options)
        self._movement.take_in(statuses)

    # -- state

    @property
    def arch(self) -> Arch:
        return self._movement.arch

    @arch.setter
    def arch(self, arch: Arch) -> None:
        """exec may start a program for the CPU's other mode."""
        self._movement.arch = arch

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def thread(self) -> int:
        return self._movement.current

    def threads(self) -> list[int]:
        return list(self._threads.ids)

    def select_thread(self, thread: int) -> None:
        if thread not in self._threads.ids:
            raise RdbError(f"No thread {thread}.")
        self._movement.current = thread

    @property
    def lender(self) -> NativeTarget | None:
        """The parent of a vfork's child, which has lent the child its memory."""
        return self._lender

    @lender.setter
    def lender(self, lender: NativeTarget | None) -> None:
        self._lender = lender
        self._movement.traps.lender = lender.memory if lender is not None else None

    def read_bank(self, bank: Bank) -> bytes:
        if bank is Bank.GENERAL:
            return bytes(ptrace.get_registers(self.thread, self.arch.registers.sizes[bank]))
        return bytes(self.arch.normal(ptrace.get_extended(self.thread, self.arch.registers.sizes[bank])))

    def write_bank(self, bank: Bank, data: bytes) -> None:
        if bank is Bank.GENERAL:
            ptrace.set_registers(self.thread, data)
        else:
            whole = ptrace.get_extended(self.thread, self.arch.registers.sizes[bank])
            ptrace.set_extended(self.thread, data + bytes(whole[len(data) :]))

    def signal_info(self) -> bytes:
        return self._movement.signal_info(self.thread)

    def set_signal_info(self, info: bytes) -> None:
        self._movement.set_signal_info(self.thread, info)

    def read_memory(self, address: int, size: int) -> bytes:
        return self.memory.read(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        self.memory.write(address, data)

    def mappings(self) -> list[Mapping]:
        # By a living thread: a leader that has ended has no memory any more.
        return procfs.mappings(self.thread)

    @property
    def tasks(self) -> Threads:
        """The threads, for whoever makes them go one by one."""
        return self._threads

    def stepper(self) -> Stepper:
        """The fast way to step the current thread, for the recorder."""
        return Stepper(self.thread, self.arch.registers.sizes[Bank.GENERAL], self.memory)

    def pin(self, cpus: Collection[int]) -> None:
        """Let the process run on these CPUs only; its children are not bound by that."""
        if self._movement.cpus is None:
            self._movement.cpus = os.sched_getaffinity(self._pid)
        for thread in self._threads.ids:
            os.sched_setaffinity(thread, cpus)

    def bequeath(self, mask: bytes) -> None:
        """Have the children to come block the signals of `mask`, whatever their parent has blocked."""
        self._movement.mask = mask

    # -- what to stop for

    def insert_breakpoint(self, address: int) -> None:
        self.memory.read(address, len(self.arch.breakpoint))
        self._movement.traps.addresses.add(address)

    def remove_breakpoint(self, address: int) -> None:
        self._movement.traps.addresses.discard(address)

    def can_watch(self, watches: Sequence[Watch]) -> bool:
        return len(debug_registers.slots(watches)) <= debug_registers.COUNT

    @property
    def sees_all_writes(self) -> bool:
        return False

    def insert_watch(self, watch: Watch) -> None:
        if not self.can_watch([*self._movement.watches, watch]):
            raise RdbError("There are not enough available hardware resources for this watchpoint.")
        self._movement.watches.append(watch)

    def remove_watch(self, watch: Watch) -> None:
        if watch in self._movement.watches:
            self._movement.watches.remove(watch)

    def pass_silently(self, signals: Collection[int]) -> None:
        self._movement.silent = frozenset(signals)

    def stop_at_calls(self, calls: Calls) -> None:
        self._movement.calls = calls

    # -- children

    def stop_at_births(self, stops: Collection[str], keeps: Collection[str]) -> None:
        self._movement.births = frozenset(stops) | frozenset(keeps)

    @property
    def newborn(self) -> Newborn | None:
        return self._movement.newborn

    def take_newborn(self) -> Newborn | None:
        newborn, self._movement.newborn = self._movement.newborn, None
        return newborn

    # -- movement

    @property
    def is_live(self) -> bool:
        return True

    def resume(self, request: Resume) -> None:
        self.give_terminal()
        self._movement.resume(request)

    def wait(self) -> Stop:
        with doorbell.answered(self._movement.interrupt_again):
            stop = self._movement.wait()
        self._unheard.end()
        if stop.ended:
            self._terminal.forget()
        else:
            self._terminal.take()
            self.answer_unheard()
        return stop

    def give_terminal(self) -> None:
        """The program is about to run: it gets the terminal, unless it had one of its own before we came."""
        if not self.attached:
            self._terminal.give(self._group)
            if self._terminal.present:
                self._unheard.begin()

    def take_terminal(self) -> None:
        """The program has stopped, or the user must be asked something."""
        self._unheard.end()
        self._terminal.take()

    def answer_unheard(self) -> None:
        """All threads stand, and a stop is about to be told of: it answers a Ctrl-C that the program has not taken."""
        if self._unheard.answered() and signal.SIGINT not in self._movement.silent:
            self._movement.take_out(signal.SIGINT)

    def interrupt(self) -> None:
        self._movement.interrupt()

    def forget_interrupt(self) -> None:
        self._movement.forget_interrupt()

    def kill(self) -> None:
        for newborn in self._movement.take_newborns():
            newborn.kill()
        self._threads.kill()
        self._terminal.forget()

    def detach(self, signal: int = 0) -> None:
        for newborn in self._movement.take_newborns():
            newborn.let_go()
        self._movement.detach(signal)
        wards.let_go(self._pid)
        self._terminal.forget()

    def close(self) -> None:
        self._unheard.close()
        self._rites.close()
        debugged.discard(self._pid)
        self.memory.close()
        wards.reap()

    @property
    def is_dead(self) -> bool:
        """Whether the process has been killed while it stood; the next wait will tell."""
        return all(procfs.thread_state(self._pid, thread) in ("Z", "X", "") for thread in self._threads.ids)

    @property
    def stands(self) -> bool:
        """Whether the current thread stands, as it must whenever something is asked of it, unless it was killed."""
        return procfs.thread_state(self._pid, self.thread) == "t"

    def rest(self) -> None:
        """Have the threads stand so that they would just run on if we were killed.

        A thread that stands with the SIGTRAP of a step or a breakpoint of ours would get it in that moment, and die of it.
        """
        for thread in self._threads.ids:
            try:
                if ptrace.stands_trapped(thread):
                    ptrace.interrupt(thread)
                    ptrace.cont(thread)
                    os.waitpid(thread, ptrace.WAIT_ALL)
            except (PtraceFailed, ChildProcessError):
                pass  # it has been killed: the next wait will tell

    # -- for whoever steps by a Stepper

    def send_stop(self) -> None:
        """Make a thread that runs stop soon, from a system thread that does not trace: by a SIGSTOP, not for the program."""
        self._movement.send_stop()

    def took_stop(self, info: bytes) -> bool:
        """Whether a signal that has arrived is that."""
        return self._movement.took_stop(info)

    def free_strays(self) -> None:
        """It is gone: children that it has not told of run on their own."""
        self._movement.free_strays()

    def release_fork(self, status: int, keep: bool = False) -> bool:
        """See to a status that is no business of the program's: a fork's child, or a stop without a signal; whether it was."""
        if status < 0 or not os.WIFSTOPPED(status) or not status >> 16:
            return False
        event = ptrace.Event(status >> 16)
        return self._movement.bear(event, keep) or event is ptrace.Event.STOP

    def leave_call(self) -> None:
        """Take the threads out of system calls: in front of one that they are about to make, and the current one to the end of
        one in which an event (fork, exec) has stopped it.
        """
        for thread in self._threads.ids:
            if ptrace.stands_in_call(thread):
                self._movement.take_out_of_call(thread)
        while ptrace.standing_event(self.thread) in _IN_A_CALL:
            ptrace.step(self.thread)
            _, status = os.waitpid(self.thread, ptrace.WAIT_ALL)
            if not self.release_fork(status):
                return

    def executed(self) -> Executed:
        """The process has become another program: everything that was inserted belonged to the image that is gone."""
        self._movement.forget_image()
        return Executed(procfs.executable(self._pid))
