"""The record target through a session: address spaces, faults, signals, children, limits, and what the user changes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rdb.errors import RdbError
from rdb.events import (
    Direction,
    EndOfHistory,
    Exited,
    Killed,
    RecordingStopped,
    Signalled,
)
from rdb.linux import procfs
from rdb.linux.signals import Disposition
from rdb.session import Session
from rdb.stops import BreakpointHit, StopReport
from tests.build import program
from tests.oracle.moment import Camera, Moment
from tests.oracle.test_promise import Recorded
from tests.record.engines import engine

__all__ = ["engine"]

Open = Callable[..., Session]
SIGTRAP, SIGFPE, SIGSEGV = 5, 8, 11


def recorded(session: Open, source: str, *flags: str, arguments: str = "") -> Session:
    """A session that stands in main and records from there; it stops before the program exits."""
    debugging = session(program(source, *(flags or ("-O0", "-g"))), query=lambda question: "program exit" in question)
    debugging.arguments = arguments
    debugging.run(stop_at="main")
    debugging.record()
    return debugging


def to_end(debugging: Session) -> StopReport:
    report = debugging.cont()
    assert report.stop.reason(RecordingStopped), report.reasons
    return report


def test_address_space(session: Open, tmp_path: Path) -> None:
    """The mappings and every byte of memory, between any two changes of the address space, in the past and again."""
    debugging = recorded(session, "record_maps.c", arguments=str(tmp_path / "file"))
    camera, subject = Camera(), Recorded(debugging)
    debugging.break_at("marker")
    moments = [camera.take(subject)]
    while debugging.cont().reason(BreakpointHit):
        moments.append(camera.take(subject))
    moments.append(camera.take(subject))
    assert len(moments) == 23
    for direction in (Direction.REVERSE, Direction.FORWARD, Direction.REVERSE):
        for moment in (reversed(moments[:-1]) if direction is Direction.REVERSE else moments[1:]):
            debugging.cont(direction)
            assert camera.differences(moment, camera.take(subject)) == [], f"{direction} to marker {moments.index(moment)}"


def test_faults_repaired_by_a_handler(session: Open) -> None:
    """An instruction that faults is not recorded until it succeeds; nothing before it is lost."""
    debugging = recorded(session, "record_faults.c")
    camera, subject = Camera(), Recorded(debugging)
    beginning = camera.take(subject)
    moments: list[Moment] = []
    seen = []
    while (signalled := (report := debugging.cont()).stop.reason(Signalled)) is not None:
        seen.append(signalled.number)
        moments.append(camera.take(subject))
        assert debugging.frame is not None and debugging.frame.pc == report.frame.pc  # type: ignore[union-attr]
    assert seen == [SIGSEGV, SIGSEGV, SIGFPE]
    assert report.stop.reason(RecordingStopped)
    assert debugging.evaluate_integer("repaired") == 2 and debugging.evaluate_integer("jumps") == 1
    end = camera.take(subject)
    for moment in reversed(moments):
        debugging.record_goto(moment.position)
        assert camera.differences(moment, camera.take(subject)) == []
    assert debugging.cont(Direction.REVERSE).stop.reason(EndOfHistory)
    assert camera.differences(beginning, camera.take(subject)) == []
    debugging.record_goto(None, end=True)
    assert camera.differences(end, camera.take(subject)) == []


def test_a_fatal_fault(session: Open) -> None:
    """The recording ends in front of the fault, and the past is there to be looked at."""
    debugging = recorded(session, "record_faults.c", arguments="die")
    debugging.signals[SIGFPE] = debugging.signals[14]
    for _ in range(3):
        report = debugging.cont()
        assert report.stop.reason(Signalled)
    assert report.frame is not None and report.frame.line is not None and report.frame.line.line == 44
    total = debugging.evaluate_integer("total")
    debugging.watch("total")
    assert debugging.cont(Direction.REVERSE).frame is not None
    assert debugging.evaluate_integer("total") != total
    for stoppoint in list(debugging.breakpoints):
        debugging.breakpoints.delete(stoppoint.number)
    assert debugging.cont().stop.reason(EndOfHistory)
    while debugging.alive:
        report = debugging.cont()
    assert report.stop.reason(Killed) == Killed(SIGSEGV)
    assert not debugging.alive


def test_limit_prunes_the_oldest(session: Open) -> None:
    debugging = session(program("record_faults.c"), query=lambda question: True)
    debugging.settings["record full insn-number-max"] = 100
    for number in (SIGSEGV, SIGFPE):
        debugging.signals[number] = debugging.signals[14]
    debugging.run(stop_at="main")
    debugging.record()
    debugging.settings["record full stop-at-limit"] = False
    to_end(debugging)
    status = debugging.record_status()
    assert status is not None and status.high - status.low == 100 and status.low > 0
    high = debugging.pc
    assert debugging.cont(Direction.REVERSE).stop.reason(EndOfHistory)
    status = debugging.record_status()
    assert status is not None and status.current == status.low
    assert debugging.cont().stop.reason(EndOfHistory)
    assert debugging.pc == high


def test_limit_stops(session: Open) -> None:
    """With stop-at-limit the user is asked; no means that recording stops there."""
    questions: list[str] = []

    def ask(question: str) -> bool:
        questions.append(question)
        return False

    debugging = session(program("record_faults.c"), query=ask)
    debugging.settings["record full insn-number-max"] = 50
    debugging.settings["record full stop-at-limit"] = True
    debugging.run(stop_at="main")
    debugging.record()
    for _ in range(2):
        assert debugging.cont().stop.reason(RecordingStopped)
        status = debugging.record_status()
        assert status is not None and (status.low, status.high) == (0, 50)
    assert len(questions) == 2 and "auto delete" in questions[0]


def test_writing_to_the_past_cuts_the_future(session: Open) -> None:
    questions: list[str] = []
    answer = False

    def ask(question: str) -> bool:
        questions.append(question)
        return answer or "program exit" in question

    debugging = session(program("record_input.c"), query=ask)
    debugging.arguments = "< /dev/null"
    debugging.run(stop_at="main")
    debugging.record()
    debugging.break_at("28", temporary=True)
    debugging.cont()
    high = debugging.recording.log.high  # type: ignore[union-attr]
    debugging.cont(Direction.REVERSE)
    debugging.next(2)
    for expression in ("ready = 5", "$rax = 5", "$xmm0.v4_int32[0] = 5"):
        with pytest.raises(RdbError, match="Process record canceled the operation."):
            debugging.evaluate(expression)
    assert len(questions) == 3 and "Write memory at address" in questions[0] and "Write all registers" in questions[1]
    assert debugging.evaluate_integer("ready") == 1 and debugging.recording.log.high == high  # type: ignore[union-attr]
    answer = True
    debugging.evaluate("ready = 5")
    status = debugging.record_status()
    assert status is not None and not status.replaying and status.high < high
    assert debugging.evaluate_integer("ready") == 5
    debugging.cont(Direction.REVERSE)
    assert debugging.evaluate_integer("ready") == 0
    debugging.record_goto(None, end=True)
    assert debugging.evaluate_integer("ready") == 5
    answer = False
    debugging.watch("ready")
    debugging.cont()
    assert debugging.evaluate_integer("ready") == 1, "the program goes on from what was written"


def test_user_changes_in_the_present_are_undone(session: Open) -> None:
    debugging = recorded(session, "record_input.c", arguments="< /dev/null")
    debugging.next(2)
    camera, subject = Camera(), Recorded(debugging)
    before = camera.take(subject)
    debugging.evaluate("buffer[3] = 'x'")
    debugging.evaluate("$rbx = 77")
    debugging.evaluate("$xmm3.uint128 = 12345")
    debugging.evaluate("$rip = $rip + 0")
    after = camera.take(subject)
    debugging.next()
    debugging.record_goto(before.position)
    assert camera.differences(before, camera.take(subject)) == []
    debugging.record_goto(after.position)
    assert camera.differences(after, camera.take(subject)) == []


@pytest.mark.parametrize("recording", (False, True))
def test_children(session: Open, recording: bool) -> None:
    """Children run on their own, unrecorded and without our breakpoints; the parent's past is whole."""
    debugging = session(program("record_children.c"), query=lambda question: False)
    debugging.run(stop_at="main")
    if recording:
        debugging.record()
    debugging.break_at("visit")
    for _ in range(3):
        assert debugging.cont().reason(BreakpointHit)
    assert debugging.evaluate_integer("sum") == 7 + 20 + 15
    if recording:
        debugging.finish()
        assert debugging.evaluate_integer("shared") == 1 + 1 + 2 + 3
        for expected in (27, 7 + 20, 7):
            assert debugging.cont(Direction.REVERSE).reason(BreakpointHit)
            assert debugging.evaluate_integer("sum") in (expected, 42)
        assert debugging.evaluate_integer("shared") == 1
        debugging.record_goto(None, end=True)
    assert debugging.cont().stop.reason(Exited) == Exited(42)


