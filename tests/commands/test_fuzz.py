"""Random command lines: whatever is typed, the answer is text or one of rdb's own errors."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from rdb.commands.console import Leave
from rdb.commands.registry import Registry
from rdb.session import Session
from tests.build import program
from tests.commands.conversation import Conversation

LINES = 400
# What would wait, write files or run other programs.
LEFT_OUT = {"shell", "!", "dump", "append", "attach", "cd", "alias", "define", "document", "python", "while", "restore",
            "set logging"}
WORDS = (
    "main", "sum", "argc", "buffer", "nosuch", "0", "1", "-1", "99999999999999999999", "0x0", "$pc", "$sp", "$", "$$3",
    "$_", "*", "&", "@", "(", ")", "[", "]", "{", "}", ",", "'", '"', "\\", "/x", "/s", "/i", "/99", "if", "-l", "--",
    "+", "-", "..", ":", "commands.c:3", "end", "unlimited", "on", "a.b->c", "(char)", "%s", "\t", "\u00e9", "1-3",
    "begin", "all", "#", "=", "1/0", "x" * 300, "\udcff",
)


def lines(seed: int, registry: Registry) -> Iterator[str]:
    """Names of commands, whole or cut, followed by bits that may or may not make sense to them."""
    chance = random.Random(seed)
    names = [name for node in registry.walk() for name in node.names() if node.name.split()[0] not in LEFT_OUT]
    names = [name for name in names if name not in LEFT_OUT and not any(name.startswith(each + " ") for each in LEFT_OUT)]
    for _ in range(LINES):
        name = chance.choice(names)
        if chance.random() < 0.15:
            name = name[: chance.randrange(1, len(name) + 1)]
        glue = chance.choice((" ", " ", " ", ""))
        yield name + glue + glue.join(chance.choice(WORDS) for _ in range(chance.randrange(4)))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("running", [False, True], ids=["file", "process"])
def test_random_lines(seed: int, running: bool, script: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with Session() as session:
        session.load(str(program("commands.c")))
        talk = Conversation(session)
        if running:
            talk.say("start > /dev/null")
        for line in lines(seed, talk.console.registry):
            if line.split()[0] in LEFT_OUT or line[:1] == "!" or _runs_away(talk, line):
                continue
            script.append(line)
            try:
                talk.say(line)
            except Leave:
                continue


def _runs_away(talk: Conversation, line: str) -> bool:
    """Whether the line is a short form of something left out."""
    from rdb.errors import RdbError

    try:
        found = talk.console.registry.find(line)
    except RdbError:
        return False
    name = found.node.name
    return name.split()[0] in LEFT_OUT or name in LEFT_OUT or name.startswith("set logging") or name in ("source", "quit", "if")
