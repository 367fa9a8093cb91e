"""The record list against a model that keeps every state whole.

A random history of several threads writes registers and memory of all sizes and alignments.  The model keeps a copy of the
machine at each position, the registers of all threads included; whatever the list does (moves of any length, cuts, prunes, more
history), the machine must equal the copy.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rdb.arch.base import Bank, Piece
from rdb.events import Direction
from rdb.record import segment
from rdb.record.entry import EndEntry, Kind, MemoryEntry, padded
from rdb.record.machine import Banks, Machine
from rdb.record.mappings import MappingChange
from rdb.record.record_list import RecordList

GENERAL, EXTENDED = 216, 96
# Two pages that are neighbours, and one far away.
PAGES = (0x10000, 0x11000, 0x7FFF_FFFF_E000)
PAGE = 4096
PCS = tuple(range(0x400000, 0x400020, 4))
EXECUTED = (Kind.INSTRUCTION, Kind.SYSTEM_CALL)

Write = tuple[int, bytes]
RegisterWrite = tuple[Bank, int, bytes]
State = tuple[dict[int, tuple[bytes, bytes]], bytes]


class World:
    """A machine of three pages and two banks for each thread, its history in a RecordList, and a copy of every state."""

    def __init__(self) -> None:
        self.memory = {page: bytearray(PAGE) for page in PAGES}
        self.mapped: list[int] = []
        self.changers: list[int] = []
        self.machine = Machine({0: (bytearray(GENERAL), bytearray(EXTENDED))}, self.read, self.write, self.remap)
        self.log = RecordList()
        self.number = 0
        self.position = 0
        self.states = {0: self.state()}
        self.pcs: dict[int, int] = {}
        self.kinds: dict[int, Kind] = {}
        self.numbers: dict[int, int] = {}
        self.existing = {0: [0]}

    def read(self, address: int, size: int) -> bytes:
        return (
            b"".join(bytes(self.memory[at & ~(PAGE - 1)][at % PAGE : at % PAGE + 1]) for at in range(address, address + size))
            if address % PAGE + size > PAGE
            else bytes(self.memory[address & ~(PAGE - 1)][address % PAGE : address % PAGE + size])
        )

    def write(self, address: int, data: bytes) -> None:
        for number, byte in enumerate(data):
            at = address + number
            self.memory[at & ~(PAGE - 1)][at % PAGE] = byte

    def remap(self, change: MappingChange, forward: bool, thread: int) -> None:
        number = self.log.changes.index(change)
        assert thread == self.changers[number]
        if forward:
            self.mapped.append(number)
        else:
            assert self.mapped.pop() == number

    def state(self) -> State:
        banks = {number: (bytes(general), bytes(extended)) for number, (general, extended) in self.machine.banks.items()}
        return banks, b"".join(self.memory[page] for page in PAGES) + bytes(self.mapped)

    @property
    def banks(self) -> Banks:
        return self.machine.banks[self.number]

    def bear(self) -> None:
        """Another thread.  Its registers are the machine's from the beginning, as they are when the past is looked at."""
        number = self.log.turns.born(1000 + len(self.log.turns.lives), self.position, chance_pc(self.position))
        self.machine.banks[number] = (bytearray(GENERAL), bytearray(EXTENDED))
        for banks, _ in self.states.values():
            banks.setdefault(number, (bytes(GENERAL), bytes(EXTENDED)))
        self.existing[self.position] = self.existing[self.position] + [number]

    def die(self) -> None:
        """The thread in turn has ended; it is another's turn."""
        self.log.turns.died(self.number, self.position)
        self.existing[self.position] = [each for each in self.existing[self.position] if each != self.number]
        self.turn(self.existing[self.position][0])

    def turn(self, number: int) -> None:
        self.number = number
        self.log.turns.begin(number, self.position)

    def execute(
        self,
        pc: int,
        registers: Sequence[RegisterWrite],
        writes: Sequence[Write],
        remaps: bool = False,
        kind: Kind = Kind.INSTRUCTION,
    ) -> None:
        """Record an instruction as the recorder does, then let it happen."""
        room, _ = self.log.room()
        pieces = [Piece(bank, offset, len(data)) for bank, offset, data in registers]
        layout = self.log.layouts.layout(pc, pieces, [len(data) for _, data in writes], kind, remaps)
        # All old values are saved first: an instruction's writes may overlap.
        saved = bytearray()
        for bank, offset, data in registers:
            saved += bytes(self.banks[bank][offset : offset + len(data)]).ljust(padded(len(data)), b"\0")
        for address, data in writes:
            saved += address.to_bytes(8, "little") + self.read(address, len(data)).ljust(padded(len(data)), b"\0")
        if remaps:
            saved += len(self.log.changes).to_bytes(8, "little")
            self.mapped.append(len(self.log.changes))
            self.changers.append(self.number)
            self.log.changes.append(MappingChange([], brk=(0, len(self.log.changes))))
        room.values += saved
        room.trace.append(layout.number)
        for bank, offset, data in registers:
            self.banks[bank][offset : offset + len(data)] = data
        for address, data in writes:
            self.write(address, data)
        self.pcs[self.position], self.kinds[self.position], self.numbers[self.position] = pc, kind, self.number
        self.position += 1
        self.existing[self.position] = self.existing[self.position - 1]
        self.states[self.position] = self.state()

    def go(self, target: int) -> None:
        self.log.move(self.position, target, self.machine)
        self.position = target
        now, then = self.state(), self.states[target]
        assert now[1] == then[1]
        for number in self.existing[target]:
            assert now[0][number] == then[0][number], f"registers of {number} at {target}"

    def cut(self) -> None:
        """Go on from here."""
        self.log.cut(self.position)
        self.number = self.log.turns.at(self.position)
        for number in set(self.machine.banks) - set(range(len(self.log.turns.lives))):
            del self.machine.banks[number]
        if self.number not in self.existing[self.position]:
            self.turn(self.existing[self.position][0])


