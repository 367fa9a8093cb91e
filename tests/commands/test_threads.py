"""Commands about threads: the same scripts in gdb and in rdb, and what is rdb's own.

The program's barriers fix which thread comes where; what another thread does in the C library meanwhile is not told.
"""

from __future__ import annotations

import difflib
import re
import shutil
import sys
from collections.abc import Callable

import pytest

from rdb.commands.completion import complete_line
from rdb.errors import RdbError
from rdb.session import Session
from tests.build import program
from tests.commands.conversation import Conversation
from tests.commands.test_side_by_side import play
from tests.i386.build import program32

needs_gdb = pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not on this machine: apt-get install gdb")

SCRIPTS = {
    "without a process": """
info threads
info threads 1
thread
thread 1
thread name x
thread find
thread find x
thread apply
thread apply bt
thread apply 1 bt
thread apply 2.1 bt
thread apply all
thread apply all bt
thread apply 2-1 bt
taas
tfaas
faas
frame apply all bt
print $_thread
print $_gthread
print $_inferior
break meet thread 1
show print thread-events
show scheduler-locking
set scheduler-locking foo
""",
    "one thread": """
starti
info threads
thread
break main
continue
info threads
info threads -gid
thread
thread 1
thread 2
print $_thread
print $_thread = 2
thread name leader
info threads
thread find leader
thread find LWP
thread find nobody
thread name
thread apply all print 1
break meet thread 1
tbreak meet thread 1 if own == 1
break meet if own == 1 thread 1
break meet thread 2
break meet thread x
watch shared thread 1
watch shared thread 7
info breakpoints
kill
info breakpoints
""",
    "several threads": """
break meet
run
thread
info threads 2
info threads 7
info threads 2-1
info threads 0
info threads x
print own
thread apply 1 2 print own
thread apply all print own
thread apply all -ascending print own
thread apply all -q print own
thread apply 1-2 -s print nosuch
thread apply 1.2 -c print nosuch
thread apply all print nosuch
thread apply 2 7 print $_thread
thread apply * -q print $_thread
thread apply 1.* -q print $_thread
thread apply 1
thread apply all
taas -q print own
thread apply 2 up
thread
frame
up
thread 2
thread 1.2
thread 2.1
thread 1.9
thread 9
thread 0
thread x
thread -1
thread name meeting place
thread find meeting
thread find LWP
frame apply all -q print $_thread
frame apply 2 print id
frame apply -2 -s print id
frame apply level 0 print id
frame apply level 1-2 -s print argument
frame apply
frame apply x
frame apply all
faas print id
thread apply 2 -s -- frame apply all -s print id
info breakpoints
finish
""",
    "breakpoints and watchpoints": """
set print thread-events off
break main
run
break meet thread 1
break 30
continue
break 21 thread 2
watch shared thread 2
continue
continue
info breakpoints
delete
tbreak meet
continue
""",
    "locked": """
break meet
run
set scheduler-locking on
show scheduler-locking
next
step
finish
""",
}


def without_ids(lines: list[str]) -> list[str]:
    return [re.sub(r"LWP \d+", "LWP TID", line) for line in lines]


@needs_gdb
@pytest.mark.parametrize("name", SCRIPTS)
def test_rdb_answers_as_gdb(name: str, script: list[str]) -> None:
    executable = program("threads_meet.c")
    script += SCRIPTS[name].strip().splitlines()
    expected = without_ids(play(["gdb"], list(script), executable))
    answered = without_ids(play([sys.executable, "-m", "rdb"], list(script), executable))
    assert not list(difflib.unified_diff(expected, answered, "gdb", "rdb", lineterm="", n=2))


@pytest.fixture
def talk(session: Callable[..., Session]) -> Conversation:
    return Conversation(session(program("threads_meet.c")))


def test_a_breakpoint_goes_with_its_thread(talk: Conversation) -> None:
    printed: list[object] = []
    talk.session.notify = printed.append
    talk.talk(["break meet", "run", "break 22 thread 2"])
    assert "Thread 2" in talk.say("continue")
    assert "Thread 3" in talk.say("continue")
    talk.talk(["delete 1", "continue"])
    assert "Thread-specific breakpoint 2 deleted - thread 2 no longer in the thread list." in printed
    assert len(talk.session.breakpoints) == 0


def test_completion_behind_threads(talk: Conversation) -> None:
    assert complete_line(talk.console, "thread apply all -q backt") == ("thread apply all ", ["-q backtrace"])
    assert "apply" in complete_line(talk.console, "thread ")[1]
    assert complete_line(talk.console, "set scheduler-locking re") == ("set scheduler-locking ", ["replay"])


def test_numbers_through_the_session(talk: Conversation) -> None:
    session = talk.session
    session.break_at("meet")
    session.run()
    first, second = session.threads()
    assert [first.number, second.number] == [1, 2] and second.current and not first.current
    assert re.fullmatch(rf"Thread 0x[0-9a-f]+ \(LWP {second.tid}\)", second.target_id)
    assert session.select_thread(1).tid == first.tid == session.process.pid  # type: ignore[union-attr]
    assert session.evaluate_integer("own") == 1
    with pytest.raises(RdbError, match="Unknown thread 3."):
        session.select_thread(3)
    session.select_thread(2)
    assert session.evaluate_integer("own") == 20
    report = session.cont()
    assert [each.number for each in session.threads()] == [1, 3] and report.stop.thread == session.threads()[1].tid


def test_a_32_bit_program_has_pthread_ids_too(session: Callable[..., Session]) -> None:
    opened = session(program32("threads_meet.c"))
    opened.break_at("meet")
    opened.run()
    assert all(re.fullmatch(r"Thread 0xf[0-9a-f]{7} \(LWP \d+\)", each.target_id) for each in opened.threads())
    assert opened.evaluate_integer("own") == 20
