"""gdb and rdb count the hits of a breakpoint in several threads, and the signals that arrive in them, alike."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.build import ROOT, program

COMMANDS = ("set confirm off", "set debuginfod enabled off", "break visit", "break handler", "ignore 1 100000", "ignore 2 100000")
GDB, RDB = ["gdb", "-q", "-nx", "-batch"], [sys.executable, "-m", "rdb", "-q", "-nx", "-batch"]


def hits(debugger: list[str], mode: str) -> tuple[list[str], list[str]]:
    """How often each breakpoint was hit, and how the program has ended."""
    commands = [*COMMANDS, "handle SIGUSR1 nostop noprint pass", f"run {mode}", "info breakpoints"]
    words = [word for command in commands for word in ("-ex", command)]
    path = str(program("native_threads.c", "-O0", "-g", "-pthread"))
    done = subprocess.run([*debugger, *words, path], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    counted = re.findall(r"already hit (\d+) times?", done.stdout)
    return counted, re.findall(r"\(process \d+\) (exited .*)\]", done.stdout)


@pytest.mark.parametrize(("mode", "expected"), [("visit", ["150"]), ("raise", ["150", "150"])])
def test_hits(mode: str, expected: list[str]) -> None:
    told = hits(RDB, mode)
    assert told == hits(GDB, mode)
    assert told == (expected, ["exited with code 07"])
