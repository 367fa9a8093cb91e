"""The native target: a process of this machine, under ptrace.

Invariants:
* While the process is stopped its memory holds no breakpoint of ours: traps are written when it is resumed and taken out when it
  has stopped, so every reader sees the program as it is.
* A breakpoint under pc is stepped over before the others are written.
* A fork's child is freed of our traps and let go; it runs on its own.  Who wants to decide about it asks for a stop: then it is
  kept as `newborn`.  While the child of a vfork has our memory, there are no traps in it.
* Signals that the user does not want to see are delivered here, without a stop.
"""

from __future__ import annotations

import os
import signal as signals
from collections.abc import Callable, Collection, Sequence

from rdb.arch.base import Arch, Bank
from rdb.errors import CannotAccessMemory, PtraceFailed, RdbError
from rdb.events import (
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
    Stop,
    Watch,
)
from rdb.linux import debug_registers, procfs, ptrace
from rdb.linux.procfs import Mapping
from rdb.linux.stepper import Stepper
from rdb.linux.terminal import Terminal
from rdb.target.base import Stratum, Target
from rdb.target.newborn import HOW, Newborn

_OPTIONS = ptrace.Option.FORK | ptrace.Option.VFORK | ptrace.Option.VFORKDONE | ptrace.Option.EXEC


