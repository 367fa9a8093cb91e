"""The signal commands in gdb and in rdb: what they answer must be the same."""

from __future__ import annotations

import difflib
import shutil
import sys

import pytest

from tests.build import program
from tests.commands.test_side_by_side import play

pytestmark = pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not on this machine: apt-get install gdb")

SCRIPTS = {
    "handle": """
handle
handle SIGUSR1
handle nosuch
handle SIGUSR1 foo
handle SIGUSR1 nostop
handle SIGUSR1 nopass print
handle 14 stop
handle 14-15 nostop
handle 15-14 nostop
handle 16 stop
handle 3-40 stop
handle SIGUSR1 SIGUSR2 nostop noprint
handle SIGINT pass
handle SIGUSR1 ignore
handle SIGUSR1 noignore
handle SIGRTMIN stop
handle stop
handle SIGUSR1 sto
handle SIGUSR1 n
handle SIGUSR1 i
info signals 14
info signals SIGUSR1
info signals nosuch
info signals 40
info signals 3+2
info handle 10
signal
signal SIGUSR1
queue-signal
handle all nostop
info handle SIGALRM
""",
    "live": """
run
bt
p $_exitcode
signal 0
p $_exitcode
p $_exitsignal
start
queue-signal SIGUSR1
signal SIGUSR2
p $_exitsignal
p $_exitcode
start
signal nosuch
signal 16
handle SIGUSR1 nostop print nopass
queue-signal SIGUSR1
handle SIGUSR1 pass
queue-signal SIGUSR1
next
break handle
continue
bt
finish
handle SIGUSR1 nostop noprint
delete
continue
p $_exitcode
""",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_rdb_answers_as_gdb(name: str) -> None:
    executable = program("signal_state.c")
    lines = SCRIPTS[name].strip().splitlines()
    expected = play(["gdb"], list(lines), executable)
    answered = play([sys.executable, "-m", "rdb"], list(lines), executable)
    assert not list(difflib.unified_diff(expected, answered, "gdb", "rdb", lineterm="", n=2))
