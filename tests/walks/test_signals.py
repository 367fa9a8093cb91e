"""Walks over, into and out of signal handlers, in both directions: each row is a command and where it leads.

Forwards the program that lives, the one that is being recorded by either engine, and the recorded one must agree; and gdb must
say the same of the first; in replay it hangs at a signal that is passed quietly.  Backwards the rows mirror those forwards, where
gdb stops in the handlers.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from rdb.linux.signals import Disposition
from rdb.session import Session
from tests.build import program
from tests.walks.place import perform, place
from tests.walks.test_against_gdb import FLAGS, GDB, gdb_walk

CAUGHT = ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGHUP", "SIGSEGV")


class Walk(NamedTuple):
    """It begins at line `begin`; the signals of `loud` stop the program, the others are passed on quietly."""

    begin: int
    rows: tuple[tuple[str, str], ...]
    breakpoints: tuple[str, ...] = ()
    loud: tuple[str, ...] = ()


FORWARDS = {
    "between lines": Walk(97, (("next", "main:98"), ("next", "main:99"), ("next", "main:100"))),
    "step, between lines": Walk(97, (("step", "main:98"), ("step 2", "main:100"))),
    "inside a line": Walk(99, (("next", "main:100"), ("next", "main:101"))),
    "in a function that is called": Walk(100, (
        ("step", "send:74"), ("step", "send:75"), ("step", "send:76"), ("step", "add:28"), ("step", "add:29"),
        ("step", "add:28"), ("step", "add:29"), ("step", "main:100"), ("step", "main:101"),
    )),
    "nested": Walk(101, (("next", "main:102"), ("next", "main:103"), ("step", "main:104"))),
    "on another stack": Walk(103, (("step", "main:104"), ("next", "main:105"))),
    "a jump out of one": Walk(106, (("next", "main:107"),)),
    "a jump out of one, caught": Walk(106, (
        ("next", "jumps:82"), ("next", "jumps:83"), ("next", "main:106"), ("next", "main:107"),
    ), ("82",)),
    "one that repairs": Walk(107, (("next", "main:108"), ("next", "main:109"), ("next", "main:110"))),
    "until": Walk(98, (("until", "main:99"), ("advance 104", "main:104"), ("until", "main:105"))),
    "a breakpoint in it": Walk(98, (
        ("next", "count:33"), ("next", "count:34"), ("next", "count:35"), ("next", "main:99"), ("next", "main:100"),
        ("next", "count:33"),
    ), ("count",)),
    "a breakpoint at its first instruction": Walk(98, (("next", "count:32"), ("next", "count:33")), ("*count",)),
    "a breakpoint in the nested one": Walk(102, (
        ("next", "nest:39"), ("next", "nest:40"), ("next", "count:33"), ("next 3", "nest:41"), ("next", "nest:42"),
        ("next", "main:103"),
    ), ("nest", "count")),
    "a breakpoint in the one that jumps": Walk(106, (
        ("continue", "leap:52"), ("next", "leap:53"), ("next", "jumps:80"), ("next", "jumps:82"),
    ), ("leap",)),
    "a signal that stops, then step": Walk(98, (
        ("step", "main:98"), ("step", "count:32"), ("step", "count:33"), ("step", "count:34"), ("step", "add:28"),
        ("step 4", "main:99"),
    ), loud=("SIGUSR1",)),
    "a signal that stops, then next": Walk(98, (
        ("next", "main:98"), ("next", "count:32"), ("next 3", "count:35"), ("next", "main:99"), ("next", "main:100"),
        ("next", "send:74"), ("next", "count:32"), ("next 4", "send:75"),
    ), loud=("SIGUSR1",)),
    "a signal that stops, then stepi": Walk(98, (
        ("next", "main:98"), ("stepi", "count:32"), ("stepi", "count:32"), ("next", "count:33"),
    ), loud=("SIGUSR1",)),
    "a fault that stops": Walk(108, (
        ("next", "main:108"), ("next", "repair:57"), ("next", "repair:58"), ("next 2", "repair:60"), ("next", "main:108"),
        ("next", "main:109"),
    ), loud=("SIGSEGV",)),
    "finish": Walk(98, (
        ("continue", "count:33"), ("finish", "__restore_rt:None"), ("finish", "main:98"), ("next", "main:99"),
        ("continue", "count:33"), ("continue", "nest:39"), ("continue", "count:33"), ("finish", "__restore_rt:None"),
        ("finish", "nest:40"),
        ("finish", "__restore_rt:None"), ("finish", "main:102"),
    ), ("33", "nest")),
    "finish, on another stack": Walk(104, (
        ("continue", "inform:46"), ("finish", "__restore_rt:None"), ("finish", "main:104"), ("next", "main:105"),
    ), ("inform",)),
    "nexti over a handler": Walk(98, (("nexti 6", "main:99"), ("nexti", "main:100"))),
    "nexti over one that repairs": Walk(109, (("next", "main:110"), ("nexti 3", "main:111"))),
}
PRESENT = {
    "stepi over a handler": Walk(98, (("stepi 5", "main:98"), ("stepi", "main:99"))),
    "stepi over one that repairs": Walk(108, (("stepi 4", "add:27"), ("finish", "main:108"), ("stepi 2", "main:109"))),
}
REPLAY = {
    "stepi goes into a handler": Walk(98, (
        ("stepi 5", "main:98"), ("stepi", "count:32"), ("stepi", "count:32"), ("finish", "__restore_rt:None"),
        ("stepi 2", "main:98"), ("stepi", "main:99"),
    )),
}
BACKWARDS = {
    "reverse-next": Walk(110, (
        ("reverse-next", "main:109"), ("reverse-next", "main:108"), ("reverse-next", "main:108"), ("reverse-next 2", "main:107"),
        ("reverse-next", "main:106"), ("reverse-next", "main:105"), ("reverse-next", "main:104"), ("reverse-next", "main:103"),
        ("reverse-next", "main:102"), ("reverse-next", "main:101"), ("reverse-next 3", "main:100"), ("reverse-next", "main:99"),
        ("reverse-next", "main:98"), ("reverse-next", "main:97"),
    )),
    "reverse-step": Walk(106, (
        ("reverse-step", "main:105"), ("reverse-step", "main:104"), ("reverse-step", "main:103"), ("reverse-step", "main:102"),
        ("reverse-step", "main:101"), ("reverse-step", "main:100"), ("reverse-step", "add:29"), ("reverse-step", "add:28"),
        ("reverse-step", "main:100"), ("reverse-step 2", "add:28"), ("reverse-step", "send:76"), ("reverse-step", "send:75"),
        ("reverse-step", "send:74"), ("reverse-step", "main:100"), ("reverse-step", "main:99"), ("reverse-step", "main:98"),
    )),
    "over one that repairs": Walk(109, (("reverse-next", "main:108"), ("reverse-next", "main:108"), ("reverse-step", "call:17"))),
    "a breakpoint in it": Walk(103, (
        ("reverse-next", "nest:42"), ("reverse-next", "nest:41"), ("reverse-next", "nest:41"), ("reverse-next", "count:34"),
        ("reverse-continue", "nest:39"), ("reverse-finish", "main:102"), ("reverse-next", "main:102"),
        ("reverse-next", "main:101"),
    ), ("nest", "34", "42")),
    "reverse-stepi goes into it": Walk(99, (
        ("reverse-stepi", "main:98"), ("reverse-stepi", "__restore_rt:None"), ("reverse-stepi 2", "count:35"),
        ("reverse-finish", "main:98"), ("reverse-stepi", "main:98"), ("stepi 2", "count:32"), ("reverse-stepi", "main:98"),
        ("next", "main:99"), ("reverse-step", "main:98"),
    )),
    "reverse-nexti over it": Walk(99, (
        ("reverse-nexti", "main:98"), ("reverse-nexti 5", "main:98"), ("reverse-nexti", "main:97"),
    )),
    "reverse-finish on another stack": Walk(105, (
        ("reverse-continue", "inform:47"), ("reverse-finish", "main:104"), ("reverse-next", "main:104"), ("next", "inform:47"),
    ), ("47",)),
    "a jump out of one": Walk(107, (
        ("reverse-next", "main:106"), ("next", "main:107"), ("reverse-continue", "leap:52"), ("reverse-finish", "jumps:81"),
        ("reverse-next", "jumps:81"), ("reverse-next", "jumps:80"),
    ), ("leap",)),
    "a jump out of one, step": Walk(107, (
        ("reverse-continue", "jumps:82"), ("reverse-step", "jumps:80"), ("reverse-step", "leap:53"), ("reverse-step", "leap:52"),
        ("reverse-step", "jumps:81"), ("reverse-step", "jumps:80"),
    ), ("82",)),
    "a signal that stops": Walk(100, (
        ("reverse-next", "main:99"), ("reverse-next", "main:98"), ("next", "count:32"), ("reverse-step", "main:98"),
        ("step", "count:32"), ("step", "count:33"),
    ), loud=("SIGUSR1",)),
    "a fault that stops": Walk(109, (
        ("reverse-next", "main:108"), ("reverse-next", "main:108"), ("next", "repair:57"), ("finish", "__restore_rt:None"),
        ("finish", "main:108"), ("next", "main:109"),
    ), loud=("SIGSEGV",)),
}


def executable() -> Path:
    return program("walk_signals.c", *FLAGS)


def opened(walk: Walk, session: Callable[..., Session], script: list[str], engine: str = "step") -> Session:
    """A session that stands at main, with the signals as the walk has them."""
    script.append(f"file {executable()}")
    debugging = session(executable())
    debugging.settings["record full engine"] = engine
    for name in CAUGHT:
        loud = name in walk.loud
        script.append(f"handle {name} {'stop print' if loud else 'nostop noprint'} pass")
        debugging.signals[signal.Signals[name]] = Disposition(stop=loud, tell=loud, forward=True)
    script += ["tbreak main", "run"]
    debugging.run(stop_at="main")
    return debugging


def go_to(debugging: Session, line: int, script: list[str]) -> None:
    """Run on to a line, over signals that stop."""
    script += [f"tbreak {line}", "continue"]
    debugging.break_at(str(line), temporary=True)
    while (here := place(debugging.cont()))[:2] != ("main", line):
        assert here.kind.startswith("SIG")
        script.append("continue")


def follow(debugging: Session, walk: Walk, script: list[str]) -> None:
    for spec in walk.breakpoints:
        script.append(f"break {spec}")
        debugging.break_at(spec)
    came = []
    for command, _ in walk.rows:
        script.append(command)
        here = place(perform(debugging, command))
        came.append((command, f"{here.function}:{here.line}"))
    assert came == list(walk.rows)


@pytest.mark.parametrize("mode", ("live", "step", "compiled"))
@pytest.mark.parametrize("name", (*FORWARDS, *PRESENT))
def test_present(name: str, mode: str, session: Callable[..., Session], script: list[str]) -> None:
    walk = (FORWARDS | PRESENT)[name]
    debugging = opened(walk, session, script, "step" if mode == "live" else mode)
    go_to(debugging, walk.begin, script)
    if mode != "live":
        script.append("record")
        debugging.record()
    follow(debugging, walk, script)


@pytest.mark.parametrize("name", (*FORWARDS, *REPLAY))
def test_replay(name: str, session: Callable[..., Session], script: list[str]) -> None:
    walk = (FORWARDS | REPLAY)[name]
    debugging = opened(walk, session, script)
    script.append("record")
    debugging.record()
    go_to(debugging, walk.begin, script)
    begin = debugging.recording.position  # type: ignore[union-attr]
    go_to(debugging, 111, script)
    script.append(f"record goto {begin}")
    debugging.record_goto(begin)
    follow(debugging, walk, script)


@pytest.mark.parametrize("engine", ("step", "compiled"))
@pytest.mark.parametrize("name", BACKWARDS)
def test_backwards(name: str, engine: str, session: Callable[..., Session], script: list[str]) -> None:
    walk = BACKWARDS[name]
    debugging = opened(walk, session, script, engine)
    script.append("record")
    debugging.record()
    go_to(debugging, walk.begin, script)
    follow(debugging, walk, script)


@pytest.mark.skipif(GDB is None, reason="gdb, the reference, is not on this machine")
@pytest.mark.parametrize("name", (*FORWARDS, *PRESENT))
def test_gdb_says_the_same(name: str, tmp_path: Path) -> None:
    """Of the program that lives: what is expected above is what gdb does."""
    walk = (FORWARDS | PRESENT)[name]
    start = [f"handle {each} {'stop print' if each in walk.loud else 'nostop noprint'} pass" for each in CAUGHT]
    start += [f"tbreak {walk.begin}", "run", *("continue" for _ in _loud_before(walk))]
    start += [f"break {spec}" for spec in walk.breakpoints]
    answers = gdb_walk(executable(), [*start, *(command for command, _ in walk.rows)], tmp_path)[len(start) :]
    came = [(command, f"{function}:{line}") for (command, _), (function, line, *_) in zip(walk.rows, answers)]
    assert came == list(walk.rows)


def _loud_before(walk: Walk) -> list[int]:
    """The lines in front of the walk that send a signal for which it stops."""
    sends = {98: "SIGUSR1", 100: "SIGUSR1", 102: "SIGUSR2", 104: "SIGALRM", 106: "SIGHUP", 108: "SIGSEGV"}
    return [line for line, name in sends.items() if line < walk.begin and name in walk.loud]
