"""Breakpoints and watchpoints: live, while recording, backwards, and in forward replay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rdb.errors import RdbError
from rdb.events import Direction, EndOfHistory, Exited, WatchKind
from rdb.session import Session
from rdb.stops import (
    BreakpointHit,
    StopReport,
    WatchpointOutOfScope,
    WatchpointTriggered,
)
from tests.build import program

Open = Callable[..., Session]
BARE = ("walk_bare.c", "-O0", "-g", "-nostdlib", "-static", "-no-pie", "-fcf-protection=none", "-fno-stack-protector")
MODES = ("live", "recording", "replay", "back")


def hits(report: StopReport) -> list[int]:
    return [each.breakpoint.number for each in report.reasons if isinstance(each, BreakpointHit)]


def change(debugging: Session, report: StopReport) -> tuple[int | None, int | None]:
    """Old and new value of the watchpoint that a report tells of."""
    triggered = report.reason(WatchpointTriggered)
    assert isinstance(triggered, WatchpointTriggered), report.reasons
    old, new = (
        None if value is None else int.from_bytes(value.data, "little", signed=True) for value in (triggered.old, triggered.new)
    )
    return old, new


def standing(session: Open, mode: str, *source: str, arguments: str = "> /dev/null") -> Session:
    """A session in main in the mode of the test; `back` is at the end of the recording, `replay` at its beginning."""
    debugging = session(program(*source), query=lambda question: "program exit" in question)
    debugging.arguments = arguments
    debugging.run(stop_at="main")
    if mode != "live":
        debugging.record()
    if mode in ("replay", "back"):
        debugging.cont()
    if mode == "replay":
        debugging.cont(Direction.REVERSE)
    return debugging


def go(debugging: Session, mode: str) -> StopReport:
    return debugging.cont(Direction.REVERSE if mode == "back" else None)


def ordered(mode: str, values: list[int]) -> list[int]:
    return values[::-1] if mode == "back" else values


@pytest.mark.parametrize("mode", MODES)
def test_conditions_ignore_counts_and_disabled(mode: str, session: Open) -> None:
    debugging = standing(session, mode, *BARE)
    odd = debugging.break_at("choose", condition="n % 2 == 1")
    silent = debugging.break_at("choose")
    silent.enabled = False
    for n in ordered(mode, [1, 3]):
        assert hits(go(debugging, mode)) == [odd.number]
        assert debugging.evaluate_integer("n") == n
    assert (odd.hits, silent.hits) == (2, 0)
    while not (report := go(debugging, mode)).stop.ended and hits(report):
        pass
    assert odd.hits == 2


@pytest.mark.parametrize("mode", MODES)
def test_ignore_and_temporary_and_several_at_one_place(mode: str, session: Open) -> None:
    debugging = standing(session, mode, *BARE)
    ignored = debugging.break_at("choose")
    ignored.ignore = 2
    third = debugging.break_at("choose", temporary=True)
    assert hits(go(debugging, mode)) == [third.number] and debugging.evaluate_integer("n") == ordered(mode, [0, 3])[0]
    for n in ordered(mode, [0, 1, 2, 3])[2:]:
        assert hits(go(debugging, mode)) == [ignored.number]
        assert debugging.evaluate_integer("n") == n
    assert ignored.hits == 4 and third.number not in [each.number for each in debugging.breakpoints]


def test_a_breakpoint_in_a_library(session: Open) -> None:
    debugging = standing(session, "recording", "walk_calls.c")
    debugging.signals[10] = debugging.signals[14]
    puts = debugging.break_at("puts")
    report = debugging.cont()
    assert hits(report) == [puts.number] and report.frame is not None and "puts" in (report.frame.name or "")
    debugging.finish()
    assert hits(debugging.cont(Direction.REVERSE)) == [puts.number]
    assert debugging.cont(Direction.REVERSE).stop.reason(EndOfHistory)
    assert hits(debugging.cont()) == [puts.number]


def test_a_condition_that_fails_stops(session: Open) -> None:
    told: list[object] = []
    debugging = session(program(*BARE), notify=told.append)
    debugging.run(stop_at="main")
    point = debugging.break_at("twice", condition="*(int *) 0 == n")
    assert hits(debugging.cont()) == [point.number]
    assert any("Cannot access memory at address 0x0" in str(remark) for remark in told)


@pytest.mark.parametrize("mode", MODES)
def test_watch_a_global(mode: str, session: Open) -> None:
    debugging = standing(session, mode, "record_input.c", arguments="< /dev/null")
    watchpoint = debugging.watch("counts[3]")
    assert watchpoint.title == "Hardware watchpoint"
    pairs = [(0, 1), (1, 2), (2, 3), (3, 4)]
    for old, new in pairs if mode != "back" else [(b, a) for a, b in reversed(pairs)]:
        assert change(debugging, go(debugging, mode)) == (old, new)
    assert not isinstance(go(debugging, mode).reason(WatchpointTriggered), WatchpointTriggered)


@pytest.mark.parametrize("mode", MODES)
def test_watch_a_member_with_a_condition(mode: str, session: Open) -> None:
    debugging = standing(session, mode, "record_input.c", arguments="< /dev/null")
    debugging.watch("pair.second")
    condition = debugging.watch("counts[3]", condition="counts[3] == 2")
    forward = [(0, 20), (1, 2)]
    for old, new in forward if mode != "back" else [(3, 2), (20, 0)]:
        report = go(debugging, mode)
        assert change(debugging, report) == (old, new)
    assert condition.hits == 1


# In the live program the CPU watches, which does not see what the kernel writes; nor does gdb.
@pytest.mark.parametrize("mode", ("recording", "replay", "back"))
def test_watch_what_a_system_call_writes(mode: str, session: Open, tmp_path: Path) -> None:
    text = tmp_path / "input"
    text.write_text("abcdefgh")
    debugging = standing(session, mode, "record_input.c", arguments=f"< {text}")
    debugging.watch("*(int *) buffer")
    report = go(debugging, mode)
    written = int.from_bytes(b"abcd", "little")
    assert change(debugging, report) == ((written, 0) if mode == "back" else (0, written))


@pytest.mark.parametrize("mode", MODES)
def test_watch_unaligned_bytes(mode: str, session: Open) -> None:
    debugging = standing(session, mode, "record_input.c", arguments="< /dev/null")
    debugging.watch("*(int *) (packed + 5)")
    forward = [(0, 0x0102), (0x0102, 0x05060102), (0x05060102, 0x09090909)]
    for old, new in forward if mode != "back" else [(b, a) for a, b in reversed(forward)]:
        assert change(debugging, go(debugging, mode)) == (old, new)


@pytest.mark.parametrize("mode", ("recording", "replay", "back"))
@pytest.mark.parametrize("kind", (WatchKind.READ, WatchKind.ACCESS))
def test_watch_reads(kind: WatchKind, mode: str, session: Open) -> None:
    """counts[1] is written in tally (line 15), read in main (line 35), and written in tally again."""
    debugging = standing(session, mode, "record_input.c", arguments="< /dev/null")
    debugging.watch("counts[1]", kind)
    lines = []
    while isinstance((report := go(debugging, mode)).reason(WatchpointTriggered), WatchpointTriggered):
        assert report.frame is not None and report.frame.line is not None
        lines.append(report.frame.line.line)
    read = lines.count(35)
    assert read == 1
    assert len(lines) == (1 if kind is WatchKind.READ else 3)


@pytest.mark.parametrize("mode", ("live", "recording", "replay"))
def test_a_local_goes_out_of_scope(mode: str, session: Open) -> None:
    debugging = standing(session, mode, "record_input.c", arguments="< /dev/null")
    debugging.break_at("tally", temporary=True)
    debugging.cont()
    debugging.next()
    watchpoint = debugging.watch("local")
    assert change(debugging, debugging.cont()) == (0, 5)
    assert change(debugging, debugging.cont()) == (5, 10)
    report = debugging.cont()
    assert isinstance(report.reason(WatchpointOutOfScope), WatchpointOutOfScope), report.reasons
    assert report.frame is not None and report.frame.name == "main"
    assert watchpoint.number not in [each.number for each in debugging.breakpoints]


def test_a_local_goes_out_of_scope_backwards(session: Open) -> None:
    debugging = standing(session, "replay", "record_input.c", arguments="< /dev/null")
    debugging.break_at("17", temporary=True)
    debugging.cont()
    debugging.watch("local")
    assert change(debugging, debugging.cont(Direction.REVERSE)) == (10, 5)
    assert change(debugging, debugging.cont(Direction.REVERSE)) == (5, 0)
    report = debugging.cont(Direction.REVERSE)
    while isinstance(report.reason(WatchpointTriggered), WatchpointTriggered):
        report = debugging.cont(Direction.REVERSE)
    assert isinstance(report.reason(WatchpointOutOfScope), WatchpointOutOfScope), report.reasons
    assert report.frame is not None and report.frame.name == "tally" and report.frame.pc == report.frame.function_start


def test_more_than_four_hardware_watchpoints(session: Open) -> None:
    live = standing(session, "live", "record_input.c", arguments="< /dev/null")
    for number in range(5):
        live.watch(f"packed[{number * 3}]")
    with pytest.raises(RdbError, match="Could not insert hardware watchpoint"):
        live.cont()
    recording = standing(session, "recording", "record_input.c", arguments="< /dev/null")
    for number in range(5):
        recording.watch(f"packed[{number * 3}]")
    assert change(recording, recording.cont()) == (0, 4)


def test_software_watchpoints(session: Open) -> None:
    debugging = standing(session, "live", "record_input.c", arguments="< /dev/null")
    debugging.settings["can-use-hw-watchpoints"] = False
    watchpoint = debugging.watch("pair.first")
    assert watchpoint.title == "Watchpoint"
    assert change(debugging, debugging.cont()) == (0, 10)
    assert debugging.cont().stop.reason(Exited)


def test_no_place_no_breakpoint(session: Open) -> None:
    debugging = session(program(*BARE))
    with pytest.raises(RdbError, match='Function "nowhere" not defined.'):
        debugging.break_at("nowhere")
    assert debugging.break_at("nowhere", pending=True).pending
    with pytest.raises(RdbError, match="Cannot watch constant value `5'."):
        debugging.watch("5")
    with pytest.raises(RdbError, match="No breakpoint number 7."):
        debugging.breakpoints.delete(7)
