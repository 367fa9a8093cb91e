"""Each example, played by rdb, reads as the session that is kept beside it.

After a change that is right: python examples/play.py NAME --fold > examples/NAME.out
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.stem for path in (ROOT / "examples").glob("*.rdb"))


def test_there_are_examples() -> None:
    assert len(NAMES) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_example(name: str) -> None:
    command = [sys.executable, str(ROOT / "examples" / "play.py"), name, "--fold"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout == (ROOT / "examples" / f"{name}.out").read_text()
