"""A target: one stratum of the stack through which everything above reaches the program.

Strata lie on each other as in GDB: an exec-file gives the bytes of the program on disk, a process makes them move, a record
target remembers and undoes.  The one on top that implements a method serves it.  Every method here passes the call to the target
beneath, so a stratum implements what it changes and nothing else; at the bottom is a target that has nothing.

A resume is followed by exactly one wait, whose answer is a Stop (rdb.events), never an exception.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence

from rdb.arch.base import Bank
from rdb.errors import CannotAccessMemory, CannotWriteSignal, NoProcess, NoRegisters, RdbError
from rdb.events import Calls, Resume, Stop, Watch
from rdb.linux.procfs import Mapping
from rdb.target.newborn import Newborn


class Stratum(enum.IntEnum):
    """The order of targets on the stack, as in GDB."""

    DUMMY = 0
    FILE = 1
    PROCESS = 2
    THREAD = 3
    RECORD = 4
    ARCH = 5


class Target:
    """The base of all strata: every method delegates beneath."""

    stratum: Stratum
    name: str
    title: str

    def __init__(self) -> None:
        self._beneath: Target | None = None

    @property
    def beneath(self) -> Target:
        return self._beneath if self._beneath is not None else NOTHING

    def set_beneath(self, target: Target | None) -> None:
        """Called by the stack when this target is pushed or something beneath it changes."""
        self._beneath = target

    # -- state

    @property
    def pid(self) -> int:
        """The process, or 0."""
        return self.beneath.pid

    @property
    def thread(self) -> int:
        """The thread that registers and steps refer to."""
        return self.beneath.thread

    def threads(self) -> list[int]:
        """The threads that exist at the moment that is looked at, in the order in which they came."""
        return self.beneath.threads()

    def select_thread(self, thread: int) -> None:
        """Make one of the threads the current one."""
        self.beneath.select_thread(thread)

    def read_bank(self, bank: Bank) -> bytes:
        """A register bank of the current thread (rdb.arch.base says its layout)."""
        return self.beneath.read_bank(bank)

    def write_bank(self, bank: Bank, data: bytes) -> None:
        self.beneath.write_bank(bank, data)

    def signal_info(self) -> bytes:
        """The siginfo_t of the signal with which the current thread has stopped, b"" if it has stopped without one."""
        return self.beneath.signal_info()

    def set_signal_info(self, info: bytes) -> None:
        """Change what the current thread will be told of the signal that it has stopped for; RdbError if that cannot be."""
        self.beneath.set_signal_info(info)

    def read_memory(self, address: int, size: int) -> bytes:
        """`size` bytes, or CannotAccessMemory."""
        return self.beneath.read_memory(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        self.beneath.write_memory(address, data)

    def mappings(self) -> list[Mapping]:
        """The address space by ascending address."""
        return self.beneath.mappings()

    # -- stops that targets look for while they run

    def insert_breakpoint(self, address: int) -> None:
        """Make execution in either direction stop when it reaches `address`."""
        self.beneath.insert_breakpoint(address)

    def remove_breakpoint(self, address: int) -> None:
        self.beneath.remove_breakpoint(address)

    @property
    def sees_all_writes(self) -> bool:
        """Whether any amount of memory can be watched, because every write is known anyway."""
        return self.beneath.sees_all_writes

    def insert_watch(self, watch: Watch) -> None:
        """Stop on an access; raises RdbError when there are no more debug registers."""
        self.beneath.insert_watch(watch)

    def remove_watch(self, watch: Watch) -> None:
        self.beneath.remove_watch(watch)

    def can_watch(self, watches: Sequence[Watch]) -> bool:
        """Whether all these can be inserted at once."""
        return self.beneath.can_watch(watches)

    def pass_silently(self, signals: Collection[int]) -> None:
        """Which signals go to the program without a stop."""
        self.beneath.pass_silently(signals)

    def stop_at_calls(self, calls: Calls) -> None:
        """Which system calls the program stops for, whenever it is not made to step."""
        self.beneath.stop_at_calls(calls)

    # -- children

    def stop_at_births(self, stops: Collection[str], keeps: Collection[str]) -> None:
        """By which calls (fork, vfork) a child is made that the program stops for, and by which one that must not run meanwhile.

        Other children run on their own, which is told by a Forked.
        """
        self.beneath.stop_at_births(stops, keeps)

    @property
    def newborn(self) -> Newborn | None:
        """The child for which the program has stopped, itself stopped until it is taken and something is done with it."""
        return self.beneath.newborn

    def take_newborn(self) -> Newborn | None:
        """The same; from here on it is the caller's."""
        return self.beneath.take_newborn()

    # -- movement

    @property
    def can_reverse(self) -> bool:
        return self.beneath.can_reverse

    @property
    def is_live(self) -> bool:
        """Whether the program would execute if it were resumed forwards; in a recorded past nothing does."""
        return self.beneath.is_live

    def resume(self, request: Resume) -> None:
        self.beneath.resume(request)

    def wait(self) -> Stop:
        return self.beneath.wait()

    def interrupt(self) -> None:
        """Make the wait that is under way, or the next one, end soon, with INTERRUPT among its reasons.

        To be called from a signal handler, or from any system thread.
        """
        self.beneath.interrupt()

    def forget_interrupt(self) -> None:
        """The interrupt that was asked for last, if there is one that no wait has answered, was answered otherwise."""
        self.beneath.forget_interrupt()

    def kill(self) -> None:
        self.beneath.kill()

    def detach(self, signal: int = 0) -> None:
        self.beneath.detach(signal)

    def close(self) -> None:
        """Taken off the stack: let go of everything held."""


