"""From the text of an expression to tokens, one at a time.

Tokens are made only when the parser asks, so that an error far to the right does not hide a syntax error before it.  A closing
bracket that nothing opened ends the expression, as in GDB; what follows it is then "junk".
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from rdb.errors import ExpressionError
from rdb.expr.nodes import Character, History, Node, Number, String

DEEPEST = 100
TOO_DEEP = "Expression is nested too deeply."

_SPELT = """<<= >>= ... -> ++ -- << >> <= >= == != && || += -= *= /= %= &= |= ^= ::
    + - * / % & | ^ ~ ! < > = ? : , . ( ) [ ] { } @"""
OPERATORS = sorted(_SPELT.split(), key=len, reverse=True)
_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_\u0080-\U0010ffff][\w$]*")
_DOLLAR = re.compile(r"\$[\w$]*")
_HISTORY = re.compile(r"\$(\$?)(\d*)|\$\$")
_QUOTE = re.compile(r"(u8|[LuU])?(['\"])")
_ESCAPES = {"a": 7, "b": 8, "e": 27, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_CODED = re.compile(r"[0-7]{1,3}|x[0-9a-fA-F]+|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}")
_PREFIX_TYPE = {None: "char", "u8": "char", "L": "wchar_t", "u": "char16_t", "U": "char32_t"}
_UNIT_BITS = {"char": 8, "wchar_t": 32, "char16_t": 16, "char32_t": 32}

_NUMBER = re.compile(
    r"""0[xX](?:[pP][+-]|[0-9A-Za-z])*(?:\.(?:[pP][+-]|[0-9A-Za-z])*)?
      | (?=\.?\d)(?:[eE][+-]|[0-9A-Za-z])*(?:\.(?:[eE][+-]|[0-9A-Za-z])*)?""",
    re.VERBOSE,
)
_INTEGER = re.compile(r"(?P<digits>0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9]\d*)(?P<suffix>[uUlL]*)$")
_DECIMAL = re.compile(r"(?P<whole>\d*)\.?(?P<part>\d*)(?:[eE](?P<exponent>[+-]?\d+))?(?P<suffix>[fFlL]?)$")
_HEXADECIMAL = re.compile(r"0[xX](?P<whole>[\da-fA-F]*)\.?(?P<part>[\da-fA-F]*)[pP](?P<exponent>[+-]?\d+)(?P<suffix>[fFlL]?)$")
_REAL_TYPE = {"": "double", "f": "float", "l": "long double"}


@dataclass(frozen=True)
class Token:
    """`kind` is operator, name, quoted, dollar, constant or end; a constant carries its node.  It is text[start:end]."""

    kind: str
    text: str
    start: int
    end: int
    node: Node | None = None


class Tokens:
    """The tokens of `text`, with one token of lookahead in `next`."""

    def __init__(self, text: str) -> None:
        self.text = text.rstrip()
        self._open = 0
        self.next = self._read(0)

    def take(self) -> Token:
        """Consume and return the next token."""
        token = self.next
        if token.kind == "operator":
            self._open += (token.text in ("(", "[")) - (token.text in (")", "]"))
            if self._open > DEEPEST:
                raise ExpressionError(TOO_DEEP)
        self.next = self._read(token.end)
        return token

    def at(self, *texts: str) -> bool:
        """Whether the next token is one of these operators."""
        return self.next.kind == "operator" and self.next.text in texts

    def accept(self, text: str) -> bool:
        """Consume the operator `text` if it comes next."""
        if self.at(text):
            self.take()
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.syntax_error()

    def peek(self) -> Token:
        """The token after the next one."""
        mark = self.next, self._open
        self.take()
        token = self.next
        self.next, self._open = mark
        return token

    def syntax_error(self) -> ExpressionError:
        """The error that points at the next token."""
        return ExpressionError(f"A syntax error in expression, near `{self.text[self.next.start :]}'.")

    def _read(self, position: int) -> Token:
        text = self.text
        match = _SPACE.match(text, position)
        start = match.end() if match else position
        if start >= len(text):
            return Token("end", "", len(text), len(text))
        if (match := _NUMBER.match(text, start)) and match.end() > start:
            return Token("constant", match[0], start, match.end(), read_number(match[0]))
        if match := _QUOTE.match(text, start):
            return _quoted(text, start, match)
        if match := _DOLLAR.match(text, start):
            return Token("dollar", match[0], start, match.end())
        if match := _NAME.match(text, start):
            return Token("name", match[0], start, match.end())
        for operator in OPERATORS:
            if text.startswith(operator, start):
                if operator in (")", "]") and not self._open:
                    return Token("end", "", start, start)
                return Token("operator", operator, start, start + len(operator))
        raise ExpressionError(f"Invalid character '{text[start]}' in expression.")


def read_history(text: str) -> History | None:
    """The history node that $, $$, $3 or $$3 stands for, or None if `text` names something else."""
    match = _HISTORY.fullmatch(text)
    if match is None:
        return None
    if text == "$$":
        return History(1, relative=True)
    relative = bool(match[1]) or not match[2]
    return History(int(match[2] or 0), relative)


def read_number(text: str) -> Number:
    """The constant that `text` spells, typed as C types it (C11 6.4.4.1: the first type of the list that can hold it)."""
    if match := _INTEGER.match(text):
        return _integer(match["digits"], match["suffix"].lower())
    if match := _HEXADECIMAL.match(text):
        if match["whole"] or match["part"]:
            mantissa = int(match["whole"] + match["part"], 16)
            return _real(mantissa, 2, _bounded(match["exponent"]) - 4 * len(match["part"]), match["suffix"])
    elif (match := _DECIMAL.match(text)) and ("." in text or match["exponent"]):
        mantissa = int(match["whole"] + match["part"])
        return _real(mantissa, 10, _bounded(match["exponent"] or "0") - len(match["part"]), match["suffix"])
    raise ExpressionError(f'Invalid number "{text}".')


def _integer(digits: str, suffix: str) -> Number:
    octal = digits.startswith("0") and digits.isdigit() and len(digits) > 1
    value = int(digits, 8) if octal else int(digits, 0)
    decimal = digits[0] != "0"
    longs = suffix.count("l")
    names = ("int", "long", "long long")[min(longs, 2) :][:2] if longs < 2 else ("long long",)
    for name in names:
        bits = 32 if name == "int" else 64
        if "u" not in suffix and value < 1 << bits - 1:
            return Number(value, name)
        if ("u" in suffix or not decimal or bits == 64) and value < 1 << bits:
            return Number(value, f"unsigned {name}")
    raise ExpressionError("Numeric constant too large.")


def _bounded(exponent: str) -> int:
    """An exponent, cut to what still makes a difference: long double ends at 10**4933 and 2**-16445."""
    return max(-100_000, min(100_000, int(exponent[:12])))


def _real(mantissa: int, base: int, exponent: int, suffix: str) -> Number:
    if mantissa and mantissa.bit_length() + exponent * math.log2(base) > 40_000:
        return Number(math.inf, _REAL_TYPE[suffix.lower()])
    return Number(mantissa * Fraction(base) ** exponent, _REAL_TYPE[suffix.lower()])


def _quoted(text: str, start: int, match: re.Match[str]) -> Token:
    """A character constant, a string, or a quoted symbol ('file.c', 'operator new')."""
    type = _PREFIX_TYPE[match[1]]
    codes, end = _units(text, match.end(), match[2], _UNIT_BITS[type])
    if match[2] == '"':
        return Token("constant", text[start:end], start, end, String(tuple(codes), type))
    if not codes:
        raise ExpressionError("A character constant must contain at least one character.")
    if len(codes) > 2 and match[1] is None:
        return Token("quoted", text[match.end() : end - 1], start, end)
    if len(codes) > 1:
        raise ExpressionError("Invalid character constant.")
    return Token("constant", text[start:end], start, end, Character(codes[0], type))


def _units(text: str, position: int, quote: str, bits: int) -> tuple[list[int], int]:
    """The code units up to the closing quote, and where the text goes on."""
    codes: list[int] = []
    while position < len(text) and text[position] != quote:
        if text[position] == "\\" and position + 1 < len(text):
            code, position = _escape(text, position + 1)
            codes.append(code & (1 << bits) - 1)
        else:
            codes += _encode(text[position], bits)
            position += 1
    if position >= len(text):
        raise ExpressionError("Unmatched single quote." if quote == "'" else "Unterminated string in expression.")
    return codes, position + 1


def _escape(text: str, position: int) -> tuple[int, int]:
    if match := _CODED.match(text, position):
        digits = match[0]
        return (int(digits, 8) if digits[0].isdigit() else int(digits[1:], 16)), match.end()
    letter = text[position]
    return _ESCAPES.get(letter, ord(letter)), position + 1


def _encode(letter: str, bits: int) -> list[int]:
    if bits == 8:
        return list(letter.encode("utf-8", "surrogateescape" if 0xDC80 <= ord(letter) <= 0xDCFF else "replace"))
    if bits == 16:
        data = letter.encode("utf-16-le", "surrogatepass")
        return [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]
    return [ord(letter)]
