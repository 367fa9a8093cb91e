"""The record list: the whole recorded past, oldest to newest.

A doubly linked list of segments.  A *position* is the number of instructions that lie before a moment, counted from the start of
the recording: position t is the state in which instruction t is about to run.  `low` is the oldest position that can still be
reached, `high` the newest, where the live process stands.

Whose instructions they are, the list says too (`turns`).

Appending is transactional: the recorder writes into the newest segment and either commits a whole instruction or takes its bytes
back.  Pruning drops the oldest instructions; cutting drops the newest.  Questions answer with positions and change nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from rdb.events import Direction
from rdb.record import segment as segments
from rdb.record.entry import Entry, Kind, Layout, LayoutTable, entries
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
        self.oldest = self.newest = self._segment(0)
        self.low = 0

    @property
    def high(self) -> int:
        return self.newest.end

    def __len__(self) -> int:
        return self.high - self.low

    @property
    def bytes_used(self) -> int:
        """The bytes that the records take, without the shared layouts."""
        return sum(segment.bytes_used for segment in self)

    def __iter__(self) -> Iterator[Segment]:
        """The segments, oldest first."""
        segment: Segment | None = self.oldest
        while segment is not None:
            yield segment
            segment = segment.newer

    # -- growing and shrinking

    def room(self) -> tuple[Segment, int]:
        """The segment to append to and how many instructions still fit; begins a new segment when there is no room."""
        if len(self.newest) >= segments.CAPACITY:
            fresh = self._segment(self.high)
            self.newest.newer, fresh.older = fresh, self.newest
            self.newest = fresh
        self.newest.grows()
        return self.newest, segments.CAPACITY - len(self.newest)

    def _segment(self, first: int) -> Segment:
        return Segment(first, self.layouts, self.changes, self.turns)

    def prune(self, limit: int | None) -> None:
        """Keep no more than the newest `limit` instructions (None: all)."""
        if limit is None:
            return
        self.low = max(self.low, self.high - limit)
        while self.oldest is not self.newest and self.oldest.end <= self.low:
            assert self.oldest.newer is not None
            self.oldest = self.oldest.newer
            self.oldest.older = None
            self.turns.prune(self.oldest.first)

    def cut(self, position: int) -> None:
        """Forget the future: `position` becomes the newest."""
        for number in self.turns.existing(position):
            self.turns.lives[number].pc = self.pc_of(number, position)
        self._drop(position)
        self.turns.cut(position)

    def take_back(self) -> None:
        """Drop the newest record; another one is made of its instruction."""
        self._drop(self.high - 1)

    def _drop(self, position: int) -> None:
        while self.newest.first >= position and self.newest.older is not None:
            self.newest = self.newest.older
            self.newest.newer = None
        self.newest.cut(position)

    # -- looking

    def segment_at(self, position: int) -> Segment:
        """The segment that holds instruction `position`."""
        if position < self.low or position >= self.high:
            raise IndexError(position)
        segment = self.newest
        while segment.first > position:
            assert segment.older is not None
            segment = segment.older
        return segment

    def layout(self, position: int) -> Layout:
        return self.segment_at(position).layout(position)

    def pc(self, position: int) -> int:
        """Where the thread stands whose turn it is at `position`."""
        return self.pc_of(self.turns.at(position), position)

    def pc_of(self, number: int, position: int) -> int:
        """Where thread `number` stands at `position`: at its next instruction, or where it has got to."""
        at = self.next_of(number, position)
        return self.turns.lives[number].pc if at is None else self.layout(at).pc

    def next_of(self, number: int, position: int) -> int | None:
        """The next position from `position` on at which thread `number` does something of its own; None if there is none."""
        at = self.turns.next(number, position, self.high)
        while at is not None and self.layout(at).kind is Kind.UNDER_WAY:
            at = self.turns.next(number, at + 1, self.high)
        return at

    def change_at(self, position: int) -> MappingChange | None:
        """What instruction `position` did to the address space, if it did anything."""
        segment = self.segment_at(position)
        at = segment.layout(position).mapping
        if at is None:
            return None
        return self.changes[int.from_bytes(segment.record(position)[at : at + 8], "little")]

    def entries(self, position: int) -> list[Entry]:
        """The entries of instruction `position`, for whoever wants to see them."""
        segment = self.segment_at(position)
        return entries(segment.layout(position), segment.record(position), position)

    def _from(self, position: int, direction: Direction) -> Iterator[tuple[Segment, int, int]]:
        """The segments that lie in `direction` from `position`, nearest first, each with the span of indices in question."""
        if direction is Direction.REVERSE:
            segment: Segment | None = self.newest
            while segment is not None:
                first, last = max(self.low, segment.first), min(position, segment.end)
                if first < last:
                    yield segment, first - segment.first, last - segment.first
                segment = segment.older
        else:
            segment = self.oldest
            while segment is not None:
                first, last = max(position, segment.first), segment.end
                if first < last:
                    yield segment, first - segment.first, last - segment.first
                segment = segment.newer

    def find_pc(self, addresses: Collection[int], position: int, direction: Direction) -> int | None:
        """The nearest other position in `direction` where pc is one of `addresses`; pc at the newest position counts too."""
        reverse = direction is Direction.REVERSE
        for segment, first, last in self._from(position if reverse else position + 1, direction):
            found = segment.columns().at(addresses)
            found = found[(found >= first) & (found < last)]
            if len(found):
                return segment.first + int(found[-1 if reverse else 0])
        if not reverse and position < self.high and self.pc(self.high) in addresses:
            return self.high
        return None

    def find_change(self, start: int, current: bytes, position: int, direction: Direction) -> Change | None:
        """The nearest instruction in `direction` from `position` that changed the bytes at `start`, which are `current` now.

        Records are exchanged, not copied, by a move; so on the way back each holds what was before it, on the way forward what
        comes after it, and the history of the bytes can be read off without moving.
        """
        reverse = direction is Direction.REVERSE
        end = start + len(current)
        for segment, first, last in self._from(position, direction):
            columns = segment.columns()
            rows = columns.writers(start, end).rows(first, last)
            count = len(rows.location)
            at = count - 1 if reverse else 0
            while 0 <= at < count:
                index, other = int(rows.instruction[at]), bytearray(current)
                while 0 <= at < count and rows.instruction[at] == index:
                    _overlay(other, start, int(rows.location[at]), columns.saved(int(rows.place[at]), int(rows.size[at])))
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
        for segment, first, last in self._from(position, direction):
            first, last = max(first, low - segment.first), min(last, high - segment.first)
            if first >= last:
                break
            self._move_in(segment, first, last, direction, machine)

    def _move_in(self, segment: Segment, first: int, last: int, direction: Direction, machine: Machine) -> None:
        """Instructions [first, last) of one segment: in bulk between those that change the address space, these one by one."""
        if last - first <= _WALK:
            self._walk(segment, first, last, direction, machine)
            return
        columns = segment.columns()
        special = columns.with_mapping()
        edges = special[(special >= first) & (special < last)].tolist()
        spans = [(low + 1, high) for low, high in zip([first - 1, *edges], [*edges, last])]
        if direction is Direction.FORWARD:
            for (low, high), edge in zip(spans, [*edges, None]):
                columns.move(low, high, True, machine)
                if edge is not None:
                    segment.redo(segment.first + edge, machine)
        else:
            for (low, high), edge in zip(reversed(spans), [*reversed(edges), None]):
                columns.move(low, high, False, machine)
                if edge is not None:
                    segment.undo(segment.first + edge, machine)

    def _walk(self, segment: Segment, first: int, last: int, direction: Direction, machine: Machine) -> None:
        if direction is Direction.FORWARD:
            for index in range(first, last):
                segment.redo(segment.first + index, machine)
        else:
            for index in reversed(range(first, last)):
                segment.undo(segment.first + index, machine)


# Below this many instructions a walk is cheaper than setting up a bulk move.
_WALK = 200


def _overlay(data: bytearray, start: int, address: int, saved: bytes) -> None:
    """Put `saved`, which lies at `address`, onto `data`, which lies at `start`, where they overlap."""
    low, high = max(start, address), min(start + len(data), address + len(saved))
    data[low - start : high - start] = saved[low - address : high - address]
