"""catch syscall: told as gdb tells it, and what is rdb's own: in recordings, in both directions."""

from __future__ import annotations

import difflib
import shutil
import sys
from collections.abc import Callable

import pytest

from rdb.commands.completion import complete_line
from rdb.events import Direction, EndOfHistory, Exited, RecordingStopped
from rdb.session import Session
from rdb.stops import BreakpointHit, Caught
from tests.build import program
from tests.commands.conversation import Conversation
from tests.commands.test_processes import plain
from tests.commands.test_side_by_side import play
from tests.i386.build import program32
from tests.oracle.recording import ENGINES

needs_gdb = pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not on this machine: apt-get install gdb")
FLAGS = ("-O0", "-g", "-pthread")

SCRIPTS = {
    "making and listing": """
catch syscall
catch syscall write
catch syscall 9999
catch syscall 3 getppid 77777
tcatch syscall read
catch syscall group:ipc
catch syscall g:process write
catch syscall group:foo
catch syscall nosuch
catch syscall -3
catch syscall write,read
catch syscall write if 1 == 1
info breakpoints
delete 1
info breakpoints
complete catch syscall wri
complete catch syscall group:
""",
    **{f"group {group}": f"\ncatch syscall group:{group}\n" for group in ("descriptor", "file", "memory", "network", "signal")},
    "by name": """
catch syscall write
run < /dev/null
info breakpoints
continue
continue
continue
continue
info breakpoints
""",
    "any from main on": """
break main
run < /dev/null
catch syscall
continue
continue
continue
disable 2
continue
""",
    "without a name": """
catch syscall 9999
run < /dev/null
continue
continue
""",
    "temporary": """
break main
run < /dev/null
tcatch syscall read
continue
info breakpoints
stepi
continue
""",
    "conditions": """
catch syscall getppid write
condition 1 $orig_rax == 1
ignore 1 2
run < /dev/null
continue
continue
""",
    "while stepping": """
break main
catch syscall getppid write
run < /dev/null
next
next
next
next
next
""",
    "exec": """
break again
run e < /dev/null
delete
catch syscall execve
continue
continue
continue
""",
}


@needs_gdb
@pytest.mark.parametrize("name", SCRIPTS)
def test_rdb_answers_as_gdb(name: str, script: list[str]) -> None:
    executable = program("processes_calls.c", *FLAGS)
    script += SCRIPTS[name].strip().splitlines()
    expected = plain(play(["gdb"], list(script), executable))
    answered = plain(play([sys.executable, "-m", "rdb"], list(script), executable))
    assert not list(difflib.unified_diff(expected, answered, "gdb", "rdb", lineterm="", n=2))


def test_names_are_completed() -> None:
    conversation = Conversation()
    assert complete_line(conversation.console, "catch syscall read writ") == ("catch syscall read ", ["write", "writev"])
    assert complete_line(conversation.console, "tcatch syscall group:d")[1] == ["group:descriptor"]


EXPECTED = ["call to getppid", "returned from getppid", "call to write", "returned from write"]


def caught(debugging: Session, direction: Direction = Direction.FORWARD) -> str:
    """Go on to the next catchpoint; what it is about."""
    reason = debugging.cont(direction).reason(Caught)
    assert isinstance(reason, Caught)
    return reason.what.replace("syscall ", "")


@pytest.fixture(params=[program, program32], ids=["64 bit", "32 bit"])
def recorded(request: pytest.FixtureRequest, session: Callable[..., Session]) -> Callable[[str], Session]:
    def record(engine: str) -> Session:
        debugging = session(request.param("processes_calls.c", *FLAGS))
        debugging.arguments = "< /dev/null"
        debugging.settings["record full engine"] = engine
        debugging.run(stop_at="main")
        debugging.record()
        return debugging

    return record


@pytest.mark.parametrize("engine", ENGINES)
def test_recorded_calls_are_caught_in_both_directions(engine: str, recorded: Callable[[str], Session]) -> None:
    debugging = recorded(engine)
    numbers = {name: number for number, name in debugging.arch.syscall.names.items()}
    debugging.catch("syscall", about=[numbers["getppid"], numbers["write"]])
    assert [caught(debugging) for _ in EXPECTED] == EXPECTED
    positions = [debugging.need_recording().position]
    assert [caught(debugging, Direction.REVERSE) for _ in EXPECTED[1:]] == EXPECTED[-2::-1]
    assert debugging.cont(Direction.REVERSE).reason(EndOfHistory)
    assert [caught(debugging) for _ in EXPECTED[:-1]] == EXPECTED[:-1]
    assert debugging.cont().reason(EndOfHistory)
    assert debugging.need_recording().position == positions[0]
    assert [caught(debugging) for _ in range(2)] == ["call to write", "returned from write"]
    assert debugging.cont().reason(RecordingStopped)


def test_what_is_recorded_anew_is_caught_anew(recorded: Callable[[str], Session]) -> None:
    debugging = recorded("step")
    debugging.catch("syscall")
    assert [caught(debugging) for _ in EXPECTED] == EXPECTED
    assert [caught(debugging, Direction.REVERSE) for _ in range(2)] == ["call to write", "returned from getppid"]
    assert debugging.record_delete()
    assert [caught(debugging) for _ in range(2)] == EXPECTED[2:]


def test_single_steps_are_not_disturbed(recorded: Callable[[str], Session]) -> None:
    debugging = recorded("step")
    debugging.catch("syscall")
    assert caught(debugging) == EXPECTED[0]
    before = debugging.pc
    debugging.stepi()
    assert debugging.pc > before
    debugging.stepi(direction=Direction.REVERSE)
    assert debugging.pc == before
    assert debugging.cont().reason(EndOfHistory)


def test_recording_begins_in_front_of_the_call(session: Callable[..., Session]) -> None:
    debugging = session(program("processes_calls.c", *FLAGS))
    debugging.arguments = "< /dev/null"
    debugging.catch("syscall", temporary=True, about=[1])
    assert debugging.run().reason(Caught)
    behind = debugging.pc
    debugging.record()
    assert debugging.pc == behind - len(debugging.arch.syscall.instruction)
    debugging.stepi()
    assert debugging.pc == behind and debugging.evaluate_integer("$rax") == 4
    debugging.catch("syscall", about=[1])
    assert caught(debugging) == "call to write"
    debugging.record_stop()
    assert [caught(debugging) for _ in range(2)] == ["call to write", "returned from write"]
    assert debugging.cont().reason(Exited) == Exited(3)


@pytest.mark.parametrize("engine", [None, *ENGINES])
def test_a_call_that_is_interrupted_for_another_thread_is_told_once(engine: str | None, session: Callable[..., Session]) -> None:
    """One thread reads from a pipe while the other stops again and again; every call begins once and returns once."""
    debugging = session(program("processes_calls.c", *FLAGS))
    debugging.arguments = "w < /dev/null"
    if engine is not None:
        debugging.settings["record full engine"] = engine
        debugging.run(stop_at="main")
        debugging.record()
        debugging.break_at("waits")
        assert debugging.cont().reason(BreakpointHit)
    else:
        debugging.break_at("waits")
        assert debugging.run().reason(BreakpointHit)
    debugging.catch("syscall", about=[0, 110])
    told = []
    while isinstance(reason := debugging.cont().reason(Caught), Caught):
        thread = debugging.thread_number
        told.append((thread, reason.what.replace(" syscall", "")))
    mine = [what for thread, what in told if thread == 1]
    assert mine == ["call to getppid", "returned from getppid"] * 2 + ["call to read", "returned from read"]
    assert [what for thread, what in told if thread == 2] == ["call to read", "returned from read"]
