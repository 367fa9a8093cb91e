"""A segment as columns of numbers, for questions and moves over many instructions at once.

An instruction-by-instruction walk in Python reaches half a million instructions a second; columns reach several hundred million
for a search and several million for a move.

The *flat* columns list every saved stretch of a segment in the order in which it was pushed: its location, size, place in
`values`, and instruction.  Registers get locations of their own, far from any address a program can have, those of each thread
another, so that one algorithm moves the registers of all threads and memory.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rdb.address import Range
from rdb.arch.base import Bank
from rdb.events import Direction
from rdb.record.entry import Kind, Layout, LayoutTable, padded
from rdb.record.machine import Machine
from rdb.record.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

Numbers = NDArray[np.int64]
PAGE = 4096
# Registers live at REGISTERS + (2 * number of the thread + bank) * BANK + offset: below zero, where no user address is.
_REGISTERS = -(1 << 62)
_BANK = 1 << 32
_INSTRUCTIONS = (Kind.INSTRUCTION, Kind.SYSTEM_CALL)


@dataclass(frozen=True)
class Flat:
    """One row per saved stretch: location, size in bytes, place of the saved bytes in `values`, index of the instruction."""

    location: Numbers
    size: Numbers
    place: Numbers
    instruction: Numbers

    def rows(self, first: int, last: int) -> Flat:
        """The rows of the instructions [first, last)."""
        low, high = np.searchsorted(self.instruction, (first, last))
        return Flat(self.location[low:high], self.size[low:high], self.place[low:high], self.instruction[low:high])

    def where(self, chosen: NDArray[np.bool_]) -> Flat:
        return Flat(self.location[chosen], self.size[chosen], self.place[chosen], self.instruction[chosen])

    @staticmethod
    def joined(parts: Sequence[Flat]) -> Flat:
        """The rows of all parts, one behind the other."""
        columns = ("location", "size", "place", "instruction")
        return Flat(*(np.concatenate([getattr(part, column) for part in parts]) for column in columns))

    def by_place(self) -> Flat:
        """The same rows in the order of their places."""
        order = np.argsort(self.place)
        return Flat(self.location[order], self.size[order], self.place[order], self.instruction[order])


NOTHING = Flat(*np.zeros((4, 0), np.int64))


class Columns:
    """The columns of one segment.  They alias `values`, so a move through them changes the segment itself."""

    def __init__(self, first: int, trace: array[int], values: bytearray, layouts: LayoutTable, turns: Turns) -> None:
        self.count = len(trace)
        self._first = first
        self._layouts = layouts
        self._turns = turns
        self.trace = np.array(trace, dtype=np.int64)
        # A bytearray with a view on it cannot grow; the segment drops its columns before it does.
        self._bytes = np.frombuffer(values, dtype=np.uint8) if values else np.zeros(0, np.uint8)
        self._used = np.unique(self.trace)
        sizes = np.zeros(len(layouts), np.int64)
        sizes[self._used] = [layouts[number].size for number in self._used.tolist()]
        self.starts = np.zeros(self.count + 1, np.int64)
        np.cumsum(sizes[self.trace], out=self.starts[1:])
        self._flat: Flat | None = None

    def start(self, index: int) -> int:
        """Where in `values` the record of instruction `index` begins."""
        return int(self.starts[index])

    # -- questions

    def piece(self, first: int, last: int) -> Piece:
        """The instructions [first, last), for questions."""
        return Piece(self, first, last)

    def at(self, addresses: Collection[int]) -> Numbers:
        """The indices of the instructions whose pc is among `addresses`, ascending."""
        return self._with(lambda layout: layout.pc in addresses and layout.kind in _INSTRUCTIONS)

    def outside(self, within: Range) -> Numbers:
        """The indices of the instructions whose pc is not in a range, and of what is no instruction, ascending."""
        return self._with(lambda layout: layout.pc not in within or layout.kind not in _INSTRUCTIONS)

    def _with(self, holds: Callable[[Layout], bool]) -> Numbers:
        """The indices of the records for whose layouts something holds."""
        hit = np.zeros(len(self._layouts), np.bool_)
        hit[[number for number in self._used.tolist() if holds(self._layouts[number])]] = True
        return np.flatnonzero(hit[self.trace])

    def with_mapping(self) -> NDArray[np.intp]:
        """The indices of the instructions that changed the address space."""
        changed = np.zeros(len(self._layouts), np.bool_)
        changed[[n for n in self._used.tolist() if self._layouts[n].mapping is not None]] = True
        return np.flatnonzero(changed[self.trace])

    def writers(self, start: int, end: int) -> Flat:
        """Every memory entry that shares a byte with [start, end), oldest first."""
        flat = self.flat()
        return flat.where((flat.location < end) & (flat.location + flat.size > start) & (flat.location >= 0))

    def saved(self, place: int, size: int) -> bytes:
        return self._bytes[place : place + size].tobytes()

    # -- the flat columns

    def flat(self) -> Flat:
        if self._flat is None:
            self._flat = self._flatten()
        return self._flat

    def _flatten(self) -> Flat:
        """Expand each instruction into the rows of its layout; the registers are those of the thread whose turn it is."""
        flat = flatten(self.trace, self._layouts, self.starts[:-1], self._bytes.view(np.int64))
        for turn in self._turns.within(self._first, self._first + self.count):
            if turn.number:
                low, high = np.searchsorted(flat.instruction, (turn.first - self._first, turn.last - self._first))
                location = flat.location[low:high]
                location[location < 0] += turn.number * len(Bank) * _BANK
        return flat

    # -- moving many instructions at once

    def move(self, first: int, last: int, forward: bool, machine: Machine) -> None:
        """Redo (or undo) the instructions [first, last), none of which changes the address space."""
        exchange(self.flat().rows(first, last), self._bytes, forward, machine)


class Piece:
    """The instructions [first, last) of a segment, for questions (rdb.record.log_segment.Searchable)."""

    def __init__(self, columns: Columns, first: int, last: int) -> None:
        self._columns, self._first, self._last = columns, first, last

    def at(self, addresses: Collection[int]) -> Numbers:
        return self._own(self._columns.at(addresses))

    def outside(self, within: Range, direction: Direction) -> int | None:
        found = self._own(self._columns.outside(within))
        return int(found[0 if direction is Direction.FORWARD else -1]) if len(found) else None

    def _own(self, found: Numbers) -> Numbers:
        return found[(found >= self._first) & (found < self._last)]

    def writers(self, start: int, end: int) -> Flat:
        return self._columns.writers(start, end).rows(self._first, self._last)

    def saved(self, place: int, size: int) -> bytes:
        return self._columns.saved(place, size)


class Layouts(Protocol):
    """Layouts by number."""

    def __getitem__(self, number: int) -> Layout: ...

    def __len__(self) -> int: ...


def flatten(numbers: Numbers, layouts: Layouts, starts: Numbers, words: Numbers, thread: int = 0) -> Flat:
    """The rows of records one behind the other, with the registers of thread `thread` (its number).

    Record i has the layout with the number numbers[i] and begins at byte starts[i] of `words`.
    """
    first, counts = np.zeros((2, len(layouts)), np.int64)
    locations: list[int] = []
    sizes: list[int] = []
    places: list[int] = []
    memory: list[bool] = []
    for number in np.unique(numbers).tolist():
        layout = layouts[number]
        first[number], counts[number] = len(locations), len(layout.registers) + len(layout.memory)
        for register in layout.registers:
            locations.append(register_location(thread, register.bank, register.offset))
            sizes.append(register.size)
            places.append(register.at)
            memory.append(False)
        for slot in layout.memory:
            locations.append(0)
            sizes.append(slot.size)
            places.append(slot.data)
            memory.append(True)
    each = counts[numbers]
    record = np.repeat(np.arange(len(numbers), dtype=np.int64), each)
    ahead = np.cumsum(each) - each
    row = np.repeat(first[numbers] - ahead, each) + np.arange(len(record))
    if not len(row):
        return NOTHING
    place = np.array(places, np.int64)[row] + starts[record]
    location = np.array(locations, np.int64)[row]
    in_memory = np.array(memory)[row]
    location[in_memory] = words[(place[in_memory] - 8) >> 3]
    return Flat(location, np.array(sizes, np.int64)[row], place, record)


def exchange(rows: Flat, data: NDArray[np.uint8], forward: bool, machine: Machine) -> None:
    """Exchange what rows have saved in `data` with the machine, all of them going forward, or back.

    Each location is exchanged along the chain of the records that saved it: going back, each record takes what the next newer one
    held, the newest takes what the machine has, and the machine takes the oldest; going forward, the reverse.
    """
    if not len(rows.location):
        return
    state = _State(machine)
    for unit, units in zip((8, 1), _split(rows)):
        if len(units.location):
            _exchange(units, data.view(np.int64) if unit == 8 else data, forward, state)
    state.store()


def walk(rows: Flat, data: NDArray[np.uint8], forward: bool, machine: Machine) -> None:
    """The same one row after the other."""
    columns = zip(rows.location.tolist(), rows.size.tolist(), rows.place.tolist())
    for location, size, place in columns if forward else reversed(list(columns)):
        saved = data[place : place + size].tobytes()
        if location >= 0:
            now = machine.read(location, size)
            if now != saved:
                machine.write(location, saved)
        else:
            holder, offset = divmod(location, _BANK)
            bank, part = _bank(machine, holder), slice(offset, offset + size)
            now = bytes(bank[part])
            bank[part] = saved
        data[place : place + size] = np.frombuffer(now, np.uint8)


def _exchange(units: Units, values: NDArray[np.generic], forward: bool, state: _State) -> None:
    unit = values.itemsize
    order = np.lexsort((units.row, units.location))
    location, place = units.location[order], units.place[order] // unit
    fresh = np.empty(len(location), np.bool_)
    fresh[0] = True
    np.not_equal(location[1:], location[:-1], out=fresh[1:])
    oldest = np.flatnonzero(fresh)
    newest = np.append(oldest[1:], len(location)) - 1
    saved = values[place]
    current = state.gather(location[oldest], unit)
    moved = np.empty_like(saved)
    if forward:
        moved[1:] = saved[:-1]
        moved[oldest] = current
        state.scatter(location[oldest], saved[newest], unit)
    else:
        moved[:-1] = saved[1:]
        moved[newest] = current
        state.scatter(location[oldest], saved[oldest], unit)
    values[place] = moved


def register_location(number: int, bank: Bank, offset: int) -> int:
    """The location of what lies at `offset` in a bank of thread `number`."""
    return _REGISTERS + (number * len(Bank) + bank) * _BANK + offset


def _bank(machine: Machine, holder: int) -> bytearray:
    """The bank that the register locations holder * _BANK and following are in."""
    number, bank = divmod(holder - _REGISTERS // _BANK, len(Bank))
    return machine.banks[number][bank]


class Units(NamedTuple):
    """Rows cut into units of one size: where each is, where its saved bytes are, and which row it comes from (in time order)."""

    location: Numbers
    place: Numbers
    row: Numbers

    def where(self, chosen: NDArray[np.bool_]) -> Units:
        return Units(self.location[chosen], self.place[chosen], self.row[chosen])

    def bytes(self) -> Units:
        """The same, words cut into bytes."""
        within = np.tile(np.arange(8), len(self.location))
        location, place, row = (np.repeat(column, 8) for column in self)
        return Units(location + within, place + within, row)


def _split(rows: Flat) -> tuple[Units, Units]:
    """The rows as aligned words where that is possible, and as bytes elsewhere; no word holds one of the bytes."""
    aligned = (rows.location % 8 == 0) & (rows.size % 8 == 0)
    words, rest = _cut(rows, aligned, 8), _cut(rows, ~aligned, 1)
    if not len(rest.location):
        return words, rest
    shared = np.isin(words.location >> 3, np.unique(rest.location >> 3))
    part = words.where(shared).bytes()
    return words.where(~shared), Units(*(np.concatenate(pair) for pair in zip(rest, part)))


def _cut(rows: Flat, chosen: NDArray[np.bool_], unit: int) -> Units:
    number = np.flatnonzero(chosen)
    counts = rows.size[number] // unit
    row = np.repeat(number, counts)
    within = (np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)) * unit
    return Units(rows.location[row] + within, rows.place[row] + within, row)


class _State:
    """The machine as pages of numpy bytes, read when first needed and stored once at the end of a move."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._pages: dict[int, NDArray[np.uint8]] = {}
        self._original: dict[int, bytes] = {}

    def gather(self, locations: Numbers, unit: int) -> NDArray[np.generic]:
        """The current contents of ascending locations."""
        result = np.empty(len(locations), np.int64 if unit == 8 else np.uint8)
        for part, where, store in self._parts(locations):
            result[part] = store.view(result.dtype)[where // unit]
        return result

    def scatter(self, locations: Numbers, contents: NDArray[np.generic], unit: int) -> None:
        for part, where, store in self._parts(locations):
            store.view(contents.dtype)[where // unit] = contents[part]

    def _parts(self, locations: Numbers) -> list[tuple[slice, Numbers, NDArray[np.uint8]]]:
        """Split ascending locations by the page or bank that holds them: (slice, offsets in it, its bytes)."""
        holders = np.where(locations >= 0, locations // PAGE, locations // _BANK)
        edges = [0, *(np.flatnonzero(np.diff(holders)) + 1).tolist(), len(holders)]
        result = []
        for low, high in zip(edges, edges[1:]):
            part, holder = slice(low, high), int(holders[low])
            if holder >= 0:
                result.append((part, locations[part] - holder * PAGE, self._page(holder * PAGE)))
            else:
                store = np.frombuffer(_bank(self._machine, holder), dtype=np.uint8)
                result.append((part, locations[part] - holder * _BANK, store))
        return result

    def _page(self, address: int) -> NDArray[np.uint8]:
        page = self._pages.get(address)
        if page is None:
            original = self._machine.read(address, PAGE)
            self._original[address] = original
            page = self._pages[address] = np.frombuffer(bytearray(original), dtype=np.uint8)
        return page

    def store(self) -> None:
        for address, page in self._pages.items():
            contents = page.tobytes()
            if contents != self._original[address]:
                self._machine.write(address, contents)


assert padded(1) == 8 and len(Bank) == 2, "moves in words rely on records whose slots are padded to 8 bytes"
