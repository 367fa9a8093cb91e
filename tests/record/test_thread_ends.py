"""Threads that end: what the kernel does then is recorded, and undone; and the end itself can be walked over."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from rdb.arch.base import Bank
from rdb.errors import RdbError
from rdb.events import Direction, Exited, Resume, Signalled
from rdb.linux import procfs
from rdb.linux.threads import send
from rdb.record.entry import Kind
from rdb.record.schedule import Schedule
from tests.build import program
from tests.oracle import snapshot
from tests.oracle.moment import Camera, Moment
from tests.oracle.recording import ENGINES, Recording
from tests.record.engines import STEPS_ARE_LONG

FLAGS = ("-O1", "-g", "-pthread")
LOST = "LWP {} has ended in the meantime; the program goes on without it, and who joins it waits for ever."
# The ways of thread_ends.c, and how many threads each has beside the leader, of which it waits for some.
WAYS = {"robust": 1, "group": 3, "halves": 2, "again": 2}


def natively(path: Path, way: str) -> subprocess.CompletedProcess[str]:
    """The program without us."""
    done = subprocess.run([path, way], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("the kernel does not let us choose the ids of threads")
    return done


@pytest.mark.parametrize("engine", STEPS_ARE_LONG)
@pytest.mark.parametrize("way", WAYS)
def test_ends(engine: str, way: str, tmp_path: Path) -> None:
    """Recorded it does what it does by itself; forth and back over the beginning and end of each thread all is as it was."""
    path = program("thread_ends.c", *FLAGS)
    expected = natively(path, way)
    with Recording(path, [way], tmp_path / "output", engine) as recording:
        camera = Camera()
        taken = snapshot.record(recording, camera, 2)
        differences: list[str] = []

        def compare(then: Moment, how: str) -> None:
            differences.extend(camera.differences(then, camera.take(recording)))

        lives = recording.engine.log.turns.lives
        assert len(lives) == 1 + WAYS[way]
        for at in (place for life in lives[1:] for place in (life.born, (life.died or recording.position) - 1)):
            recording.goto(at)
            snapshot.walk(recording, camera.take(recording), compare)
        for moment in (*reversed(taken), *taken):
            recording.goto(moment.position)
            compare(moment, "by a jump")
        assert not differences
        assert recording.run_out().reason(Exited) == Exited(expected.returncode)
    assert (tmp_path / "output").read_text() == expected.stdout


def test_behind_an_end_there_is_nobody(tmp_path: Path) -> None:
    """Right behind the call by which a thread ends others can be looked at; to step back from there leads to theirs."""
    with Recording(program("thread_ends.c", *FLAGS), ["halves"], tmp_path / "output") as recording:
        snapshot.record(recording, Camera(), 1)
        turns = recording.engine.log.turns
        for number, life in list(enumerate(turns.lives))[1:]:
            assert life.died is not None and turns.at(life.died - 1) == number
            recording.goto(life.died)
            assert recording.target.thread in recording.target.threads()
            assert life.thread not in recording.target.threads()
            thread = recording.target.thread
            recording.step(Direction.REVERSE)
            assert recording.target.thread == thread and recording.position < life.died - 1
            recording.goto(life.died - 1)
            assert recording.target.thread == life.thread


def go_live(recording: Recording) -> None:
    """The program goes on from where we are."""
    recording.target.write_bank(Bank.GENERAL, recording.target.read_bank(Bank.GENERAL))
    assert recording.target.is_live
    assert sorted(recording.target.threads()) == procfs.threads(recording.pid)


def to_the_end(recording: Recording) -> None:
    """Record until the program is about to exit."""
    recording.ended = None
    assert not recording.record_to(recording.position + (1 << 30))


def missed(recording: Recording) -> list[str]:
    """What was told of threads that are not there any more."""
    return [warning for warning in recording.warnings if "meantime" in warning]


@pytest.mark.parametrize("engine", STEPS_ARE_LONG)
@pytest.mark.parametrize("way", ["condition", pytest.param("mutex", marks=pytest.mark.long)])
def test_going_on_before_others_came(engine: str, way: str, tmp_path: Path) -> None:
    """They come again, and nobody is missed."""
    path = program("thread_sync.c", *FLAGS)
    with Recording(path, [way], tmp_path / "output", engine) as recording:
        lives = recording.engine.log.turns.lives
        for number in (3, 2, 1):
            while len(lives) < 4:
                recording.record_to(recording.position + 100)
            recording.goto(lives[number].born - 1)
            there = recording.target.threads()
            go_live(recording)
            assert recording.target.threads() == there and len(there) == number
        to_the_end(recording)
        assert missed(recording) == []
        assert len(lives) == 4
        assert recording.run_out().reason(Exited) == Exited(0)
    assert (tmp_path / "output").read_text() == natively(path, way).stdout


@pytest.mark.parametrize("engine", ENGINES)
def test_going_on_without_those_that_ended(engine: str, tmp_path: Path) -> None:
    """A thread that was about to end does not come back: that is told once, and the others go on."""
    path = program("thread_sync.c", *FLAGS)
    with Recording(path, ["detached"], tmp_path / "output", engine) as recording:
        to_the_end(recording)
        last = max(recording.engine.log.turns.lives[1:], key=lambda life: life.died or 0)
        assert last.died is not None
        recording.goto(last.died - 1)
        assert recording.target.threads() == [recording.pid, last.thread]
        recording.target.select_thread(recording.pid)
        go_live(recording)
        assert recording.target.threads() == [recording.pid]
        to_the_end(recording)
        assert missed(recording) == [LOST.format(last.thread)]
        assert recording.run_out().reason(Exited) == Exited(0)
    assert (tmp_path / "output").read_text() == natively(path, "detached").stdout


@pytest.mark.parametrize("engine", ENGINES)
def test_waiting_for_those_that_ended(engine: str, tmp_path: Path) -> None:
    """Where a thread is missed that had something to do yet the program waits for ever, can be interrupted and run back."""
    with Recording(program("thread_sync.c", *FLAGS), ["detached"], tmp_path / "output", engine) as recording:
        to_the_end(recording)
        lives = recording.engine.log.turns.lives
        recording.goto(lives[3].born)
        lost = [life.thread for life in lives[1:] if life.exists(recording.position)]
        recording.target.select_thread(lost[-1])
        with pytest.raises(RdbError, match=f"LWP {lost[-1]} has ended in the meantime: its registers cannot be changed"):
            go_live(recording)
        recording.target.select_thread(recording.pid)
        go_live(recording)
        camera = Camera()
        then = camera.take(recording)
        assert recording.target.threads() == [recording.target.thread] == [recording.pid]
        assert sorted(missed(recording)) == sorted(LOST.format(thread) for thread in lost)
        handler = signal.signal(signal.SIGALRM, lambda *_: recording.engine.interrupt())
        signal.setitimer(signal.ITIMER_REAL, 1, 0.5)
        try:
            recording.settings["record full insn-number-max"] = None
            assert recording.go(Resume()).reason(Signalled) == Signalled(signal.SIGINT)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
        now = camera.take(recording)
        for moment in (then, now, then):
            recording.goto(moment.position)
            assert camera.differences(moment, camera.take(recording)) == []


def test_nobody_is_left_to_go_on(tmp_path: Path) -> None:
    """The leader has ended alone; in a past in which there was nobody else the program cannot go on."""
    with Recording(program("thread_sync.c", *FLAGS), ["leader"], tmp_path / "output") as recording:
        camera = Camera()
        moments = snapshot.record(recording, camera, 1)
        recording.goto(recording.engine.log.turns.lives[1].born - 1)
        with pytest.raises(RdbError, match="All threads that exist at this point have ended in the meantime"):
            go_live(recording)
        for moment in (moments[0], moments[-1]):
            recording.goto(moment.position)
            assert camera.differences(moment, camera.take(recording)) == []
        assert recording.run_out().reason(Exited) == Exited(0)


def test_born_together_with_a_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal comes while a thread is being made: the thread is known before the handler runs."""
    path = program("thread_ends.c", *FLAGS)
    natively(path, "again")
    gave_birth = Schedule._gave_birth

    def signalled(schedule: Schedule, status: int) -> bool:
        born = gave_birth(schedule, status)
        if born:
            send(schedule.process.pid, schedule.thread, signal.SIGWINCH)
        return born

    monkeypatch.setattr(Schedule, "_gave_birth", signalled)
    with Recording(path, ["again"], tmp_path / "output") as recording:
        to_the_end(recording)
        log = recording.engine.log
        for life in log.turns.lives[1:]:
            assert log.entries_at(life.born - 1).kind(life.born - 1) is Kind.SYSTEM_CALL
            assert log.deliveries.at(life.born) is not None
        assert recording.run_out().reason(Exited) == Exited(0)
    assert (tmp_path / "output").read_text() == "handled 3, blocked 0\n"
