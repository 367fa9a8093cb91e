"""Whose turn it is: the threads of a recorded process run one at a time, in one order that the record list keeps.

While the program runs, one thread has the turn; the others stand, or are in a system call that blocks.  A turn lasts for a slice
of instructions, or until the thread blocks, yields or ends.  Turns go round, so whoever spins on a lock gives way to the thread
that holds it.  A slice goes on over stops, so whoever stops at a breakpoint all the time gives way too.

A thread whose call blocks is left in the kernel (`left`), and the turn goes to the next.  When the call has returned it is
finished in the thread's next turn: recorded at the position that has been reached then.  When all threads that may run are
blocked we wait until the first call returns.

What a call under way may write is memory that others can see, so it is watched over: before others change it, and at the end of
each slice, what the kernel has written is recorded (`absorb`).  The kernel may still write in the middle of a slice; that is then
recorded at its end.

Invariants:
* The thread in turn is the one that `recorder`'s stepper and the injector are set to, the process's current one, and the one to
  which the record list gives what is recorded (`switch`).
* At a stop no call is under way: each thread that is in one is interrupted and stands in front of its call, or behind it if the
  call was done (`hold`).  So between two stops memory does not change behind our back.
* A signal that one thread reports while all are brought to a stand for another is kept, and dealt with in its next turn
  (`reported`).

Who executes the instructions of the thread in turn, and how, is no matter here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rdb.arch.linux.terms import Kind as CallKind
from rdb.linux import ptrace
from rdb.linux.inject import Injector
from rdb.linux.ptrace import INTERRUPTED, Event
from rdb.linux.threads import Threads
from rdb.record.entry import Kind
from rdb.record.machine import Banks, Machine
from rdb.record.single_step import SingleStepRecorder
from rdb.record.slices import Slices
from rdb.record.system_call import SystemCall, SystemCalls
from rdb.target.native import NativeTarget

# So long, in seconds, sleeps who must not sleep for good: a sleep that is interrupted all the time comes to its end in this way.
_NAP = 0.02


@dataclass(frozen=True)
class Returned:
    """Thread `thread`, which has the turn now, has stopped in `call`, which was left; or outside of a call if that is None."""

    thread: int
    call: SystemCall | None
    status: int


class Schedule:
    """Gives turns to the threads of `process`; `machine` keeps the registers of those that end."""

    def __init__(
        self,
        process: NativeTarget,
        recorder: SingleStepRecorder,
        machine: Machine,
        injector: Injector,
        calls: SystemCalls,
        forked: Callable[[int], bool],
    ) -> None:
        """All threads stand.  `forked` sees to a status that tells of a child, and says whether it was one."""
        self.process, self.recorder, self.machine, self.injector, self.calls = process, recorder, machine, injector, calls
        self.threads: Threads = process.tasks
        self.turns = recorder.log.turns
        self.forked = forked
        self.alone = False
        self.slices = Slices()
        self.left: dict[int, SystemCall] = {}
        self.reported: dict[int, int] = {}
        self._newborn: list[int] = []
        calls.to_call, calls.wake = self._to_call, self._wake
        calls.enter, calls.is_last = self._enter, lambda: len(self.threads.ids) == 1
        calls.gave_way = lambda: self.slices.give_way(self.thread)
        recorder.settle = self.absorb

    # -- turns

    @property
    def thread(self) -> int:
        """The thread in turn."""
        return self.recorder.stepper.pid

    def number(self, thread: int) -> int:
        """The number of a living thread in the record list."""
        number = self.turns.number(thread, self.recorder.log.high)
        assert number is not None, f"thread {thread} was not noticed"
        return number

    def switch(self, thread: int) -> None:
        """Give the turn to a thread that stands."""
        if len(self.threads.ids) > 1:
            self.recorder.stepper.loop.share()
        self.injector.pid = self.threads.in_turn = thread
        self.process.select_thread(thread)
        self.recorder.stepper.select(thread)
        self.turns.begin(self.number(thread), self.recorder.log.high)

    @property
    def rest(self) -> int | None:
        """The instructions that are left of the slice, at least one; None where nobody else waits for a turn."""
        return max(self.slices.rest(self.thread), 1) if len(self.threads.ids) > 1 else None

    def spend(self, instructions: int) -> None:
        """The thread in turn has executed so many."""
        self.slices.spend(self.thread, instructions)

    def is_over(self) -> bool:
        """Whether the turn is over: the slice is spent, or the thread blocks or has ended."""
        if self.threads.ids == [self.thread] and not self.left and not self.reported:
            self.slices.end()
            return False
        return self.slices.rest(self.thread) <= 0 or self.thread in self.left or self.thread not in self.threads.ids

    def next(self) -> Returned | None:
        """Give the turn to the next thread that can have it; what to do first with one that comes back from a call."""
        self.slices.end()
        while True:
            for thread in list(self._round()):
                if thread in self.reported:
                    self.switch(thread)
                    return Returned(thread, None, self.reported.pop(thread))
                if thread not in self.left:
                    # Whoever had the turn may have ended: what is recorded here needs one who lives.
                    if thread != self.thread:
                        self.switch(thread)
                    self.absorb()
                    return None
                status = self.threads.look(thread)
                if status is not None:
                    return self._returned(thread, status)
            # Nobody can run: wait for the first to come back.
            found = self.threads.wait()
            if found is not None and found[0] in self.left:
                return self._returned(*found)

    def _round(self) -> Iterator[int]:
        """The threads that may run, from the one behind the thread in turn to that itself."""
        ids = [self.thread] if self.alone else self.threads.ids
        at = ids.index(self.thread) + 1 if self.thread in ids else 0
        yield from (*ids[at:], *ids[:at])

    def _returned(self, thread: int, status: int) -> Returned:
        call = self.left.pop(thread)
        self._mind()
        if not os.WIFSTOPPED(status):
            return Returned(thread, call, status)
        self.switch(thread)
        return Returned(thread, call, self.recorder.stepper.settled(status))

    # -- calls

    def _enter(self, kind: CallKind, may_be_left: bool) -> int | None:
        """Make the thread in turn step into the kernel: the status in which it comes back; None if it blocks, or has ended."""
        threads, thread, stepper = self.threads, self.thread, self.recorder.stepper
        collect = threads.collect_from_exec if kind is CallKind.EXEC else threads.collect
        if kind is CallKind.FORK:
            # There may be another thread with this instruction.
            stepper.loop.share()
        if len(threads.ids) == 1 and not may_be_left:
            # Not by the loop, which would keep the interpreter's lock while the thread sleeps.
            status = stepper.step()
        else:
            threads.go(thread, ptrace.step)
            looked = self._look(thread) if may_be_left else collect(thread)
            if looked is None or not os.WIFSTOPPED(looked):
                return looked
            if looked >> 16 == Event.EXEC:
                self._became_leader()
            status = stepper.settled(looked)
        while self._gave_birth(status) or (status >> 16 != Event.STOP and self._forked(status)):
            status = stepper.step()
        return status

    def _forked(self, status: int) -> bool:
        if os.WIFSTOPPED(status) and status >> 16:
            self.process.bequeath(self.calls.delivery.held.mask())
        return self.forked(status)

    def _to_call(self) -> int:
        """Make the thread in turn run to where it enters a system call, or returns from it; the status."""
        self.threads.go(self.thread, ptrace.run_to_call)
        return self._awaited()

    def _wake(self) -> int:
        """Make the thread in turn come back from the call in which it sleeps, unless it soon does so by itself; the status.

        What it waits for may be another thread's to do: those have the turn then, and do not wait for the nap to be over.
        """
        self.slices.give_way(self.thread)
        status = self.threads.collect(self.thread, _NAP if len(self.threads.ids) == 1 + len(self.left) else 0)
        if status is None:
            self.threads.interrupt(self.thread)
            return self._awaited()
        return self.recorder.stepper.settled(status)

    def _awaited(self) -> int:
        status = self.threads.collect(self.thread)
        if status is None:
            return self.wait_for_end()
        return self.recorder.stepper.settled(status) if os.WIFSTOPPED(status) else status

    def _look(self, thread: int) -> int | None:
        """The status of a thread that steps, or None if it blocks."""
        while True:
            os.sched_yield()  # the thread has the same CPU
            status = self.threads.look(thread)
            if status is None and self.threads.is_blocked(thread):
                status = self.threads.look(thread)
                if status is None:
                    return None
            if status is not None:
                return status

    def leave(self, call: SystemCall) -> None:
        """The thread in turn stays in its call."""
        self.left[self.thread] = call
        self._mind()

    def _mind(self) -> None:
        self.recorder.mind([call.comparison for call in self.left.values()])

    def absorb(self) -> None:
        """Record what calls under way have written so far."""
        log = self.recorder.log
        for thread, call in self.left.items():
            if any(True for _ in call.comparison.memory_differences()):
                self.turns.begin(self.number(thread), log.high)
                call.comparison.commit(Kind.UNDER_WAY, registers=False)
                self.turns.begin(self.number(self.thread), log.high)

    def keep_up(self, position: int) -> None:
        """The thread in turn has run since `position` without minding what calls under way may write.

        What it wrote there is in the log already.
        """
        for call in self.left.values():
            for address, before in list(call.comparison.memory_differences()):
                for stretch in self.recorder.log.writes(address, address + len(before), position):
                    call.comparison.keep_up(*stretch)

    # -- threads that come and go

    def _gave_birth(self, status: int) -> bool:
        """Whether a status tells of a thread that was made; it stands, and is known when the call is recorded."""
        if status < 0 or not os.WIFSTOPPED(status) or status >> 16 != Event.CLONE:
            return False
        child = ptrace.event_message(self.thread)
        if not self.threads.is_ours(child):
            return False
        self.threads.adopt(child)
        self._newborn.append(child)
        return True

    def births(self) -> None:
        """The threads that the last call has made exist from here on."""
        if not self._newborn:
            return
        parent, mask = self.thread, self.calls.delivery.held.mask()
        for thread in self._newborn:
            self.turns.born(thread, self.recorder.log.high)
            self.switch(thread)
            self.calls.clear_trap_flag()
            ptrace.set_signal_mask(thread, mask)
            self.stand_ready()
            self.calls.delivery.born(mask)
            self.switch(parent)
        self._newborn.clear()

    def stand_ready(self) -> None:
        """Have the thread in turn stand behind a call of ours: there it can be given a signal, as it cannot where it is born."""
        self.calls.delivery.stand_ready()

    def ended(self, registers: Banks) -> None:
        """The thread in turn has ended by the call that was just recorded; `registers` it had before."""
        log = self.recorder.log
        number = self.turns.at(log.high - 1)
        self.machine.banks[number] = registers
        self.turns.lives[number].pc = self.recorder.pc
        self.turns.died(number, log.high)
        self.calls.delivery.forget(self.thread)

    def end(self, thread: int) -> None:
        """End a thread of the process, without a trace in memory: in the past where we go on it does not exist."""
        self.calls.delivery.forget(thread)
        self.injector.pid = thread
        for name, size in (("set_robust_list", self.calls.abi.word * 3), ("set_tid_address", 0)):
            self.injector.call(name, 0, size)
        self.injector.prepare("exit")
        status: int | None = INTERRUPTED
        while status is not None and os.WIFSTOPPED(status):
            self.threads.go(thread, ptrace.cont)
            status = self.threads.collect(thread)

    def _became_leader(self) -> None:
        """The thread in turn has executed a program: it is the only one, under the id of the leader."""
        self.left.clear()
        self.reported.clear()
        self.injector.pid = self.threads.in_turn = self.process.pid
        self.recorder.stepper.select(self.process.pid)

    # -- stopping

    def interrupt(self) -> None:
        """Make whoever is in a call come back; safe in a signal handler."""
        for thread in (self.thread, *self.left):
            self.threads.interrupt(thread)

    def hold(self) -> int | None:
        """Bring all to a stand, each in front of its call or behind it; the status of the process if it has ended."""
        current = self.thread
        for thread in self.left:
            self.threads.interrupt(thread)
        while self.left:
            thread = next(iter(self.left))
            status = self.threads.collect(thread)
            if status is None or not os.WIFSTOPPED(status):
                return self.wait_for_end()
            returned = self._returned(thread, status)
            assert returned.call is not None
            self.calls.finish(returned.call, returned.status, interrupted=True)
            if returned.status >> 16 == 0 and os.WSTOPSIG(returned.status) != os.WSTOPSIG(INTERRUPTED):
                self.reported[thread] = returned.status
                self.calls.delivery.keep()
        if current not in self.threads.ids:
            current = self.process.thread
        if self.thread != current:
            self.switch(current)
        return None

    def close(self) -> None:
        """Recording is over."""
        self.threads.in_turn = None

    def wait_for_end(self) -> int:
        """The process is ending: the status of it as a whole, which comes last."""
        self.left.clear()
        return self.threads.end()
