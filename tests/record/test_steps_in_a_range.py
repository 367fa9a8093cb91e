"""Stepping in a range of code, in the past: it ends where steps one by one end, for the same reasons, however far that is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from rdb.address import Range
from rdb.events import Direction, EndOfHistory, Reason, Resume, Stepped, Watch, WatchKind
from tests.build import program
from tests.oracle.recording import ENGINES, Recording

FLAGS = ("-O1", "-g", "-static")
FAR, ROUNDS = 250, 60


@pytest.fixture(scope="module", params=ENGINES)
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    with Recording(program("record_long.c", *FLAGS), ("2",), Path("/dev/null"), request.param) as made:
        made.record_to(60_000)
        yield made


def one_by_one(recording: Recording, request: Resume) -> tuple[int, tuple[Reason, ...]] | None:
    """Where steps end that are made one by one, and why; None if they lead too far."""
    within = request.within
    assert within is not None
    for _ in range(FAR):
        reasons = recording.go(Resume(request.direction, step=True)).reasons
        if reasons != (Stepped(),):
            return recording.position, reasons
        pc = recording.engine.log.pc(recording.position)
        if pc not in within or (request.direction is Direction.REVERSE and pc == within.start):
            return recording.position, (Stepped(),)
    return None


def test_it_ends_where_single_steps_end(recording: Recording) -> None:
    choice, log, target = random.Random(3), recording.engine.log, recording.target
    compared = 0
    for _ in range(ROUNDS):
        position = choice.randrange(100, log.high - 100)
        around = [log.pc(each) for each in range(position, min(position + choice.choice((2, 40, 400)), log.high))]
        pc = log.pc(position)
        reach = choice.choice((0, 20, 200))
        within = choice.choice((Range(min(around), max(around) + 1), Range(pc - reach, pc + reach + 1), Range(0, 1 << 47)))
        request = Resume(choice.choice(list(Direction)), step=True, within=within)
        stops = choice.sample(around, choice.choice((0, 0, 1)))
        recording.goto(position)
        place = int.from_bytes(recording.registers()["rsp"], "little") + 8 * choice.randrange(4)
        watches = [Watch(place, 8, choice.choice((WatchKind.WRITE, WatchKind.ACCESS)))] * choice.choice((0, 0, 1))
        for stop in stops:
            target.insert_breakpoint(stop)
        for watch in watches:
            target.insert_watch(watch)
        expected = one_by_one(recording, request)
        if expected is not None:
            recording.goto(position)
            found = recording.go(request).reasons
            assert (recording.position, found) == expected, (position, request, stops, watches)
            compared += 1
        for stop in stops:
            target.remove_breakpoint(stop)
        for watch in watches:
            target.remove_watch(watch)
    assert compared > ROUNDS / 4


def test_history_ends_within_a_range(recording: Recording) -> None:
    for direction, end in ((Direction.FORWARD, recording.engine.log.high), (Direction.REVERSE, recording.low)):
        recording.goto(30_000)
        stop = recording.go(Resume(direction, step=True, within=Range(0, 1 << 47)))
        assert stop.reasons == (EndOfHistory(direction),)
        assert recording.position == end