def test_affinity_is_restored(session: Open) -> None:
    """Recording pins debugger and program to one CPU, and sets both free again."""
    cpus = os.sched_getaffinity(0)
    debugging = session(program("record_input.c"))
    debugging.arguments = "< /dev/null"
    debugging.run(stop_at="main")
    theirs = os.sched_getaffinity(debugging.target.pid)
    debugging.record()
    assert len(os.sched_getaffinity(0)) == 1
    debugging.next()
    debugging.record_stop()
    assert (os.sched_getaffinity(0), os.sched_getaffinity(debugging.target.pid)) == (cpus, theirs)
    debugging.record()
    debugging.kill()
    assert os.sched_getaffinity(0) == cpus
    debugging.run(stop_at="main")
    debugging.record()
    assert debugging.cont().stop.ended or debugging.alive
    debugging.close()
    assert os.sched_getaffinity(0) == cpus


def test_record_stop_in_the_past(session: Open) -> None:
    """The program goes on from where it is looked at."""
    debugging = recorded(session, "record_input.c", arguments="< /dev/null")
    to_end(debugging)
    debugging.cont(Direction.REVERSE)
    debugging.next(2)
    assert debugging.evaluate_integer("ready") == 1
    debugging.record_stop()
    assert debugging.evaluate_integer("ready") == 1 and not debugging.target.can_reverse
    debugging.break_at("tally")
    assert debugging.cont().reason(BreakpointHit)
    assert debugging.cont().reason(BreakpointHit)
    assert debugging.cont().stop.reason(Exited) == Exited(0)


def test_what_a_handler_puts_into_its_frame_arrives(session: Open) -> None:
    """rt_sigreturn loads r11 like any other register, though other system calls leave the flags there."""
    debugging = recorded(session, "record_r11.c")
    debugging.signals[10] = debugging.signals[14]  # SIGUSR1 is passed silently
    to_end(debugging)
    assert debugging.evaluate_integer("seen") == 0x1234567890ABCDEF


def test_trap_handler_survives(session: Open) -> None:
    """What we make the process do on the way back and forth does not cost it its handler for our own signal."""
    debugging = recorded(session, "record_trap_handler.c")
    debugging.signals[SIGTRAP] = Disposition(stop=False, tell=False, forward=True)
    to_end(debugging)
    debugging.cont(Direction.REVERSE)
    debugging.cont()
    caught = int(procfs.status(debugging.need_process().pid)["SigCgt"], 16)
    assert caught >> SIGTRAP - 1 & 1
