"""Where a resume in the past ends: the nearest reason to stop, found without moving.

A breakpoint is reached where pc is its address; a watchpoint where an instruction changed its bytes (going forwards the stop is
behind that instruction, going backwards in front of it); a system call is in front of it and behind it; and history ends. What
lies nearest wins; what lies at the same position is reported together, save that the end of history hides a breakpoint that is
just there, as in GDB: what matters then is that there is no more.

A reason is about a thread, the one that executes the instruction.  Where reasons at one position are about two threads, that of
the watchpoint comes first; the other thread stands at its breakpoint still, and is found when the search goes on.  The thread
that looks goes on from a breakpoint at which it stands; other threads that stand at one have yet to reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rdb.address import Range
from rdb.errors import CannotAccessMemory
from rdb.events import (
    Accessed,
    AtBreakpoint,
    Direction,
    EndOfHistory,
    Reason,
    WatchKind,
)
from rdb.record.deliveries import signalled
from rdb.record.record_list import RecordList
from rdb.record.single_step import Until


@dataclass(frozen=True)
class Found:
    """A position, the number of a thread (rdb.record.turns), and every reason for it to stop there."""

    position: int
    number: int
    reasons: tuple[Reason, ...]


def search(
    log: RecordList, number: int, position: int, direction: Direction, until: Until, read: Callable[[int, int], bytes]
) -> Found:
    """The nearest stop in `direction` from `position`, where thread `number` looks; `read` gives memory as it is there."""
    forward = direction is Direction.FORWARD
    end = log.high if forward else log.low
    found = [*_changes(log, position, direction, until, read)]
    at = _breakpoint(log, number, position, direction, until) if until.breakpoints else None
    if at is not None and at != end:
        found.append(Found(at, log.turns.at(at), (AtBreakpoint(log.pc(at)),)))
    delivered = log.deliveries.nearest(position, direction, until.passed)
    if delivered is not None and delivered.position != end:
        found.append(Found(delivered.position, delivered.number, (signalled(delivered.info),)))
    called = log.calls.nearest(position, direction, until.calls) if until.calls else None
    if called is not None and called != end:
        found += _calls(log, called, until)
    if not found:
        return Found(end, survivor(log, number, end), (EndOfHistory(direction),))
    nearest = (min if forward else max)(found, key=lambda each: each.position)
    same = [each for each in found if (each.position, each.number) == (nearest.position, nearest.number)]
    return Found(nearest.position, nearest.number, tuple(reason for each in same for reason in each.reasons))


def uneventful(
    log: RecordList, position: int, direction: Direction, within: Range, until: Until, read: Callable[[int, int], bytes]
) -> int:
    """How far the thread whose turn it is can step from `position` with nothing to be looked at.

    On the way there every step ends at an instruction in `within`, backwards not at its start, and there is no reason to stop.
    Reads of watched bytes are not in the log: nobody who watches for them may ask.
    """
    forward = direction is Direction.FORWARD
    turn = log.turns.turn(position if forward else position - 1, log.high)
    end = turn.last if forward else max(turn.first, log.low)
    inside = within if forward else Range(within.start + 1, within.end)

    def nearer(*found: int | None) -> int:
        return (min if forward else max)((end, *(each for each in found if each is not None)))

    end = nearer(log.find_outside(inside, position, direction, end))
    delivery = log.deliveries.nearest(position, direction, until.passed)
    end = nearer(delivery.position if delivery is not None else None, log.calls.nearest(position, direction, until.calls))
    if until.breakpoints:
        end = nearer(log.find_pc(until.breakpoints, position, direction, end))
    end = nearer(*(found.position for found in _changes(log, position, direction, until, read, end)))
    return max(position, end - 1) if forward else min(position, end + 1)


def survivor(log: RecordList, number: int, position: int) -> int:
    """Thread `number` if it exists at `position`, else the one whose turn it is."""
    return number if log.turns.lives[number].exists(position) else log.turns.at(position)


def _changes(
    log: RecordList,
    position: int,
    direction: Direction,
    until: Until,
    read: Callable[[int, int], bytes],
    to: int | None = None,
) -> list[Found]:
    """For each watch that cares, the nearest instruction, no farther than `to`, that changed what is watched."""
    result = []
    for watch in until.watches:
        if watch.kind is WatchKind.READ:
            continue
        try:
            current = read(watch.address, watch.length)
        except CannotAccessMemory:
            continue
        change = log.find_change(watch.address, current, position, direction, to)
        if change is not None:
            at = change.position + (direction is Direction.FORWARD)
            reason = Accessed(watch, change.before, change.after)
            result.append(Found(at, log.turns.at(change.position), (reason,)))
    return result


def _calls(log: RecordList, position: int, until: Until) -> Iterator[Found]:
    """The system calls that return at a position, and that are about to be made there."""
    for instruction, call in ((position - 1, log.calls.returned), (position, log.calls.begun)):
        reason = call(position, until.calls)
        if reason is not None:
            yield Found(position, log.turns.at(instruction), (reason,))


def _breakpoint(log: RecordList, number: int, position: int, direction: Direction, until: Until) -> int | None:
    """The nearest position at which a thread reaches a breakpoint."""
    if direction is Direction.REVERSE:
        return log.find_pc(until.breakpoints, position, direction)
    own = log.next_of(number, position)
    at = log.find_pc(until.breakpoints, position if own == position else position - 1, direction)
    return at if at is None or at != own else log.find_pc(until.breakpoints, at, direction)
