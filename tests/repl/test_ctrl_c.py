"""Ctrl-C at a terminal that the program has: the user gets the prompt, whatever the program does with SIGINT."""

from __future__ import annotations

import pytest

from tests.build import program
from tests.repl.test_command_line import Person


@pytest.mark.parametrize("mode", ("spin", "spin-ignore", "spin-block", "sleep-block"))
def test_the_prompt_comes_back(mode: str) -> None:
    person = Person("-q", "-nx", str(program("native_threads.c", "-O0", "-g", "-pthread")))
    dialogue = (
        ("(rdb) ", "tbreak sleeper\n" if mode.startswith("sleep") else "tbreak spinner\n"),
        ("(rdb) ", f"run {mode}\n"),
        ("(rdb) ", "continue\n"),
        ("Continuing.", "\x03"),
        ("received signal SIGINT, Interrupt.", ""),
    )
    for expected, answer in dialogue:
        person.waits_for(expected)
        person.types(answer)
    person.types("kill\n")
    person.waits_for("(y or n) ")
    person.types("y\n")
    person.waits_for("killed]")
    person.types("quit\n")
    assert person.leaves() == 0
