"""Forks, execs and inferiors, told as gdb tells them."""

from __future__ import annotations

import difflib
import re
import shutil
import sys

import pytest

from tests.build import program
from tests.commands.test_side_by_side import play

pytestmark = pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not on this machine: apt-get install gdb")

SCRIPTS: dict[str, str] = {
    "settings": """
show follow-fork-mode
show detach-on-fork
show follow-exec-mode
show print inferior-events
set follow-fork-mode x
set detach-on-fork x
set follow-fork-mode
set follow-fork-mode ch
show follow-fork-mode
""",
    "inferiors without a process": """
info inferiors
info inferiors 3
inferior
inferior 2
kill inferiors 1
detach inferiors 7
kill inferiors
detach inferiors
remove-inferiors
remove-inferiors 1
add-inferior
info inferiors
inferior 2
remove-inferiors 1
info inferiors
""",
    "catchpoints": """
catch fork
catch vfork
tcatch exec
catch fork if 1 == 2
catch foo
catch fork foo
info breakpoints
delete 2
break in_child
info breakpoints
""",
    "let go": """
run
info inferiors
""",
    "let go silently": """
set print inferior-events off
run
""",
    "followed": """
break in_child
set follow-fork-mode child
run
bt
info inferiors
continue
info inferiors
""",
    "held": """
break 33
set detach-on-fork off
run
info inferiors
inferior 2
delete
continue
info inferiors
inferior 1
continue
info inferiors
""",
    "threads of several inferiors": """
break 33
set detach-on-fork off
run
info threads
info threads 1
info threads 2.1
info threads 2.* 1.1
info threads 3.1
info threads 1.x
thread 2.1
info threads
thread
thread 1
up
thread 1.1
info threads 1
thread 5.1
thread 2.7
thread
kill inferiors 2
info threads
""",
    "held and let go": """
break 33
set detach-on-fork off
run
detach inferiors 2
info inferiors
continue
""",
    "held and killed": """
break 33
set detach-on-fork off
run
kill inferiors 2
info inferiors
continue
""",
    "followed while the parent is held": """
break in_child
set detach-on-fork off
set follow-fork-mode child
run
info inferiors
detach
info inferiors
inferior 1
kill
info inferiors
""",
    "a vfork that is let go": """
run v
""",
    "a vfork that is followed": """
break in_child
set follow-fork-mode child
run v
info inferiors
continue
""",
    "a fork that is caught": """
catch fork
run
info breakpoints
continue
""",
    "a vfork that is caught and followed": """
tcatch vfork
set follow-fork-mode child
break in_child
run v
continue
continue
""",
    "stepping over a fork": """
break 28
run
next
next
next
""",
    "stepping into a followed child": """
break 28
set follow-fork-mode child
run
next
next
""",
    "exec": """
break leave
catch exec
run f /bin/true
continue
info breakpoints
continue
info inferiors
""",
    "stepping into an exec": """
break leave
run f /bin/true
next
next
next
info breakpoints
""",
    "an exec that fails": """
break leave
run f /nowhere/at/all
next
next
next
continue
""",
}


def plain(lines: list[str]) -> list[str]:
    """What is left when thread ids and gdb's words about the same place in two inferiors are taken away."""
    left = []
    for line in lines:
        line = re.sub(r"(Breakpoint \d+)\.\d+,", r"\1,", line)
        left.append(re.sub(r"\(?LWP \d+\)?", "LWP", line))
    return left


@pytest.mark.parametrize("name", SCRIPTS)
def test_rdb_answers_as_gdb(name: str, script: list[str]) -> None:
    executable = program("processes_follow.c")
    script += SCRIPTS[name].strip().splitlines()
    expected = plain(play(["gdb"], list(script), executable))
    answered = plain(play([sys.executable, "-m", "rdb"], list(script), executable))
    assert not list(difflib.unified_diff(expected, answered, "gdb", "rdb", lineterm="", n=2))
