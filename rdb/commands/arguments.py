"""Reading the argument texts that many commands share: numbers, lists of numbers, /FORMAT, switches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.errors import UsageError

if TYPE_CHECKING:
    from rdb.session import Session

PLAIN_NUMBER = re.compile(r"[+-]?(0[xX][0-9a-fA-F]+|\d+)$")


def number_of(session: Session, text: str) -> int:
    """The value of an expression as an integer; plain numbers need no process and no symbols."""
    text = text.strip()
    if PLAIN_NUMBER.match(text) and not re.match(r"[+-]?0\d", text):
        return int(text, 0)
    return session.evaluate_integer(text)


def count_of(session: Session, text: str, default: int = 1) -> int:
    """The N of `step N` and its kin."""
    return number_of(session, text) if text.strip() else default


def numbers(session: Session, text: str, refusal: str = "Bad breakpoint argument: '{}'") -> Iterator[int]:
    """The numbers of a list such as "1 3-5 $x"; `refusal` is GDB's sentence about a word that is none."""
    for word in text.split():
        low, dash, high = word.partition("-")
        if dash and low:
            first, last = _one(session, low, word, refusal), _one(session, high, word, refusal)
            if last < first:
                raise UsageError("inverted range")
            yield from range(first, last + 1)
        else:
            yield _one(session, word, word, refusal)


def _one(session: Session, text: str, word: str, refusal: str) -> int:
    if text.startswith("-"):
        raise UsageError("negative value")
    if text.startswith("$"):
        return session.evaluate_integer(text)
    if not text.isdigit():
        raise UsageError(refusal.format(word))
    return int(text)


def split_format(text: str) -> tuple[str, str]:
    """The letters after a slash glued to the command's name, and the rest: "/x a" gives ("x", "a")."""
    if not text.startswith("/"):
        return "", text
    letters, _, rest = text[1:].partition(" ")
    return letters, rest.strip()


def switches(text: str, known: dict[str, bool]) -> tuple[dict[str, str], str]:
    """The leading -switches of `text` and the rest; `known` tells which take a value.  Unknown ones end the search."""
    found: dict[str, str] = {}
    while match := re.match(r"(-[\w-]+)(\s+|$)", text):
        name = match[1]
        if name not in known:
            break
        text = text[match.end():]
        value = ""
        if known[name]:
            value, _, text = text.partition(" ")
        found[name] = value
        text = text.lstrip()
    return found, text
