"""A command carried out in several threads or frames: thread apply, frame apply, and their short forms.

What the command prints is kept back until it is known whether there is anything to print; then the thread or frame is told first.
Afterwards the thread and the frame that were selected are selected again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from rdb.commands.arguments import PLAIN_NUMBER, number_of, numbers, switches
from rdb.commands.frames import frame_line, walk
from rdb.commands.registry import command
from rdb.commands.stack import selected
from rdb.commands.thread_ids import thread_numbers
from rdb.commands.threads import described
from rdb.errors import RdbError, UsageError

if TYPE_CHECKING:
    from rdb.commands.console import Console
    from rdb.session import Session
    from rdb.symbols.unwind import Frame

FLAGS = {"-q": False, "-c": False, "-s": False, "--": False}


@dataclass(frozen=True)
class Manner:
    """`quiet` tells no thread or frame, `go_on` prints errors instead of ending, `silent` ignores errors and empty output."""

    quiet: bool
    go_on: bool
    silent: bool


def _manner(text: str, more: tuple[str, ...] = ()) -> tuple[Manner, set[str], str]:
    """How to apply, which of `more` switches were given, and the command."""
    found, line = switches(text, {**FLAGS, **dict.fromkeys(more, False)})
    if "-c" in found and "-s" in found:
        raise UsageError("-c and -s are mutually exclusive")
    return Manner("-q" in found, "-c" in found, "-s" in found), set(found), line


def _applied(console: Console, heading: object, line: str, manner: Manner) -> Iterator[object]:
    """The answer of one thread or frame, with its heading."""
    with console.kept_back() as printed:
        error = _error_of(console, line)
    if manner.silent and (error is not None or not printed):
        return
    if not manner.quiet:
        yield heading
    yield from printed
    if error is not None:
        if not manner.go_on:
            raise error
        yield str(error)


def _error_of(console: Console, line: str) -> RdbError | None:
    try:
        console.execute(line)
    except RdbError as error:
        return error
    return None


@contextmanager
def _selection_kept(session: Session) -> Iterator[None]:
    frame = session.frame
    number, level = session.thread_number, frame.level if frame is not None else 0
    try:
        yield
    finally:
        if any(each.number == number for each in session.threads()):
            session.select_thread(number)
            _select(session, level)


def _select(session: Session, level: int) -> None:
    try:
        session.select(level)
    except RdbError:
        pass  # there are fewer frames now


# Threads.


def _in_threads(console: Console, chosen: Iterable[int | str], line: str, manner: Manner) -> Iterator[object]:
    session = console.session
    with _selection_kept(session):
        for number in chosen:
            if isinstance(number, str) or number not in [each.number for each in session.threads()]:
                console.terminal.complain(f"warning: Unknown thread {number}")
                continue
            thread = session.select_thread(number)
            yield from _applied(console, f"\nThread {number} ({described(thread)}):", line, manner)


@command("thread apply", group="running", arguments="ID ... [-q] [-c|-s] COMMAND", any_argument=True, completes="applied")
def thread_apply(console: Console, arguments: str) -> Iterator[object]:
    """Carry out a command in several threads, one after the other.
    -q does not tell the threads, -c goes on after an error, -s ignores errors and tells only the threads in which the command
    prints something."""
    if not arguments:
        raise UsageError("Please specify a thread ID list")
    chosen, rest = thread_numbers(console.session, arguments)
    manner, _, line = _manner(rest)
    if not line:
        raise UsageError("Please specify a command following the thread ID list")
    yield from _in_threads(console, chosen, line, manner)


@command("thread apply all", group="running", arguments="[-ascending] [-q] [-c|-s] COMMAND", completes="applied")
def thread_apply_all(console: Console, arguments: str) -> Iterator[object]:
    """Carry out a command in all threads, the newest first, or with -ascending the oldest.
    The other switches are those of `thread apply`."""
    manner, found, line = _manner(arguments, ("-ascending",))
    if not line:
        raise UsageError("Please specify a command at the end of 'thread apply all'")
    chosen = [each.number for each in console.session.threads()]
    yield from _in_threads(console, chosen if "-ascending" in found else chosen[::-1], line, manner)


@command("taas", group="running", arguments="[-ascending] [-q] COMMAND", completes="applied")
def taas(console: Console, arguments: str) -> Iterator[object]:
    """Carry out a command in all threads, ignoring errors and empty output: `thread apply all -s`."""
    if not arguments:
        raise UsageError("Please specify a command to apply on all threads")
    yield from thread_apply_all(console, f"-s {arguments}")


@command("tfaas", group="running", arguments="[-q] COMMAND", completes="applied")
def tfaas(console: Console, arguments: str) -> Iterator[object]:
    """Carry out a command in all frames of all threads, ignoring errors and empty output."""
    if not arguments:
        raise UsageError("Please specify a command to apply on all frames of all threads")
    yield from thread_apply_all(console, f"-s -- frame apply all -s {arguments}")


# Frames.


def _in_frames(console: Console, frames: Iterable[Frame], line: str, manner: Manner) -> Iterator[object]:
    session = console.session
    if not line:
        raise UsageError("Please specify a command to apply on the selected frames")
    with _selection_kept(session):
        for frame in list(frames):
            session.select(frame.level)
            yield from _applied(console, frame_line(session, frame, frame.level), line, manner)


@command("frame apply", group="stack", arguments="COUNT [-q] [-c|-s] COMMAND", any_argument=True, completes="applied")
def frame_apply(console: Console, arguments: str) -> Iterator[object]:
    """Carry out a command in the COUNT innermost frames, or with a negative COUNT in the outermost.
    -q does not tell the frames, -c goes on after an error, -s ignores errors and tells only the frames in which the command
    prints something."""
    selected(console)
    word, _, rest = arguments.partition(" ")
    if not word:
        raise UsageError("Missing COUNT argument.")
    count = number_of(console.session, word) if PLAIN_NUMBER.match(word) else 0
    if not count:
        raise UsageError("Invalid COUNT argument.")
    manner, _, line = _manner(rest.lstrip())
    frames = islice(walk(console.session), count) if count > 0 else list(walk(console.session))[count:]
    yield from _in_frames(console, frames, line, manner)


@command("frame apply all", group="stack", arguments="[-q] [-c|-s] COMMAND", completes="applied")
def frame_apply_all(console: Console, arguments: str) -> Iterator[object]:
    """Carry out a command in all frames, the innermost first.  The switches are those of `frame apply`."""
    selected(console)
    manner, _, line = _manner(arguments)
    yield from _in_frames(console, walk(console.session), line, manner)


@command("frame apply level", group="stack", arguments="LEVEL ... [-q] [-c|-s] COMMAND", completes="applied")
def frame_apply_level(console: Console, arguments: str) -> Iterator[object]:
    """Carry out a command in the frames with some levels (N or N-M).  The switches are those of `frame apply`."""
    selected(console)
    match = re.match(r"(?:\d\S*(?:\s+|$))+", arguments)
    if match is None:
        raise UsageError("Missing or invalid LEVEL... argument")
    levels = set(numbers(console.session, match[0], "Missing or invalid LEVEL... argument"))
    manner, _, line = _manner(arguments[match.end() :])
    yield from _in_frames(console, (frame for frame in walk(console.session) if frame.level in levels), line, manner)


@command("faas", group="stack", arguments="[-q] COMMAND", completes="applied")
def faas(console: Console, arguments: str) -> Iterator[object]:
    """Carry out a command in all frames, ignoring errors and empty output: `frame apply all -s`."""
    if not arguments:
        raise UsageError("Please specify a command to apply on all frames")
    yield from frame_apply_all(console, f"-s {arguments}")
