"""A segment: a stretch of consecutive instructions in the record list, in entries form.

Two arrays hold it.  `trace` has one number per instruction, that of its Layout; `values` has the records one behind the other.
Where a record begins follows from the sizes of the layouts before it, so it is not stored.

Invariant (swap-undo): a record holds the state *before* its instruction while that instruction is in the past, and the state
*after* it while it is in the future.  Undoing and redoing are therefore the same exchange of record and machine, done backwards
or forwards.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rdb.record.entry import Kind, Layout, LayoutTable
from rdb.record.log_segment import LogSegment, Searchable
from rdb.record.machine import Machine
from rdb.record.mappings import MappingChange
from rdb.record.turns import Turns

if TYPE_CHECKING:
    from rdb.record.columns import Columns

CAPACITY = 1 << 16
# Below this many instructions a walk is cheaper than setting up a bulk move.
_WALK = 200


class Segment(LogSegment):
    """A segment in entries form."""

    def __init__(self, first: int, layouts: LayoutTable, changes: list[MappingChange], turns: Turns) -> None:
        self.first = first
        self.trace = array("I")
        self.values = bytearray()
        self._layouts = layouts
        self._changes = changes
        self._turns = turns
        self._columns: Columns | None = None

    def __len__(self) -> int:
        return len(self.trace)

    @property
    def end(self) -> int:
        """The position behind the last instruction."""
        return self.first + len(self.trace)

    @property
    def room(self) -> int:
        return max(0, CAPACITY - len(self.trace))

    @property
    def gaps(self) -> int:
        return sum(self._layouts[number].gap for number in self.trace)

    @property
    def bytes_used(self) -> int:
        return len(self.trace) * self.trace.itemsize + len(self.values)

    def layout(self, position: int) -> Layout:
        return self._layouts[self.trace[position - self.first]]

    def pc(self, position: int) -> int:
        return self.layout(position).pc

    def kind(self, position: int) -> Kind:
        return self.layout(position).kind

    def boundary(self, position: int) -> int:
        return position

    def columns(self) -> Columns:
        """The numpy view of this segment, for searches and bulk moves; made once the segment does not grow any more."""
        from rdb.record.columns import Columns

        if self._columns is None or self._columns.count != len(self.trace):
            self._columns = Columns(self.first, self.trace, self.values, self._layouts, self._turns)
        return self._columns

    def pieces(self, first: int, last: int) -> Sequence[Searchable]:
        return (self.columns().piece(first, last),)

    def grows(self) -> None:
        """About to be appended to: let go of views that would pin the arrays."""
        self._columns = None

    def cut(self, position: int) -> None:
        """Forget the instructions from `position` on."""
        self._columns = None
        index = position - self.first
        size = sum(self._layouts[number].size for number in self.trace[index:])
        del self.trace[index:]
        del self.values[len(self.values) - size :]

    def record(self, position: int) -> bytes:
        """The record of one instruction."""
        start = self.columns().start(position - self.first)
        return bytes(self.values[start : start + self.layout(position).size])

    # -- moving

    def move(self, first: int, last: int, forward: bool, machine: Machine) -> None:
        """In bulk between those instructions that change the address space, these one by one."""
        if last - first <= _WALK:
            self._walk(first, last, forward, machine)
            return
        special = self.columns().with_mapping()
        edges = special[(special >= first) & (special < last)].tolist()
        spans = [(low + 1, high) for low, high in zip([first - 1, *edges], [*edges, last])]
        if forward:
            for (low, high), edge in zip(spans, [*edges, None]):
                self._span(low, high, True, machine)
                if edge is not None:
                    self.redo(self.first + edge, machine)
        else:
            for (low, high), edge in zip(reversed(spans), [*reversed(edges), None]):
                self._span(low, high, False, machine)
                if edge is not None:
                    self.undo(self.first + edge, machine)

    def _span(self, first: int, last: int, forward: bool, machine: Machine) -> None:
        """Instructions that do not change the address space: in bulk, unless there are two ways to the same byte."""
        if first < last and machine.aliased():
            self._walk(first, last, forward, machine)
        else:
            self.columns().move(first, last, forward, machine)

    def _walk(self, first: int, last: int, forward: bool, machine: Machine) -> None:
        if forward:
            for index in range(first, last):
                self.redo(self.first + index, machine)
        else:
            for index in reversed(range(first, last)):
                self.undo(self.first + index, machine)

    def undo(self, position: int, machine: Machine) -> None:
        """Exchange the record of instruction `position` with the machine, going backwards."""
        layout = self.layout(position)
        start = self.columns().start(position - self.first)
        self._swap_registers(position, layout, start, machine)
        for slot in reversed(layout.memory):
            self._swap_memory(start + slot.at, slot.size, machine)
        if layout.mapping is not None:
            self._remap(position, start + layout.mapping, False, machine)

    def redo(self, position: int, machine: Machine) -> None:
        """Exchange the record of instruction `position` with the machine, going forwards."""
        layout = self.layout(position)
        start = self.columns().start(position - self.first)
        if layout.mapping is not None:
            self._remap(position, start + layout.mapping, True, machine)
        for slot in layout.memory:
            self._swap_memory(start + slot.at, slot.size, machine)
        self._swap_registers(position, layout, start, machine)

    def _swap_registers(self, position: int, layout: Layout, start: int, machine: Machine) -> None:
        values, banks = self.values, machine.banks[self._turns.at(position)]
        for bank, offset, size, at in layout.registers:
            here, there = slice(start + at, start + at + size), slice(offset, offset + size)
            values[here], banks[bank][there] = banks[bank][there], values[here]

    def _swap_memory(self, at: int, size: int, machine: Machine) -> None:
        address = int.from_bytes(self.values[at : at + 8], "little")
        here = slice(at + 8, at + 8 + size)
        saved = bytes(self.values[here])
        current = machine.read(address, size)
        if current != saved:
            machine.write(address, saved)
            self.values[here] = current

    def _remap(self, position: int, at: int, forward: bool, machine: Machine) -> None:
        number = int.from_bytes(self.values[at : at + 8], "little")
        machine.remap(self._changes[number], forward, self._turns.at(position))
