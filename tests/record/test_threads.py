"""Threads under recording: one order for all, undone to the byte, in whatever way they wait for each other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rdb.arch.base import Bank
from rdb.events import (
    Accessed,
    AtBreakpoint,
    Direction,
    EndOfHistory,
    Exited,
    RecordingStopped,
    Resume,
    Signalled,
    Stop,
    Watch,
    WatchKind,
)
from rdb.linux import procfs
from rdb.session import Session
from tests.build import program
from tests.oracle import snapshot
from tests.oracle.moment import Camera
from tests.oracle.test_promise import Recorded

Open = Callable[..., Session]
FLAGS = ("-O1", "-g", "-pthread")
# What thread_sync.c prints for each way of waiting.
ANSWERS = {
    "mutex": 60,
    "condition": 570,
    "barrier": 20,
    "spin": 60,
    "storage": 630,
    "signals": 6,
    "sleep": 3,
    "pipe": 12780,
    "leader": 20,
    "detached": 6,
}
QUICK = {"mutex", "condition", "leader"}


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=() if kind in QUICK else pytest.mark.long) for kind in ANSWERS])
def test_to_the_byte(kind: str) -> None:
    """The snapshot oracle, with the registers of all threads: many moments, back and forth."""
    report = snapshot.check(program("thread_sync.c", *FLAGS), [kind], moments=4)
    assert not report.misses
    assert report.comparisons > 20


@pytest.mark.parametrize("kind", ANSWERS)
def test_the_same_answer(session: Open, tmp_path: Path, kind: str) -> None:
    """Recorded from main to the end the program does what it does by itself."""
    debugging = session(program("thread_sync.c", *FLAGS), query=lambda question: False)
    debugging.settings["record full insn-number-max"] = None
    debugging.signals[signal.SIGUSR1] = debugging.signals[signal.SIGALRM]
    output = tmp_path / "output"
    debugging.arguments = f"{kind} > {output}"
    debugging.run(stop_at="main")
    debugging.record()
    assert debugging.cont().stop.reason(Exited) == Exited(0)
    assert output.read_text() == f"{ANSWERS[kind]}\n"


@pytest.mark.long
@pytest.mark.parametrize("round", range(20))
def test_no_race(session: Open, tmp_path: Path, round: int) -> None:
    for kind in ANSWERS:
        test_the_same_answer(session, tmp_path, kind)


def service(session: Open, how: str, at: str = "begin") -> Session:
    """thread_service.c, recorded from where its threads have been made; it stops before it exits."""
    debugging = session(program("thread_service.c", "-O0", "-g", "-pthread"), query=lambda question: "program exit" in question)
    debugging.arguments = how
    debugging.run(stop_at=at)
    debugging.record()
    return debugging


def pc(debugging: Session) -> int:
    """Where the current thread is."""
    return int.from_bytes(debugging.target.read_bank(Bank.GENERAL)[128:136], "little")


def go(debugging: Session, direction: Direction = Direction.FORWARD, step: bool = False, alone: bool = False) -> Stop:
    """Resume the target itself, beneath all that is about lines and frames."""
    debugging.target.resume(Resume(direction, step=step, alone=alone))
    return debugging.target.wait()


def test_breakpoints_in_any_thread(session: Open) -> None:
    """They are reached by the same threads at the same positions, forwards live and in the past, and backwards."""
    debugging = service(session, "quick")
    target, recording = debugging.target, debugging.need_recording()
    place = debugging.locations("visit")[0].address
    target.insert_breakpoint(place)
    live: list[tuple[int, int, int]] = []
    while len(live) < 400 and (stop := go(debugging)).reason(AtBreakpoint):
        live.append((recording.position, stop.thread, pc(debugging)))
    assert len(live) > 50 and len({thread for _, thread, _ in live}) >= 2
    assert all(address == place for _, _, address in live)
    expected = [each for each in live if each[0] < recording.log.high]
    for direction in (Direction.REVERSE, Direction.FORWARD):
        again = []
        while (stop := go(debugging, direction)).reason(AtBreakpoint):
            again.append((recording.position, stop.thread, pc(debugging)))
        assert stop.reason(EndOfHistory)
        assert (again[::-1] if direction is Direction.REVERSE else again) == expected


def test_a_watchpoint_names_the_thread(session: Open) -> None:
    """Who changed it last, backwards from the end; and forwards again."""
    debugging = session(program("thread_sync.c", *FLAGS), query=lambda question: "program exit" in question)
    debugging.arguments = "mutex > /dev/null"
    debugging.run(stop_at="main")
    debugging.record()
    assert debugging.cont().stop.reason(RecordingStopped)
    address = debugging.evaluate_integer("(long) &total")
    watch = Watch(address, 4, WatchKind.WRITE)
    debugging.target.insert_watch(watch)
    changes = []
    while (accessed := (stop := go(debugging, Direction.REVERSE)).reason(Accessed)) is not None:
        assert accessed.before is not None and accessed.after is not None
        changes.append((int.from_bytes(accessed.before, "little"), int.from_bytes(accessed.after, "little"), stop.thread))
    assert [(before, after) for before, after, _ in changes] == [(n - 1, n) for n in range(60, 0, -1)]
    assert len({thread for _, _, thread in changes}) == 3
    forwards = []
    while (accessed := (stop := go(debugging)).reason(Accessed)) is not None:
        forwards.append(stop.thread)
    assert forwards == [thread for _, _, thread in reversed(changes)]


def test_a_step_is_the_threads_own(session: Open) -> None:
    """Each thread that lives, stepped back and forth in the past, executes its own instructions, whoever else runs between."""
    debugging = service(session, "quick")
    assert debugging.cont().stop.reason(RecordingStopped)
    recording, target = debugging.need_recording(), debugging.target
    log = recording.log
    recording.goto(log.turns.lives[-1].born + 100)
    assert len(target.threads()) > 1
    here = recording.position
    for thread in target.threads():
        recording.goto(here)
        target.select_thread(thread)
        number = log.turns.number(thread, here)
        forwards = [pc(debugging)]
        for _ in range(40):
            if go(debugging, step=True).reason(EndOfHistory) or target.thread != thread:
                break
            assert log.turns.at(recording.position - 1) == number
            forwards.append(pc(debugging))
        back = [pc(debugging)]
        for _ in forwards[1:]:
            go(debugging, Direction.REVERSE, step=True)
            assert log.turns.at(recording.position) == number
            back.append(pc(debugging))
        if target.thread == thread:
            assert back[::-1] == forwards


def test_threads_come_and_go_in_the_past(session: Open) -> None:
    debugging = service(session, "quick", at="main")
    target, recording = debugging.target, debugging.need_recording()
    assert debugging.cont().stop.reason(RecordingStopped)
    lives = recording.log.turns.lives
    assert len(lives) == 4 and [life.died is None for life in lives] == [True, False, False, False]
    assert target.threads() == [target.pid]
    for life in lives[1:]:
        assert life.died is not None
        for position, exists in ((life.born - 1, False), (life.born, True), (life.died - 1, True), (life.died, False)):
            recording.goto(position)
            assert (life.thread in target.threads()) is exists
        # Stepping back from its first instruction leads to the call that made it.
        recording.goto(life.born)
        target.select_thread(life.thread)
        go(debugging, Direction.REVERSE, step=True)
        assert (recording.position, target.thread) == (life.born - 1, target.pid)


def alarm(debugging: Session, seconds: float) -> Stop:
    """Go on, and press Ctrl-C after a while."""
    handler = signal.signal(signal.SIGALRM, lambda *_: debugging.interrupt())
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return go(debugging)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


@pytest.mark.parametrize("seconds", (0.2, 1, 3))
def test_an_interrupt(session: Open, seconds: float) -> None:
    """Ctrl-C, whether all threads are blocked or some run, again and again; the past is whole."""
    debugging = service(session, "block", at="main")
    recording, camera, subject = debugging.need_recording(), Camera(), Recorded(debugging)
    moments = [camera.take(subject)]
    for _ in range(3):
        assert alarm(debugging, seconds).reason(Signalled) == Signalled(signal.SIGINT)
        moments.append(camera.take(subject))
    for moment in (*reversed(moments), *moments):
        recording.goto(moment.position)
        assert camera.differences(moment, camera.take(subject)) == []


def test_going_on_from_the_past(session: Open) -> None:
    """Threads that come later come again; those that have ended are missed, and the user is told."""
    told: list[object] = []
    debugging = session(
        program("thread_service.c", "-O0", "-g", "-pthread"), query=lambda question: "destroy" in question, notify=told.append
    )
    debugging.arguments = "quick > /dev/null"
    debugging.run(stop_at="main")
    debugging.record()
    debugging.target.insert_breakpoint(debugging.locations("begin")[0].address)
    assert go(debugging).reason(AtBreakpoint)
    recording, target = debugging.need_recording(), debugging.target
    debugging.target.remove_breakpoint(debugging.locations("begin")[0].address)
    first, second = (life.thread for life in recording.log.turns.lives[1:3])
    recording.goto(recording.log.turns.lives[2].born - 1)
    assert target.threads() == [target.pid, first]
    target.write_bank(Bank.GENERAL, target.read_bank(Bank.GENERAL))
    assert not recording.replaying and target.threads() == [target.pid, first]
    assert second not in [int(name) for name in os.listdir(f"/proc/{target.pid}/task")]
    assert go(debugging).reason(Exited) == Exited(0)


def test_a_spin_of_one_thread_alone(session: Open) -> None:
    """With the others held it spins until somebody interrupts; then everybody goes on."""
    debugging = service(session, "spin")
    target = debugging.target
    spinner = target.threads()[2]
    target.select_thread(spinner)
    handler = signal.signal(signal.SIGALRM, lambda *_: debugging.interrupt())
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        stop = go(debugging, alone=True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert (stop.reason(Signalled), stop.thread) == (Signalled(signal.SIGINT), spinner)
    log = debugging.need_recording().log
    assert {turn.number for turn in log.turns.within(log.low, log.high)} == {2}
    assert go(debugging).reason(RecordingStopped)


def test_from_the_middle_and_let_go(session: Open, tmp_path: Path) -> None:
    """Attached to while its threads run, block and sleep; recorded, run back and forth; let go, and it ends well."""
    over, output = tmp_path / "over", tmp_path / "output"
    path = program("thread_service.c", "-O0", "-g", "-pthread")
    with output.open("w") as file, subprocess.Popen([str(path), str(over)], stdout=file) as process:
        while len(procfs.threads(process.pid)) < 4:
            time.sleep(0.001)
        debugging = session(path)
        debugging.attach(process.pid)
        target = debugging.target
        assert len(target.threads()) == 4
        for _ in range(2):
            debugging.record()
            recording, camera, subject = debugging.need_recording(), Camera(), Recorded(debugging)
            beginning = camera.take(subject)
            place = debugging.locations("visit")[0].address
            debugging.target.insert_breakpoint(place)
            for _ in range(300):
                assert go(debugging).reason(AtBreakpoint)
            end = camera.take(subject)
            assert len({turn.number for turn in recording.log.turns.within(0, recording.log.high)}) >= 3
            for moment in (beginning, end, beginning, end):
                recording.goto(moment.position)
                assert camera.differences(moment, camera.take(subject)) == []
            debugging.target.remove_breakpoint(place)
            debugging.record_stop()
        debugging.detach()
        over.write_text("")
        assert process.wait(timeout=20) == 0
    assert output.read_text() == "1 1\n"


# Programs of the machine that make threads.
REAL = {
    "xz": ["xz", "-T2", "-0", "--block-size=1500", "-c", "/etc/passwd"],
    "python": [
        "python3",
        "-I",
        "-S",
        "-c",
        "import _thread as t, time\nl = t.allocate_lock(); n = []\ndef f(i):\n"
        "    with l: n.append(i)\nfor i in range(3): t.start_new_thread(f, (i,))\n"
        "while len(n) < 3: time.sleep(0.001)\nprint(sorted(n))",
    ],
}


@pytest.mark.long
@pytest.mark.parametrize("name", REAL)
def test_real(name: str) -> None:
    path = shutil.which(REAL[name][0], path="/usr/bin:/bin")
    if path is None:
        pytest.skip(f"{name} is not on this machine")
    report = snapshot.check(Path(path).resolve(), REAL[name][1:], moments=4)
    assert not report.misses
