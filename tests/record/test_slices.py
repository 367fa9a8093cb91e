"""How long turns last: short after a resume, longer the longer the program runs, and short for who may be waiting."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdb.record.slices import SLICE, Slices
from tests.build import program
from tests.oracle import snapshot
from tests.oracle.recording import Recording

ONE, OTHER = 101, 102


def turns(slices: Slices, count: int, thread: int = ONE) -> list[int]:
    """The lengths of some turns of a thread that uses up each of them."""
    lengths = []
    for _ in range(count):
        lengths.append(slices.rest(thread))
        slices.spend(thread, lengths[-1])
        assert slices.rest(thread) == 0
        slices.end()
    return lengths


def test_they_grow_where_they_may() -> None:
    slices = Slices()
    assert turns(slices, 3) == [SLICE] * 3
    slices.is_circling = lambda: False
    lengths = turns(slices, 12)
    assert lengths[:3] == [SLICE, 2 * SLICE, 4 * SLICE] and lengths[-1] == lengths[-2]
    assert slices.rest(OTHER) == SLICE
    slices.begin()
    assert slices.rest(ONE) == SLICE


def test_who_may_be_waiting_has_less() -> None:
    slices = Slices()
    slices.is_circling = lambda: False
    longest = turns(slices, 12)[-1]
    slices.is_circling = lambda: True
    assert turns(slices, 2)[-1] < longest


def test_a_slice_that_was_given_away_does_not_grow() -> None:
    slices = Slices()
    slices.is_circling = lambda: False
    slices.spend(ONE, 10)
    slices.give_way(ONE)
    assert slices.rest(ONE) <= 0
    slices.end()
    assert slices.rest(ONE) == SLICE


def test_what_was_spent_counts_over_a_stop() -> None:
    slices = Slices()
    slices.spend(ONE, 500)
    slices.begin()
    slices.spend(ONE, 500)
    assert slices.rest(ONE) == SLICE - 1000
    assert slices.rest(OTHER) == SLICE


def test_threads_that_compute_change_seldom(tmp_path: Path) -> None:
    """By translated code: a change of threads costs as much as thousands of instructions."""
    with Recording(program("threads_busy.c", "-O1", "-pthread"), [], tmp_path / "output", "compiled") as recording:
        recording.record_to(1 << 40)
        lengths = [turn.last - turn.first for turn in recording.engine.log.turns.within(0, recording.position)]
    assert len({turn for turn in lengths if turn > 10 * SLICE}) > 1
    assert len(lengths) * 5 * SLICE < sum(lengths)


@pytest.mark.long
def test_and_go_back_to_the_byte() -> None:
    report = snapshot.check(program("threads_busy.c", "-O1", "-pthread"), [], "compiled", moments=2)
    assert not report.misses
    assert report.comparisons > 10
