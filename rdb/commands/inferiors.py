"""The inferiors of the session: listed, switched to, killed, let go, added and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rdb.commands.answers import InferiorRow, InferiorTable
from rdb.commands.arguments import number_of, numbers
from rdb.commands.registry import Repeat, command
from rdb.commands.telling import tell_frame
from rdb.errors import RdbError, UsageError

if TYPE_CHECKING:
    from rdb.commands.console import Console
    from rdb.debuggee import Debuggee

BAD_NUMBER = "Arguments must be inferior IDs."


def _description(debuggee: Debuggee) -> str:
    return f"process {debuggee.pid}" if debuggee.pid else "<null>"


def _title(debuggee: Debuggee) -> str:
    return f"{debuggee.number} [{_description(debuggee)}] ({debuggee.program or '<noexec>'})"


@command("info inferiors", group="status", arguments="[NUMBER ...]")
def info_inferiors(console: Console, arguments: str) -> object:
    """List the inferiors: the programs of this session, and those of their children that are held."""
    session = console.session
    wanted = set(numbers(session, arguments, BAD_NUMBER))
    rows = [
        InferiorRow(each is session.debuggee, each.number, _description(each), "1 (native)" if each.pid else "",
                    each.program or "", tuple(_kinship(each)))
        for each in session.debuggees
        if not arguments or each.number in wanted
    ]
    return InferiorTable(tuple(rows)) if rows else "No inferiors."


def _kinship(debuggee: Debuggee) -> Iterator[str]:
    if debuggee.vfork_child is not None:
        yield f"is vfork parent of inferior {debuggee.vfork_child.number}"
    if debuggee.vfork_parent is not None:
        yield f"is vfork child of inferior {debuggee.vfork_parent.number}"


@command("inferior", group="running", arguments="[NUMBER]")
def inferior(console: Console, arguments: str) -> Iterator[object]:
    """Look at another inferior, which is resumed from then on; without a number, tell which is looked at."""
    session = console.session
    if not arguments:
        yield f"[Current inferior is {_title(session.debuggee)}]"
        return
    debuggee = session.find_debuggee(number_of(session, arguments))
    session.switch(debuggee)
    yield f"[Switching to inferior {_title(debuggee)}]"
    if debuggee.pid:
        yield f"[Switching to thread {debuggee.number}.1 ({session.process_title(debuggee)})]"
        yield from tell_frame(console, session.need_frame(), level=True)


def _each(console: Console, arguments: str, act: Callable[[Debuggee], object]) -> Iterator[object]:
    """Do something to each of the inferiors that are named; one that is not there is only warned of."""
    for number in numbers(console.session, arguments, BAD_NUMBER):
        try:
            yield act(console.session.find_debuggee(number))
        except RdbError as error:
            console.terminal.complain(f"warning: {error}")


def _running(debuggee: Debuggee) -> Debuggee:
    if not debuggee.pid:
        raise RdbError(f"Inferior ID {debuggee.number} is not running.")
    return debuggee


@command("kill inferiors", group="running", arguments="NUMBER ...", repeat=Repeat.NEVER)
def kill_inferiors(console: Console, arguments: str) -> Iterator[object]:
    """Kill the processes of inferiors."""
    if not arguments:
        raise UsageError("Requires argument (inferior id(s) to kill)")
    yield from _each(console, arguments, lambda each: console.session.kill_debuggee(_running(each)))


@command("detach inferiors", group="running", arguments="NUMBER ...", repeat=Repeat.NEVER)
def detach_inferiors(console: Console, arguments: str) -> Iterator[object]:
    """Let the processes of inferiors run on by themselves."""
    if not arguments:
        raise UsageError("Requires argument (inferior id(s) to detach)")

    def detach(debuggee: Debuggee) -> str:
        pid = _running(debuggee).pid
        console.session.detach_debuggee(debuggee)
        return f"[Inferior {debuggee.number} (process {pid}) detached]"

    yield from _each(console, arguments, detach)


@command("remove-inferiors", group="running", arguments="NUMBER ...", repeat=Repeat.NEVER)
def remove_inferiors(console: Console, arguments: str) -> Iterator[object]:
    """Forget inferiors that have no process and are not looked at."""
    if not arguments:
        raise UsageError("Requires an argument (inferior id(s) to remove)")

    def remove(debuggee: Debuggee) -> None:
        if debuggee is console.session.debuggee:
            raise RdbError(f"Can not remove current inferior {debuggee.number}.")
        if debuggee.pid:
            raise RdbError(f"Can not remove active inferior {debuggee.number}.")
        console.session.debuggees.remove(debuggee)

    yield from _each(console, arguments, remove)


@command("add-inferior", group="running", repeat=Repeat.NEVER)
def add_inferior(console: Console, arguments: str) -> Iterator[object]:
    """Add an inferior; `inferior` and `file` give it a program."""
    added = console.session.add_debuggee()
    console.session.announce(f"[New inferior {added.number}]")
    yield f"Added inferior {added.number}"
