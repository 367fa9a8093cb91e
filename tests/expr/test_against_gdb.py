"""Every line of tests/expr/commands/*.txt, answered by gdb 13 and by rdb: the answers must be equal, letter for letter.

The first line of each file names the program.  gdb looks at the executable only, without running it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.build import program
from tests.expr.reference import differences, gdb_major

LISTS = sorted((Path(__file__).parent / "commands").glob("*.txt"))


@pytest.mark.skipif(gdb_major() != 13, reason="the reference is gdb 13")
@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_rdb_answers_as_gdb_does(path: Path) -> None:
    source, *commands = path.read_text().splitlines()
    found = differences(program(source, "-O0", "-g", "-no-pie"), commands)
    assert not found, f"{len(found)} of {len(commands)} answers differ:\n" + "\n".join(found[:20])
