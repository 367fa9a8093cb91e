"""rdb is killed: what it has started ends with it, what it has attached to goes on; nobody is left stopped."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from rdb.linux import procfs
from tests.build import ROOT, program

BEGIN = "import time; from rdb.session import Session; s = Session(); "
ENDS = {"standing": "print(s.target.pid, flush=True); time.sleep(600)", "running": "print(s.target.pid, flush=True); s.cont()"}


def debugger(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", BEGIN + code], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kill(process: subprocess.Popen[str]) -> int:
    """Kill a debugger; the pid that it has told of."""
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    return pid


@pytest.mark.parametrize("end", ENDS)
def test_a_launched_program_ends_too(end: str) -> None:
    path = program("native_threads.c", "-O0", "-g", "-pthread")
    prepare = f"s.load({str(path)!r}); s.arguments = 'spin'; s.break_at('spinner'); s.run(); s.breakpoints.delete(1); "
    pid = kill(debugger(prepare + ENDS[end]))
    while procfs.thread_state(pid, pid) not in ("", "Z"):
        time.sleep(0.01)


@pytest.mark.parametrize("end", ENDS)
def test_an_attached_program_goes_on(end: str) -> None:
    path = program("native_threads.c", "-O0", "-g", "-pthread")
    with subprocess.Popen([path, "breed", "read"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "ready\n"
        # `visit` is nowhere on the way of this program: the trap that stays behind there does no harm.
        assert kill(debugger(f"s.attach({other.pid}); s.break_at('visit'); " + ENDS[end])) == other.pid
        other.communicate("\n")
    assert other.returncode == 7
