"""What a resume asks for and what a wait answers.

A *Stop* is a value: the thread that stopped, and every reason that holds at once (a breakpoint and a watchpoint can be hit by one
instruction).  A wait never raises to tell of a stop.  Targets report what they see (addresses, byte ranges, signals); what it
means to the user (breakpoint 2, the frame that finished) is added by run control.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TypeVar

from rdb.address import Range


class Direction(enum.Enum):
    FORWARD = "forward"
    REVERSE = "reverse"

    @property
    def opposite(self) -> Direction:
        return Direction.REVERSE if self is Direction.FORWARD else Direction.FORWARD


@dataclass(frozen=True)
class Resume:
    """A request to run.

    `step` asks for one instruction; with `within`, for instructions until pc leaves that range or, backwards, reaches its start.
    `signal` is delivered first, 0 for none.  It is the current thread that steps; with `alone` the others stay where they are.
    """

    direction: Direction = Direction.FORWARD
    step: bool = False
    within: Range | None = None
    signal: int = 0
    alone: bool = False


class WatchKind(enum.Enum):
    """What a watchpoint reacts to; the values are GDB's command names."""

    WRITE = "watch"
    READ = "rwatch"
    ACCESS = "awatch"


@dataclass(frozen=True)
class Watch:
    """A watched stretch of memory, as a target is asked to insert it."""

    address: int
    length: int
    kind: WatchKind

    def touches(self, address: int, size: int) -> bool:
        """Whether `size` bytes at `address` share a byte with the watched ones."""
        return address < self.address + self.length and self.address < address + size

    def triggers(self, changed: bool, read: bool) -> bool:
        """Whether an instruction that changed the watched bytes, or read them, is one to stop for."""
        return (changed and self.kind is not WatchKind.READ) or (read and self.kind is not WatchKind.WRITE)


@dataclass(frozen=True)
class Calls:
    """System calls that a target is asked to stop for, when they begin and when they return: by their numbers, or all."""

    numbers: frozenset[int] = frozenset()
    all: bool = False

    def __contains__(self, number: int) -> bool:
        return self.all or number in self.numbers

    def __bool__(self) -> bool:
        return self.all or bool(self.numbers)


NO_CALLS = Calls()


@dataclass(frozen=True)
class Reason:
    """Base of the reasons why a thread stopped."""


ReasonT = TypeVar("ReasonT", bound=Reason)


@dataclass(frozen=True)
class Stepped(Reason):
    """The step that was asked for is done."""


@dataclass(frozen=True)
class AtBreakpoint(Reason):
    """pc is at an inserted location (forwards: before it executes)."""

    address: int


@dataclass(frozen=True)
class Accessed(Reason):
    """The last instruction touched a watched stretch.

    `before` and `after` are the bytes in the direction of time: before is the older one, also when going backwards.
    """

    watch: Watch
    before: bytes | None = None
    after: bytes | None = None


@dataclass(frozen=True)
class Signalled(Reason):
    """A signal is about to be delivered.  `code` and `address` are si_code and si_addr."""

    number: int
    code: int = 0
    address: int = 0


def is_signal(reason: Reason, number: int) -> bool:
    """Whether a reason to stop is this signal."""
    return isinstance(reason, Signalled) and reason.number == number


# What answers a Target.interrupt: a SIGINT that was never sent.
INTERRUPT = Signalled(2)


@dataclass(frozen=True)
class EndOfHistory(Reason):
    """The record list has no more instructions in `direction`."""

    direction: Direction


@dataclass(frozen=True)
class RecordingStopped(Reason):
    """The record target could not go on recording, for the sentence `why`; the past is kept and nothing was lost."""

    why: str


@dataclass(frozen=True)
class RecordEnded(Reason):
    """The program is about to do what cannot be recorded, and the user wants it to: recording ends here, the program goes on."""


@dataclass(frozen=True)
class Exited(Reason):
    """The process ended by itself with `status`."""

    status: int


@dataclass(frozen=True)
class Killed(Reason):
    """The process was ended by signal `number`."""

    number: int


@dataclass(frozen=True)
class LibrariesChanged(Reason):
    """The dynamic linker has mapped or unmapped objects."""


@dataclass(frozen=True)
class Progress:
    """A resume that records goes on: at instruction number `instructions`, `rate` of them a second, in a log of `size` bytes."""

    instructions: int
    rate: float
    size: int


@dataclass(frozen=True)
class ProgressHidden:
    """Progress that is shown must go from the terminal: the program is about to use it, or has stopped."""


@dataclass(frozen=True)
class Forked(Reason):
    """The process made `child` by the system call `how` (fork, vfork or clone)."""

    child: int
    how: str


@dataclass(frozen=True)
class ThreadCreated(Reason):
    """A thread has come; told while the process runs, never a reason to stop."""

    thread: int


@dataclass(frozen=True)
class ThreadExited(Reason):
    """A thread other than the last has ended; told while the process runs, never a reason to stop."""

    thread: int


@dataclass(frozen=True)
class RunnerEnded(Reason):
    """The thread that ran alone has ended, and the others, which were held, stand where they stood."""


@dataclass(frozen=True)
class SystemCall(Reason):
    """A thread begins system call `number`, or it has come back from it."""

    number: int
    returned: bool = False


@dataclass(frozen=True)
class Executed(Reason):
    """The process replaced its image by `path`."""

    path: str


@dataclass(frozen=True)
class Stop:
    """Where and why the inferior stopped."""

    reasons: tuple[Reason, ...]
    thread: int = 0

    def interrupted(self) -> Stop:
        """The same stop if an interrupt was asked for meanwhile: it tells of that too."""
        return self if self.ended or self.answers_interrupt else replace(self, reasons=(*self.reasons, INTERRUPT))

    @property
    def answers_interrupt(self) -> bool:
        """Whether it tells of a SIGINT."""
        return any(is_signal(reason, INTERRUPT.number) for reason in self.reasons)

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return any(isinstance(reason, (Exited, Killed)) for reason in self.reasons)

    def reason(self, kind: type[ReasonT]) -> ReasonT | None:
        """The first reason of this kind, or None."""
        return next((reason for reason in self.reasons if isinstance(reason, kind)), None)