class _Nothing(Target):
    """What lies beneath the lowest target."""

    stratum = Stratum.DUMMY
    name = "None"
    title = "None"

    @property
    def beneath(self) -> Target:
        raise AssertionError("nothing lies beneath the dummy target")

    @property
    def pid(self) -> int:
        return 0

    @property
    def thread(self) -> int:
        return 0

    def threads(self) -> list[int]:
        return []

    def select_thread(self, thread: int) -> None:
        raise NoProcess

    def read_bank(self, bank: Bank) -> bytes:
        raise NoRegisters

    def write_bank(self, bank: Bank, data: bytes) -> None:
        raise NoRegisters

    def signal_info(self) -> bytes:
        return b""

    def set_signal_info(self, info: bytes) -> None:
        raise CannotWriteSignal

    def read_memory(self, address: int, size: int) -> bytes:
        raise CannotAccessMemory(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        raise CannotAccessMemory(address, len(data))

    def mappings(self) -> list[Mapping]:
        raise NoProcess("No current process: you must name one.")

    def insert_breakpoint(self, address: int) -> None:
        raise NoProcess

    def remove_breakpoint(self, address: int) -> None:
        raise NoProcess

    def insert_watch(self, watch: Watch) -> None:
        raise NoProcess

    def remove_watch(self, watch: Watch) -> None:
        raise NoProcess

    def can_watch(self, watches: Sequence[Watch]) -> bool:
        return True

    def pass_silently(self, signals: Collection[int]) -> None:
        pass

    def stop_at_calls(self, calls: Calls) -> None:
        pass

    def stop_at_births(self, stops: Collection[str], keeps: Collection[str]) -> None:
        pass

    @property
    def newborn(self) -> Newborn | None:
        return None

    def take_newborn(self) -> Newborn | None:
        return None

    @property
    def sees_all_writes(self) -> bool:
        return False

    @property
    def can_reverse(self) -> bool:
        return False

    @property
    def is_live(self) -> bool:
        return False

    def resume(self, request: Resume) -> None:
        raise NoProcess

    def wait(self) -> Stop:
        raise NoProcess

    def interrupt(self) -> None:
        pass

    def forget_interrupt(self) -> None:
        pass

    def kill(self) -> None:
        raise NoProcess

    def detach(self, signal: int = 0) -> None:
        raise RdbError("The program is not being run.")


NOTHING = _Nothing()
