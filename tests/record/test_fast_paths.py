"""Instructions that take more than saving an operand are recorded by translated code, and exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdb.events import Accessed, Direction, Resume, Watch, WatchKind
from rdb.record.compiled.segment import BlockSegment
from rdb.symbols.elf import open_elf
from tests.build import program
from tests.oracle import snapshot
from tests.oracle.recording import ENGINES, Recording

PROGRAM = ("record_fast.c", "-O1", "-g", "-mno-red-zone", "-lm")
SYMTAB = 2  # <elf.h>
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


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind == "repeats" else pytest.mark.long) for kind in (*KINDS, "ticking")]
)
def test_the_past_is_the_past(kind: str) -> None:
    report = snapshot.check(program(*PROGRAM), [kind], "compiled")
    assert not report.misses
    assert report.comparisons > 40


def test_a_limit_and_a_watched_byte_are_kept_to_the_instruction(tmp_path: Path) -> None:
    """Both engines stop at the same instructions, with the same registers, though a string has many pieces."""
    path = program("record_fast.c", "-O1", "-g", "-static", "-lm")
    watch = Watch(symbol(path, "to") + 300, 1, WatchKind.WRITE)
    stops = []
    for engine in ENGINES:
        with Recording(path, ["repeats"], tmp_path / engine, engine) as recording:
            seen = []
            for limit in range(35_000, 37_000, 400):
                recording.record_to(limit)
                seen.append((recording.position, recording.registers()))
            recording.settings["record full insn-number-max"] = None
            recording.target.insert_watch(watch)
            for _ in range(6):
                accessed = recording.go(Resume()).reason(Accessed)
                assert accessed is not None
                seen.append((recording.position, recording.registers()))
            back = []
            for _ in range(5):
                assert recording.go(Resume(Direction.REVERSE)).reason(Accessed)
                back.append(recording.position)
            stops.append((seen, back))
    assert stops[0] == stops[1]


def symbol(path: Path, name: str) -> int:
    """Where a static program has a symbol."""
    return next(each.value for each in open_elf(str(path)).symbols(SYMTAB) if each.name == name)
