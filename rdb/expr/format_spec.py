"""The /FMT of print, x, display, output and printf's kin: a count, a format letter and a size letter, in any order of letters."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rdb.errors import UsageError

LETTERS = frozenset("xduotzcafsi")
SIZES = {"b": 1, "h": 2, "w": 4, "g": 8}
_SPEC = re.compile(r"/?(?P<count>-?\d+)?(?P<letters>[a-z]*)$")


@dataclass(frozen=True)
class Format:
    """What was asked for; None where nothing was said.  `raw` is /r."""

    count: int = 1
    letter: str | None = None
    size: str | None = None
    raw: bool = False


def parse_format(text: str) -> Format:
    """The format that "/4xw" or "4xw" spells; the last letter of a kind counts.  The letter is checked when it is used."""
    match = _SPEC.match(text.strip())
    if match is None:
        raise UsageError(f'Undefined output format "{text.strip().lstrip("/")[:1]}".')
    letters = match["letters"]
    kinds = [letter for letter in letters if letter not in SIZES and letter != "r"]
    sizes = [letter for letter in letters if letter in SIZES]
    count = match["count"]
    return Format(
        int(count) if count else 1, kinds[-1] if kinds else None, sizes[-1] if sizes else None, "r" in letters
    )  # fmt: skip


def check_print_format(format: Format, command: str = "print") -> None:
    """Raise UsageError for what only the x command can do."""
    if format.size is not None:
        raise UsageError(f'Size letters are meaningless in "{command}" command.')
    if format.count != 1:
        raise UsageError(f'Item count other than 1 is meaningless in "{command}" command.')
    if format.letter == "i":
        raise UsageError(f'Format letter "{format.letter}" is meaningless in "{command}" command.')
