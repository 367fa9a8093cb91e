"""The traced threads of a process, by themselves: who runs, who stands, whose statuses are taken."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from rdb.linux import procfs, ptrace, threads
from rdb.linux.ptrace import INTERRUPTED, TRAPPED
from rdb.linux.threads import Threads
from tests.build import program

THREADS = 7


@pytest.fixture(params=("sleep", "spin"))
def traced(request: pytest.FixtureRequest) -> Iterator[Threads]:
    """All threads of a program, attached to and standing."""
    path = program("native_threads.c", "-O0", "-g", "-pthread")
    with subprocess.Popen([path, request.param]) as process:
        while len(procfs.threads(process.pid)) < THREADS:
            time.sleep(0.01)
        found, _ = threads.attach(process.pid)
        yield found
        found.kill()


def test_all_stand_then_run_then_stand(traced: Threads) -> None:
    assert sorted(traced.ids) == procfs.threads(traced.pid) and not traced.running
    for thread in traced.ids:
        traced.go(thread, ptrace.cont)
    assert traced.running == set(traced.ids)
    statuses = dict(traced.stop_all())
    assert set(statuses) == set(traced.ids) and not traced.running
    # A thread that was interrupted once too often says so once more.
    assert set(statuses.values()) == {INTERRUPTED}


def test_one_runs_while_the_others_stand(traced: Threads) -> None:
    for thread in traced.ids:
        traced.go(thread, ptrace.cont)
        while traced.look(thread) == INTERRUPTED:
            traced.go(thread, ptrace.cont)
        traced.interrupt(thread)
        assert traced.collect(thread) == INTERRUPTED
        assert traced.look(thread) is None


def test_a_step_is_waited_for(traced: Threads) -> None:
    stepped = traced.ids[-1]
    for thread in traced.ids[:-1]:
        traced.go(thread, ptrace.cont)
    traced.go(stepped, ptrace.step)
    blocked = traced.is_blocked(stepped)
    if not blocked and procfs.thread_state(traced.pid, stepped) != "S":
        found = traced.wait(timeout=0.2)
        while found is not None and found[1] == INTERRUPTED:
            traced.go(found[0], ptrace.cont if found[0] != stepped else ptrace.step)
            found = traced.wait(timeout=0.2)
        assert found in (None, (stepped, TRAPPED))
    traced.stop_all()
    assert traced.wait(timeout=0) is None


def test_the_end_of_one_and_of_all(traced: Threads) -> None:
    gone: list[int] = []
    traced.gone = gone.append
    for thread in traced.ids:
        traced.go(thread, ptrace.cont)
    workers = set(traced.ids) - {traced.pid}
    os.kill(traced.pid, signal.SIGKILL)
    while (found := traced.wait()) is None or found[0] != traced.pid or os.WIFSTOPPED(found[1]):
        pass
    assert os.WTERMSIG(found[1]) == signal.SIGKILL
    assert set(gone) == workers and traced.ids == []


def test_an_end_that_somebody_else_was_told_of(traced: Threads) -> None:
    """Of the kernel's answers this is the only one that is given once."""
    os.kill(traced.pid, signal.SIGKILL)
    for thread in [thread for thread in traced.ids if thread != traced.pid]:
        ptrace.wait(thread)
    assert ptrace.wait(traced.pid) == signal.SIGKILL
    assert traced.end() == signal.SIGKILL
    assert ptrace.look(traced.pid) == signal.SIGKILL
