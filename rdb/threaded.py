"""An inferior with threads: which there are, which one is looked at, and what is told when one comes or goes.

Targets know threads by the system's ids, and say which exist at the moment that is looked at; numbers and names are kept in the
table of rdb.threads.  Whether a thread has a pthread_t is decided as libthread_db would, without it: the C library is there, and
the thread's pointer register is set.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from rdb.arch.base import Bank
from rdb.debuggee import Debuggee
from rdb.errors import NoThread, RdbError
from rdb.events import Reason, ThreadCreated, ThreadExited
from rdb.expr.convert import make
from rdb.expr.siginfo import siginfo
from rdb.expr.value import Value
from rdb.family import Family
from rdb.linux import procfs
from rdb.symbols.machine_registers import MACHINES
from rdb.symbols.types import INT
from rdb.target.base import Target
from rdb.target.native import NativeTarget
from rdb.threads import Thread, ThreadInfo

# A symbol that a program has if threads were linked into it, and the libraries that bring them.
_MARK = "nptl_version"
_LIBRARIES = ("libc.so.", "libc-", "libpthread")


class Threaded(Family):
    def __init__(self, query: Callable[[str], bool], notify: Callable[[object], None]) -> None:
        super().__init__(query, notify)
        computed = self.convenience.computed
        computed["_thread"] = computed["_gthread"] = lambda: make(INT, self.thread_number)
        computed["_inferior"] = lambda: make(INT, self.debuggee.number)
        computed["_siginfo"] = self._siginfo

    def _siginfo(self) -> Value | None:
        target = self.target
        return siginfo(target.signal_info, self.arch.pointer_size, target.set_signal_info) if target.threads() else None

    # -- which there are

    def threads(self) -> list[ThreadInfo]:
        """The threads that exist at the moment that is looked at, by ascending number."""
        living = sorted((self.thread_table.of(tid) for tid in self.target.threads()), key=lambda each: each.number)
        for each in living:
            self._look_at(each)
        return [self._info(each) for each in living]

    def current_thread(self) -> ThreadInfo:
        """The current thread; raises RdbError without a process."""
        if not self.target.threads():
            raise RdbError("No thread selected")
        return self.thread_of(self.target.thread)

    def thread_of(self, tid: int) -> ThreadInfo:
        """The thread that the system calls `tid`; one that has ended is as it was last seen."""
        thread = self.thread_table.of(tid)
        if tid == self.target.thread:
            self._look_at(thread)
        return self._info(thread)

    @property
    def thread_number(self) -> int:
        """The number of the current thread; 0 without a process."""
        return self.thread_table.of(self.target.thread).number if self.target.threads() else 0

    def process_title(self, debuggee: Debuggee) -> str:
        return self.thread_of(self.target.thread).target_id if debuggee is self.debuggee else super().process_title(debuggee)

    def _info(self, thread: Thread) -> ThreadInfo:
        current = thread.tid == self.target.thread
        target_id = self._target_id(thread)
        return ThreadInfo(thread.number, thread.tid, target_id, thread.system_name, thread.given_name, current)

    def _look_at(self, thread: Thread) -> None:
        thread.system_name = procfs.thread_name(self.target.pid, thread.tid) or thread.system_name
        try:
            with self.in_thread(thread.tid):
                thread.pointer = self._thread_pointer(self.target) or thread.pointer
        except RdbError:
            pass  # it is known as it was last seen

    def _thread_pointer(self, target: Target) -> int:
        """The pthread_t of the target's current thread, 0 where there is none (yet)."""
        if not self._has_pthreads():
            return 0
        registers = self.arch.registers
        register = registers[MACHINES[self.arch.machine].thread_pointer or ""]
        return int.from_bytes(registers.get(register, (target.read_bank(Bank.GENERAL), b"")), "little")

    def _has_pthreads(self) -> bool:
        objects = self.table.objects
        names = (os.path.basename(each.path) for each in objects[1:])
        return any(name.startswith(_LIBRARIES) for name in names) or bool(objects and objects[0].minimal(_MARK))

    def _target_id(self, thread: Thread) -> str:
        if thread.pointer:
            return f"Thread {thread.pointer:#x} (LWP {thread.tid})"
        alone = thread.tid == self.target.pid and not self.thread_table.several
        return f"{'process' if alone else 'LWP'} {thread.tid}"

    # -- which one is looked at

    def select_thread(self, number: int) -> ThreadInfo:
        """Look at another thread; raises NoThread."""
        thread = self.find_thread(number)
        if thread.tid != self.target.thread:
            self.target.select_thread(thread.tid)
        self.moved()
        return self.thread_of(thread.tid)

    def find_thread(self, number: int) -> Thread:
        """The thread with this number, if it exists at the moment that is looked at; else NoThread."""
        found = next((each for each in map(self.thread_table.of, self.target.threads()) if each.number == number), None)
        if found is None:
            raise NoThread(number)
        return found

    def foreseen_thread(self, number: int) -> Thread:
        """The thread with this number, if it exists at any moment that can be looked at: now, or elsewhere in a recording."""
        known = next((each for each in self.thread_table if each.number == number), None)
        return known if known is not None and self.recording is not None else self.find_thread(number)

    def name_thread(self, number: int, name: str | None) -> None:
        """Give a thread a name, or (None) let it have the system's again."""
        self.find_thread(number).given_name = name

    # -- how they come and go

    def _adopt(self, process: NativeTarget) -> None:
        new = self.process is not process
        super()._adopt(process)
        if new:
            self.thread_table.begin(process.threads())
        else:
            self.thread_table.keep(process.threads())

    def _listen(self, process: NativeTarget) -> None:
        process.tell = self._on_thread

    def _on_thread(self, reason: Reason) -> None:
        """A thread has come or gone while the program runs."""
        if isinstance(reason, ThreadCreated):
            self._came(reason.thread)
        elif isinstance(reason, ThreadExited):
            self.thread_table.ended(reason.thread)
        self.notify(reason)

    def _came(self, tid: int) -> None:
        """Take in a new thread, which is stopped while the others may run."""
        thread = self.thread_table.came(tid)
        process = self.need_process()
        current = process.thread
        try:
            process.select_thread(tid)
            thread.pointer = self._thread_pointer(process)
        except RdbError:
            pass  # it will be seen at the next stop
        finally:
            process.select_thread(current)
