"""What every segment of the record list answers, whatever form it holds its stretch of history in.

A segment is the instructions [first, end) of the log, linked to the segments `older` and `newer`.  Its forms are entries
(rdb.record.segment) and blocks (rdb.record.compiled.segment).
"""

from __future__ import annotations

import abc
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from rdb.address import Range
from rdb.events import Direction
from rdb.record.entry import Kind
from rdb.record.machine import Machine

if TYPE_CHECKING:
    from rdb.record.columns import Flat, Numbers


class Searchable(Protocol):
    """Many instructions of a segment, for questions about them; they are told by their indices, counted from `first`."""

    def at(self, addresses: Collection[int]) -> Numbers:
        """The instructions whose pc is among `addresses`, ascending."""

    def outside(self, within: Range, direction: Direction) -> int | None:
        """The first one in a direction whose pc is not in a range, or that is no instruction; None if there is none."""

    def writers(self, start: int, end: int) -> Flat:
        """Every memory entry that shares a byte with [start, end), oldest first."""

    def saved(self, place: int, size: int) -> bytes:
        """The saved bytes of a row."""


class LogSegment(abc.ABC):
    """Instructions [first, end) of the log.  `room` is how many more it can take, `gaps` how many of them are gaps."""

    first: int
    older: LogSegment | None = None
    newer: LogSegment | None = None

    def __len__(self) -> int:
        return self.end - self.first

    @property
    @abc.abstractmethod
    def end(self) -> int:
        """The position behind the last instruction."""

    @property
    @abc.abstractmethod
    def room(self) -> int: ...

    @property
    @abc.abstractmethod
    def gaps(self) -> int: ...

    @property
    @abc.abstractmethod
    def bytes_used(self) -> int: ...

    @property
    def own_bytes(self) -> int:
        """How many of them are memory that the segment has for itself alone."""
        return self.bytes_used

    @abc.abstractmethod
    def pc(self, position: int) -> int:
        """The address of instruction `position`."""

    @abc.abstractmethod
    def kind(self, position: int) -> Kind: ...

    @abc.abstractmethod
    def boundary(self, position: int) -> int:
        """The nearest position, going back from `position`, at which a machine can stand."""

    @abc.abstractmethod
    def pieces(self, first: int, last: int) -> Sequence[Searchable]:
        """The instructions of the indices [first, last), in pieces that are asked one by one, oldest first."""

    @abc.abstractmethod
    def cut(self, position: int) -> None:
        """Forget the instructions from `position` on."""

    @abc.abstractmethod
    def move(self, first: int, last: int, forward: bool, machine: Machine) -> None:
        """Redo, or undo, the instructions of the indices [first, last); a machine can stand at both ends."""
