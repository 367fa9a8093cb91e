"""Death at any moment: of the program, and of rdb, while the program moves (tests/programs/stress.c), natively and recorded.

The moments are spread over the first seconds of a movement by a fixed seed; what happens at them is not the same from run to run,
but what must come of it is.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rdb.events import Direction, Killed
from rdb.linux import procfs, ptrace
from rdb.session import Session
from tests.build import ROOT, program
from tests.oracle.recording import ENGINES

Open = Callable[..., Session]
WAYS = {"native": "", "step": "s.settings['record full engine'] = 'step'; s.record(); ",
        "compiled": "s.settings['record full engine'] = 'compiled'; s.record(); "}  # fmt: skip
MOMENTS = [round(random.Random(4).random() * (1 + n % 2), 3) for n in range(4)]
STRESS = ("stress.c", "-O2", "-g", "-pthread")


def prepared(way: str) -> str:
    """Python that brings a session `s` to main of the stress program, recording if that is the way."""
    load = f"s.load({str(program(*STRESS))!r}); s.arguments = '100000 100000 > /dev/null'; s.run(stop_at='main'); "
    return load + "s.settings['record full insn-number-max'] = None; " + WAYS[way]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("way", WAYS)
def test_the_program_is_killed(session: Open, way: str, moment: float) -> None:
    """The stop says so, and the session goes on to the next run."""
    debugging = session(query=lambda question: True)
    exec(prepared(way), {"s": debugging})
    timer = threading.Timer(moment, os.kill, (debugging.need_process().pid, signal.SIGKILL))
    timer.start()
    report = debugging.cont()
    timer.join()
    assert report.reason(Killed) == Killed(signal.SIGKILL)
    assert not debugging.alive
    assert debugging.run(stop_at="main").frame is not None
    debugging.record()
    debugging.next()
    debugging.cont(Direction.REVERSE)
    assert debugging.alive


def kill(pid: int) -> None:
    """Kill a process, and wait until its leader has ended."""
    os.kill(pid, signal.SIGKILL)
    while procfs.thread_state(pid, pid) != "Z":
        time.sleep(0.001)


def is_killed_by(debugging: Session, monkeypatch: pytest.MonkeyPatch, name: str, killed: Callable[[int], int]) -> None:
    """The program goes on, with `killed` in the place of a function of ptrace's, and is told to have been killed."""
    with monkeypatch.context() as patched:
        patched.setattr(ptrace, name, killed)
        report = debugging.cont()
    assert report.reason(Killed) == Killed(signal.SIGKILL)


def is_killed_with_a_child(debugging: Session, monkeypatch: pytest.MonkeyPatch, kill: Callable[[int], None]) -> None:
    """The program is killed by `kill` as it tells of a child, which is not held afterwards."""
    pid, message = debugging.need_process().pid, ptrace.event_message
    children: list[int] = []

    def killed(thread: int) -> int:
        children.extend(each for each in procfs.tracees(os.getpid()) if each != pid)
        kill(pid)
        return message(thread)

    is_killed_by(debugging, monkeypatch, "event_message", killed)
    assert children and not procfs.tracees(os.getpid())


@pytest.mark.parametrize("stop", ("main", "asleep"))
@pytest.mark.parametrize("engine", ENGINES)
def test_the_program_is_killed_in_the_leaders_turn(
    session: Open, monkeypatch: pytest.MonkeyPatch, engine: str, stop: str
) -> None:
    """While we wait for it, as it makes the first of the others or goes on; the kernel tells of its end only when the ends of the
    others have been taken.
    """
    debugging = session(query=lambda question: True)
    debugging.load(str(program("threads_asleep.c", "-O0", "-g", "-pthread")))
    debugging.arguments = "'but one'"
    debugging.run(stop_at=stop)
    exec(WAYS[engine], {"s": debugging})
    pid, wait = debugging.need_process().pid, ptrace.wait

    def killed(thread: int) -> int:
        if thread == pid and procfs.thread_state(pid, pid) not in ("Z", "") and len(procfs.threads(pid)) > 1:
            kill(pid)
        return wait(thread)

    is_killed_by(debugging, monkeypatch, "wait", killed)
    assert not debugging.alive


def test_the_program_is_killed_as_it_makes_its_first_thread(session: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which nobody knows yet: natively the leader is waited for alone then, too."""
    debugging = session()
    debugging.load(str(program("threads_asleep.c", "-O0", "-g", "-pthread")))
    debugging.arguments = "all"
    debugging.run(stop_at="main")
    pid, wait = debugging.need_process().pid, ptrace.wait

    def killed(thread: int) -> int:
        while len(procfs.threads(pid)) == 1 and procfs.thread_state(pid, pid) != "Z":
            time.sleep(0.001)
        kill(pid)
        return wait(thread)

    is_killed_by(debugging, monkeypatch, "wait", killed)


@pytest.mark.parametrize("way", WAYS)
def test_the_program_is_killed_as_it_makes_a_child(session: Open, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """The child is there, and stands, but nobody has told of it; it is let go."""
    debugging = session(query=lambda question: True)
    debugging.load(str(program("processes_follow.c", "-O0", "-g")))
    debugging.run(stop_at="main")
    exec(WAYS[way], {"s": debugging})
    is_killed_with_a_child(debugging, monkeypatch, kill)


def test_the_program_is_killed_before_its_child_has_run(session: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child cannot even stop yet: we do not let it have its CPU, where that is allowed."""
    here, there = itertools.islice(itertools.cycle(sorted(os.sched_getaffinity(0))), 2)
    debugging = session(query=lambda question: True)
    debugging.load(str(program("processes_follow.c", "-O0", "-g")))
    debugging.run(stop_at="main")

    def kill_elsewhere(pid: int) -> None:
        os.sched_setaffinity(pid, {there})
        os.kill(pid, signal.SIGKILL)
        while here != there and procfs.thread_state(pid, pid) != "Z":
            pass

    with on_one_cpu(here, debugging.need_process().pid):
        is_killed_with_a_child(debugging, monkeypatch, kill_elsewhere)


@contextlib.contextmanager
def on_one_cpu(cpu: int, program: int) -> Iterator[None]:
    """We and the program have one CPU, and it is ours when we want it, if we may demand that."""
    cpus, policy = os.sched_getaffinity(0), os.sched_getscheduler(0)
    for each in (0, program):
        os.sched_setaffinity(each, {cpu})
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, os.sched_param(0))
        os.sched_setaffinity(0, cpus)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("way", WAYS)
def test_rdb_is_killed(way: str, moment: float) -> None:
    """Nobody is left behind, stopped or running."""
    code = f"from rdb.session import Session; s = Session(); {prepared(way)}print(s.target.pid, flush=True); s.cont()"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as debugger:
        assert debugger.stdout is not None
        pid = int(debugger.stdout.readline())
        time.sleep(moment)
        debugger.kill()
    deadline = time.monotonic() + 60
    while _is_there(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_there(pid)


def _is_there(pid: int) -> bool:
    return any(procfs.thread_state(pid, int(task.name)) not in ("", "Z") for task in Path(f"/proc/{pid}/task").glob("*"))
