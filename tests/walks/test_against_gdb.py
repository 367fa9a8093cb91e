"""Random walks through a program that gdb can record: after every command rdb must stand where gdb stands.

A walk goes through the live program, or through its recording while it is being made (forwards), or through the whole recorded
past in both directions.  It does not mix these, since gdb 13 hangs now and then when it goes back from the newest position.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rdb.errors import RdbError
from rdb.session import Session
from tests.build import program
from tests.walks.place import Place, perform, place

GDB = shutil.which("gdb")
pytestmark = pytest.mark.skipif(GDB is None, reason="gdb, the reference, is not on this machine")
FLAGS = ("-O0", "-g", "-nostdlib", "-static", "-no-pie", "-fcf-protection=none", "-fno-stack-protector")
LENGTH = 40
# What brings the program to the beginning of the walk.
STARTS = {
    "live": ["break main", "run"],
    "recording": ["break main", "run", "record"],
    "replay": ["starti", "record", "break main", "continue", "continue", "reverse-continue"],
}
PLACES = ("factorial", "is_odd", "choose", "thrice", "apply", "sort", "twice", "is_even", "22", "39", "64", "99", "107")
RECURSIVE = ("factorial", "is_even", "is_odd")
# gdb's words where it takes what lies above the first frame of a program for a caller.
_NO_CALLER = "Command aborted."
# What gdb calls an error, though it is a stop like others.
_STOPPED = "Process record: inferior program stopped."


def gdb_walk(path: Path, commands: list[str], folder: Path) -> list[list[Any]]:
    """[function, line, pc, output] of every command in gdb; as many as it got through in time."""
    assert GDB is not None
    exchange = folder / "walk.json"
    exchange.write_text(json.dumps(commands) + "\n")
    side = Path(__file__).with_name("gdb_walk.py")
    try:
        subprocess.run(
            [GDB, "-q", "-nx", "-batch", "-ex", "set debuginfod enabled off", "-x", str(side), str(path)],
            env={**os.environ, "RDB_WALK": str(exchange)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=10,
        )
    except subprocess.TimeoutExpired:
        pass
    return [json.loads(line) for line in exchange.read_text().splitlines()[1:]]


def random_commands(chance: random.Random, backwards: bool) -> list[str]:
    """A walk that tends forwards, with long and short strides."""
    result: list[str] = []
    while len(result) < LENGTH:
        word = chance.choices(
            ("step", "next", "stepi", "nexti", "finish", "continue", "until", "advance"), (10, 8, 6, 5, 4, 0.5, 2, 1)
        )[0]
        count = f" {chance.choice((2, 3, 5, 9))}" if word in ("step", "next", "stepi", "nexti") and chance.random() < 0.3 else ""
        if word == "advance":
            result.append(f"advance {chance.choice(PLACES)}")
        elif word == "until" or not backwards or chance.random() < 0.55:
            result.append(word + count)
        else:
            result.append(f"reverse-{word}{count}")
    return result


def begin(debugging: Session, commands: list[str]) -> None:
    """Carry out a walk's start through the session."""
    for command in commands:
        word, _, argument = command.partition(" ")
        if word == "break":
            debugging.break_at(argument)
        elif word == "record":
            debugging.record()
        elif word in ("run", "starti"):
            debugging.run(stop_at="first instruction" if word == "starti" else None)
        else:
            perform(debugging, command)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("mode", STARTS)
def test_random_walk(mode: str, seed: int, session: Callable[..., Session], script: list[str], tmp_path: Path) -> None:
    chance = random.Random(f"{mode} {seed}")
    path = program("walk_bare.c", *FLAGS)
    start = STARTS[mode] + [f"break {place}" for place in chance.sample(PLACES, chance.randrange(3))]
    commands = random_commands(chance, backwards=mode == "replay")
    script += [f"file {path}", *start]
    answers = gdb_walk(path, [*start, *commands], tmp_path)[len(start) :]
    debugging = session(path)
    begin(debugging, start)
    came_from = "main"
    for command, (function, line, pc, said) in zip(commands, answers):
        if command == "reverse-finish" and came_from in RECURSIVE:
            break  # gdb stops at the innermost call of the function, not at that of the selected frame
        came_from = function
        script.append(command)
        try:
            here = place(perform(debugging, command))
        except RdbError as error:
            here = Place(None, None, 0, f"error: {error}")
        if _NO_CALLER in said or (function == "_start" and "finish" in command):
            break
        refused = said.startswith("error") and _STOPPED not in said
        assert here.kind.startswith("error") == refused, f"{command}: {here} but gdb: {function}:{line} {pc:#x} {said}"
        assert refused or here[:3] == (function, line, pc), f"{command}: {here} but gdb: {function}:{line} {pc:#x} {said}"
        if not pc or _STOPPED in said:
            break
