"""What becomes of watchpoints while the program runs: which memory is watched, and whether a stop means that one has triggered.

A watchpoint on locals belongs to a frame, and a frame to a thread: its expression is evaluated there, whichever thread has
stopped, and it ends with the frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from rdb.breakpoints import BreakpointTable, Stoppoint, Watchpoint
from rdb.errors import RdbError
from rdb.events import Accessed, AtBreakpoint, Direction, Reason, Stop, Watch, WatchKind
from rdb.expr.evaluate import evaluate_traced
from rdb.expr.scope import Scope, Trace
from rdb.expr.value import Value
from rdb.stops import WatchpointOutOfScope, WatchpointTriggered
from rdb.symbols.unwind import Frame, FrameId
from rdb.target.base import Target

# A watched value of more bytes is compared in software.
_LARGEST_WATCH = 32

# Registers that an address of a local depends on; they stay what they are as long as the frame lives.
_FRAME_REGISTERS = ("rbp", "rsp", "fs_base", "gs_base", "ebp", "esp", "rip")


class Watched(Scope, Protocol):
    """The program: the scope of expressions, its threads, and the target on top."""

    @property
    def target(self) -> Target: ...

    @property
    def pc(self) -> int: ...

    def in_thread(self, tid: int) -> AbstractContextManager[None]:
        """While it lasts, frames and registers are those of that thread."""


class Watchpoints:
    """The watchpoints of a table of wishes; `counts` says whether a hit is one that the user wants, and counts it."""

    def __init__(self, program: Watched, table: BreakpointTable, counts: Callable[[Stoppoint], bool]) -> None:
        self.program, self.table, self._counts = program, table, counts
        self._watched: dict[Watch, Watchpoint] = {}
        self._scope_begins: dict[int, int] = {}

    # -- what is inserted

    def stops(self, direction: Direction) -> set[int]:
        """Where the program must stop because watchpoints on locals may end there: behind the return from their function or,
        backwards, at its entry."""
        local = [each for each in self.table.watchpoints if each.enabled and each.frame is not None]
        reverse = direction is Direction.REVERSE
        self._scope_begins = {each.number: each.frame.function_start for each in local if reverse and each.frame is not None}
        return {each.left_at for each in local if each.left_at is not None} | set(self._scope_begins.values())

    def insert(self) -> bool:
        """Make the target watch; whether it must be stepped because there are watchpoints that it cannot watch."""
        self.withdraw()
        target, software = self.program.target, False
        for watchpoint in self.table.watchpoints:
            if not watchpoint.enabled or watchpoint.node is None:
                continue
            if not watchpoint.hardware and not self._is_seen(watchpoint, target):
                software = True
                continue
            for watch in self.watches(watchpoint):
                try:
                    target.insert_watch(watch)
                except RdbError:
                    raise RdbError(
                        f"Could not insert hardware watchpoint {watchpoint.number}.\n"
                        "Could not insert hardware breakpoints:\n"
                        "You may have requested too many hardware breakpoints/watchpoints.\n"
                    ) from None
                self._watched[watch] = watchpoint
        return software

    def withdraw(self) -> None:
        """Make the target watch nothing."""
        for watch in self._watched:
            self.program.target.remove_watch(watch)
        self._watched = {}

    def forget_inserted(self) -> None:
        """The target that was made to watch is gone, or another one is on top of it."""
        self._watched = {}

    def _is_seen(self, watchpoint: Watchpoint, target: Target) -> bool:
        """Whether the target notices every change of a software watchpoint's value, so that no single steps are needed."""
        if not target.sees_all_writes:
            return False
        _, trace = self._evaluate(watchpoint)
        return bool(trace.memory) and all(name in _FRAME_REGISTERS for name in trace.registers)

    def watches(self, watchpoint: Watchpoint) -> list[Watch]:
        """The memory that the value of a watchpoint depends on at this moment."""
        _, trace = self._evaluate(watchpoint)
        return [Watch(address, size, watchpoint.kind) for address, size in trace.memory]

    # -- what a stop means

    def on_stop(self, stop: Stop, forward: bool) -> list[Reason]:
        """The reasons that watchpoints give to end a walk here."""
        reasons: list[Reason] = []
        arrival = stop.reason(AtBreakpoint)
        if arrival is not None and forward:
            reasons += self._on_return(arrival.address, stop)
        touched: dict[int, Accessed] = {}
        for reason in stop.reasons:
            if isinstance(reason, Accessed) and reason.watch in self._watched:
                touched[self._watched[reason.watch].number] = reason
        for watchpoint in self.table.watchpoints:
            if watchpoint.enabled and self._has_left_scope(watchpoint, stop):
                self.table.delete(watchpoint.number)
                reasons.append(WatchpointOutOfScope(watchpoint))
            elif watchpoint.enabled and (watchpoint.number in touched or not watchpoint.hardware):
                reasons += self._check(watchpoint, touched.get(watchpoint.number))
        return reasons

    def _on_return(self, address: int, stop: Stop) -> Iterator[Reason]:
        """The watchpoints on locals of the frame that has just returned to `address` go with it."""
        for each in self.table.watchpoints:
            if each.enabled and each.left_at == address and each.owner == stop.thread and not self._lives(each):
                self.table.delete(each.number)
                yield WatchpointOutOfScope(each)

    def _has_left_scope(self, watchpoint: Watchpoint, stop: Stop) -> bool:
        """Whether the frame of a watchpoint on locals is over, or, backwards, at its very beginning."""
        if watchpoint.frame is None:
            return False
        if watchpoint.owner != stop.thread:
            return watchpoint.owner not in self.program.target.threads()
        if self.program.pc == self._scope_begins.get(watchpoint.number):
            frame = next(iter(self.program.frames()), None)
            return frame is not None and frame.id == watchpoint.frame
        return not self._lives(watchpoint)

    def _check(self, watchpoint: Watchpoint, touched: Accessed | None) -> Sequence[Reason]:
        """Whether a watchpoint has triggered: its value differs from the one last seen, or it was read."""
        new, _ = self._evaluate(watchpoint)
        old = watchpoint.value
        changed = (new.data if new else None) != (old.data if old else None)
        if changed:
            watchpoint.value = new
        if watchpoint.kind is WatchKind.READ:
            # The CPU cannot watch for reads alone: an access that wrote is none.  Writes before it were nobody's concern.
            reports, changed = touched is not None and touched.before == touched.after, False
        else:
            reports = changed if watchpoint.kind is WatchKind.WRITE else touched is not None
        if not reports or not self._counts(watchpoint):
            return ()
        return (WatchpointTriggered(watchpoint, old if changed else None, new, changed),)

    def refresh(self) -> None:
        """Look at all watched values again: the user moved or changed the program otherwise than by running it."""
        for watchpoint in self.table.watchpoints:
            watchpoint.value, _ = self._evaluate(watchpoint)

    # -- values and frames

    def _evaluate(self, watchpoint: Watchpoint) -> tuple[Value | None, Trace]:
        assert watchpoint.node is not None
        try:
            return evaluate_traced(watchpoint.node, self._scope_of(watchpoint))
        except RdbError:
            return None, Trace()

    def _scope_of(self, watchpoint: Watchpoint) -> Scope:
        return self.program if watchpoint.frame is None else _InFrame(self.program, self._find(watchpoint, watchpoint.frame))

    def _find(self, watchpoint: Watchpoint, identity: FrameId) -> Frame | None:
        """The frame of a watchpoint, if it still lives."""
        with self.program.in_thread(watchpoint.owner):
            for frame in self.program.frames():
                if frame.id == identity:
                    return frame
                if frame.cfa > identity.cfa:
                    break
        return None

    def _lives(self, watchpoint: Watchpoint) -> bool:
        return watchpoint.frame is not None and self._find(watchpoint, watchpoint.frame) is not None


def can_use_hardware(trace: Trace, target: Target) -> bool:
    """Whether an expression with this trace can be watched by the target instead of by single steps."""
    if not trace.memory or any(size > _LARGEST_WATCH for _, size in trace.memory):
        return False
    if any(name not in _FRAME_REGISTERS for name in trace.registers):
        return False
    return target.can_watch([Watch(address, size, WatchKind.WRITE) for address, size in trace.memory])


class _InFrame:
    """The program as a Scope, seen from one particular frame."""

    def __init__(self, program: Scope, frame: Frame | None) -> None:
        self._program, self.frame = program, frame
        self.table, self.arch, self.settings = program.table, program.arch, program.settings
        self.convenience, self.history = program.convenience, program.history
        self.frames, self.read_memory, self.write_memory = program.frames, program.read_memory, program.write_memory
        self.write_register = program.write_register

    def read_register(self, name: str) -> bytes:
        if self.frame is None:
            return self._program.read_register(name)
        return self.frame.register(name).to_bytes(self.arch.registers[name].size, "little")
