"""32-bit threads, each of which has segments of its own for thread-local storage: recorded, and brought back to the byte."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rdb.events import Exited
from tests.i386.build import program32
from tests.oracle import snapshot
from tests.oracle.moment import Camera, Moment
from tests.oracle.recording import ENGINES, Recording

# Programs and their ways.
WAYS = {
    "locks": ("thread_sync.c", "mutex"),
    "thread-local storage": ("thread_sync.c", "storage"),
    "signals": ("thread_sync.c", "signals"),
    "the leader ends": ("thread_sync.c", "leader"),
    "robust locks": ("thread_ends.c", "robust"),
    "the end of all": ("thread_ends.c", "group"),
}
QUICK = {"thread-local storage", "robust locks"}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.long) for name in WAYS])
def test_there_and_back_again(name: str, engine: str, tmp_path: Path) -> None:
    """With the registers of all threads; forth and back over the end of each; and it does what it does by itself."""
    source, way = WAYS[name]
    path = program32(source, "-O1", "-g", "-pthread")
    expected = subprocess.run([path, way], capture_output=True, text=True)
    with Recording(path, [way], tmp_path / "output", engine) as recording:
        camera = Camera()
        taken = snapshot.record(recording, camera, 4)
        differences: list[str] = []

        def compare(then: Moment, how: str) -> None:
            differences.extend(camera.differences(then, camera.take(recording)))

        for moment in (*reversed(taken), *taken):
            recording.goto(moment.position)
            compare(moment, "by a jump")
        lives = recording.engine.log.turns.lives
        assert len(lives) > 1
        for life in lives[1:]:
            recording.goto((life.died or recording.engine.log.high) - 1)
            snapshot.walk(recording, camera.take(recording), compare)
        assert not differences
        recording.goto(recording.engine.log.high)
        assert recording.run_out().reason(Exited) == Exited(expected.returncode)
    assert (tmp_path / "output").read_text() == expected.stdout


def test_going_on_from_the_past(tmp_path: Path) -> None:
    """Threads that come later come again, and have their segments."""
    path = program32("thread_sync.c", "-O1", "-g", "-pthread")
    with Recording(path, ["storage"], tmp_path / "output") as recording:
        lives = recording.engine.log.turns.lives
        for _ in range(2):
            while len(lives) < 3:
                assert recording.record_to(recording.position + 100)
            recording.goto(lives[2].born - 1)
            recording.engine.go_live()
            assert len(recording.target.threads()) == 2
        assert recording.run_out().reason(Exited) == Exited(0)
        assert not [each for each in recording.warnings if "meantime" in each]
    assert (tmp_path / "output").read_text() == "630\n"
