"""Ctrl-C at any moment, natively and recorded, forwards and backwards: the prompt comes back, and everything works there.

The moments are drawn at random.  Which one it is decides what there is to tell, never whether the answer is right: whoever comes
to a stand by himself before Ctrl-C arrives tells of that, and the prompt answers Ctrl-C with "Quit".
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence

import pytest

from tests.build import program
from tests.oracle.recording import ENGINES
from tests.repl.test_command_line import Person

PROMPT = "(rdb) "
FAULTS = ("Traceback", "rdb has a fault", "Exception ignored", "Error:")
# Source, flags, arguments: threads, timers and forks without end, and a program of which every thread sleeps.
PROGRAMS = {
    "stress": ("stress.c", ("-O2", "-g", "-pthread"), "100000000 100000000"),
    "sleep": ("native_threads.c", ("-O0", "-g", "-pthread"), "sleep"),
}


class Impatient(Person):
    """Someone who presses Ctrl-C."""

    def __init__(self, *arguments: str) -> None:
        super().__init__(*arguments)
        self._numbers = itertools.count(1000)

    def asks(self, line: str) -> str:
        """Type a line at a prompt; all that is told up to the next prompt."""
        self.types(f"{line}\n")
        self.waits_for("\n")
        return self.waits_for(PROMPT)

    def presses(self, line: str, told: str, delay: float) -> str:
        """Type a line, wait until `told`, and press Ctrl-C `delay` seconds later; all that is told until everything is quiet."""
        self.types(f"{line}\n")
        text = self.waits_for("\n") + (self.waits_for(told) if told else "")
        time.sleep(delay)
        self.types("\x03")
        text += self.waits_for(PROMPT)
        number = next(self._numbers)
        self.types(f"print {number}+0\n")
        return text + self.waits_for(f" = {number}\r\n{PROMPT}")


def begun(source: str, engine: str | None, flags: Sequence[str], arguments: str) -> Impatient:
    """Someone before a program that has just got to main, recorded if by an engine."""
    person = Impatient("-q", "-nx", "--args", str(program(source, *flags)), *arguments.split())
    person.waits_for(PROMPT)
    assert "main (" in person.asks("start")
    if engine is not None:
        for line in (f"set record full engine {engine}", "set record full stop-at-limit off", "record"):
            person.asks(line)
    return person


def is_well(person: Impatient, recorded: bool, delay: float) -> None:
    """Look around, step, and come back to the present."""
    told = person.asks("info record")
    assert "No recording is currently active." in told if not recorded else "Active record target: record-full" in told
    assert "#0 " in person.asks("bt")
    if recorded:
        told = person.asks("reverse-stepi")
        assert "No more reverse-execution history" in told or "Replay mode" in person.asks("info record")
        assert "The program is not being run" not in person.asks("stepi")
        person.asks("record goto end")
    else:
        person.presses("stepi", "", delay)      # it may be over a call that blocks
    assert "#0 " in person.asks("bt")


def leaves(person: Impatient) -> None:
    """Kill the program and quit; nothing must have gone wrong."""
    person.types("kill\n")
    person.waits_for("(y or n) ")
    person.asks("y")
    person.types("quit\n")
    assert person.leaves() == 0
    assert not any(word in person.seen for word in FAULTS)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("engine", (None, *ENGINES))
def test_at_any_moment(name: str, engine: str | None) -> None:
    moments = random.Random(f"{name} {engine}")
    source, flags, arguments = PROGRAMS[name]
    person = begun(source, engine, flags, arguments)
    for n in range(8):
        delay = moments.random() * moments.choice((0.01, 0.1, 1.0))
        told = person.presses("continue", "Continuing." if n % 4 else "", delay)
        assert "received signal SIGINT" in told or (n % 4 == 0 and "Quit" in told), told[-500:]
        is_well(person, engine is not None, delay)
        if engine is not None and n % 2:
            told = person.presses("reverse-continue", "", moments.random() * 0.3)
            assert "No more reverse-execution history" in told or "SIGINT" in told or "Quit" in told
            is_well(person, True, delay)
    person.asks("info threads")
    leaves(person)


@pytest.mark.parametrize("mode", ("", "sleeps"))
@pytest.mark.parametrize("engine", (None, *ENGINES))
def test_is_answered_once_and_every_time(mode: str, engine: str | None) -> None:
    """A program that does not take SIGINT is stopped by each Ctrl-C, and does not stop for any of them when it takes SIGINT."""
    person = begun("signal_blocked.c", engine, ("-O0", "-g"), mode)
    person.asks("break through")
    for _ in range(3):
        assert "received signal SIGINT" in person.presses("continue", "Continuing.", 0.1)
    if engine is not None:
        assert "No more reverse-execution history" in person.asks("reverse-continue")
        person.asks("record goto end")
    person.asks("print go = 1")
    assert "Breakpoint 2, through ()" in person.asks("continue")
    leaves(person)
