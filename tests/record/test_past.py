"""Moving in the past of several threads, against a model that looks at every position one by one.

The history is the random one of test_record_list; the process beneath is a model too.
"""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rdb.arch import find
from rdb.arch.base import Bank
from rdb.events import (
    Accessed,
    AtBreakpoint,
    Direction,
    EndOfHistory,
    Reason,
    Resume,
    Stepped,
    Watch,
    WatchKind,
)
from rdb.record import segment
from rdb.record.entry import Kind
from rdb.record.past import Past
from rdb.record.single_step import Until
from tests.record.test_record_list import EXECUTED, PAGE, PAGES, PCS, World, history

ARCH = find(62, 64)  # EM_X86_64
LENGTH = 90


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "CAPACITY", 37)
    monkeypatch.setattr(segment, "_WALK", 5)


class Process:
    """The threads of a World, all stopped."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.thread = 0
        self.memory = SimpleNamespace(read_some=world.read)
        self.read_memory, self.write_memory = world.read, world.write
        self.registers = {
            life.thread: world.machine.banks[number] for number, life in enumerate(world.log.turns.lives) if life.died is None
        }
        self.final = {number: tuple(map(bytes, banks)) for number, banks in world.machine.banks.items()}

    def select_thread(self, thread: int) -> None:
        self.thread = thread

    def read_bank(self, bank: Bank) -> bytes:
        return bytes(self.registers[self.thread][bank])


class Reached(NamedTuple):
    position: int
    number: int
    reasons: tuple[Reason, ...]


class Model:
    """What a resume leads to, found by looking at one position after the other."""

    def __init__(self, world: World, until: Until) -> None:
        self.world, self.until = world, until
        self.high = world.position

    def changes(self, instruction: int) -> list[Reason]:
        result: list[Reason] = []
        for watch in self.until.watches:
            before, after = (self.watched(watch, position) for position in (instruction, instruction + 1))
            if before != after:
                result.append(Accessed(watch, before, after))
        return result

    def watched(self, watch: Watch, position: int) -> bytes:
        offset = PAGES.index(watch.address & ~(PAGE - 1)) * PAGE + watch.address % PAGE
        return self.world.states[position][1][offset : offset + watch.length]

    def at_breakpoint(self, position: int) -> list[Reason]:
        world = self.world
        hit = position < self.high and world.pcs[position] in self.until.breakpoints and world.kinds[position] in EXECUTED
        return [AtBreakpoint(world.pcs[position])] if hit else []

    def owns(self, number: int, first: int, last: int) -> list[int]:
        return [n for n in range(first, last) if self.world.numbers[n] == number]

    def survivor(self, number: int, position: int) -> int:
        return number if number in self.world.existing[position] else self.world.log.turns.at(position)

    def forward(self, number: int, start: int, end: int) -> Reached | None:
        """The first stop in front of `end`, or just there for what changed on the way."""
        acts = [n for n in self.owns(number, start, self.high) if self.world.kinds[n] is not Kind.UNDER_WAY]
        own = acts[0] if acts else None
        for position in range(start, end + 1):
            changes = self.changes(position - 1) if position > start else []
            breakpoint = self.at_breakpoint(position) if position not in (own, end) else []
            if changes:
                who = self.world.numbers[position - 1]
                same = breakpoint if position < self.high and self.world.numbers[position] == who else []
                return Reached(position, self.survivor(who, position), (*changes, *same))
            if breakpoint:
                return Reached(position, self.world.numbers[position], tuple(breakpoint))
        return None

    def reverse(self, start: int, end: int) -> Reached | None:
        for position in reversed(range(end, start)):
            reasons = self.changes(position) + (self.at_breakpoint(position) if position else [])
            if reasons:
                return Reached(position, self.world.numbers[position], tuple(reasons))
        return None

    def cont(self, number: int, start: int, direction: Direction) -> Reached:
        end = self.high if direction is Direction.FORWARD else 0
        found = self.forward(number, start, end) if end else self.reverse(start, end)
        return found or Reached(end, self.survivor(number, end), (EndOfHistory(direction),))

    def step(self, number: int, start: int, direction: Direction) -> Reached:
        world, forward = self.world, direction is Direction.FORWARD
        own = self.owns(number, start, self.high) if forward else self.owns(number, 0, start)[::-1]
        own = [n for n in own if not forward or world.kinds[n] is not Kind.UNDER_WAY]
        born = world.log.turns.lives[number].born
        if not own and (forward or not born):
            return self.cont(number, start, direction)
        near = (own[0] if forward else own[0] + 1) if own else born
        passed = self.forward(number, start, near) if forward else self.reverse(start, near)
        if passed is not None:
            return passed
        there = near + 1 if forward else near - 1
        done = near if forward else there
        who = self.world.numbers[done]
        reasons = self.changes(done)
        if not reasons and there == (self.high if forward else 0):
            return Reached(there, self.survivor(who, there), (EndOfHistory(direction),))
        who = self.survivor(who, there)
        if world.log.pc_of(who, there) in self.until.breakpoints:
            reasons.append(AtBreakpoint(world.log.pc_of(who, there)))
        return Reached(there, who, tuple(reasons or [Stepped()]))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 32).map(random.Random))
def test_resumes(chance: random.Random) -> None:
    """From anywhere, as any thread, in both directions: position, thread and reasons, registers and memory."""
    assert ARCH is not None
    world = history(chance, LENGTH)
    process = Process(world)
    past = Past(cast(Any, process), ARCH, world.log, cast(Any, Space(world)))
    past.position = world.position
    for number, life in enumerate(world.log.turns.lives):
        if life.died is not None:
            past.machine.banks[number] = world.machine.banks[number]
    for _ in range(25):
        past.goto(chance.randrange(LENGTH + 1))
        process.select_thread(chance.choice(past.threads()))
        past.select(process.thread)
        breakpoints = frozenset(chance.sample(PCS, chance.randrange(3)))
        address = chance.choice(PAGES) + chance.choice((0, 8, 64))
        until = Until(breakpoints, watches=[Watch(address, 8, WatchKind.WRITE)] * chance.randrange(2))
        direction, step = chance.choice(list(Direction)), chance.random() < 0.6
        if past.position == (LENGTH if direction is Direction.FORWARD else 0):
            continue
        model = Model(world, until)
        expected = (model.step if step else model.cont)(past.number, past.position, direction)
        reasons = past.resume(Resume(direction, step=step), until)
        assert Reached(past.position, past.number, reasons) == expected
        if past.replaying:
            then = world.states[past.position]
            for thread in past.threads():
                past.select(thread)
                general = bytearray(past.bank(Bank.GENERAL))
                assert int.from_bytes(general[128:136], "little") == world.log.pc_of(past.number, past.position)
                general[128:136] = bytes(8)
                assert (bytes(general), past.bank(Bank.EXTENDED)) == then[0][past.number]
            assert world.state()[1] == then[1]


class Space:
    """The address space of a World."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.injector = SimpleNamespace(pid=0)

    def aliased(self) -> bool:
        return False

    def switch(self, change: Any, forward: bool) -> None:
        self.world.remap(change, forward, self.world.changers[self.world.log.changes.index(change)])
