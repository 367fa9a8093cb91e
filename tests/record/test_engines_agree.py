"""The same commands with each engine: everything printed must be the same, save what `info record` tells of the log's size.

A walk is made of all that moves through the program and all that stops it, live, while it is recorded and in the past, in any
order.  Addresses, counts and positions are the same in every run, so the words are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from rdb.session import Session
from tests.build import program
from tests.commands.conversation import Conversation
from tests.oracle.recording import ENGINES

FLAGS = {"unoptimised": ("-O0", "-g", "-static"), "optimised": ("-O1", "-g", "-static")}
LENGTH = 60
# How often each is chosen, in proportion; {position} is one of the history's, roughly.
WALK = {
    **dict.fromkeys(("stepi", "reverse-stepi", "stepi 7", "reverse-stepi 7", "reverse-stepi 40", "nexti", "reverse-nexti 3"), 3),
    **dict.fromkeys(("step", "next", "reverse-step", "reverse-next", "next 3", "reverse-next 4"), 3),
    **dict.fromkeys(("finish", "reverse-finish", "until", "advance touch", "advance twice", "up", "down"), 1),
    **dict.fromkeys(("continue", "reverse-continue", "continue 3"), 4),
    **dict.fromkeys(("record goto begin", "record goto end", "record goto {position}"), 2),
    **dict.fromkeys(("break touch", "break thrice", "tbreak twice", "break work if n == 1999", "break 33 if n % 500 == 3"), 2),
    **dict.fromkeys(("tbreak *$pc", "break *$pc", "tbreak *($pc + 0)", "delete", "disable", "enable", "ignore 2 3"), 1),
    **dict.fromkeys(("watch watched", "watch table[5]", "rwatch table[6]", "awatch watched", "watch -l table[63]"), 1),
    **dict.fromkeys(("watch watched if watched > 2999", "hbreak thrice", "info breakpoints"), 1),
    **dict.fromkeys(("print n", "print table", "bt", "info record", "print watched", "x/3i $pc", "info line"), 1),
}
BEGINNING = ("break main", "run", "record", "tbreak touch", "continue", "tbreak touch", "continue", "info record")
SEEN = ("info registers", "p $pc", "bt 1")
# What differs between engines, and should: bytes and time, in `info record`.
OWN = re.compile(r"^Log takes .*|, [0-9.]+ seconds of recording\.$", re.MULTILINE)


class Talk(Conversation):
    """A conversation that says yes to whatever ends nothing, and never lets the program exit."""

    def ask(self, question: str, default: bool | None = None) -> bool:
        self.questions.append(question)
        return "program exit" in question


def commands(seed: int, length: int) -> list[str]:
    choice = random.Random(seed)
    chosen = choice.choices(list(WALK), list(WALK.values()), k=length)
    return [each.format(position=choice.randrange(1, 60_000)) for each in chosen]


def said(path: Path, engine: str, lines: Sequence[str]) -> list[str]:
    """What each of `lines` prints, and where the program is then."""
    talk = Talk(Session())
    try:
        settings = "set args > /dev/null", "set record full insn-number-max unlimited", f"set record full engine {engine}"
        for line in (f"file {path}", *settings, *BEGINNING):
            talk.say(line)
        result = []
        for line in lines:
            answers = [talk.say(each) for each in (line, *SEEN)]
            result.append(f"{line}\n{OWN.sub('', ''.join(answers))}")
        return result
    finally:
        talk.session.close()


@pytest.mark.parametrize("kind", FLAGS)
@pytest.mark.parametrize("seed", [1, *(pytest.param(each, marks=pytest.mark.long) for each in range(2, 30))])
def test_walk(seed: int, kind: str) -> None:
    path, lines = program("record_loops.c", *FLAGS[kind]), commands(seed, LENGTH)
    answers = [said(path, engine, lines) for engine in ENGINES]
    for number, (one, other) in enumerate(zip(*answers)):
        assert one == other, f"after {lines[:number]}"
