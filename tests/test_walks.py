"""Walks as tables: a program, where to begin, and after each command the function, the line and the kind of stop.

A forward walk is done three times: in the live program, while recording, and in the recorded past; each must come to the same
places.  What stands here was compared with gdb 13, where gdb can do it; tests/walks compares random walks with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from rdb.events import Direction, EndOfHistory
from rdb.linux.signals import Disposition
from rdb.session import Session
from tests.build import program
from tests.walks.place import perform, place

BARE = ("walk_bare.c", "-O0", "-g", "-nostdlib", "-static", "-no-pie", "-fcf-protection=none", "-fno-stack-protector")
CALLS = ("walk_calls.c", "-O0", "-g", "-Wl,-z,lazy")
INLINED = ("walk_inlined.c", "-O2", "-g", "-no-pie")
SIGUSR1 = 10


class Walk(NamedTuple):
    """It begins at `begin`; `breakpoints` are numbered from 2 (3 for a backward walk).  Rows are (command, place, kind of
    stop)."""

    program: tuple[str, ...]
    begin: str
    breakpoints: tuple[str, ...]
    rows: list[tuple[str, str, str]]

FORWARDS = {
    "a loop": Walk(BARE, "main", (), [
        ("next", "main:91", "step"),
        ("next", "main:92", "step"),
        ("next", "main:91", "step"),
        ("next 3", "main:92", "step"),
        ("next", "main:91", "step"),
        ("until", "main:93", "step"),
        ("step", "thrice:14", "step"),
        ("finish", "main:93", "finished"),
        ("until", "main:94", "step"),
    ]),
    "calls within a line": Walk(BARE, "93", (), [
        ("step", "thrice:14", "step"),
        ("finish", "main:93", "finished"),
        ("step", "twice:11", "step"),
        ("step", "twice:12", "step"),
        ("step", "twice:11", "step"),
        ("step 2", "main:94", "step"),
        ("next", "main:95", "step"),
    ]),
    "recursion": Walk(BARE, "94", (), [
        ("step", "factorial:18", "step"),
        ("next", "factorial:20", "step"),
        ("step", "factorial:18", "step"),
        ("step", "factorial:20", "step"),
        ("finish", "factorial:20", "finished"),
        ("finish", "main:94", "finished"),
        ("nexti 3", "main:95", "step"),
        ("next", "main:96", "step"),
    ]),
    "a breakpoint in recursion": Walk(BARE, "94", ("factorial",), [
        ("next", "factorial:18", "breakpoint 2"),
        ("continue", "factorial:18", "breakpoint 2"),
        ("finish", "factorial:18", "breakpoint 2"),
        ("next", "factorial:20", "step"),
        ("continue", "factorial:18", "breakpoint 2"),
        ("next", "factorial:19", "step"),
    ]),
    "mutual calls on one line": Walk(BARE, "95", (), [
        ("step", "is_even:27", "step"),
        ("next", "is_even:28", "step"),
        ("step", "is_odd:33", "step"),
        ("next", "is_odd:34", "step"),
        ("step", "is_even:27", "step"),
        ("finish", "is_odd:34", "finished"),
        ("next", "is_odd:35", "step"),
        ("next", "is_even:29", "step"),
    ]),
    "function pointers": Walk(BARE, "96", (), [
        ("step", "apply:41", "step"),
        ("next", "apply:42", "step"),
        ("step", "apply:43", "step"),
        ("step", "apply:41", "step"),
        ("next", "apply:42", "step"),
        ("step", "apply:43", "step"),
        ("step 3", "sort:47", "step"),
    ]),
    "until and advance": Walk(BARE, "97", (), [
        ("step", "sort:47", "step"),
        ("next 5", "sort:52", "step"),
        ("until", "sort:50", "step"),
        ("until 54", "sort:54", "location"),
        ("advance 54", "sort:54", "location"),
        ("advance 48", "sort:48", "location"),
        ("finish", "main:98", "finished"),
        ("until", "main:99", "step"),
        ("advance twice", "twice:11", "location"),
        ("advance 99", "blind_call:None", "location"),
    ]),
    "a switch": Walk(BARE, "98", (), [
        ("step", "choose:60", "step"),
        ("next", "choose:62", "step"),
        ("next", "choose:72", "step"),
        ("step", "choose:60", "step"),
        ("next", "choose:64", "step"),
        ("next", "choose:65", "step"),
        ("step", "choose:71", "step"),
        ("next", "choose:72", "step"),
        ("next", "main:99", "step"),
    ]),
    "a function without lines": Walk(BARE, "99", (), [
        ("step", "main:100", "step"),
        ("step", "main:101", "step"),
        ("next", "main:102", "step"),
        ("stepi 5", "main:107", "step"),
        ("stepi", "main:106", "step"),
        ("nexti", "main:107", "step"),
    ]),
    "inside a function without lines": Walk(BARE, "*blind", (), [
        ("stepi", "blind:None", "step"),
        ("until", "blind:None", "step"),
        ("step", "main:99", "step"),
        ("next", "main:100", "step"),
    ]),
    "a callback from a function without lines": Walk(BARE, "100", ("twice",), [
        ("step", "twice:11", "breakpoint 2"),
        ("next", "twice:12", "step"),
        ("next", "blind_call:None", "step"),
        ("next", "main:100", "step"),
        ("next", "main:101", "step"),
    ]),
    "a loop that tests last": Walk(BARE, "101", (), [
        ("next 3", "main:107", "step"),
        ("next", "main:106", "step"),
        ("next", "main:107", "step"),
        ("until", "main:108", "step"),
    ]),
    "library calls bound lazily and again": Walk(CALLS, "main", (), [
        ("step", "length:37", "step"),
        ("next", "length:38", "step"),
        ("next", "length:39", "step"),
        ("step", "length:40", "step"),
        ("step", "main:45", "step"),
        ("step", "add:32", "step"),
        ("finish", "main:45", "finished"),
        ("step", "length:37", "step"),
        ("finish", "main:45", "finished"),
        ("next", "main:46", "step"),
        ("next", "main:47", "step"),
    ]),
    "a callback of the library": Walk(CALLS, "46", ("compare",), [
        ("next", "compare:14", "breakpoint 2"),
        ("step", "compare:15", "step"),
        ("next", "compare:16", "step"),
        ("continue", "compare:14", "breakpoint 2"),
        ("continue", "compare:14", "breakpoint 2"),
    ]),
    "a signal handler": Walk(CALLS, "49", ("on_signal",), [
        ("next", "on_signal:21", "breakpoint 2"),
        ("step", "on_signal:22", "step"),
        ("advance 50", "__restore_rt:None", "location"),
    ]),
    "over a signal handler": Walk(CALLS, "49", (), [
        ("next", "main:50", "step"),
        ("next", "main:51", "step"),
    ]),
    "longjmp, caught by a breakpoint": Walk(CALLS, "51", ("54",), [
        ("next", "main:52", "step"),
        ("step", "leap:26", "step"),
        ("next", "leap:27", "step"),
        ("next", "main:54", "breakpoint 2"),
        ("next", "main:55", "step"),
    ]),
    "into inlined calls and tail calls": Walk(INLINED, "work", (), [
        ("step", "work:35", "step"),
        ("step", "square:7", "step"),
        ("step", "square:8", "step"),
        ("step", "work:37", "step"),
        ("step", "twice_square:13", "step"),
        ("step", "square:7", "step"),
        ("step", "square:8", "step"),
        ("step", "twice_square:14", "step"),
        ("step", "twice_square:15", "step"),
        ("step", "square:7", "step"),
        ("step", "square:16", "step"),
        ("step", "work:38", "step"),
        ("step 2", "tail:28", "step"),
        ("next", "plain:21", "step"),
        ("next", "plain:22", "step"),
        ("next", "work:39", "step"),
    ]),
    "over inlined calls, and back to the middle of a line": Walk(INLINED, "work", (), [
        ("next", "work:35", "step"),
        ("next", "work:37", "step"),
        ("next 2", "work:39", "step"),
        ("next", "work:40", "step"),
        ("next", "main:46", "step"),
    ]),
    "out of inlined calls": Walk(INLINED, "work", (), [
        ("next", "work:35", "step"),
        ("step", "square:7", "step"),
        ("finish", "work:37", "step"),
        ("step 2", "square:7", "step"),
        ("finish", "twice_square:14", "step"),
        ("step", "twice_square:15", "step"),
        ("finish", "work:38", "step"),
    ]),
    "instructions of inlined calls": Walk(INLINED, "*work", (), [
        ("stepi 2", "square:7", "step"),
        ("stepi", "square:8", "step"),
        ("nexti", "work:36", "step"),
        ("stepi 3", "square:7", "step"),
        ("stepi 2", "square:8", "step"),
        ("step", "twice_square:14", "step"),
        ("next 2", "work:38", "step"),
        ("finish", "main:46", "finished"),
    ]),
    "breakpoints on an inlined function": Walk(INLINED, "work", ("square",), [
        ("continue", "square:7", "breakpoint 2"),
        ("continue", "square:7", "breakpoint 2"),
        ("finish", "twice_square:14", "step"),
    ]),
}

BACKWARDS = {
    "a loop": Walk(BARE, "93", ("91",), [
        ("reverse-next", "main:91", "step"),
        ("reverse-next", "main:92", "step"),
        ("reverse-next", "main:91", "step"),
        ("reverse-next 3", "main:92", "step"),
        ("reverse-step", "main:91", "breakpoint 3"),
        ("reverse-step", "main:89", "end of history"),
        ("reverse-step", "main:89", "end of history"),
        ("step", "main:91", "breakpoint 3"),
    ]),
    "calls within a line": Walk(BARE, "94", (), [
        ("reverse-step", "twice:12", "step"),
        ("reverse-step", "twice:11", "step"),
        ("reverse-step", "twice:12", "step"),
        ("reverse-step", "twice:11", "step"),
        ("reverse-step 2", "thrice:14", "step"),
        ("reverse-next", "main:93", "step"),
        ("next", "main:94", "end of history"),
    ]),
    "over calls": Walk(BARE, "98", (), [
        ("reverse-next", "main:97", "step"),
        ("reverse-next", "main:96", "step"),
        ("reverse-next 3", "main:95", "step"),
    ]),
    "recursion": Walk(BARE, "95", (), [
        ("reverse-step", "main:94", "step"),
        ("reverse-step", "factorial:21", "step"),
        ("reverse-step", "factorial:20", "step"),
        ("reverse-step", "factorial:21", "step"),
        ("reverse-finish", "factorial:20", "finished"),
        ("reverse-next", "factorial:20", "step"),
        ("reverse-finish", "main:94", "finished"),
    ]),
    "a breakpoint in recursion": Walk(BARE, "95", ("factorial",), [
        ("reverse-next", "main:94", "step"),
        ("reverse-continue", "factorial:18", "breakpoint 3"),
        ("reverse-next", "factorial:20", "step"),
        ("reverse-finish", "factorial:18", "breakpoint 3"),
        ("continue", "factorial:18", "breakpoint 3"),
    ]),
    "mutual calls on one line": Walk(BARE, "96", (), [
        ("reverse-step", "main:95", "step"),
        ("reverse-next", "main:95", "step"),
        ("reverse-step", "is_even:29", "step"),
        ("reverse-step", "is_odd:35", "step"),
        ("reverse-finish", "is_even:28", "finished"),
        ("reverse-finish", "main:95", "finished"),
    ]),
    "function pointers": Walk(BARE, "97", (), [
        ("reverse-step", "main:96", "step"),
        ("reverse-next", "main:96", "step"),
        ("reverse-step", "apply:43", "step"),
        ("reverse-step", "apply:42", "step"),
        ("reverse-step", "twice:12", "step"),
        ("reverse-step", "twice:11", "step"),
    ]),
    "a function without lines": Walk(BARE, "101", (), [
        ("reverse-stepi", "main:100", "step"),
        ("reverse-stepi", "blind_call:None", "step"),
        ("reverse-step", "twice:12", "step"),
        ("reverse-step", "twice:11", "step"),
    ]),
    "library calls": Walk(CALLS, "46", (), [
        ("reverse-step", "add:33", "step"),
        ("reverse-finish", "main:45", "finished"),
        ("reverse-step", "length:40", "step"),
        ("reverse-step", "length:39", "step"),
        ("reverse-step", "length:38", "step"),
        ("reverse-next", "length:38", "step"),
        ("reverse-next", "length:37", "step"),
        ("next", "length:38", "step"),
    ]),
    "a callback of the library": Walk(CALLS, "47", ("compare",), [
        ("reverse-next", "compare:14", "breakpoint 3"),
        ("reverse-continue", "compare:14", "breakpoint 3"),
        ("reverse-continue", "compare:14", "breakpoint 3"),
        ("reverse-continue", "main:44", "end of history"),
    ]),
    "over a signal handler": Walk(CALLS, "50", (), [
        ("reverse-next", "main:49", "step"),
        ("reverse-next", "main:48", "step"),
        ("reverse-next 2", "main:46", "step"),
    ]),
    "a signal handler": Walk(CALLS, "50", ("on_signal",), [
        ("reverse-next", "on_signal:21", "breakpoint 3"),
        ("reverse-stepi 2", "on_signal:20", "step"),
        ("reverse-continue", "main:44", "end of history"),
        ("continue", "on_signal:21", "breakpoint 3"),
    ]),
    "longjmp": Walk(CALLS, "55", ("leap",), [
        ("reverse-next", "main:54", "step"),
        ("reverse-next", "main:51", "step"),
        ("reverse-continue", "leap:26", "breakpoint 3"),
        ("reverse-finish", "main:52", "finished"),
        ("reverse-next", "main:52", "step"),
        ("reverse-next", "main:51", "step"),
        ("reverse-next 2", "main:50", "step"),
    ]),
}


def follow(session: Session, walk: Walk, script: list[str]) -> None:
    for command, where, kind in walk.rows:
        script.append(command)
        here = place(perform(session, command))
        assert (f"{here.function}:{here.line}", here.kind) == (where, kind), f"after {command}"


def opened(walk: Walk, session: Callable[..., Session], script: list[str]) -> Session:
    """A session for a walk: the program's output thrown away, its signal passed on quietly."""
    path = program(*walk.program)
    debugging = session(path, query=lambda question: "program exit" in question)
    debugging.arguments = "> /dev/null"
    debugging.signals[SIGUSR1] = Disposition(stop=False, tell=False, forward=True)
    script += [f"file {path}", "set args > /dev/null", "handle SIGUSR1 nostop noprint pass"]
    return debugging


