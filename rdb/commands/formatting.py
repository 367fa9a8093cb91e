"""The printf command: C's format strings over values of the debugged program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.commands.scripting import ESCAPES
from rdb.errors import UsageError

if TYPE_CHECKING:
    from rdb.expr.value import Value
    from rdb.session import Session

SPECIFIER = re.compile(r"%(?P<flags>[-+ #0]*)(?P<width>\d*)(?P<precision>\.\d*)?(?P<length>hh|h|ll|l|j|z|t|L)?(?P<letter>.?)")
INTEGERS = "diuxXoc"
FLOATS = "eEfFgGaA"
LONGEST_STRING = 1 << 20


def split_top_level(text: str) -> list[str]:
    """Split at the commas that stand outside quotes and brackets."""
    parts, depth, start = [], 0, 0
    for match in re.finditer(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[\[({})\],]', text):
        token = match[0]
        depth += token in "([{" and len(token) == 1
        depth -= token in ")]}" and len(token) == 1
        if token == "," and not depth:
            parts.append(text[start:match.start()])
            start = match.end()
    return [*parts, text[start:]]


def formatted(session: Session, arguments: str) -> str:
    """What printf with these arguments prints; raises UsageError in GDB's words."""
    if not arguments:
        raise UsageError("Argument required (format-control string and values to print).")
    if not arguments.startswith('"'):
        raise UsageError("Bad format string")
    match = re.match(r'"((?:\\.|[^"\\])*)"', arguments, re.DOTALL)
    if match is None:
        raise UsageError("Bad format string, non-terminated '\"'.")
    rest = arguments[match.end():].strip()
    if rest and not rest.startswith(","):
        raise UsageError("Invalid argument syntax")
    expressions = split_top_level(rest[1:]) if rest else []
    pieces = list(_pieces(_unescape(match[1])))
    wanted = sum(1 for piece in pieces if isinstance(piece, re.Match))
    if wanted != len(expressions):
        raise UsageError("Wrong number of arguments for specified format-string")
    values = iter([session.evaluate(expression) for expression in expressions])
    return "".join(piece if isinstance(piece, str) else _one(session, piece, next(values)) for piece in pieces)


def _unescape(text: str) -> str:
    def resolve(match: re.Match[str]) -> str:
        what = match[1]
        if what[0].isdigit():
            return chr(int(what, 8) & 0xFF)
        if what not in ESCAPES and what not in '\\"':
            raise UsageError(f"Unrecognized escape character \\{what} in format string.")
        return ESCAPES.get(what, what)

    return re.sub(r"\\([0-7]{1,3}|.)", resolve, text, flags=re.DOTALL)


def _pieces(text: str) -> Iterator[str | re.Match[str]]:
    """Plain text and specifiers, in order; a double percent sign is text."""
    at = 0
    for match in SPECIFIER.finditer(text):
        yield text[at:match.start()]
        at = match.end()
        letter = match["letter"]
        if letter == "%":
            yield "%"
        elif not letter:
            raise UsageError("Incomplete format specifier at end of format string")
        elif letter == "n":
            raise UsageError("Format specifier `n' not supported in printf")
        elif letter not in INTEGERS + FLOATS + "sp":
            raise UsageError(f"Unrecognized format specifier '{letter}' in printf")
        else:
            yield match
    yield text[at:]


def _one(session: Session, match: re.Match[str], value: Value) -> str:
    from rdb.expr.convert import number

    flags, width, precision, letter = match["flags"], match["width"], match["precision"] or "", match["letter"]
    if letter == "s":
        return f"%{flags.replace('0', '')}{width}{precision}s" % _string(session, value)
    if letter in FLOATS:
        if letter in "aA":
            return float(number(value)).hex()
        return f"%{flags}{width}{precision}{letter}" % float(number(value))
    integer = int(number(value))
    if letter == "p":
        return f"%{flags.replace('#', '')}{width}s" % (f"{integer:#x}" if integer else "(nil)")
    if letter == "c":
        return f"%{flags.replace('0', '')}{width}s" % chr(integer & 0xFF)
    size = {"hh": 8, "h": 16, None: 32, "L": 64}.get(match["length"], 64)
    integer &= (1 << size) - 1
    if letter in "di" and integer >> (size - 1):
        integer -= 1 << size
    return f"%{flags}{width}{precision}{'d' if letter in 'diu' else letter}" % integer


def _string(session: Session, value: Value) -> str:
    """The C string that a value is or points to."""
    from rdb.expr.convert import number
    from rdb.symbols.types import ArrayType, strip

    if isinstance(strip(value.type), ArrayType):
        return value.data.split(b"\0")[0].decode("utf-8", "surrogateescape")
    address = int(number(value))
    if not address:
        return "(null)"
    text = bytearray()
    while len(text) < LONGEST_STRING and (byte := session.read_memory(address + len(text), 1)) != b"\0":
        text += byte
    return text.decode("utf-8", "surrogateescape")
