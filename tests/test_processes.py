"""Children, execs and ends of programs: natively, recorded, and when somebody is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rdb.events import Direction, EndOfHistory, Exited, Killed, RecordingStopped, ThreadExited
from rdb.linux import wards
from rdb.session import Session
from rdb.stops import BreakpointHit, Caught
from tests.build import ROOT, program
from tests.oracle.recording import ENGINES

Open = Callable[..., Session]


def refusing(session: Open, path: Path, words: str) -> tuple[Session, list[str]]:
    """A session that answers no to questions with these words, and the questions that it asks."""
    asked: list[str] = []

    def query(question: str) -> bool:
        asked.append(question)
        return words not in question

    return session(path, query=query), asked


# What is born is healthy.


@pytest.mark.parametrize("recorded", [False, True])
def test_children_of_every_kind_are_healthy(recorded: bool, session: Open) -> None:
    """The program looks into each of its children for traces of a debugger, and at how it ended."""
    debugging, _ = refusing(session, program("processes_children.c"), "make the program exit")
    debugging.environment = {**os.environ, "CPUS": str(len(os.sched_getaffinity(0)))}
    debugging.break_at("by_fork")
    debugging.run()
    if recorded:
        debugging.settings["record full insn-number-max"] = None
        debugging.record()
    debugging.break_at("visited", condition="n == 77")
    report = debugging.cont()
    assert report.reason(Exited) == Exited(0)


def test_the_log_goes_on_over_children(session: Open) -> None:
    debugging = session(program("processes_many.c"))
    debugging.arguments = "5"
    debugging.run(stop_at="main")
    debugging.record()
    assert debugging.cont().reason(RecordingStopped)
    assert debugging.evaluate_integer("sum") == 10
    assert debugging.cont(Direction.REVERSE).reason(EndOfHistory)
    assert debugging.evaluate_integer("sum") == 0
    assert debugging.cont().reason(EndOfHistory)
    assert debugging.evaluate_integer("sum") == 10


@pytest.mark.long
@pytest.mark.parametrize("recorded", [False, True])
def test_a_thousand_children(recorded: bool, session: Open) -> None:
    """The `session` fixture fails the test if one of them is left."""
    debugging, _ = refusing(session, program("processes_many.c"), "make the program exit")
    debugging.arguments = "1000"
    debugging.break_at("work")
    debugging.run(stop_at="main")
    if recorded:
        debugging.settings["record full insn-number-max"] = None
        debugging.record()
    assert debugging.cont().reason(Exited) == Exited(0)


# Following.


def test_a_followed_child_is_recorded_in_its_parents_place(session: Open) -> None:
    debugging = session(program("processes_follow.c"))
    debugging.run(stop_at="main")
    debugging.record()
    debugging.settings["follow-fork-mode"] = "child"
    debugging.break_at("in_child")
    parent = debugging.need_process().pid
    assert debugging.cont().reason(RecordingStopped)          # in front of the call, once
    assert debugging.cont().reason(BreakpointHit)
    assert debugging.need_process().pid != parent and debugging.recording is not None
    assert _tracer(parent) == 0
    assert debugging.evaluate_integer("counter") == 0
    debugging.next()
    assert debugging.evaluate_integer("counter") == 7
    debugging.next(direction=Direction.REVERSE)
    assert debugging.evaluate_integer("counter") == 0
    assert debugging.cont(Direction.REVERSE).reason(EndOfHistory)
    debugging.kill()
    assert _ends(parent)      # it sees that its child has been killed
    wards.reap()


def _tracer(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(text.partition("TracerPid:")[2].split()[0])


def test_two_recordings_side_by_side(session: Open) -> None:
    """A held child is recorded on its own, while its parent keeps its log."""
    debugging = session(program("processes_follow.c"))
    debugging.settings["detach-on-fork"] = False
    debugging.run(stop_at="main")
    debugging.record()
    debugging.break_at("33")
    assert debugging.cont().reason(BreakpointHit)
    parent, child = debugging.debuggees
    length = debugging.need_recording().log.high
    debugging.switch(child)
    debugging.record()
    debugging.break_at("in_child")
    assert debugging.cont().reason(BreakpointHit)
    debugging.next()
    assert debugging.evaluate_integer("counter") == 7
    debugging.switch(parent)
    assert debugging.evaluate_integer("counter") == 0
    assert debugging.need_recording().log.high == length
    assert debugging.cont(Direction.REVERSE).reason(EndOfHistory)
    debugging.switch(child)
    debugging.next(direction=Direction.REVERSE)
    assert debugging.evaluate_integer("counter") == 0


def test_catchpoints_under_recording(session: Open) -> None:
    debugging = session(program("processes_follow.c"))
    debugging.catch("fork")
    debugging.catch("exec")
    debugging.arguments = "f /bin/true"
    debugging.run(stop_at="main")
    debugging.record()
    assert debugging.cont().reason(Caught)
    debugging.stepi(direction=Direction.REVERSE)
    assert debugging.cont().reason(EndOfHistory)
    assert debugging.cont().reason(RecordingStopped)
    assert debugging.cont().reason(Caught)
    assert debugging.program is not None and debugging.program.endswith("/true")


# exec under recording.


def test_exec_ends_the_log_and_the_new_program_is_recorded(session: Open) -> None:
    told: list[object] = []
    debugging = session(program("processes_follow.c"), notify=told.append)
    debugging.arguments = f"f {program('processes_many.c')}"
    debugging.run(stop_at="main")
    debugging.record()
    assert debugging.cont().reason(RecordingStopped)
    assert debugging.evaluate_integer("counter") == 3
    debugging.cont(Direction.REVERSE)
    assert debugging.evaluate_integer("counter") == 0
    assert debugging.cont().reason(EndOfHistory)
    debugging.break_at("main")
    assert debugging.cont().reason(BreakpointHit)
    assert any("is executing new program" in str(each) for each in told)
    assert debugging.recording is not None and debugging.evaluate_integer("sizeof(sum)") == 8
    assert debugging.cont(Direction.REVERSE).reason(EndOfHistory)


@pytest.mark.parametrize(
    ("contents", "mode"), [(None, 0), (b"\x7fELF", 0o644), (b"no program at all", 0o755), (b"#!/nowhere/at/all\n", 0o755)]
)
def test_an_exec_that_fails_is_a_call_like_any_other(contents: bytes | None, mode: int, session: Open, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if contents is not None:
        path.write_bytes(contents)
        path.chmod(mode)
    debugging = session(program("processes_follow.c"))
    debugging.arguments = f"f {path}"
    debugging.break_at("23")
    debugging.run(stop_at="main")
    debugging.record()
    assert debugging.cont().reason(BreakpointHit)
    assert debugging.cont(Direction.REVERSE).reason(EndOfHistory)


# exec in a process of several threads: one is left, which has the leader's id.


WHO = {"a thread": "t", "the leader": "l", "a thread without its leader": "g"}


@pytest.mark.parametrize("engine", [None, *ENGINES])
@pytest.mark.parametrize("who", WHO)
def test_exec_leaves_one_thread(who: str, engine: str | None, session: Open) -> None:
    told: list[object] = []
    executable = program("processes_exec.c", "-O0", "-g", "-pthread")
    debugging = session(executable, notify=told.append, query=lambda words: "the new program" not in words)
    debugging.arguments = f"{WHO[who]} {program('processes_many.c')}"
    debugging.run(stop_at="main")
    pid = debugging.need_process().pid
    if engine is not None:
        debugging.settings["record full engine"] = engine
        debugging.record()
        assert debugging.cont().reason(RecordingStopped)
        assert len(debugging.threads()) == (2 if WHO[who] == "g" else 3)
        debugging.stepi(9, Direction.REVERSE)
        assert debugging.cont().reason(EndOfHistory)
    debugging.break_at("main")
    report = debugging.cont()
    assert report.reason(BreakpointHit) and report.stop.thread == pid
    assert [each.tid for each in debugging.threads()] == [pid]
    assert any("is executing new program" in str(each) for each in told)
    exited = [each.thread for each in told if isinstance(each, ThreadExited) and each.thread != pid]
    assert len(set(exited)) == len(exited) == (2 if who == "the leader" else 1)
    assert debugging.recording is None
    assert debugging.cont().reason(Exited) == Exited(0)


def test_a_pipeline_of_a_shell(session: Open, tmp_path: Path) -> None:
    """Only the shell is recorded; what it starts runs on its own."""
    debugging, _ = refusing(session, Path("/bin/sh"), "make the program exit")
    debugging.arguments = f"-c 'echo one two | wc -w > {tmp_path}/out; echo $? >> {tmp_path}/out'"
    debugging.run(stop_at="first instruction")
    debugging.settings["record full insn-number-max"] = None
    debugging.record()
    assert debugging.cont().reason(Exited) == Exited(0)
    assert (tmp_path / "out").read_text().split() == ["2", "0"]


# Ends.


@pytest.mark.parametrize("moment", ["standing", "recording", "in the past"])
def test_killed_from_outside_while_it_stands(moment: str, session: Open) -> None:
    debugging = session(program("processes_many.c"))
    debugging.run(stop_at="main")
    if moment != "standing":
        debugging.record()
        debugging.stepi(50)
    if moment == "in the past":
        debugging.stepi(20, Direction.REVERSE)
    os.kill(debugging.need_process().pid, signal.SIGKILL)
    time.sleep(0.05)
    assert debugging.cont().reason(Killed) == Killed(signal.SIGKILL)
    assert not debugging.alive
    assert debugging.run(stop_at="main").reason(BreakpointHit)


def test_what_is_detached_leaves_no_zombie(session: Open) -> None:
    debugging = session(program("processes_many.c"))
    debugging.run(stop_at="main")
    pid = debugging.detach()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and Path(f"/proc/{pid}/exe").exists():
        time.sleep(0.01)
    debugging.run(stop_at="main")
    debugging.kill()
    assert not Path(f"/proc/{pid}").exists()


COMMANDS = {"runs": ["set args 100000", "continue"], "stands": [], "is recorded": ["record", "stepi 99"]}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("state", COMMANDS)
def test_a_launched_program_does_not_outlive_rdb(state: str, number: signal.Signals) -> None:
    rdb, pid = _debugger(["--args", str(program("processes_many.c"))], ["start", *COMMANDS[state]])
    rdb.send_signal(number)
    rdb.communicate(timeout=30)
    assert _ends(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_an_attached_program_runs_on(number: signal.Signals) -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        rdb, pid = _debugger(["-p", str(sleeper.pid)], ["stepi"])
        assert pid == sleeper.pid
        rdb.send_signal(number)
        rdb.communicate(timeout=30)
        time.sleep(0.2)
        assert sleeper.poll() is None and _tracer(sleeper.pid) == 0
        assert Path(f"/proc/{sleeper.pid}/stat").read_text().split()[2] == "S"
    finally:
        sleeper.kill()
        sleeper.wait()


def _debugger(options: list[str], lines: list[str]) -> tuple[subprocess.Popen[bytes], int]:
    """An rdb that has been given these lines, and the process that it debugs, once it says which."""
    rdb = subprocess.Popen(
        [sys.executable, "-m", "rdb", "-q", "-nx", *options], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**os.environ, "TERM": "dumb"},
    )
    assert rdb.stdin is not None and rdb.stdout is not None
    first, rest = (lines[:1], lines[1:]) if "-p" not in options else ([], lines)
    rdb.stdin.write("".join(f"{line}\n" for line in [*first, "info program", *rest]).encode())
    rdb.stdin.flush()
    for line in iter(rdb.stdout.readline, b""):
        if b"running image of" in line:
            return rdb, int(line.rstrip(b".\n").split()[-1])
    raise AssertionError("rdb has ended")


def _ends(pid: int) -> bool:
    """Whether a process comes to its end."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False