def chance_pc(position: int) -> int:
    return PCS[position % len(PCS)]


def random_thread(world: World, chance: random.Random) -> None:
    """Sometimes a thread comes, or one ends, or it is another's turn."""
    existing = world.existing[world.position]
    if chance.random() < 0.03 and len(existing) < 5:
        world.bear()
    elif chance.random() < 0.02 and len(existing) > 1:
        world.die()
    if chance.random() < 0.15:
        world.turn(chance.choice(world.existing[world.position]))


def random_instruction(world: World, chance: random.Random) -> None:
    random_thread(world, chance)
    registers: list[RegisterWrite] = []
    for bank, size, most in ((Bank.GENERAL, GENERAL, 3), (Bank.EXTENDED, EXTENDED, 1)):
        for place in chance.sample(range(0, min(size, 96), 8), chance.randrange(most + 1)):
            length = 8 if bank is Bank.GENERAL else min(chance.choice((2, 4, 8, 10, 16, 32)), size - place)
            registers.append((bank, place, chance.randbytes(length)))
    # Entries of one instruction are disjoint, as those of real ones are.
    writes: list[Write] = []
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
        size = chance.choice((1, 2, 4, 8, 8, 16, 3, 10, 24, 64, 100))
        page = chance.choice(PAGES)
        address = page + chance.choice((0, 8, 16, 64, chance.randrange(160), PAGE - 8)) + chance.choice((0, 0, 1, 4, 5))
        if address + size > page + PAGE and page != PAGES[0]:
            continue
        if all(address + size <= other or other + len(data) <= address for other, data in writes):
            writes.append((address, chance.randbytes(size)))
    kind = chance.choices((Kind.INSTRUCTION, Kind.SIGNAL, Kind.USER, Kind.UNDER_WAY), (50, 1, 1, 1))[0]
    world.execute(chance.choice(PCS), registers, writes, chance.random() < 0.01, kind)


