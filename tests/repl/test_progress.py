"""The line that tells how a long recording goes on: who shows it, who does not, and that nothing of it remains."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rdb.events import Progress, ProgressHidden
from rdb.record.pace import Pace
from rdb.render import render
from rdb.settings import Settings
from tests.build import program

ROOT = Path(__file__).resolve().parent.parent.parent
LINE, ERASED = b"(Ctrl-C to stop)", b"\r\x1b[K"
# Not before a minute is something amiss, however busy the machine.
PATIENCE = 60


class Screen:
    """rdb on a terminal of its own."""

    def __init__(self, *words: str, typed: str = "dumb") -> None:
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.chdir(ROOT)
            os.environ["TERM"] = typed
            os.execv(sys.executable, [sys.executable, "-m", "rdb", "-q", "-nx", *words])
        self.seen = b""

    def until(self, text: bytes) -> bytes:
        """Read until `text` appears; what came before it."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} did not come: {self.seen[-2000:]!r}"
            self.seen += os.read(self.terminal, 1 << 16)
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def close(self) -> None:
        os.kill(self.pid, signal.SIGHUP)
        with contextlib.suppress(OSError):
            while os.read(self.terminal, 1 << 16):
                pass
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def recording(rounds: int) -> list[str]:
    """The command line that records record_long.c from main."""
    words = [f"set args {rounds} > /dev/null", "set record full engine compiled", "set record full log-size-max 16M",
             "set record full stop-at-limit off", "break main", "run", "record"]
    return [str(program("record_long.c", "-O1", "-g")), *(word for each in words for word in ("-ex", each))]


@pytest.fixture
def screen(request: pytest.FixtureRequest) -> Iterator[Screen]:
    made = Screen(*recording(1 << 30), typed=request.param)
    yield made
    made.close()


@pytest.mark.parametrize("screen", ["xterm"], indirect=True)
def test_a_person_is_told(screen: Screen) -> None:
    screen.until(b"(rdb)")
    screen.type("continue\r")
    for _ in range(3):
        shown = screen.until(LINE)
        assert b" instructions, " in shown.rpartition(ERASED)[2]
    screen.type("\x03")
    told = screen.until(b"received signal SIGINT")
    assert told.rpartition(b"Program")[0].endswith(ERASED + b"\r\n")


@pytest.mark.parametrize("screen", ["dumb"], indirect=True)
def test_a_plain_terminal_is_not(screen: Screen) -> None:
    screen.until(b"(rdb)")
    screen.type("continue\r")
    screen.until(b"Continuing.")
    time.sleep(2)
    screen.type("\x03")
    assert LINE not in screen.until(b"received signal SIGINT")


def test_nothing_in_batch_mode() -> None:
    command = [sys.executable, "-m", "rdb", "-batch", "-nx", *recording(2000), "-ex", "continue"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=PATIENCE)
    assert LINE not in run.stdout + run.stderr and b"\x1b" not in run.stdout


class Told(list[object]):
    """A pace with a clock that is set by hand, and what it told."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.pace = Pace(lambda: self.now)
        self.pace.tell = self.append

    def look(self, now: float, high: int, may_tell: bool = True) -> None:
        self.now = now
        self.pace.look(high, lambda: 4096, may_tell)


def test_when_it_is_told() -> None:
    told = Told()
    told.pace.begin(0)
    told.look(0.9, 900)
    assert not told
    told.look(1.0, 1000)
    told.look(1.1, 1500)
    told.look(1.2, 2000, may_tell=False)
    told.look(1.25, 2000)
    assert told == [Progress(1000, 1000, 4096), Progress(2000, 4000, 4096)]
    told.pace.hide()
    told.pace.hide()
    assert told[2:] == [ProgressHidden()]
    told.now = 1.3
    told.pace.end(2100)
    told.pace.begin(2100)
    told.look(2.2, 3000)
    assert len(told) == 3


def test_time_by_position() -> None:
    told = Told()
    pace = told.pace
    pace.begin(0)
    for second in range(1, 11):
        told.look(second, 100 * second, False)
    pace.end(1000)
    assert [pace.at(position) for position in (0, 50, 100, 730, 1000, 1001)] == pytest.approx([0, 0.5, 1, 7.3, 10, 10])
    pace.prune(250)
    assert pace.at(1000) - pace.at(250) == pytest.approx(7.5)
    pace.cut(640)
    told.now = 100
    pace.begin(640)
    told.look(101, 700, False)
    pace.end(700)
    assert [pace.at(position) for position in (250, 640, 670, 700)] == pytest.approx([2.5, 6.4, 6.9, 7.4])


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress(999, 4321.6, 512), "999 instructions, 4,322/s, log 512 bytes (Ctrl-C to stop)"),
        (
            Progress(123456789, 98.76e6, 1_234_567_890),
            "123,456,789 instructions, 98.8 M/s, log 1.2 GB (Ctrl-C to stop)",
        ),
    ],
)
def test_how_it_reads(progress: Progress, text: str) -> None:
    assert render(progress, Settings()) == text
