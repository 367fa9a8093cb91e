"""Frames at particular places: the program's entry point, code without unwind tables, parameters known from the caller."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rdb.errors import RdbError
from rdb.session import Session
from tests.build import program
from tests.commands.conversation import Conversation

BARE = ("walk_bare.c", "-O0", "-g", "-nostdlib", "-static", "-no-pie", "-fcf-protection=none", "-fno-stack-protector")
NO_TABLES = (*BARE, "-fno-asynchronous-unwind-tables", "-fno-unwind-tables")
RETURN = b"\xc3"


def test_the_entry_point_is_outermost_with_debug_info_too(session: Callable[..., Session], script: list[str]) -> None:
    debugging = session(program(*BARE))
    script += ["starti", "backtrace", "finish"]
    debugging.run(stop_at="first instruction")
    assert [frame.name for frame in debugging.frames()] == ["_start"]
    with pytest.raises(RdbError, match="not meaningful in the outermost frame"):
        debugging.finish()


def test_every_instruction_without_unwind_tables(session: Callable[..., Session], script: list[str]) -> None:
    """Before the frame is set up, within it, and at the return, where rbp is the caller's again."""
    path = program(*NO_TABLES[:1], "-g0", *[flag for flag in NO_TABLES[1:] if flag != "-g"])
    debugging = session(path)
    script += ["break *factorial", "run", "delete", "stepi", "backtrace"]
    stop = debugging.break_at("*factorial")
    debugging.run()
    debugging.breakpoints.delete(stop.number)
    returns = 0
    for _ in range(80):
        names = [frame.name for frame in debugging.frames()]
        depth = names.index("main")
        assert names == ["factorial"] * depth + ["main"], hex(debugging.pc)
        returns += debugging.read_memory(debugging.pc, 1) == RETURN
        if depth == 0:
            break
        debugging.stepi()
    assert returns == 4


def test_values_on_entry_of_every_class(session: Callable[..., Session], script: list[str]) -> None:
    """As gdb 13 shows them, which compares node with its value on entry too."""
    talk = Conversation(session(program("sym_entry_values.c", "-O2", "-g")))
    script += ["break mean", "break half", "run", "continue", "continue"]
    talk.talk(["break mean", "break half"])
    assert "mean (count=count@entry=2, value=value@entry=2.5, node=" in talk.say("run")
    assert "half (value=5.5, share=share@entry=1.5)" in talk.say("continue")
    assert "half (value=value@entry=1, share=share@entry=2)" in talk.say("continue")