def history(chance: random.Random, length: int) -> World:
    world = World()
    for _ in range(length):
        random_instruction(world, chance)
    return world


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments and walks so short that a small history has several of each."""
    monkeypatch.setattr(segment, "CAPACITY", 37)
    monkeypatch.setattr(segment, "_WALK", 5)


QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CHANCES = st.integers(0, 1 << 32).map(random.Random)


@QUICK
@given(CHANCES, st.integers(1, 150))
def test_moves(chance: random.Random, length: int) -> None:
    world = history(chance, length)
    for _ in range(12):
        world.go(chance.randrange(length + 1))
    world.go(0)
    world.go(length)


@QUICK
@given(CHANCES)
def test_cuts_and_prunes(chance: random.Random) -> None:
    """Going on from the past, and dropping the oldest, at random."""
    world = history(chance, 80)
    for _ in range(10):
        low, high = world.log.low, world.log.high
        world.go(chance.randrange(low, high + 1))
        choice = chance.randrange(3)
        if choice == 0:
            stands = {number: world.log.pc_of(number, world.position) for number in world.existing[world.position]}
            world.cut()
            assert world.log.high == world.position
            assert stands == {n: world.log.pc_of(n, world.position) for n in world.log.turns.existing(world.position)}
            for _ in range(chance.randrange(60)):
                random_instruction(world, chance)
        elif choice == 1:
            world.go(high)
            world.log.prune(chance.randrange(1, 100))
            assert world.log.low >= low and world.log.high == high
            world.go(world.log.low)
        assert len(world.log) == world.log.high - world.log.low


@QUICK
@given(CHANCES)
def test_find_pc(chance: random.Random) -> None:
    world = history(chance, 120)
    world.log.turns.lives[world.number].pc = end = chance.choice(PCS)
    world.log.prune(100)
    for _ in range(20):
        start, wanted = chance.randrange(20, 121), frozenset(chance.sample(PCS, chance.randrange(1, 3)))
        at = [n for n in range(20, 120) if world.pcs[n] in wanted and world.kinds[n] in EXECUTED]
        at += [120] if end in wanted else []
        assert world.log.find_pc(wanted, start, Direction.FORWARD) == min((n for n in at if n > start), default=None)
        assert world.log.find_pc(wanted, start, Direction.REVERSE) == max((n for n in at if n < start), default=None)


@QUICK
@given(CHANCES)
def test_find_change(chance: random.Random) -> None:
    """The answer is what comparing all states one by one says, from anywhere in the history."""
    world = history(chance, 120)
    for _ in range(20):
        start = chance.randrange(121)
        world.go(start)
        address, size = chance.choice(PAGES) + chance.choice((0, 8, 61, 64, 100)), chance.choice((1, 2, 4, 8, 16))
        offset = PAGES.index(address & ~(PAGE - 1)) * PAGE + address % PAGE

        def at(position: int, offset: int = offset, size: int = size) -> bytes:
            return world.states[position][1][offset : offset + size]

        changed = [n for n in range(120) if at(n) != at(n + 1)]
        current = world.read(address, size)
        for direction, which in (
            (Direction.FORWARD, min((n for n in changed if n >= start), default=None)),
            (Direction.REVERSE, max((n for n in changed if n < start), default=None)),
        ):
            found = world.log.find_change(address, current, start, direction)
            assert found == (None if which is None else (which, at(which), at(which + 1)))


@QUICK
@given(CHANCES)
def test_turns(chance: random.Random) -> None:
    """Whose turn it is, who exists, and where each thread's own instructions are."""
    world = history(chance, 120)
    world.log.prune(60)
    turns, low, high = world.log.turns, world.log.low, world.log.high
    for position in range(low, high):
        assert turns.at(position) == world.numbers[position]
    for position in range(low, high + 1):
        assert turns.existing(position) == sorted(world.existing[position])
        for number in range(len(turns.lives)):
            own = [n for n in range(low, high) if world.numbers[n] == number]
            assert turns.next(number, position, high) == min((n for n in own if n >= position), default=None)
            assert turns.previous(number, position, low) == max((n for n in own if n < position), default=None)
            acts = [n for n in own if n >= position and world.kinds[n] is not Kind.UNDER_WAY]
            assert world.log.next_of(number, position) == min(acts, default=None)
    first, last = sorted(chance.sample(range(low, high + 1), 2))
    parts = list(turns.within(first, last))
    assert [number for part in parts for number in [part.number] * (part.last - part.first)] == [
        world.numbers[position] for position in range(first, last)
    ]


def test_entries_are_views() -> None:
    world = World()
    world.execute(0x400000, [(Bank.GENERAL, 8, b"12345678")], [(PAGES[0] + 3, b"abc")])
    register, memory, end = world.log.entries(0)
    assert memory == MemoryEntry(PAGES[0] + 3, bytes(3))
    assert (end, register) == (EndEntry(0, 0x400000), (Piece(Bank.GENERAL, 8, 8), bytes(8)))
    world.go(0)
    assert world.log.entries(0)[1] == MemoryEntry(PAGES[0] + 3, b"abc"), "in the future a record holds what comes after it"


def records(world: World) -> list[bytes]:
    return [bytes(each.values) for each in world.log if isinstance(each, segment.Segment)]


def test_a_bulk_move_is_a_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same history, moved through in bulk and walked: machine and records are equal at each end."""
    for seed in range(6):
        moved, walked = (history(random.Random(seed), 300) for _ in range(2))
        for target in (0, 300, 123, 200, 7):
            monkeypatch.setattr(segment, "_WALK", 5)
            moved.go(target)
            monkeypatch.setattr(segment, "_WALK", 1000)
            walked.go(target)
            assert records(moved) == records(walked)


def test_positions_outside() -> None:
    world = history(random.Random(1), 50)
    world.log.prune(10)
    with pytest.raises(IndexError):
        world.log.segment_at(world.log.oldest.first - 1)
    with pytest.raises(IndexError):
        world.log.segment_at(50)
    assert world.log.layout(40).pc == world.pcs[40]
