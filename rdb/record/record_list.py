"""The record list: the whole recorded past, oldest to newest.

A doubly linked list of segments.  A *position* is the number of instructions that lie before a moment, counted from the start of
the recording: position t is the state in which instruction t is about to run.  `low` is the oldest position that can still be
reached, `high` the newest, where the live process stands.

Whose instructions they are, the list says too (`turns`).

Appending is transactional: the recorder writes into the newest segment and either commits a whole instruction or takes its bytes
back.  Pruning drops the oldest instructions; cutting drops the newest.  Questions answer with positions and change nothing.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from rdb.address import Range
from rdb.events import Direction
from rdb.record.calls_made import CallsMade
from rdb.record.deliveries import Deliveries
from rdb.record.entry import Entry, Kind, Layout, LayoutTable, entries
from rdb.record.log_segment import LogSegment, Searchable
from rdb.record.machine import Machine
from rdb.record.mappings import MappingChange
from rdb.record.segment import Segment
from rdb.record.turns import Turns


class Change(NamedTuple):
    """A change of watched bytes by instruction `position`; `before` and `after` in the direction of time."""

    position: int
    before: bytes
    after: bytes


class RecordList:
    def __init__(self, thread: int = 0) -> None:
        """An empty list; it is the turn of `thread`, the only one."""
        self.layouts = LayoutTable()
        self.changes: list[MappingChange] = []
        self.turns = Turns(thread)
        self.deliveries = Deliveries()
        self.calls = CallsMade()
        self.oldest: LogSegment = self.entries_from(0)
        self.newest: LogSegment = self.oldest
        # What the segments in front of the newest, which do not grow any more, take by themselves.
        self._settled = 0
        self.low = 0
        # All segments and where they begin, for finding one; None when the list has changed since.
        self._index: tuple[list[LogSegment], list[int]] | None = None
        # Called between the pieces of a search, which it may break off by an exception.
        self.look_up: Callable[[], None] | None = None

    @property
    def high(self) -> int:
        return self.newest.end

    def __len__(self) -> int:
        return self.high - self.low

    @property
    def bytes_used(self) -> int:
        """The bytes that the records take, without the shared layouts."""
        return sum(segment.bytes_used for segment in self)

    @property
    def own_bytes(self) -> int:
        """Those of them that lie in no memory that was set aside for many segments."""
        return self._settled + self.newest.own_bytes

    def __iter__(self) -> Iterator[LogSegment]:
        """The segments, oldest first."""
        segment: LogSegment | None = self.oldest
        while segment is not None:
            yield segment
            segment = segment.newer

    # -- growing and shrinking

    def room(self) -> tuple[Segment, int]:
        """The segment to append to and how many instructions still fit; begins a new segment when there is no room."""
        newest = self.newest
        if not isinstance(newest, Segment) or not newest.room:
            newest = self.entries_from(self.high)
            self.append(newest)
        newest.grows()
        return newest, newest.room

    def entries_from(self, first: int) -> Segment:
        """An empty segment in entries form, for instructions from `first` on; it is not in the list yet."""
        return Segment(first, self.layouts, self.changes, self.turns)

    def append(self, segment: LogSegment) -> None:
        """Make a segment, whose first instruction is number `high`, the newest."""
        self._settled += self.newest.own_bytes
        self.newest.newer, segment.older = segment, self.newest
        self.newest = segment
        self._index = None

    def replace(self, segment: LogSegment, parts: Sequence[LogSegment]) -> None:
        """Put others, that hold the same instructions, in the place of a segment."""
        self._index = None
        added = sum(part.own_bytes for part in parts)
        self._settled += added - (parts[-1] if segment is self.newest else segment).own_bytes
        chain = [segment.older, *parts, segment.newer]
        for older, newer in zip(chain, chain[1:]):
            if older is not None:
                older.newer = newer
            if newer is not None:
                newer.older = older
        if self.oldest is segment:
            self.oldest = parts[0]
        if self.newest is segment:
            self.newest = parts[-1]

    def prune(self, limit: int | None) -> None:
        """Keep no more than the newest `limit` instructions (None: all)."""
        if limit is None:
            return
        self.low = max(self.low, self.high - limit)
        while self.oldest.end <= self.low and self._drop_oldest():
            pass
        self._pruned()

    def prune_segment(self) -> bool:
        """Drop the oldest segment; False when it is the only one."""
        if not self._drop_oldest():
            return False
        self.low = max(self.low, self.oldest.first)
        self._pruned()
        return True

    def _drop_oldest(self) -> bool:
        dropped, kept = self.oldest, self.oldest.newer
        if kept is None:
            return False
        self._settled -= dropped.own_bytes
        self.oldest, kept.older = kept, None
        self._index = None
        return True

    def _pruned(self) -> None:
        self.turns.prune(self.oldest.first)
        self.deliveries.prune(self.low)
        self.calls.prune(self.low)

    def cut(self, position: int) -> None:
        """Forget the future: `position` becomes the newest."""
        for number in self.turns.existing(position):
            self.turns.lives[number].pc = self.pc_of(number, position)
        self._drop(position)
        self.turns.cut(position)
        self.deliveries.cut(position)
        self.calls.cut(position)

    def take_back(self) -> None:
        """Drop the newest record; another one is made of its instruction."""
        self._drop(self.high - 1)

    def _drop(self, position: int) -> None:
        while self.newest.first >= position and self.newest.older is not None:
            self.newest = self.newest.older
            self.newest.newer = None
            self._settled -= self.newest.own_bytes
            self._index = None
        self.newest.cut(position)

    # -- looking

    def segment_at(self, position: int) -> LogSegment:
        """The segment that holds instruction `position`, which may lie in front of `low` in the block that `low` is in."""
        if not self.oldest.first <= position < self.high:
            raise IndexError(position)
        return self.nearest(position)

    def nearest(self, position: int) -> LogSegment:
        """The segment that holds instruction `position`, pruned or not, or the one that is nearest to it."""
        if position >= self.newest.first:
            return self.newest
        if self._index is None:
            segments = list(self)
            self._index = segments, [segment.first for segment in segments]
        segments, firsts = self._index
        return segments[max(0, bisect.bisect_right(firsts, position) - 1)]

    def entries_at(self, position: int) -> Segment:
        """The segment that holds instruction `position`, in entries form: it was recorded so, or has been expanded."""
        segment = self.segment_at(position)
        if not isinstance(segment, Segment):
            raise TypeError(f"instruction {position} is inside a block")
        return segment

    def layout(self, position: int) -> Layout:
        return self.entries_at(position).layout(position)

    def boundary(self, position: int) -> int:
        """The nearest position, going back from `position`, at which a machine can stand."""
        return position if position == self.high else self.segment_at(position).boundary(position)

    def pc(self, position: int) -> int:
        """Where the thread stands whose turn it is at `position`."""
        return self.pc_of(self.turns.at(position), position)

    def pc_of(self, number: int, position: int) -> int:
        """Where thread `number` stands at `position`: at its next instruction, or where it has got to."""
        at = self.next_of(number, position)
        return self.turns.lives[number].pc if at is None else self.segment_at(at).pc(at)

    def next_of(self, number: int, position: int) -> int | None:
        """The next position from `position` on at which thread `number` does something of its own; None if there is none."""
        at = self.turns.next(number, position, self.high)
        while at is not None and self.segment_at(at).kind(at) is Kind.UNDER_WAY:
            at = self.turns.next(number, at + 1, self.high)
        return at

    def change_at(self, position: int) -> MappingChange | None:
        """What instruction `position` did to the address space, if it did anything."""
        segment = self.entries_at(position)
        at = segment.layout(position).mapping
        if at is None:
            return None
        return self.changes[int.from_bytes(segment.record(position)[at : at + 8], "little")]

    def entries(self, position: int) -> list[Entry]:
        """The entries of instruction `position`, for whoever wants to see them."""
        segment = self.entries_at(position)
        return entries(segment.layout(position), segment.record(position), position)

    def _from(
        self, position: int, direction: Direction, low: int, high: int | None = None
    ) -> Iterator[tuple[LogSegment, int, int]]:
        """The segments that lie in `direction` from `position`, nearest first, each with the span of indices in question.

        Nothing below `low` is, nor from `high` on.
        """
        if direction is Direction.REVERSE:
            segment: LogSegment | None = self.nearest(position - 1)
            while segment is not None and segment.end > low:
                first, last = max(low, segment.first), min(position, segment.end)
                if first < last:
                    yield segment, first - segment.first, last - segment.first
                segment = segment.older
        else:
            segment = self.nearest(position)
            while segment is not None and (high is None or segment.first < high):
                first, last = max(position, segment.first), segment.end if high is None else min(segment.end, high)
                if first < last:
                    yield segment, first - segment.first, last - segment.first
                segment = segment.newer

    def _pieces(self, position: int, direction: Direction, to: int | None) -> Iterator[tuple[LogSegment, Searchable]]:
        """What lies in `direction` from `position`, nearest first and no farther than `to`, in pieces to be asked one by one."""
        bounds = (self.low, to) if direction is Direction.FORWARD else (self.low if to is None else to, None)
        for segment, first, last in self._from(position, direction, *bounds):
            pieces = segment.pieces(first, last)
            if self.look_up is not None:
                self.look_up()
            for piece in reversed(pieces) if direction is Direction.REVERSE else pieces:
                yield segment, piece

    def find_pc(self, addresses: Collection[int], position: int, direction: Direction, to: int | None = None) -> int | None:
        """The nearest other position in `direction` where pc is one of `addresses`; pc at the newest position counts too.

        With `to`, only what lies between is looked at: `to` itself going back, everything before it going forwards.
        """
        reverse = direction is Direction.REVERSE
        for segment, piece in self._pieces(position if reverse else position + 1, direction, to):
            found = piece.at(addresses)
            if len(found):
                return segment.first + int(found[-1 if reverse else 0])
        if not reverse and to is None and position < self.high and self.pc(self.high) in addresses:
            return self.high
        return None

    def find_outside(self, within: Range, position: int, direction: Direction, to: int) -> int | None:
        """The nearest other position between `position` and `to` with an instruction outside a range, or with none.

        Between them is what find_pc says.
        """
        reverse = direction is Direction.REVERSE
        for segment, piece in self._pieces(position if reverse else position + 1, direction, to):
            found = piece.outside(within, direction)
            if found is not None:
                return segment.first + found
        return None

    def writes(self, start: int, end: int, position: int) -> Iterator[tuple[int, int]]:
        """The stretches (address, size) sharing a byte with [start, end) that were written since `position`."""
        for _, piece in self._pieces(position, Direction.FORWARD, None):
            rows = piece.writers(start, end)
            yield from zip(rows.location.tolist(), rows.size.tolist())

    def find_change(
        self, start: int, current: bytes, position: int, direction: Direction, to: int | None = None
    ) -> Change | None:
        """The nearest instruction in `direction` from `position` that changed the bytes at `start`, which are `current` now.

        `to` is as for find_pc.

        Records are exchanged, not copied, by a move; so on the way back each holds what was before it, on the way forward what
        comes after it, and the history of the bytes can be read off without moving.
        """
        reverse = direction is Direction.REVERSE
        end = start + len(current)
        for segment, piece in self._pieces(position, direction, to):
            rows = piece.writers(start, end)
            count = len(rows.location)
            at = count - 1 if reverse else 0
            while 0 <= at < count:
                index, other = int(rows.instruction[at]), bytearray(current)
                while 0 <= at < count and rows.instruction[at] == index:
                    _overlay(other, start, int(rows.location[at]), piece.saved(int(rows.place[at]), int(rows.size[at])))
                    at += -1 if reverse else 1
                if other != current:
                    then = bytes(other)
                    before, after = (then, current) if reverse else (current, then)
                    return Change(segment.first + index, before, after)
        return None

    # -- moving

    def move(self, position: int, target: int, machine: Machine) -> None:
        """Take the machine from `position` to `target`."""
        direction = Direction.REVERSE if target < position else Direction.FORWARD
        low, high = min(position, target), max(position, target)
        # The way to a position inside the oldest block leads over the block's beginning.
        for segment, first, last in self._from(position, direction, self.oldest.first):
            first, last = max(first, low - segment.first), min(last, high - segment.first)
            if first >= last:
                break
            segment.move(first, last, direction is Direction.FORWARD, machine)


def _overlay(data: bytearray, start: int, address: int, saved: bytes) -> None:
    """Put `saved`, which lies at `address`, onto `data`, which lies at `start`, where they overlap."""
    low, high = max(start, address), min(start + len(data), address + len(saved))
    data[low - start : high - start] = saved[low - address : high - address]
