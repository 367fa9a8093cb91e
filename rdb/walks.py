"""Walks: what step, next, finish, until and their reverses do between two stops of the target, made of legs (rdb.legs).

One algorithm serves both directions: a line is left at its start when walking backwards, at the start of the next when walking
forwards; a function is entered at its entry, or at its return.

What counts as a place (a line's stretch of code, a frame's identity, a caller's address) comes from the symbols; a walk never
looks at the record list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rdb.address import Range
from rdb.errors import RdbError
from rdb.events import Direction, Reason, Resume, Stop
from rdb.legs import Place, ToPlaces, Walk, called_from, identity, leave_callee, over_handler, same
from rdb.stops import FunctionFinished, StepDone

if TYPE_CHECKING:
    from rdb.symbols.objects import Line
    from rdb.symbols.unwind import Frame, FrameId


class Instruction(Walk):
    """stepi and nexti: one instruction.

    over      pass over a call (or, backwards, over the function returned from), and over handlers of signals
    handlers  otherwise: go into handlers of signals, as in the past where all that was executed is there to be walked through
    """

    def __init__(self, place: Place, direction: Direction, over: bool = False, handlers: bool = False) -> None:
        super().__init__(place, direction)
        self.over, self._enters = over, handlers and not over
        self._start, self._pc = identity(place.frame_at(0)), place.pc
        self._leg: Walk | None = None
        self._in_handler = False

    @property
    def stepping(self) -> bool:
        return True

    def request(self) -> Resume:
        return self._leg.request() if self._leg else Resume(self.direction, step=True)

    def arrived(self, stop: Stop) -> Reason | None:
        reason = self._reason(stop)
        if reason is not None:
            self.place.show_inlined(0)
        return reason

    def _reason(self, stop: Stop) -> Reason | None:
        if self._leg is None:
            self._leg = self._over()
        elif self._leg.arrived(stop) is not None:
            self._leg = None
            if self._in_handler and self.place.pc == self._pc:
                return None  # the instruction is still to be executed
        self.stops = self._leg.stops if self._leg else ()
        return None if self._leg else StepDone()

    def _over(self) -> Walk | None:
        """What has to be passed over first."""
        handler = None
        if not (self._enters or self.into_handler):
            handler = over_handler(self.place, self.direction, self._start)
        self._in_handler = handler is not None
        if handler is None and self.over and called_from(self.place, self._start):
            return leave_callee(self.place, self.direction)
        return handler


class SourceLine(Walk):
    """step, next and until: to the start of another line.

    over      pass over calls (next, until)
    onwards   do not go back to earlier code of the function (until)
    enter_all step into functions without line information too (set step-mode on)

    An inlined call is entered and passed over as a call is, though nothing on the machine's stack tells of it: `_inside` is the
    frame, perhaps of an inlined call, in which the user steps.  Where inlined calls begin at pc without being entered yet, the
    line is that of the call.
    """

    def __init__(
        self, place: Place, direction: Direction, over: bool, onwards: bool = False, enter_all: bool = False
    ) -> None:
        super().__init__(place, direction)
        self.over, self.onwards, self.enter_all = over, onwards, enter_all
        self.blind: str | None = None
        self._pc = place.pc
        self._leg: Walk | None = None
        self._after_leg: Callable[[], Reason | None] = self._look
        # Code of an inlined call that is passed over: nothing in it is looked at.
        self._passed: Range | None = None
        # Whether, backwards, a line was entered in its middle: it is done at its start, though the frame may be another there, as
        # in a function that is left by a longjmp.
        self._entered = False
        frame = place.frame_at(0)
        self._frame = identity(frame)
        innermost = place.innermost
        self._inside = identity(innermost)
        self._line = place.table.line_at(place.pc)
        self._number = _line_number(innermost.line if innermost is not None else self._line)
        if self._line is None:
            self.within = self._blind_range(frame)
        elif onwards:
            start = frame.function_start if frame else self._line.start
            self.within = Range(min(start, self._line.start), self._line.end)
        else:
            self.within = Range(self._line.start, self._line.end)

    @property
    def stepping(self) -> bool:
        return not self.onwards

    def _blind_range(self, frame: Frame | None) -> Range:
        """Without line information a step goes to the end of the function, and until to a later instruction, as in GDB."""
        symbol = self.place.table.minimal_at(self.place.pc)
        if symbol is None or frame is None:
            raise RdbError("Cannot find bounds of current function")
        self.blind = frame.name
        start = symbol[0].address
        if self.onwards:
            return Range(start, self.place.pc + 1)
        return Range(start, start + max(symbol[0].size, self.place.pc - start + 1))

    def begun(self) -> Reason | None:
        """A step at the beginning of an inlined call enters it, which executes nothing."""
        innermost = self.place.innermost
        if self.over or innermost is None or not innermost.inlined_out:
            return None
        self.place.show_inlined(innermost.inlined_out - 1)
        return StepDone()

    def request(self) -> Resume:
        if self._leg is not None:
            return self._leg.request()
        return Resume(self.direction, step=True, within=self._passed or self.within)

    def arrived(self, stop: Stop) -> Reason | None:
        self._passed = None
        if self._leg is not None:
            if self._leg.arrived(stop) is None:
                self.stops = self._leg.stops
                return None
            self._leg, self.stops = None, ()
            return self._after_leg()
        return self._look()

    def _go(self, leg: Walk, then: Callable[[], Reason | None]) -> None:
        """Do another walk first."""
        self._leg, self.stops, self._after_leg = leg, leg.stops, then

    def _look(self) -> Reason | None:
        """Where are we?  Still on the line, in a function that was called, back in a caller, or on another line."""
        handler = None if self.into_handler else over_handler(self.place, self.direction, self._frame)
        self.into_handler = False
        if handler is not None:
            self._go(handler, self._behind_handler)
            return None
        if called_from(self.place, self._frame):
            return self._in_callee()
        if self.place.pc in self.within and self._in_same_frame():
            return self._at_line_start()
        innermost = self.place.innermost
        if innermost is not None and innermost.inlined_out and innermost.id == self._inside:
            return self._at_inlined_call(innermost)
        if innermost is not None and self._inside is not None and self._inside in _inlined_callers(innermost):
            if self.over:
                self._passed = self._inlined_code(innermost)
            return None if self.over else StepDone()
        return self._elsewhere()

    def _inlined_code(self, innermost: Frame) -> Range | None:
        """The stretch of code around pc that belongs to an inlined call in the frame in which the user steps.

        Backwards the line that is stepped over ends it: at its start the step may be done.
        """
        outer: Frame | None = innermost
        while outer is not None and outer.older is not None and outer.older.id != self._inside:
            outer = outer.older
        ranges = outer.scope.ranges if outer is not None and outer.scope is not None else ()
        pc, edge = self.place.pc, self.within.start
        code = next((stretch for stretch in ranges if pc in stretch), None)
        if code is None or self.forward or edge not in self.within or edge not in code:
            return code
        return Range(edge + 1, code.end) if pc > edge else Range(code.start, edge)

    def _behind_handler(self) -> Reason | None:
        """A handler was passed over; where that was all, the instruction that the signal interrupted is still to be gone over."""
        return None if self.place.pc == self._pc else self._look()

    def _at_inlined_call(self, innermost: Frame) -> Reason | None:
        """At the beginning of an inlined call: stop if the call is on another line, else pass over it or enter it."""
        same_line = _line_number(innermost.line) == self._number
        if same_line and self.over:
            return None
        if same_line:
            self.place.show_inlined(innermost.inlined_out - 1)
        return StepDone()

    def _in_same_frame(self) -> bool:
        return self._frame is None or same(self.place.frame_at(0), self._frame)

    def _at_line_start(self) -> Reason | None:
        """Backwards, a line that was entered in its middle is done at its start; forwards it goes on."""
        frame = self.place.frame_at(0)
        at_entry = frame is not None and self.place.pc == frame.function_start
        if not self.forward and self.place.pc == self.within.start and not at_entry:
            return StepDone()
        return None

    def _in_callee(self) -> Reason | None:
        frame = self.place.frame_at(0)
        known = frame is not None and frame.function is not None and self.place.table.line_at(self.place.pc) is not None
        if self.over or not (known or self.enter_all) or frame is None:
            self._go(leave_callee(self.place, self.direction), self._look)
            return None
        if not self.forward:
            self._rebase()
            return self._at_line_start()
        if frame.function is None:
            return StepDone()
        body = self.place.table.after_prologue(frame.function)
        if body == self.place.pc:
            return StepDone()
        self._go(ToPlaces(self.place, self.direction, targets=((body, None),)), StepDone)
        return None

    def _elsewhere(self) -> Reason | None:
        frame = self.place.frame_at(0)
        if frame is not None and frame.is_signal_trampoline:
            return None  # a few instructions between the end of a handler and what the signal interrupted
        line = self.place.table.line_at(self.place.pc)
        if line is None:
            return self._without_lines()
        other = _line_number(line) != self._number
        left = self._entered and not self._in_same_frame()
        if (other or left) and self.place.pc == line.start and (self.forward or not self._at_function_entry()):
            if line.is_stmt:
                return StepDone()
            self._pass_fragment(line)
        else:
            self._entered = not self.forward and (other or self._entered)
            self._rebase()
        return None

    def _pass_fragment(self, line: Line) -> None:
        """Code of another line that is no beginning of a statement: in the same frame the line left is still the one that
        counts, in another one any beginning of a statement will do, as in GDB."""
        if identity(self.place.innermost) == self._inside:
            self.within = Range(line.start, line.end)
        else:
            self._rebase()
            self._number = None

    def _at_function_entry(self) -> bool:
        frame = self.place.frame_at(0)
        return frame is not None and self.place.pc == frame.function_start

    def _without_lines(self) -> Reason | None:
        """Code without line information: pass over it, or, having begun in it or returned into it, stop."""
        if self.enter_all or self._returned() or self._in_same_frame():
            return StepDone()
        frame, caller = self.place.frame_at(0), self.place.frame_at(1)
        if frame is None or caller is None:
            return StepDone()
        self._go(leave_callee(self.place, self.direction), self._look)
        return None

    def _returned(self) -> bool:
        frame = self.place.frame_at(0)
        return frame is None or self._frame is None or frame.cfa > self._frame.cfa

    def _rebase(self) -> None:
        """Go on with the line on which we are now."""
        self._line = line = self.place.table.line_at(self.place.pc)
        if line is not None:
            self.within = Range(line.start, line.end)
            self._number = (line.path, line.line)
        self._frame = identity(self.place.frame_at(0))
        self._inside = identity(self.place.innermost)


class FinishInlined(SourceLine):
    """finish out of an inlined call: to the first line, whichever it is, that belongs to what it is inlined into."""

    def __init__(self, place: Place, direction: Direction, frame: Frame) -> None:
        super().__init__(place, direction, over=True)
        self._inside = identity(frame.older)
        self._number = None
        self.within = Range(place.pc, place.pc)

    @property
    def stepping(self) -> bool:
        return False


class Finish(ToPlaces):
    """finish: to the caller of a frame; `function` is the one that is left."""

    def __init__(self, place: Place, frame: Frame, caller: Frame) -> None:
        super().__init__(place, Direction.FORWARD, targets=((caller.pc, caller.id),))
        self.reason = FunctionFinished(frame.function)


def _line_number(line: Line | None) -> tuple[str, int] | None:
    return (line.path, line.line) if line is not None else None


def _inlined_callers(frame: Frame) -> Iterator[FrameId]:
    """The frames that an inlined call is inlined into, the innermost first."""
    older: Frame | None = frame
    while older is not None and older.inlined:
        older = older.older
        if older is not None:
            yield older.id


