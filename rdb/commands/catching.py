"""catch and tcatch: stop at events of the program that are no places in its code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.arch.linux.call_groups import GROUPS
from rdb.commands.clauses import split_condition
from rdb.commands.registry import command, prefix
from rdb.commands.signals import NUMERIC
from rdb.commands.stopping import mention
from rdb.errors import UsageError
from rdb.linux import signals

if TYPE_CHECKING:
    from rdb.commands.console import Console

EVENTS = (
    ("fork", "it forks"),
    ("vfork", "it makes a child by vfork"),
    ("exec", "it executes another program"),
)
GROUP = re.compile(r"g(?:roup)?:(.*)$")
prefix("catch", group="breakpoints", help="Stop the program at events.")
prefix("tcatch", group="breakpoints", help="Stop the program once at an event.")


def _declare(event: str, meaning: str, temporary: bool) -> None:
    def handler(console: Console, arguments: str) -> Iterator[object]:
        rest, condition = split_condition(arguments)
        if rest or condition == "":
            raise UsageError("Junk at end of arguments.")
        yield mention(console.session.catch(event, temporary, condition))

    when = "the next time" if temporary else "when"
    handler.__doc__ = f"Stop the program {when} {meaning}; with a condition, if it is not zero."
    name = f"{'tcatch' if temporary else 'catch'} {event}"
    command(name, group="breakpoints", arguments="[if CONDITION]", completes="expression")(handler)


for _event, _meaning in EVENTS:
    _declare(_event, _meaning, temporary=False)
    _declare(_event, _meaning, temporary=True)


@command("catch syscall", group="breakpoints", arguments="[NAME | NUMBER | group:GROUP ...]", completes="syscall")
def catch_syscall(console: Console, arguments: str) -> Iterator[object]:
    """Stop the program when it makes a system call, and when it returns from it: one of those named, or any.
    In a recorded past calls are stopped at in both directions."""
    yield _catch(console, arguments, temporary=False)


@command("tcatch syscall", group="breakpoints", arguments="[NAME | NUMBER | group:GROUP ...]", completes="syscall")
def tcatch_syscall(console: Console, arguments: str) -> Iterator[object]:
    """Stop the program the next time that it makes a system call, one of those named or any."""
    yield _catch(console, arguments, temporary=True)


def _catch(console: Console, arguments: str, temporary: bool) -> str:
    session = console.session
    calls = [number for word in arguments.split() for number in _meant(console, word)]
    return mention(session.catch("syscall", temporary, about=calls))


def _numbers(console: Console) -> dict[str, int]:
    """The numbers of the program's system calls by name."""
    return {name: number for number, name in console.session.arch.syscall.names.items()}


def _meant(console: Console, word: str) -> list[int]:
    """The numbers of the system calls that a word names."""
    numbers, group = _numbers(console), GROUP.match(word)
    if group is not None:
        if group[1] not in GROUPS:
            raise UsageError(f"Unknown syscall group '{group[1]}'.")
        return sorted(numbers[name] for name in GROUPS[group[1]] if name in numbers)
    if re.match(r"-?\d+$", word):
        if word.startswith("-"):
            raise UsageError(f"Unknown syscall number '{word}'.")
        return [int(word)]
    if word not in numbers:
        raise UsageError(f"Unknown syscall name '{word}'.")
    return [numbers[word]]


@command("catch signal", group="breakpoints", arguments="[NAME | NUMBER ... | all]", completes="signal")
def catch_signal(console: Console, arguments: str) -> Iterator[object]:
    """Stop the program when it is about to get a signal: one of those named, by numbers from 1 to 15 too.
    Without a name it is any but SIGINT and SIGTRAP, which the debugger uses; `all` means these too.  The program stops whatever
    `handle` says.  In a recorded past it stops where it got the signal, in both directions."""
    yield _catch_signal(console, arguments, temporary=False)


@command("tcatch signal", group="breakpoints", arguments="[NAME | NUMBER ... | all]", completes="signal")
def tcatch_signal(console: Console, arguments: str) -> Iterator[object]:
    """Stop the program the next time that it is about to get a signal, one of those named or any."""
    yield _catch_signal(console, arguments, temporary=True)


def _catch_signal(console: Console, arguments: str, temporary: bool) -> str:
    words = arguments.split()
    if "all" in words and len(words) > 1:
        raise UsageError("'all' cannot be caught with other signals")
    about = [_signal(word) for word in words if word != "all"]
    return mention(console.session.catch("signal", temporary, about=about, everything="all" in words))


def _signal(word: str) -> int:
    """The number of the signal that a word names."""
    number = signals.number_of(word)
    if number is None:
        raise UsageError(NUMERIC if word.isdecimal() else f"Unknown signal name '{word}'.")
    return number
