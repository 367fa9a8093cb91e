"""catch and tcatch: stop at events of the program that are no places in its code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.commands.clauses import split_condition
from rdb.commands.registry import command, prefix
from rdb.commands.stopping import mention
from rdb.errors import UsageError

if TYPE_CHECKING:
    from rdb.commands.console import Console

EVENTS = (
    ("fork", "it forks"),
    ("vfork", "it makes a child by vfork"),
    ("exec", "it executes another program"),
)
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
