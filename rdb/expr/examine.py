"""The x command: memory as numbers, strings or instructions.

An Examiner remembers, as GDB does, where it stopped, how it looked and how far, so that `x` alone goes on; and it sets $_ and $__
to the last address and what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from rdb.errors import UsageError
from rdb.expr.characters import string
from rdb.expr.convert import index_number
from rdb.expr.format import read_units, string_style, symbolic
from rdb.expr.format_spec import LETTERS, SIZES, Format
from rdb.expr.registers import INT8, INT16, INT32, INT64
from rdb.expr.scalars import scalar
from rdb.expr.scope import Context, Scope
from rdb.expr.value import Value, void
from rdb.symbols.types import FloatType, IntegerType, Type, pointer_to

Disassemble = Callable[[int], tuple[str, int]]
"""The instruction at an address: its text, and its length.  Raises CannotAccessMemory."""

_TYPES: dict[str, IntegerType] = {"b": INT8, "h": INT16, "w": INT32, "g": INT64}
_PER_LINE = {"b": 8, "h": 8, "w": 4, "g": 2}
_WIDE_PREFIX = {1: "", 2: "u", 4: "U"}


class Examiner:
    """The state between one x command and the next: `address` is where the next one begins, None before the first."""

    def __init__(self, letter: str = "x", size: str = "w") -> None:
        self.letter, self.size, self.count = letter, size, 1
        self.address: int | None = None

    def resolved(self, format: Format) -> Format:
        """`format` with what it leaves open filled in from the last one."""
        letter, size = format.letter, format.size
        if letter is None:
            letter = self.letter if size is None or self.letter not in "is" else "x"
            if self.letter == "s" and size is not None:
                letter = "s"
            size = size or self.size
        elif size is None:
            size = self._usual_size(letter)
        return replace(format, letter=letter, size=size)

    def _usual_size(self, letter: str) -> str:
        if letter == "a":
            return "g"
        if letter == "f":
            return self.size if self.size in ("w", "g") else "g"
        return "b" if letter in ("c", "s", "i") else self.size

    def examine(
        self, format: Format, scope: Scope, disassemble: Disassemble, start: int | None = None
    ) -> Iterator[str]:  # fmt: skip
        """The text, piece by piece, as it can be read; an RdbError ends it in the middle of a line, as in GDB."""
        if start is None and format == Format():
            format = Format(max(self.count, 1))
        format = self.resolved(format)
        letter, size = format.letter or "x", format.size or "w"
        if letter == "a" and SIZES[size] > scope.arch.pointer_size:
            size = "w"
        self.count = format.count
        address = start if start is not None else self.address or 0
        self.letter = letter
        self.size = "b" if letter == "s" else size
        if format.count < 0:
            if letter in "si":
                raise UsageError(f'A negative count is not supported with format "{letter}".')
            address += format.count * SIZES[size]
        self.address = address & (1 << 8 * scope.arch.pointer_size) - 1
        if letter == "i":
            yield from self._instructions(abs(format.count), scope, disassemble)
        elif letter == "s":
            yield from self._strings(abs(format.count), size, scope)
        else:
            yield from self._numbers(abs(format.count), letter, size, scope)
        if format.count < 0:
            self.address = address

    def _numbers(self, count: int, letter: str, size: str, scope: Scope) -> Iterator[str]:
        kind: Type = _TYPES[size]
        if letter == "f" and size in "wg":
            kind = FloatType(name="float" if size == "w" else "double", size=SIZES[size])
        first = self.address or 0
        for number in range(count):
            address = first + number * kind.size
            if number % _PER_LINE[size] == 0:
                yield ("\n" if number else "") + _label(address, scope)
            yield "\t"
            if letter not in LETTERS:
                raise UsageError(f'Undefined output format "{letter}".')
            value = Context(scope).at(kind, address)
            yield scalar(value, letter, scope, padded=True)
            self._remember(kind, address, value, scope)
        if count:
            yield "\n"

    def _strings(self, count: int, size: str, scope: Scope) -> Iterator[str]:
        width = SIZES[size] if size in "bhw" else 1
        style = string_style(scope)
        for _ in range(count):
            address = self.address or 0
            yield _label(address, scope) + "\t"
            units, more, error = read_units(scope, address, width, style.limit)
            if error is not None:
                yield (string(units, width, _WIDE_PREFIX[width], style) if units else "") + f"<error: {error}>\n"
                return
            yield string(units, width, _WIDE_PREFIX[width], style, more) + "\n"
            self._remember(INT8, address, void(), scope, (len(units) + (not more)) * width)

    def _instructions(self, count: int, scope: Scope, disassemble: Disassemble) -> Iterator[str]:
        frame = scope.frame
        for _ in range(count):
            address = self.address or 0
            mark = "=> " if frame is not None and frame.pc == address else "   "
            yield mark + _label(address, scope) + "\t"
            text, length = disassemble(address)
            yield text + "\n"
            self._remember(INT8, address, void(), scope, length)

    def _remember(self, kind: Type, address: int, value: Value, scope: Scope, length: int | None = None) -> None:
        """Set $_ and $__, and go on behind what was shown there."""
        self.address = address + (kind.size if length is None else length)
        size = scope.arch.pointer_size
        scope.convenience["_"] = Value.of(pointer_to(kind, size), address.to_bytes(size, "little"))
        scope.convenience["__"] = value if value.address is None else Value.of(kind, value.data)


def _label(address: int, scope: Scope) -> str:
    return f"{address:#x}{symbolic(address, scope)}:"


def examined_address(value: Value, scope: Scope) -> int:
    """The address that `x VALUE` looks at: where an array or a function is, what a pointer or a number says."""
    return index_number(value, Context(scope))
