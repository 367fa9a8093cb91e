"""How users name threads: N, N-M, *, each perhaps with the number of the program in front (1.2), or a convenience variable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rdb.errors import NoThread, RdbError, UsageError

if TYPE_CHECKING:
    from rdb.debuggee import Debuggee
    from rdb.session import Session

ONE = re.compile(r"(?:(?P<program>\d+)\.)?(?P<first>\$\w+|\d+)$")
SEVERAL = re.compile(r"(?:(?P<program>\d+)\.)?(?:(?P<all>\*)|(?P<first>\$\w+|\d+)(?:-(?P<last>\$\w+|\d+))?)$")
BEGINS = re.compile(r"[$*\d]")


def label(session: Session, number: int) -> str:
    """How a thread of the current inferior is told: its number, with the inferior's in front if there are several."""
    return f"{session.debuggee.number}.{number}" if len(session.debuggees) > 1 else str(number)


def inferior_of(session: Session, text: str) -> Debuggee:
    """The inferior in which the first word of `text` names threads: the current one, unless its number stands in front."""
    match = SEVERAL.match(text.partition(" ")[0])
    number = match["program"] if match is not None else None
    found = session.debuggee if number is None else next((each for each in session.debuggees if str(each.number) == number), None)
    if found is None:
        raise UsageError(f"No inferior number '{number}'")
    return found


def thread_number(session: Session, text: str, anytime: bool = False) -> int:
    """The number of the one thread that `text` names, which exists at the moment looked at, or `anytime` in a recording."""
    if re.match(r"-\d", text):
        raise UsageError(f"negative value: {text}")
    match = ONE.match(text)
    if match is None:
        raise UsageError(f"Invalid thread ID: {text}")
    if match["program"] not in (None, str(session.debuggee.number)):
        raise UsageError(f"No inferior number '{match['program']}'")
    number = _value(session, match["first"], text)
    try:
        return (session.foreseen_thread if anytime else session.find_thread)(number).number
    except NoThread:
        raise UsageError(f"Unknown thread {text}.") from None


def thread_numbers(session: Session, text: str) -> tuple[list[int | str], str]:
    """The numbers that the leading words of `text` name, and the rest; a word that names no thread stays the word that it is.

    Raises UsageError if not even the first word can name threads.
    """
    if not BEGINS.match(text):
        raise UsageError(f"Invalid thread ID: {text}")
    found: list[int | str] = []
    rest = text
    while rest and BEGINS.match(rest):
        word, _, behind = rest.partition(" ")
        match = SEVERAL.match(word)
        if match is None:
            raise UsageError(f"Invalid thread ID: {rest}")
        found += _named(session, match, word, rest)
        rest = behind.lstrip()
    return found, rest


def _named(session: Session, match: re.Match[str], word: str, rest: str) -> list[int | str]:
    living: list[int | str] = [each.number for each in session.threads()]
    if match["program"] not in (None, str(session.debuggee.number)):
        return [word]
    if match["all"]:
        return living
    first = _value(session, match["first"], rest)
    last = _value(session, match["last"], rest) if match["last"] else first
    if last < first:
        raise UsageError("inverted range")
    if first == last:
        return [first] if first in living else [word]
    return [number if number in living else str(number) for number in range(first, last + 1)]


def _value(session: Session, text: str, rest: str) -> int:
    if not text.startswith("$"):
        number = int(text)
    else:
        try:
            number = session.evaluate_integer(text)
        except RdbError:
            raise UsageError(f"Convenience variable must have integer value.\nInvalid thread ID: {rest}") from None
    if number == 0:
        raise UsageError(f"Invalid thread ID: {rest}")
    return number
