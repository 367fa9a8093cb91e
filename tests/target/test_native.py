"""Processes: started, interrupted, ended, let go; and what rdb leaves behind in them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rdb.errors import BadProgram, NoProcess, RdbError
from rdb.events import Exited, Killed, Signalled
from rdb.session import Session
from rdb.stops import BreakpointHit, StopReport
from tests.build import program

Open = Callable[..., Session]


def in_file(path: Path) -> str:
    return path.read_text()


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        ("one 'two words' \"three\"", "[one][two words][three]"),
        ("$((1 + 2)) a*b", "[3][a*b]"),
        ("", ""),
        ("'$HOME' \\$x", "[$HOME][$x]"),
    ],
)
def test_arguments(arguments: str, output: str, session: Open, tmp_path: Path) -> None:
    debugging = session(program("record_says.c"))
    debugging.arguments = f"{arguments} > {tmp_path}/out"
    assert debugging.run().stop.reason(Exited) == Exited(0)
    assert in_file(tmp_path / "out").splitlines()[0] == output


def test_environment_folder_and_input(session: Open, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("text")
    debugging = session(program("record_says.c"))
    debugging.environment = {"RDB_TEST": "seen"}
    debugging.settings["cwd"] = str(tmp_path)
    debugging.arguments = "< in > out"
    debugging.run()
    assert in_file(tmp_path / "out").splitlines() == ["", "seen", str(tmp_path), "text"]


def test_addresses_are_not_random(session: Open) -> None:
    debugging = session(program("record_says.c"))
    places = set()
    for _ in range(2):
        debugging.run(stop_at="main")
        places.add((debugging.pc, debugging.evaluate_integer("$rsp")))
    assert len(places) == 1


def test_what_cannot_be_run(session: Open, tmp_path: Path) -> None:
    with pytest.raises(RdbError, match="No such file or directory"):
        session(tmp_path / "missing")
    (tmp_path / "text").write_text("echo")
    with pytest.raises(BadProgram, match="not in executable format"):
        session(tmp_path / "text")
    copy = tmp_path / "copy"
    copy.write_bytes(program("record_says.c").read_bytes())
    debugging = session(copy)
    with pytest.raises(BadProgram, match="Permission denied"):
        debugging.run()
    copy.chmod(0o755)
    debugging.arguments = "< /nowhere/at/all 2> /dev/null"
    with pytest.raises(RdbError, match="During startup program exited"):
        debugging.run()
    assert not debugging.alive
    with pytest.raises(NoProcess):
        debugging.cont()


@pytest.mark.parametrize(("mode", "reason"), [("status", Exited(41)), ("abort", Killed(6))])
def test_endings(mode: str, reason: object, session: Open) -> None:
    debugging = session(program("record_ends.c"))
    debugging.arguments = mode
    report = debugging.run()
    if mode == "abort":
        assert report.stop.reason(Signalled) is not None
        report = debugging.cont()
    assert report.reasons == (reason,) and not debugging.alive


def test_kill_and_run_again(session: Open) -> None:
    debugging = session(program("record_ends.c"))
    debugging.run(stop_at="main")
    pid = debugging.kill()
    assert not Path(f"/proc/{pid}").exists()
    assert debugging.run(stop_at="main").reason(BreakpointHit)


def test_detach_leaves_a_healthy_process(session: Open, tmp_path: Path) -> None:
    """Without our traps, debug registers or single steps: it runs to its end and says what it always says."""
    debugging = session(program("record_says.c"))
    debugging.arguments = f"after > {tmp_path}/out < /dev/null"
    debugging.run(stop_at="main")
    debugging.break_at("say")
    debugging.watch("said")
    debugging.record()
    debugging.next()
    process = os.pidfd_open(debugging.need_process().pid)
    pid = debugging.detach()
    assert select.select([process], [], [], 60)[0]
    os.close(process)
    with contextlib.suppress(ChildProcessError):  # rdb waits for whom it has started, when it comes to it
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert in_file(tmp_path / "out").splitlines()[0] == "[after]"


def test_attach_and_detach(session: Open) -> None:
    with subprocess.Popen([program("record_ends.c"), "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "waiting\n"
        debugging = session()
        report = debugging.attach(other.pid)
        assert report.frame is not None and "main" in [frame.name for frame in debugging.frames()]
        assert debugging.evaluate_integer("answer") == 41
        debugging.evaluate("answer = 5")
        assert debugging.detach() == other.pid
        other.communicate("\n")
    assert other.returncode == 5


@pytest.mark.parametrize("recording", (None, "step", "compiled"))
def test_interrupt(recording: str | None, session: Open) -> None:
    """By another system thread, in the midst of it or before it has begun."""
    debugging = session(program("record_ends.c"))
    debugging.arguments = "spin"
    debugging.run(stop_at="main")
    if recording:
        debugging.settings["record full engine"] = recording
        debugging.record()
    turn = debugging.break_at("turn")
    for delay in (0.0, 0.001, 0.01, 0.1):
        assert debugging.cont().reason(BreakpointHit), "the program goes on as if nothing had been"
        before = debugging.evaluate_integer("turns")
        turn.enabled = False
        timer = threading.Timer(delay, debugging.interrupt)
        timer.start()
        if not delay:
            timer.join()
        report = debugging.cont()
        timer.join()
        assert [each.number for each in report.reasons if isinstance(each, Signalled)] == [signal.SIGINT]
        assert not debugging.take_interrupt()
        assert debugging.evaluate_integer("turns") >= before
        turn.enabled = True


MOVES: dict[str, Callable[[Session], StopReport]] = {
    "continue": Session.cont,
    "step": Session.step,
    "next": Session.next,
    "stepi": Session.stepi,
    "until": Session.until,
    "advance": lambda debugging: debugging.until_location("main", False),
    "finish": Session.finish,
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("recording", (False, True))
def test_killed_while_it_stood(move: str, recording: bool, session: Open) -> None:
    debugging = session(program("record_ends.c"))
    debugging.arguments = "spin"
    debugging.run(stop_at="turn")
    if recording:
        debugging.record()
    process = debugging.need_process()
    os.kill(process.pid, signal.SIGKILL)
    while not process.is_dead:
        time.sleep(0.001)
    assert MOVES[move](debugging).reasons == (Killed(signal.SIGKILL),)
    assert not debugging.alive


@pytest.mark.parametrize(("running", "recording"), [(False, False), (True, False), (True, True)])
def test_killed_by_somebody_else(running: bool, recording: bool, session: Open) -> None:
    debugging = session(program("record_ends.c"))
    debugging.arguments = "spin"
    debugging.run(stop_at="main")
    if recording:
        debugging.record()
    pid = debugging.target.pid
    killer = threading.Timer(0.2 if running else 0.0, os.kill, (pid, signal.SIGKILL))
    killer.start()
    if not running:
        killer.join()
        time.sleep(0.05)
    report = debugging.cont()
    killer.join()
    assert report.stop.reason(Killed) == Killed(signal.SIGKILL)
    assert not debugging.alive


def test_no_trap_is_left_in_memory(session: Open) -> None:
    """While the program is stopped, memory holds the program's own bytes; a child of fork has no traps at all."""
    debugging = session(program("record_children.c"))
    debugging.run(stop_at="main")
    visit = debugging.break_at("visit")
    address = visit.locations[0].address
    code = debugging.read_memory(address, 4)
    for _ in range(3):
        assert debugging.cont().reason(BreakpointHit)
        assert debugging.read_memory(address, 4) == code and debugging.pc == address
    assert debugging.cont().stop.reason(Exited) == Exited(42)


def test_a_breakpoint_in_a_loop(session: Open) -> None:
    debugging = session(program("record_ends.c"))
    debugging.arguments = "status"
    point = debugging.break_at("turn", condition="turns == 999")
    assert debugging.run().reason(BreakpointHit)
    assert (debugging.evaluate_integer("turns"), point.hits) == (999, 1)
    point.condition_node = None
    debugging.run()
    for turns in range(1, 5):
        debugging.cont()
        assert debugging.evaluate_integer("turns") == turns
