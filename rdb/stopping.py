"""What the user asks to stop for, in a program that comes and goes: breakpoints and watchpoints are made, find their places again
when objects are mapped or unmapped, and go when what they are about is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rdb.breakpoints import (
    Breakpoint,
    BreakpointTable,
    Catchpoint,
    Stoppoint,
    Watchpoint,
)
from rdb.errors import NoLocation, RdbError
from rdb.events import Reason, WatchKind
from rdb.expr.evaluate import evaluate_traced, parse_in
from rdb.linux import signals
from rdb.symbols.linespec import CodeLocation, describe, resolve
from rdb.threaded import Threaded
from rdb.watching import frame_of_locals, location_node
from rdb.watchpoints import can_use_hardware


class Stopping(Threaded):
    """An inferior with breakpoints and watchpoints."""

    def __init__(self, query: Callable[[str], bool], notify: Callable[[object], None]) -> None:
        super().__init__(query, notify)
        self.breakpoints = BreakpointTable()

    def break_at(
        self,
        spec: str,
        temporary: bool = False,
        condition: str | None = None,
        hardware: bool = False,
        pending: bool = False,
        thread: int | None = None,
    ) -> Breakpoint:
        """A breakpoint at a linespec, for one thread or (None) for all; with `pending` one that waits for a library if the place
        does not exist yet."""
        if thread is not None:
            self.foreseen_thread(thread)
        try:
            locations = self.locations(spec)
        except NoLocation:
            if not pending:
                raise
            locations = []
        condition_node = parse_in(condition, self) if condition else None
        breakpoint = Breakpoint(
            self.breakpoints.next_number(),
            temporary,
            condition=condition,
            condition_node=condition_node,
            thread=thread,
            spec=spec,
            default=self.default_line(),
            locations=locations,
            hardware=hardware,
            pending=not locations,
        )
        self.breakpoints.add(breakpoint)
        self.set_convenience("bpnum", breakpoint.number)
        return breakpoint

    def catch(
        self,
        event: str,
        temporary: bool = False,
        condition: str | None = None,
        about: Sequence[int] = (),
        everything: bool = False,
    ) -> Catchpoint:
        """A catchpoint for an event: fork, vfork, exec; syscall or signal: then for those with the numbers `about`, or all.

        Without `everything`, all signals are those that the debugger does not use itself.
        """
        node = parse_in(condition, self) if condition else None
        calls = self.arch.syscall.names
        named = {each: signals.name(each) if event == "signal" else calls.get(each, str(each)) for each in about}
        number = self.breakpoints.next_number()
        catchpoint = Catchpoint(
            number, temporary, condition=condition, condition_node=node, event=event, about=named, all=everything
        )
        self.breakpoints.add(catchpoint)
        self.set_convenience("bpnum", number)
        return catchpoint

    def locations(self, spec: str) -> list[CodeLocation]:
        """The places a linespec names; *EXPRESSION is evaluated."""
        spec = spec.strip()
        if spec.startswith("*"):
            return [describe(self.table, self.evaluate_integer(spec[1:]))]
        frame = self.frame
        return resolve(self.table, spec, self.default_line(), frame.pc if frame is not None else None)

    def default_line(self) -> tuple[str, int] | None:
        """The source line that LINE and +OFFSET are relative to."""
        frame = self.frame
        if frame is not None and frame.line is not None:
            return (frame.line.path, frame.line.line)
        return None

    def _resolve_breakpoints(self) -> None:
        """Find the places of breakpoints again, after objects came or went."""
        for breakpoint in self.breakpoints.breakpoints:
            if not breakpoint.is_named:
                continue  # it meant the state of that moment, not a name
            try:
                if breakpoint.spec.startswith("*"):
                    locations = self.locations(breakpoint.spec)
                else:
                    locations = resolve(self.table, breakpoint.spec, breakpoint.default)
            except RdbError:
                continue
            breakpoint.locations, breakpoint.pending = locations, False

    def watch(
        self,
        expression: str,
        kind: WatchKind = WatchKind.WRITE,
        location: bool = False,
        condition: str | None = None,
        thread: int | None = None,
    ) -> Watchpoint:
        """A watchpoint on an expression, or (`location`) on the memory where its value is now; with `thread` only for what that
        thread does."""
        if thread is not None:
            self.foreseen_thread(thread)
        node = parse_in(expression, self)
        if location:
            node = location_node(node, self)
        value, trace = evaluate_traced(node, self)
        if not trace.memory and not trace.registers:
            raise RdbError(f"Cannot watch constant value `{expression}'.")
        hardware = self.settings.flag("can-use-hw-watchpoints") and can_use_hardware(trace, self.target)
        if not hardware and kind is not WatchKind.WRITE:
            raise RdbError("Expression cannot be implemented with read/access watchpoint.")
        frame = None if location else frame_of_locals(node, self)
        watchpoint = Watchpoint(
            self.breakpoints.next_number(),
            condition=condition,
            condition_node=parse_in(condition, self) if condition else None,
            thread=thread,
            expression=f"-location {expression}" if location else expression,
            node=node,
            kind=kind,
            hardware=hardware,
            frame=frame.id if frame is not None else None,
            owner=self.target.thread,
            left_at=frame.caller.pc if frame is not None and frame.caller is not None else None,
            value=value,
        )
        self.breakpoints.add(watchpoint)
        self.set_convenience("bpnum", watchpoint.number)
        return watchpoint

    def set_condition(self, stoppoint: Stoppoint, condition: str | None) -> None:
        """Give a breakpoint a condition, or take it away."""
        stoppoint.condition_node = parse_in(condition, self) if condition else None
        stoppoint.condition = condition

    # -- what becomes of them

    def _ended(self) -> None:
        super()._ended()
        for watchpoint in self.breakpoints.watchpoints:
            if watchpoint.frame is not None:
                self.breakpoints.delete(watchpoint.number)

    def _on_thread(self, reason: Reason) -> None:
        super()._on_thread(reason)
        if self.recording is None:
            self._tell(self._without_thread())

    def _without_thread(self) -> tuple[str, ...]:
        """Delete the breakpoints for threads that are gone, and cannot come back in a recorded past; what is to be told."""
        living = {each.number for each in map(self.thread_table.of, self.target.threads()) if not each.ended}
        lost = [each for each in self.breakpoints if each.thread is not None and each.thread not in living]
        for each in lost:
            self.breakpoints.delete(each.number)
        sentence = "Thread-specific breakpoint {0.number} deleted - thread {0.thread} no longer in the thread list."
        return tuple(sentence.format(each) for each in lost)

    def _tell(self, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            self.notify(sentence)

    def _objects_changed(self) -> None:
        self._resolve_breakpoints()
