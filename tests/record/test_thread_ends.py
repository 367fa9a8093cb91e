"""Threads that end: what the kernel does then is recorded, and undone; and the end itself can be walked over."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rdb.events import Direction, Exited
from tests.build import program
from tests.oracle import snapshot
from tests.oracle.moment import Camera, Moment
from tests.oracle.recording import ENGINES, Recording

FLAGS = ("-O1", "-g", "-pthread")
# The ways of thread_ends.c, and how many threads each has beside the leader, of which it waits for some.
WAYS = {"robust": 1, "group": 3, "halves": 2, "again": 2}


def natively(path: Path, way: str) -> subprocess.CompletedProcess[str]:
    """The program without us."""
    done = subprocess.run([path, way], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("the kernel does not let us choose the ids of threads")
    return done


@pytest.mark.parametrize("engine", ENGINES)
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
