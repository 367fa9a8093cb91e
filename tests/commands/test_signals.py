"""The signal commands in gdb and in rdb: what they answer must be the same."""

from __future__ import annotations

import difflib
import shutil
import sys

import pytest

from tests.build import program
from tests.commands.test_side_by_side import play
from tests.walks.test_against_gdb import FLAGS

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
    "catching": """
catch signal
catch signal all
catch signal SIGUSR1
catch signal SIGUSR1 SIGALRM 15
tcatch signal SIGCHLD
catch signal all SIGUSR1
catch signal nosuch
catch signal 77
catch signal SIGUSR1 if 0
catch signal SIG34
info breakpoints
complete catch signal SIGUS
complete tcatch signal al
complete catch signal SIGUSR1 SIGAL
complete signal SIGUS
complete queue-signal SIGUS
complete handle SIGUS
complete handle SIGUSR1 nop
""",
    "caught once": """
tcatch signal
run
info breakpoints
signal 0
p $_exitcode
""",
    "caught": """
catch signal SIGUSR1
run
info breakpoints
p $_siginfo.si_signo
signal 0
catch signal SIGUSR2
condition 2 0
start
signal SIGUSR2
p $_exitsignal
ignore 2 1
condition 2
handle SIGUSR2 nostop noprint
start
queue-signal SIGUSR2
continue
p $_exitsignal
""",
}

# How each of the recorded scripts begins.
RECORDING = ("break main", "run", "record", "delete")
RECORDED = {
    "caught": """
handle SIGUSR1 nostop noprint pass
handle SIGUSR2 SIGURG SIGTSTP nostop noprint nopass
catch signal SIGUSR1 SIGSEGV
continue
continue
reverse-continue
reverse-continue
continue
info breakpoints
stepi
continue
continue
""",
    "caught or not": """
handle SIGUSR1 SIGURG stop print pass
handle SIGUSR2 stop print pass
handle SIGTSTP nostop noprint nopass
catch signal SIGUSR2
catch signal SIGUSR1
condition 3 caught > 100
continue
continue
continue
reverse-continue
reverse-continue
reverse-continue
disable 2
continue
continue
continue
""",
    "ignored": """
handle SIGUSR1 SIGUSR2 SIGURG stop print pass
handle SIGTSTP nostop noprint nopass
continue
continue
continue
continue
reverse-continue
reverse-continue
reverse-continue
p caught
reverse-continue
reverse-continue
continue
continue
stepi
reverse-stepi
continue
continue
continue
continue
""",
    "steps": """
handle SIGUSR1 SIGUSR2 SIGTSTP nostop noprint pass
handle SIGURG stop print pass
continue
stepi
stepi
reverse-stepi
reverse-stepi
reverse-continue
continue
next
next
""",
    "told only": """
handle SIGUSR2 SIGURG nostop print pass
handle SIGUSR1 SIGTSTP nostop noprint nopass
continue
reverse-continue
continue
""",
    "not passed": """
handle SIGUSR1 SIGUSR2 SIGURG SIGTSTP stop print nopass
continue
continue
continue
continue
continue
reverse-continue
continue
""",
    "the last": """
handle SIGUSR1 SIGUSR2 SIGURG SIGTSTP nostop noprint nopass
continue
reverse-stepi
continue
p $pc
continue
p $_siginfo.si_signo
reverse-continue
continue
stepi
stepi
p $_exitsignal
""",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_rdb_answers_as_gdb(name: str) -> None:
    executable = program("signal_state.c")
    lines = SCRIPTS[name].strip().splitlines()
    expected = play(["gdb"], list(lines), executable)
    answered = play([sys.executable, "-m", "rdb"], list(lines), executable)
    assert not list(difflib.unified_diff(expected, answered, "gdb", "rdb", lineterm="", n=2))


@pytest.mark.parametrize("engine", ("step", "compiled"))
@pytest.mark.parametrize("name", RECORDED)
def test_the_past_stops_as_gdbs_does(name: str, engine: str) -> None:
    """At signals that were passed to the program, whatever became of them; and what failed at the end fails again."""
    executable = program("signal_stops.c", *FLAGS)
    lines = [*RECORDING, *RECORDED[name].strip().splitlines()]
    expected = play(["gdb"], list(lines), executable)
    answered = play([sys.executable, "-m", "rdb", "-ex", f"set record full engine {engine}"], list(lines), executable)
    assert not list(difflib.unified_diff(expected, answered, "gdb", "rdb", lineterm="", n=2))
