"""Instructions that take more than saving an operand are recorded by translated code, and exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdb.record.compiled.segment import BlockSegment
from tests.build import program
from tests.oracle import snapshot
from tests.oracle.recording import Recording

PROGRAM = ("record_fast.c", "-O1", "-g", "-mno-red-zone", "-lm")
KINDS = ("clocks", "floats", "repeats", "state", "flags")


def alone(kind: str, output: Path) -> int:
    """How many instructions of a run were recorded one by one."""
    with Recording(program(*PROGRAM), [kind], output, "compiled") as recording:
        recording.record_to(1 << 62)
        return sum(len(each) for each in recording.engine.log if not isinstance(each, BlockSegment))


@pytest.mark.parametrize("kind", KINDS)
def test_hardly_anything_is_recorded_alone(kind: str, tmp_path: Path) -> None:
    """System calls, but none of the hundreds of instructions of the kind."""
    assert alone(kind, tmp_path / "output") < 150


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=() if kind == "repeats" else pytest.mark.long) for kind in KINDS])
def test_the_past_is_the_past(kind: str) -> None:
    report = snapshot.check(program(*PROGRAM), [kind], "compiled")
    assert not report.misses
    assert report.comparisons > 40
