"""Why the program stopped, as the user sees it.

Targets tell of addresses, bytes and signals (rdb.events); run control turns them into these reasons, which name the user's own
breakpoints, expressions and functions.  A StopReport is what every command that moves the program returns.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rdb.events import Reason, Stop

if TYPE_CHECKING:
    from rdb.breakpoints import Breakpoint, Catchpoint, Watchpoint
    from rdb.expr.value import Value
    from rdb.symbols.functions import Function
    from rdb.symbols.unwind import Frame


class Show(enum.Enum):
    """How much of the place is worth telling."""

    NOTHING = "nothing"
    LINE = "the source line"
    FRAME = "the frame and the source line"


@dataclass(frozen=True)
class BreakpointHit(Reason):
    breakpoint: Breakpoint


@dataclass(frozen=True)
class Caught(Reason):
    """The event of a catchpoint has happened; `what` is GDB's phrase for it, with the child or the program."""

    breakpoint: Catchpoint
    what: str


@dataclass(frozen=True)
class WatchpointTriggered(Reason):
    """`old` and `new` in the order in which the user lived through them, which is against time when going backwards.

    For an access without a change `old` is None; a value that could not be read is None too.
    """

    watchpoint: Watchpoint
    old: Value | None
    new: Value | None
    changed: bool = True


@dataclass(frozen=True)
class WatchpointOutOfScope(Reason):
    """The frame of a local watchpoint is gone, and the watchpoint with it."""

    watchpoint: Watchpoint


@dataclass(frozen=True)
class ConditionFailed(Reason):
    """The condition of breakpoint `number` could not be evaluated, for `why`; the program stops there all the same."""

    number: int
    why: str


@dataclass(frozen=True)
class StepDone(Reason):
    """step, next, stepi, nexti or until has arrived."""


@dataclass(frozen=True)
class LocationReached(Reason):
    """until LOCATION, advance, or an internal stop such as main for `start`."""


@dataclass(frozen=True)
class FunctionFinished(Reason):
    """finish has arrived in the caller; `value` is what the function returned, None for void or backwards."""

    function: Function | None
    value: Value | None = None
    history_number: int | None = None


@dataclass(frozen=True)
class StopReport:
    """One stop: every reason, the frame in which the program stands (None if it has ended), and what to show of it.

    `switched` tells that the thread is not the one that was current when the program was resumed; `remarks` are sentences about
    what ended with this stop.
    """

    stop: Stop
    reasons: tuple[Reason, ...]
    frame: Frame | None
    show: Show
    switched: bool = False
    remarks: tuple[str, ...] = ()

    def reason(self, kind: type[Reason]) -> Reason | None:
        return next((reason for reason in self.reasons if isinstance(reason, kind)), None)
