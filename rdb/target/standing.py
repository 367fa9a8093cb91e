"""What is remembered of one thread of a process between two stops of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from rdb.events import Reason
from rdb.linux.debug_registers import Slot
from rdb.target.newborn import Newborn


@dataclass
class Standing:
    """A thread that stands, or how it was set going."""

    told: int | None = None  # the pc at which it was told of
    reasons: tuple[Reason, ...] = ()  # found and not told yet
    signal: int = 0  # to be delivered when it goes on
    info: bytes = b""  # the siginfo_t of the signal with which it stopped last
    takes_signal: bool = False  # it stands where ptrace delivers signals
    sent: set[int] = field(default_factory=set)  # signals of ours on their way to it
    group_stop: int = 0  # the signal by which job control has stopped it
    slots: list[Slot] = field(default_factory=list)  # in its debug registers
    stepping: bool = False  # it was set going by a step
    call: int | None = None  # the system call that it has begun before our eyes
    newborn: Newborn | None = None  # the child that it has made and that somebody wants to decide about
