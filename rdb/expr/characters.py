"""Characters and strings as GDB prints them: C escapes, runs folded, what is not text in octal.

A string is first cut into *elements*: a character, a byte that is part of none, or an unfinished sequence at the end.  Equal
neighbours then form runs.  A run longer than the threshold stands outside the quotes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import hexdigits

ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 27: "\\033", 92: "\\\\"}


@dataclass(frozen=True)
class Element:
    """`code` is the code point, or None for code units that encode nothing; `units` are the code units."""

    code: int | None
    units: tuple[int, ...]
    incomplete: bool = False


@dataclass(frozen=True)
class Style:
    """How strings are printed: `limit` and `threshold` are `print elements` and `print repeats`, None for unlimited."""

    limit: int | None = 200
    threshold: int | None = 10
    seven_bit: bool = False


def _utf8_length(lead: int) -> int:
    """How long the sequence is that begins with this byte; 0 if none does (RFC 3629)."""
    if lead < 0x80:
        return 1
    return 2 if 0xC2 <= lead <= 0xDF else 3 if 0xE0 <= lead <= 0xEF else 4 if 0xF0 <= lead <= 0xF4 else 0


def elements(units: Sequence[int], width: int) -> Iterator[Element]:
    """The elements of a string of code units of `width` bytes: UTF-8, UTF-16 or UTF-32."""
    if width == 1:
        yield from _utf8_elements(bytes(units))
    elif width == 2:
        yield from _utf16_elements(units)
    else:
        for unit in units:
            yield Element(unit if unit < 0x110000 and not 0xD800 <= unit < 0xE000 else None, (unit,))


def _utf8_elements(data: bytes) -> Iterator[Element]:
    at = 0
    while at < len(data):
        length = _utf8_length(data[at])
        piece = data[at : at + length]
        try:
            code: int | None = ord(piece.decode("utf-8")) if length else None
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":
                yield Element(None, tuple(data[at:]), incomplete=True)
                return
            code = None
        if code is None:
            piece = data[at : at + 1]
        yield Element(code, tuple(piece))
        at += len(piece)


def _utf16_elements(units: Sequence[int]) -> Iterator[Element]:
    at = 0
    while at < len(units):
        unit = units[at]
        if 0xD800 <= unit < 0xDC00 and at + 1 < len(units) and 0xDC00 <= units[at + 1] < 0xE000:
            low = units[at + 1]
            yield Element(0x10000 + (unit - 0xD800 << 10) + low - 0xDC00, (unit, low))
            at += 2
        else:
            yield Element(None if 0xD800 <= unit < 0xE000 else unit, (unit,))
            at += 1


def escaped(element: Element, quote: str, width: int, style: Style, after_hex: bool = False) -> str:
    """One element as it stands between quotes; `after_hex` if a hexadecimal escape precedes it, which a digit would lengthen."""
    code = element.code
    if code is not None:
        if code in ESCAPES:
            return ESCAPES[code]
        letter = chr(code)
        if letter == quote:
            return "\\" + letter
        if letter.isprintable() and (code < 128 or not style.seven_bit) and not (after_hex and letter in hexdigits):
            return letter
    return "".join(f"\\{unit:03o}" if unit <= 0o777 else f"\\x{unit:x}" for unit in element.units)


def character(code: int, width: int, prefix: str, style: Style = Style()) -> str:
    """A character constant: 'a', '\\n', '\\200', L'w'."""
    element = next(elements([code & (1 << 8 * width) - 1], width))
    return f"{prefix}'{escaped(element, chr(39), width, style)}'"


def string(units: Sequence[int], width: int, prefix: str, style: Style, more: bool = False) -> str:
    """A string constant, its long runs outside the quotes, and "..." if the limit (or `more`) cut it."""
    if not units:
        return f'{prefix}""' + ("..." if more else "")
    parts: list[str] = []
    quoted: list[str] = []
    printed = 0
    ended = True
    for element, group in itertools.groupby(elements(units, width)):
        if style.limit is not None and printed >= style.limit:
            ended = False
            break
        count = sum(1 for _ in group)
        printed += count
        text = escaped(element, '"', width, style)
        if element.incomplete or (style.threshold is not None and count > style.threshold):
            _close(parts, quoted, prefix)
            note = f"<incomplete sequence {text}>" if element.incomplete else f"{prefix}'{text}' <repeats {count} times>"
            parts.append(note)
            continue
        for _ in range(count):
            quoted.append(escaped(element, '"', width, style, bool(quoted) and quoted[-1].startswith("\\x")))
    _close(parts, quoted, prefix)
    return ", ".join(parts) + ("" if ended and not more else "...")


def _close(parts: list[str], quoted: list[str], prefix: str) -> None:
    """Move what was collected between quotes to the finished parts."""
    if quoted:
        parts.append(f'{prefix}"{"".join(quoted)}"')
        quoted.clear()
