"""Legs: what all walks are made of, and the walks that know no source lines.

A walk (rdb.walks) is asked for the next request to the target, and told of each place where the target came to rest without a
reason of the user's.  It answers with the reason to stop there, or goes on with another leg.

The handler of a signal that comes while a walk is under way is passed over as a called function is, in both directions, though
no call tells of it: forwards it is left by the trampoline that it returns to, backwards by its entry.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rdb.errors import RdbError
from rdb.events import Direction, Reason, Resume, Stop
from rdb.stops import FunctionFinished, LocationReached, StepDone

if TYPE_CHECKING:
    from rdb.symbols.table import SymbolTable
    from rdb.symbols.unwind import Frame, FrameId


class Place(Protocol):
    """What a walk may ask of the stopped program."""

    @property
    def table(self) -> SymbolTable: ...

    @property
    def pc(self) -> int: ...

    @property
    def innermost(self) -> Frame | None:
        """The frame that the user sees as the innermost, which may be an inlined call."""

    def show_inlined(self, hidden: int | None) -> None:
        """Enter all but `hidden` of the inlined calls that begin exactly at pc; each leg ends with none entered."""

    def frame_at(self, level: int) -> Frame | None:
        """A frame by its level among frames that are not inlined; None beyond the last."""


@dataclass
class Walk:
    """Base of the walks.

    stops         addresses where the target must stop for the walk's own sake
    into_handler  the program stands for a signal that it is about to get: the walk goes into the handler, as in GDB
    """

    place: Place
    direction: Direction
    stops: tuple[int, ...] = ()
    into_handler: bool = field(default=False, init=False)

    @property
    def forward(self) -> bool:
        return self.direction is Direction.FORWARD

    @property
    def stepping(self) -> bool:
        """Whether `set scheduler-locking step` keeps other threads where they are."""
        return False

    def begun(self) -> Reason | None:
        """The reason to stop without having moved at all, or None to go."""
        return None

    def request(self) -> Resume:
        """The next leg."""
        return Resume(self.direction)

    def arrived(self, stop: Stop) -> Reason | None:
        """The target stopped and no user's reason holds; the reason to end the walk, or None to go on."""
        return None


@dataclass
class Continue(Walk):
    """Until something else stops the program."""


@dataclass
class ToPlaces(Walk):
    """Until one of some addresses is reached: in any frame, or, where a FrameId is given, in that frame only."""

    targets: tuple[tuple[int, FrameId | None], ...] = ()
    reason: Reason = field(default_factory=LocationReached)

    def __post_init__(self) -> None:
        self.stops = tuple(address for address, _ in self.targets)

    def arrived(self, stop: Stop) -> Reason | None:
        pc = self.place.pc
        for address, frame in self.targets:
            if address == pc and (frame is None or same(self.place.frame_at(0), frame)):
                return self.reason
        return None


class ReverseFinish(Walk):
    """reverse-finish: back to the call of the current function, by way of its entry."""

    def __init__(self, place: Place, frame: Frame) -> None:
        super().__init__(place, Direction.REVERSE)
        self._entry = frame.function_start
        self._cfa = frame.cfa
        self._at_entry = place.pc == self._entry
        self.stops = () if self._at_entry else (self._entry,)

    def request(self) -> Resume:
        return Resume(self.direction, step=self._at_entry)

    def arrived(self, stop: Stop) -> Reason | None:
        if self._at_entry:
            return FunctionFinished(None)
        frame = self.place.frame_at(0)
        if self.place.pc == self._entry and (frame is None or frame.cfa >= self._cfa):
            self._at_entry, self.stops = True, ()
        return None


class _OutOfHandler(Walk):
    """Out of a signal handler at whose first instruction the program stands, and out of the trampoline that it returns to.

    Where that leads is the handler's business: it may have changed the registers that the trampoline puts back.
    """

    def __init__(self, place: Place, trampoline: Frame) -> None:
        super().__init__(place, Direction.FORWARD, (trampoline.pc,))
        self._trampoline, self._returned = trampoline.id, False

    def request(self) -> Resume:
        return Resume(self.direction, step=self._returned)

    def arrived(self, stop: Stop) -> Reason | None:
        here = same(self.place.frame_at(0), self._trampoline)
        if self._returned and not here:
            return StepDone()
        if here:
            self._returned, self.stops = True, ()
        return None


class _BackOverHandler(Walk):
    """Having gone backwards into the trampoline of a signal handler: leave the handler by its entry, to what was interrupted."""

    def __init__(self, place: Place, trampoline: Frame) -> None:
        super().__init__(place, Direction.REVERSE)
        self._trampoline = trampoline.id
        self._leg: ReverseFinish | None = None

    def request(self) -> Resume:
        return self._leg.request() if self._leg else Resume(self.direction, step=True)

    def arrived(self, stop: Stop) -> Reason | None:
        if self._leg is None or self._leg.arrived(stop) is not None:
            frame, self._leg = self.place.frame_at(0), None
            if same(self.place.frame_at(1), self._trampoline) and frame is not None:
                self._leg = ReverseFinish(self.place, frame)
            elif not same(frame, self._trampoline):
                return StepDone()
        self.stops = self._leg.stops if self._leg else ()
        return None


def over_handler(place: Place, direction: Direction, began_in: FrameId | None) -> Walk | None:
    """Over a signal handler that the program has just come into; None if it has not, or if the walk began in that frame."""
    frame = place.frame_at(0)
    if frame is None or (began_in is not None and same(frame, began_in)):
        return None
    if direction is Direction.REVERSE:
        return _BackOverHandler(place, frame) if frame.is_signal_trampoline else None
    caller = place.frame_at(1) if place.pc == frame.function_start else None
    return _OutOfHandler(place, caller) if caller is not None and caller.is_signal_trampoline else None


def leave_callee(place: Place, direction: Direction) -> Walk:
    """Out of the function that was just entered: forwards by its return, backwards by its entry."""
    frame, caller = place.frame_at(0), place.frame_at(1)
    if frame is None or caller is None:
        raise RdbError("Cannot find the caller of the current function.")
    if direction is Direction.REVERSE:
        return ReverseFinish(place, frame)
    return ToPlaces(place, direction, targets=((caller.pc, caller.id),))


def identity(frame: Frame | None) -> FrameId | None:
    return frame.id if frame is not None else None


def same(frame: Frame | None, identity: FrameId) -> bool:
    return frame is not None and (frame.cfa, frame.function_start) == (identity.cfa, identity.function_start)


def called_from(place: Place, identity: FrameId | None) -> bool:
    """Whether the innermost frame was called by the frame `identity`."""
    if identity is None:
        return False
    frame = place.frame_at(0)
    if frame is None or same(frame, identity) or frame.cfa >= identity.cfa:
        return False
    return same(place.frame_at(1), identity)


