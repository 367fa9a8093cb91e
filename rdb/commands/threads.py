"""info threads, thread, and what else is said about single threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.commands.answers import ThreadRow, ThreadTable
from rdb.commands.arguments import regexp
from rdb.commands.frames import frame_line
from rdb.commands.registry import command
from rdb.commands.telling import tell_frame
from rdb.commands.thread_ids import inferior_of, label, thread_number, thread_numbers
from rdb.errors import UsageError

if TYPE_CHECKING:
    from rdb.commands.console import Console
    from rdb.debuggee import Debuggee
    from rdb.session import Session
    from rdb.threads import ThreadInfo


def described(thread: ThreadInfo) -> str:
    """The system's name of a thread, and the one that people gave it."""
    return f'{thread.target_id} "{thread.name}"' if thread.name else thread.target_id


@command("info threads", group="status", arguments="[-gid] [ID ...]")
def info_threads(console: Console, arguments: str) -> Iterator[object]:
    """List the threads of the program: number, name in the system, name, and the frame where each stands.
    An ID is a number, a range of numbers, or * for all, perhaps with the inferior's number in front (2.1).  -gid adds the global
    numbers."""
    session = console.session
    numbers, gid = arguments, False
    if arguments.startswith("-"):
        option, _, numbers = arguments.partition(" ")
        if not "-gid".startswith(option) or option == "-":
            raise UsageError(f"Unrecognized option at: {arguments}")
        gid = True
    wanted = numbers.split()
    rows: list[ThreadRow] = []
    current = session.debuggee
    for debuggee in session.debuggees:
        mine = [word for word in wanted if _is_of(session, word, debuggee)]
        with session.looking_at(debuggee):
            if mine or not wanted:
                rows += _rows(session, " ".join(mine), debuggee is current)
    if rows:
        yield ThreadTable(tuple(rows), gid)
    else:
        yield f"No threads match '{numbers.strip()}'." if wanted else "No threads."


def _is_of(session: Session, word: str, debuggee: Debuggee) -> bool:
    """Whether a word names threads of an inferior; one that names no inferior is a word about the current one."""
    try:
        return inferior_of(session, word) is debuggee
    except UsageError:
        return debuggee is session.debuggee


def _rows(session: Session, numbers: str, is_current: bool) -> Iterator[ThreadRow]:
    """The threads of the inferior that is looked at, all or those with these numbers."""
    wanted = set(thread_numbers(session, numbers)[0]) if numbers else None
    for thread in session.threads():
        if wanted is not None and thread.number not in wanted:
            continue
        with session.in_thread(thread.tid):
            frame = session.innermost
            line = frame_line(session, frame) if frame is not None else None
        yield ThreadRow(thread.current and is_current, label(session, thread.number), thread.number, described(thread), line)


@command("thread", "t", group="running", arguments="[ID]", any_argument=True)
def thread(console: Console, arguments: str) -> Iterator[object]:
    """Select a thread by its number and print where it stands; without one, tell which thread is the current one."""
    session = console.session
    if not arguments:
        current = session.current_thread()
        yield f"[Current thread is {label(session, current.number)} ({current.target_id})]"
        return
    inferior = inferior_of(session, arguments)
    with session.looking_at(inferior):
        number = thread_number(session, arguments.split()[0])
    session.switch(inferior)
    chosen = session.select_thread(number)
    yield f"[Switching to thread {label(session, chosen.number)} ({chosen.target_id})]"
    yield from tell_frame(console, session.need_frame(), level=True)


@command("thread name", group="running", arguments="[NAME]")
def thread_name(console: Console, arguments: str) -> None:
    """Give the current thread a name of your own; without NAME, take it away again."""
    session = console.session
    session.name_thread(session.current_thread().number, arguments or None)


@command("thread find", group="running", arguments="REGEXP")
def thread_find(console: Console, arguments: str) -> Iterator[str]:
    """List the threads whose name, or name in the system, matches a regular expression."""
    if not arguments:
        raise UsageError("Command requires an argument.")
    pattern = regexp(arguments)
    matches = 0
    for each in console.session.threads():
        texts = (("name", each.given_name or ""), ("target name", each.system_name), ("target id", each.target_id))
        for what, text in texts:
            if text and pattern.search(text):
                matches += 1
                yield f"Thread {each.number} has {what} '{text}'"
    if not matches:
        yield f"No threads match '{arguments}'"
