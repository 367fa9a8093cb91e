"""Reading the argument texts that many commands share: numbers, lists of numbers, /FORMAT, switches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rdb.errors import UsageError
from rdb.settings import BY_NAME, Boolean, Settings, SettingValue, parse_boolean

if TYPE_CHECKING:
    from rdb.session import Session

PLAIN_NUMBER = re.compile(r"[+-]?(0[xX][0-9a-fA-F]+|\d+)$")


def number_of(session: Session, text: str) -> int:
    """The value of an expression as an integer; plain numbers need no process and no symbols."""
    text = text.strip()
    if PLAIN_NUMBER.match(text) and not re.match(r"[+-]?0\d", text):
        return int(text, 0)
    return session.evaluate_integer(text)


def address_of(session: Session, text: str) -> int:
    """The address that an expression means: where a function or an array is, what a pointer or a number says."""
    from rdb.expr.examine import examined_address

    text = text.strip()
    return int(text, 0) if PLAIN_NUMBER.match(text) else examined_address(session.evaluate(text), session)


def count_of(session: Session, text: str, default: int = 1) -> int:
    """The N of `step N` and its kin."""
    return number_of(session, text) if text.strip() else default


def numbers(session: Session, text: str, refusal: str = "Bad breakpoint argument: '{}'") -> Iterator[int]:
    """The numbers of a list such as "1 3-5 $x"; `refusal` is GDB's sentence about a word that is none,
    which counts as 0 if there is no such sentence.
    """
    for word in text.split():
        low, dash, high = word.partition("-")
        if dash and low:
            first, last = _one(session, low, word, refusal), _one(session, high, word, refusal) if high else 0
            if last < first:
                raise UsageError("inverted range")
            yield from range(first, last + 1)
        else:
            yield _one(session, word, word, refusal)


def _one(session: Session, text: str, word: str, refusal: str) -> int:
    if text.startswith("-"):
        raise UsageError(f"Negative breakpoint number '{word}'" if "breakpoint" in refusal else "negative value")
    if text.startswith("$"):
        return session.evaluate_integer(text)
    if not text.isdigit():
        if not refusal:
            return 0
        raise UsageError(refusal.format(word))
    return int(text)


def regexp(text: str) -> re.Pattern[str]:
    """The regular expression that the user wrote; raises UsageError."""
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(f"Invalid regexp ({error.msg}): {text}") from None


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


PRINT_OPTIONS = {
    "address": "print address", "array": "print array", "array-indexes": "print array-indexes", "elements": "print elements",
    "max-depth": "print max-depth", "null-stop": "print null-stop", "pretty": "print pretty", "repeats": "print repeats",
    "symbol": "print symbol", "union": "print union",
}


@contextmanager
def option_settings(settings: Settings, text: str) -> Iterator[str]:
    """Settings changed by leading options such as `-pretty on -elements 4 --`, for as long as it lasts; gives the rest.

    What does not begin with the name of an option is an expression (-x is a negation).
    """
    before: dict[str, SettingValue] = {}
    try:
        while match := re.match(r"-([a-z-]+)(\s+|$)", text):
            fits = [name for name in PRINT_OPTIONS if name.startswith(match[1])]
            if len(fits) != 1:
                break
            name = PRINT_OPTIONS[fits[0]]
            text = text[match.end():]
            word, _, rest = text.partition(" ")
            kind = BY_NAME[name].kind
            if isinstance(kind, Boolean) and parse_boolean(word) is None or not word or word == "--":
                word = "on"
            else:
                text = rest.lstrip()
            before.setdefault(name, settings[name])
            settings.set_text(name, word)
        yield text[2:].lstrip() if text.startswith("-- ") or text == "--" else text
    finally:
        for name, value in before.items():
            settings[name] = value
