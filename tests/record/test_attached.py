"""A program that was running before is recorded for a while and let go of: it goes on unharmed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rdb.events import Direction
from rdb.session import Session
from rdb.stops import BreakpointHit
from tests.build import program
from tests.oracle.moment import Camera
from tests.oracle.test_promise import Recorded

Open = Callable[..., Session]
Start = Callable[[str], "subprocess.Popen[bytes]"]
# The mode of record_attached.c, and the system call (asm/unistd_64.h) in which it is wanted, if any.
MODES = {"reads": 0, "sleeps": 230, "computes": None, "disturbed": None}


@pytest.fixture
def start(session: Open) -> Iterator[Start]:
    """Starts the program in a mode; it has got to where it should be.  A test lets go of it before it ends."""
    started: list[subprocess.Popen[bytes]] = []

    def start_one(mode: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([program("record_attached.c"), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        while (call := MODES[mode]) is not None and not _is_in(process.pid, call):
            time.sleep(0.001)
        return process

    yield start_one
    for each in started:
        each.kill()
        each.communicate()


def _is_in(pid: int, call: int) -> bool:
    return Path(f"/proc/{pid}/syscall").read_text().split()[0] == str(call)


def feed(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line)
    process.stdin.flush()


def attached(session: Open, process: subprocess.Popen[bytes]) -> Session:
    debugging = session()
    debugging.attach(process.pid)
    debugging.signals[signal.SIGUSR1] = debugging.signals[signal.SIGPROF]  # passed silently
    debugging.record()
    return debugging


@pytest.mark.parametrize("leave_in", ("present", "past"))
@pytest.mark.parametrize("mode", MODES)
def test_recorded_for_a_while(start: Start, session: Open, mode: str, leave_in: str) -> None:
    """There and back and there again, every byte the same; let go of at either end, the program ends well."""
    process = start(mode)
    debugging = attached(session, process)
    camera, subject = Camera(), Recorded(debugging)
    beginning = camera.take(subject)
    debugging.break_at("visit")
    for line in (b"one\n", b"two\n"):
        if mode == "reads":
            feed(process, line)
        elif mode == "disturbed":
            os.kill(process.pid, signal.SIGUSR1)
        assert debugging.cont().reason(BreakpointHit)
    end = camera.take(subject)
    if mode == "disturbed":
        assert debugging.evaluate_integer("users") >= 1
    debugging.record_goto(None)
    assert camera.differences(beginning, camera.take(subject)) == []
    debugging.record_goto(None, end=True)
    assert camera.differences(end, camera.take(subject)) == []
    if leave_in == "past":
        debugging.record_goto(None)
    debugging.record_stop()
    assert camera.differences(end if leave_in == "present" else beginning, camera.take(subject)) == []
    debugging.detach()
    feed(process, b"three\n") if mode == "reads" else os.kill(process.pid, signal.SIGUSR2)
    output, _ = process.communicate(timeout=60)
    expected = b"got one\ngot two\ngot three\n" if mode == "reads" else b""
    assert (output, process.returncode) == (expected + b"0 faults\n", 0)


@pytest.mark.parametrize("mode", MODES)
def test_let_go_at_once(start: Start, session: Open, mode: str) -> None:
    """Recording begins and ends before anything has happened."""
    process = start(mode)
    debugging = attached(session, process)
    debugging.detach()
    feed(process, b"one\n") if mode == "reads" else os.kill(process.pid, signal.SIGUSR2)
    output, _ = process.communicate(timeout=60)
    assert (output, process.returncode) == ((b"got one\n" if mode == "reads" else b"") + b"0 faults\n", 0)


def test_the_call_it_was_blocked_in_is_recorded(start: Start, session: Open) -> None:
    """The thread stands in front of the read that it was waiting in: what the read brings can be taken back."""
    process = start("reads")
    debugging = attached(session, process)
    code = debugging.read_memory(debugging.pc, 2)
    assert code == b"\x0f\x05"
    feed(process, b"one\n")
    buffer = int.from_bytes(debugging.arch.registers.get(debugging.arch.registers["rsi"], _banks(debugging)), "little")
    before = debugging.read_memory(buffer, 4)
    debugging.stepi()
    assert debugging.read_memory(buffer, 4) == b"one\n" and debugging.need_recording().position == 1
    debugging.stepi(direction=Direction.REVERSE)
    assert debugging.read_memory(buffer, 4) == before
    debugging.detach()


def _banks(debugging: Session) -> tuple[bytes, bytes]:
    from rdb.arch.base import Bank

    return debugging.target.read_bank(Bank.GENERAL), debugging.target.read_bank(Bank.EXTENDED)
