"""Where a resume in the past ends: the nearest reason to stop, found without moving.

A breakpoint is reached where pc is its address; a watchpoint where an instruction changed its bytes (going forwards the stop is
behind that instruction, going backwards in front of it); and history ends.  What lies nearest wins; what lies at the same
position is reported together, save that the end of history hides a breakpoint that is just there, as in GDB: what matters then
is that there is no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rdb.errors import CannotAccessMemory
from rdb.events import Accessed, AtBreakpoint, Direction, EndOfHistory, Reason, WatchKind
from rdb.record.record_list import RecordList
from rdb.record.single_step import Until


@dataclass(frozen=True)
class Found:
    """A position and every reason to stop there."""

    position: int
    reasons: tuple[Reason, ...]


def search(
    log: RecordList, position: int, direction: Direction, until: Until, read: Callable[[int, int], bytes]
) -> Found:
    """The nearest stop in `direction` from `position`; `read` gives memory as it is at `position`."""
    forward = direction is Direction.FORWARD
    candidates: list[tuple[int, Reason]] = []
    end = log.high if forward else log.low
    if until.breakpoints:
        at = log.find_pc(until.breakpoints, position, direction)
        if at is not None and at != end:
            candidates.append((at, AtBreakpoint(log.pc(at))))
    for watch in until.watches:
        if watch.kind is WatchKind.READ:
            continue
        try:
            current = read(watch.address, watch.length)
        except CannotAccessMemory:
            continue
        change = log.find_change(watch.address, current, position, direction)
        if change is not None:
            candidates.append((change.position + forward, Accessed(watch, change.before, change.after)))
    if not candidates:
        return Found(end, (EndOfHistory(direction),))
    nearest = (min if forward else max)(candidates, key=lambda candidate: candidate[0])[0]
    return Found(nearest, tuple(reason for at, reason in candidates if at == nearest))