@pytest.mark.parametrize("mode", ("live", "recording", "replay"))
@pytest.mark.parametrize("name", FORWARDS)
def test_forwards(name: str, mode: str, session: Callable[..., Session], script: list[str]) -> None:
    walk = FORWARDS[name]
    debugging = opened(walk, session, script)
    script += [f"tbreak {walk.begin}", "run"]
    debugging.break_at(walk.begin, temporary=True)
    debugging.run()
    if mode != "live":
        script.append("record")
        debugging.record()
    if mode == "replay":
        script += ["continue", "reverse-continue"]
        debugging.cont()
        assert debugging.cont(Direction.REVERSE).stop.reason(EndOfHistory)
    for spec in walk.breakpoints:
        script.append(f"break {spec}")
        debugging.break_at(spec)
    follow(debugging, walk, script)


@pytest.mark.parametrize("name", BACKWARDS)
def test_backwards(name: str, session: Callable[..., Session], script: list[str]) -> None:
    walk = BACKWARDS[name]
    debugging = opened(walk, session, script)
    script += ["tbreak main", "run", "record", f"tbreak {walk.begin}", "continue"]
    debugging.run(stop_at="main")
    debugging.record()
    debugging.break_at(walk.begin, temporary=True)
    debugging.cont()
    for spec in walk.breakpoints:
        script.append(f"break {spec}")
        debugging.break_at(spec)
    follow(debugging, walk, script)
