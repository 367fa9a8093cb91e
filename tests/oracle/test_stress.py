"""Eight threads, timers and many forks at once (tests/programs/stress.c): alone, under rdb, recorded, and brought back.

What the program prints does not depend on the order of its threads, so every run must print the same.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rdb.events import Exited
from rdb.session import Session
from tests.build import program
from tests.oracle import snapshot
from tests.oracle.recording import ENGINES

FLAGS = ("-O2", "-g", "-pthread")
SMALL, LARGE = ("20", "4"), ("1000", "40")


def alone(arguments: tuple[str, ...]) -> str:
    """What the program prints without us."""
    return subprocess.run([program("stress.c", *FLAGS), *arguments], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("arguments", [SMALL, pytest.param(LARGE, marks=pytest.mark.long)], ids=["small", "large"])
def test_native(arguments: tuple[str, ...], tmp_path: Path) -> None:
    output = tmp_path / "output"
    with Session() as session:
        session.load(str(program("stress.c", *FLAGS)))
        session.arguments = f"{' '.join(arguments)} > {output}"
        session.break_at("fork_many")
        session.run()
        report = session.cont()
    assert report.reason(Exited) == Exited(0)
    assert output.read_text() == alone(arguments)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("arguments", [SMALL, pytest.param(LARGE, marks=pytest.mark.long)], ids=["small", "large"])
def test_snapshot(arguments: tuple[str, ...], engine: str) -> None:
    report = snapshot.check(program("stress.c", *FLAGS), arguments, engine)
    assert not report.misses
