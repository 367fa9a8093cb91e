"""Every line of tests/expr/commands/*.txt, answered by gdb 13 and by rdb: the answers must be equal, letter for letter.

The first line of each file names the program and its flags.  gdb looks at the executable without running it; for the files in
live/, both run it to the function stop_here and look at the frame that called it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.build import program
from tests.expr.live_scope import stopped_in
from tests.expr.reference import differences, gdb_major
from tests.expr.static_scope import StaticScope

FOLDER = Path(__file__).parent / "commands"
pytestmark = pytest.mark.skipif(gdb_major() != 13, reason="the reference is gdb 13")


def read(path: Path) -> tuple[Path, list[str]]:
    """The program and the commands of a list."""
    head, *commands = path.read_text().splitlines()
    source, *flags = head.split()
    return program(source, *flags), commands


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_on_the_file(path: Path) -> None:
    built, commands = read(path)
    found = differences(StaticScope(built), built, commands)
    assert not found, f"{len(found)} of {len(commands)} answers differ:\n" + "\n".join(found[:20])


@pytest.mark.parametrize("path", sorted(FOLDER.glob("live/*.txt")), ids=lambda path: path.stem)
def test_in_a_process(path: Path) -> None:
    built, commands = read(path)
    with stopped_in(built, "stop_here", level=1) as scope:
        found = differences(scope, built, commands, ("break *stop_here", "run", "up"))
    assert not found, f"{len(found)} of {len(commands)} answers differ:\n" + "\n".join(found[:20])