class NativeTarget(Target):
    stratum = Stratum.PROCESS
    name = "native"
    title = "Native process"

    def __init__(self, pid: int, arch: Arch, terminal: Terminal, attached: bool = False) -> None:
        """Take over `pid`, which is stopped and traced by us."""
        super().__init__()
        self._pid = pid
        self.arch = arch
        self.attached = attached
        self.tell: Callable[[Reason], None] = lambda reason: None
        # The parent of a vfork's child, which has lent the child its memory.
        self.lender: NativeTarget | None = None
        self._births: frozenset[str] = frozenset()
        self._newborn: Newborn | None = None
        self._vforking = False
        self._cpus: Collection[int] | None = None
        self.memory = ptrace.Memory(pid)
        self._terminal = terminal
        self._group = os.getpgid(pid)
        self._breakpoints: set[int] = set()
        self._watches: list[Watch] = []
        self._watched: dict[Watch, bytes | None] = {}
        self._silent: frozenset[int] = frozenset()
        self._written: dict[int, bytes] = {}
        self._request = Resume()
        self._sent_stop = False
        # A launched program must not outlive its debugger, stopped for ever; an attached one must survive it.
        ptrace.set_options(pid, _OPTIONS if attached else _OPTIONS | ptrace.Option.EXITKILL)

    # -- state

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def thread(self) -> int:
        return self._pid

    def threads(self) -> list[int]:
        return [self._pid]

    def select_thread(self, thread: int) -> None:
        if thread != self._pid:
            raise RdbError(f"No thread {thread}.")

    def read_bank(self, bank: Bank) -> bytes:
        if bank is Bank.GENERAL:
            return bytes(ptrace.get_registers(self._pid, self.arch.registers.sizes[bank]))
        return bytes(self.arch.normal(ptrace.get_extended(self._pid, self.arch.registers.sizes[bank])))

    def write_bank(self, bank: Bank, data: bytes) -> None:
        if bank is Bank.GENERAL:
            ptrace.set_registers(self._pid, data)
        else:
            whole = ptrace.get_extended(self._pid, self.arch.registers.sizes[bank])
            ptrace.set_extended(self._pid, data + bytes(whole[len(data) :]))

    def read_memory(self, address: int, size: int) -> bytes:
        return self.memory.read(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        self.memory.write(address, data)

    def mappings(self) -> list[Mapping]:
        return procfs.mappings(self._pid)

    def stepper(self) -> Stepper:
        """The fast way to step this process, for the recorder."""
        return Stepper(self._pid, self.arch.registers.sizes[Bank.GENERAL], self.memory)

    def pin(self, cpus: Collection[int]) -> None:
        """Let the process run on these CPUs only; its children are not bound by that."""
        if self._cpus is None:
            self._cpus = os.sched_getaffinity(self._pid)
        os.sched_setaffinity(self._pid, cpus)

    # -- what to stop for

    def insert_breakpoint(self, address: int) -> None:
        self.memory.read(address, len(self.arch.breakpoint))
        self._breakpoints.add(address)

    def remove_breakpoint(self, address: int) -> None:
        self._breakpoints.discard(address)

    def can_watch(self, watches: Sequence[Watch]) -> bool:
        return len(debug_registers.slots(watches)) <= debug_registers.COUNT

    @property
    def sees_all_writes(self) -> bool:
        return False

    def insert_watch(self, watch: Watch) -> None:
        if not self.can_watch([*self._watches, watch]):
            raise RdbError("There are not enough available hardware resources for this watchpoint.")
        self._watches.append(watch)

    def remove_watch(self, watch: Watch) -> None:
        if watch in self._watches:
            self._watches.remove(watch)

    def pass_silently(self, signals: Collection[int]) -> None:
        self._silent = frozenset(signals)

    # -- children

    def stop_at_births(self, stops: Collection[str], keeps: Collection[str]) -> None:
        self._births = frozenset(stops) | frozenset(keeps)

    @property
    def newborn(self) -> Newborn | None:
        return self._newborn

    def take_newborn(self) -> Newborn | None:
        newborn, self._newborn = self._newborn, None
        return newborn

    # -- movement

    @property
    def is_live(self) -> bool:
        return True

    def resume(self, request: Resume) -> None:
        self._request = request
        self._watched = {watch: self._peek(watch) for watch in self._watches}
        self.give_terminal()
        try:
            self._load_watches()
            self._set_going(request.signal)
        except PtraceFailed:
            if not self._is_gone():
                raise
            # Killed by somebody while it was stopped: the wait will tell.

    def wait(self) -> Stop:
        while True:
            stop = self._one_wait()
            if stop is not None:
                break
        if stop.ended:
            self._terminal.forget()
        else:
            self._terminal.take()
        return stop

    def give_terminal(self) -> None:
        """The program is about to run: it gets the terminal, unless it had one of its own before we came."""
        if not self.attached:
            self._terminal.give(self._group)

    def take_terminal(self) -> None:
        """The program has stopped, or the user must be asked something."""
        self._terminal.take()

    def interrupt(self) -> None:
        try:
            os.kill(self._pid, signals.SIGINT)
        except ProcessLookupError:
            pass

    def kill(self) -> None:
        newborn = self.take_newborn()
        if newborn is not None:
            newborn.kill()
        try:
            os.kill(self._pid, signals.SIGKILL)
            while os.WIFSTOPPED(os.waitpid(self._pid, ptrace.WAIT_ALL)[1]):
                os.kill(self._pid, signals.SIGKILL)
        except (ProcessLookupError, ChildProcessError):
            pass
        self._terminal.forget()

    def detach(self, signal: int = 0) -> None:
        newborn = self.take_newborn()
        if newborn is not None:
            newborn.let_go()
        debug_registers.load(self._pid, [])
        ptrace.detach(self._pid, signal)
        self._terminal.forget()

    def close(self) -> None:
        self.memory.close()

    # -- how it is done

    def _pc(self) -> int:
        register = self.arch.registers[self.arch.pc]
        return int.from_bytes(self.arch.registers.get(register, (self.read_bank(Bank.GENERAL), b"")), "little")

    def _move_pc(self, address: int) -> None:
        banks = (bytearray(self.read_bank(Bank.GENERAL)), bytearray())
        self.arch.registers.put(self.arch.registers[self.arch.pc], banks, address.to_bytes(8, "little"))
        self.write_bank(Bank.GENERAL, bytes(banks[0]))

    def _peek(self, watch: Watch) -> bytes | None:
        try:
            return self.memory.read(watch.address, watch.length)
        except CannotAccessMemory:
            return None

    def _is_gone(self) -> bool:
        """Whether the process has died since it was last waited for."""
        return procfs.status(self._pid).get("State", "Z").startswith(("Z", "X"))

    def _load_watches(self) -> None:
        self._slots = debug_registers.slots(self._watches)
        debug_registers.load(self._pid, self._slots)

    def _set_going(self, signal: int) -> None:
        """Resume with traps written; when pc stands on one, step off it first."""
        self._stepping_off = not self._request.step and self._pc() in self._breakpoints
        if self._request.step or self._stepping_off:
            ptrace.step(self._pid, signal)
        else:
            self._write_traps()
            ptrace.cont(self._pid, signal)

    def _write_traps(self) -> None:
        if self._vforking:
            return
        trap = self.arch.breakpoint
        for address in self._breakpoints:
            try:
                self._written[address] = self.memory.read(address, len(trap))
                self.memory.write(address, trap)
            except CannotAccessMemory:
                self._written.pop(address, None)

    def _erase_traps(self) -> None:
        """Put the program's own bytes back."""
        self._erase_traps_in(self.memory)

    def _erase_traps_in(self, memory: ptrace.Memory) -> None:
        for address, code in self._written.items():
            try:
                memory.write(address, code)
            except CannotAccessMemory:
                pass  # unmapped meanwhile
        self._written.clear()

    def _forget_traps(self) -> None:
        """Our memory is gone; but if it was lent to us, the traps are still in it."""
        if self.lender is not None:
            self._erase_traps_in(self.lender.memory)
            self.lender = None
        self._written.clear()

    def _one_wait(self) -> Stop | None:
        """Take one status; None when the program was sent on because nobody is interested."""
        _, status = os.waitpid(self._pid, ptrace.WAIT_ALL)
        if os.WIFEXITED(status):
            return self._stopped(Exited(os.WEXITSTATUS(status)))
        if os.WIFSIGNALED(status):
            return self._stopped(Killed(os.WTERMSIG(status)))
        event, number = status >> 16, os.WSTOPSIG(status)
        if event:
            return self._on_event(ptrace.Event(event))
        self._erase_traps()
        if number == signals.SIGTRAP:
            reasons = self._on_trap()
            if reasons is None:
                return None
            return Stop(reasons, self._pid)
        if number in self._silent:
            self._set_going(number)
            return None
        info = ptrace.signal_info(self._pid)
        code, address = int.from_bytes(info[8:12], "little", signed=True), int.from_bytes(info[16:24], "little")
        return self._stopped(Signalled(number, code, address))

    def _stopped(self, reason: Reason) -> Stop:
        if isinstance(reason, (Exited, Killed)):
            self._forget_traps()
        return Stop((reason,), self._pid)

    def _on_trap(self) -> tuple[Reason, ...] | None:
        """The reasons behind a SIGTRAP; None when the program was sent on: off a breakpoint, or within its stepping range."""
        reasons: list[Reason] = []
        for watch in debug_registers.triggered(self._pid, self._slots):
            reasons.append(Accessed(watch, self._watched[watch], self._peek(watch)))
        pc, size = self._pc(), len(self.arch.breakpoint)
        if not self._request.step and not self._stepping_off and pc - size in self._breakpoints:
            self._move_pc(pc - size)
            reasons.append(AtBreakpoint(pc - size))
        elif self._request.step and not reasons and pc not in self._breakpoints and pc in (self._request.within or ()):
            ptrace.step(self._pid)
            return None
        elif self._request.step or (self._stepping_off and not reasons and not self._is_foreign_trap()):
            if self._stepping_off and not self._request.step and pc not in self._breakpoints:
                self._set_going(0)
                return None
            reasons.append(AtBreakpoint(pc) if pc in self._breakpoints else Stepped())
        return tuple(reasons) or (Signalled(signals.SIGTRAP),)

    def _is_foreign_trap(self) -> bool:
        """Whether the SIGTRAP was raised by the program itself (int3 of its own, or kill)."""
        code = int.from_bytes(ptrace.signal_info(self._pid)[8:12], "little", signed=True)
        return code <= 0 or code == 0x80

    def _on_event(self, event: ptrace.Event) -> Stop | None:
        """exec starts a new image; a child is let go, unless somebody wants to decide about it."""
        if event is ptrace.Event.EXEC:
            return Stop((self.executed(),), self._pid)
        if event in HOW:
            newborn = self._bear(event)
            if newborn.how in self._births:
                self._newborn = newborn
                self._erase_traps()
                return Stop((Forked(newborn.pid, newborn.how),), self._pid)
            self._let_go(newborn)
        if event is ptrace.Event.VFORK_DONE:
            self._vforking = False
            if not self._request.step and not self._stepping_off:
                self._write_traps()
        if self._request.step or self._stepping_off:
            ptrace.step(self._pid)
        else:
            ptrace.cont(self._pid)
        return None

    def executed(self) -> Executed:
        """The process has become another program: everything that was inserted belonged to the image that is gone."""
        self._forget_traps()
        self._breakpoints.clear()
        self._watches.clear()
        self.memory.close()
        self.memory = ptrace.Memory(self._pid)
        return Executed(procfs.executable(self._pid))

    def release_fork(self, status: int, keep: bool = False) -> bool:
        """See to the child of a fork if `status` tells of one, for whoever steps by a Stepper; whether it did."""
        event = ptrace.Event(status >> 16) if status >= 0 and os.WIFSTOPPED(status) else ptrace.Event.NONE
        if event is ptrace.Event.VFORK_DONE:
            self._vforking = False
        elif event not in HOW:
            return False
        else:
            newborn = self._bear(event)
            if keep:
                self._newborn = newborn
            else:
                self._let_go(newborn)
        return True

    def _bear(self, event: ptrace.Event) -> Newborn:
        """The child that an event tells of, free of what is ours."""
        newborn = Newborn(ptrace.event_message(self._pid), HOW[event])
        newborn.free(self._written, self._cpus)
        if newborn.how == "vfork":
            # The child shares our memory, which stays without traps until it is done.
            self._vforking = True
            self._erase_traps()
        return newborn

    def _let_go(self, newborn: Newborn) -> None:
        newborn.let_go()
        self.tell(Forked(newborn.pid, newborn.how))
