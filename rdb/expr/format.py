"""Values as text, letter for letter as GDB prints them.

`format_value` is what print, display, finish, info locals and backtrace show.  A *top* value shows the type of a pointer before
it.  A format letter applies to the scalars inside a value; without one each is shown as its type asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from rdb.errors import CannotAccessMemory, RdbError, UsageError
from rdb.expr import floats
from rdb.expr.characters import Style, character, string
from rdb.expr.format_spec import LETTERS
from rdb.expr.registers import FlagsType, flags_text
from rdb.expr.scalars import scalar
from rdb.expr.scope import Context, Scope
from rdb.expr.value import Value, integer, is_character, wide_prefix
from rdb.symbols.types import (
    ArrayType,
    ComplexType,
    EnumType,
    FloatType,
    FunctionType,
    IntegerType,
    Member,
    PointerType,
    QualifiedType,
    ReferenceType,
    StructType,
    Type,
    VoidType,
    spell,
    strip,
)

_TEXT_UNITS = ("char", "wchar_t", "char16_t", "char32_t")


def format_value(value: Value, scope: Scope, letter: str | None = None, top: bool = True) -> str:
    """A value as text; raises CannotAccessMemory where its bytes cannot be read, UsageError for an unknown letter."""
    if letter is not None and letter not in LETTERS:
        raise UsageError(f'Undefined output format "{letter}".')
    return _Printer(scope, None if letter == "s" else letter).show(value, top)


def symbolic(address: int, scope: Scope) -> str:
    """ <symbol+offset> with its leading space, or nothing where no symbol reaches.

    A function goes by the name that its debug info has for it.
    """
    found = scope.table.minimal_at(address)
    if found is None:
        return ""
    symbol, offset = found
    name = symbol.name
    function = scope.table.function_at(address) if symbol.is_code else None
    if function is not None and function.name and function.low >= symbol.address:
        name, offset = function.name, address - function.low
    return f" <{name}+{offset}>" if offset else f" <{name}>"


def string_style(scope: Scope) -> Style:
    """How the settings want strings."""
    settings = scope.settings
    return Style(settings.limit("print elements"), settings.limit("print repeats"), settings.flag("print sevenbit-strings"))


@dataclass(frozen=True)
class _Printer:
    """One printing: where to look up symbols and memory, the format letter, and how deep inside the value it stands.

    `depth` is that of the indentation; `nesting`, which `print max-depth` limits, does not count nameless members.
    """

    scope: Scope
    letter: str | None
    depth: int = 0
    nesting: int = 0

    def inside(self, named: bool = True) -> _Printer:
        """The printer of a part."""
        return replace(self, depth=self.depth + 1, nesting=self.nesting + named)

    def show(self, value: Value, top: bool = False) -> str:
        """The text of a value; `top` puts the type before a pointer."""
        if value.optimized_out:
            return "<optimized out>"
        kind = strip(value.type)
        if self.letter is not None and not isinstance(kind, (StructType, ArrayType, VoidType)):
            return scalar(self._readable(value), self.letter, self.scope)
        prefix = self._type_prefix(value.type) if top else ""
        return prefix + _BY_KIND[type(kind)](self, value, kind)

    def _readable(self, value: Value) -> Value:
        """A function as the byte that stands at its address, which is what a format letter shows of it."""
        if isinstance(strip(value.type), FunctionType) and value.address is not None:
            return Value.of(value.type, self.scope.read_memory(value.address, 1))
        return value

    def _type_prefix(self, type: Type) -> str:
        """(type) before a pointer, except before plain strings."""
        kind = strip(type)
        if isinstance(kind, ReferenceType):
            return f"({spell(type)}) "
        if not isinstance(kind, PointerType):
            return ""
        bare = _unqualified(type)
        if isinstance(bare, PointerType) and _unqualified(bare.target).name in _TEXT_UNITS:
            return ""
        return f"({spell(type)}) "

    # Scalars

    def integer(self, value: Value, kind: IntegerType) -> str:
        if isinstance(kind, FlagsType):
            return flags_text(value, kind)
        number = integer(value)
        if kind.encoding == "bool" and number in (0, 1):
            return "true" if number else "false"
        if is_character(value.type):
            return f"{number} {character(number, kind.size, wide_prefix(value.type), string_style(self.scope))}"
        return str(number)

    def float(self, value: Value, kind: FloatType) -> str:
        return floats.spell(value.data, floats.format_of(kind))

    def complex(self, value: Value, kind: ComplexType) -> str:
        half = kind.size // 2
        form = floats.format_of(FloatType(size=half))
        return f"{floats.spell(value.data[:half], form)} + {floats.spell(value.data[half:], form)}i"

    def enum(self, value: Value, kind: EnumType) -> str:
        return enum_text(integer(value), kind)

    def void(self, value: Value, kind: VoidType) -> str:
        return "void"

    def function(self, value: Value, kind: FunctionType) -> str:
        address = value.address or 0
        self.scope.read_memory(address, 1)
        return f"{{{spell(value.type)}}} {self._address(address)}"

    def _address(self, address: int, with_symbol: bool = True) -> str:
        """An address with its symbol."""
        number = f"{address:#x}" if self.scope.settings.flag("print address") else ""
        return (number + (symbolic(address, self.scope) if with_symbol else "")).strip()

    def pointer(self, value: Value, kind: PointerType) -> str:
        address = integer(value)
        target = strip(kind.target)
        if isinstance(target, FunctionType):
            return self._address(address)
        text = self._address(address, self.scope.settings.flag("print symbol"))
        if is_character(kind.target) and address:
            text = f"{text} {self.string_at(address, kind.target)}".strip()
        return text

    def reference(self, value: Value, kind: ReferenceType) -> str:
        target = Context(self.scope).at(kind.target, integer(value))
        text = f"@{integer(value):#x}"
        return f"{text}: {self.show(target)}" if self.depth == 0 else text

    def string_at(self, address: int, unit: Type) -> str:
        """The string at an address, or why it cannot be read."""
        style = string_style(self.scope)
        units, more, error = read_units(self.scope, address, unit.size, style.limit)
        text = string(units, unit.size, wide_prefix(unit), style, more) if units or error is None else ""
        return text if error is None else f"{text}<error: {error}>"

    # Aggregates

    def array(self, value: Value, kind: ArrayType) -> str:
        if not kind.count or not kind.element.size:
            return self._address(value.address or 0) if value.address is not None and not kind.count else "{}"
        if is_character(kind.element) and self.letter is None and not kind.vector:
            return self._character_array(value, kind)
        if self._too_deep():
            return "{...}"
        parts, cut = self._elements(value, kind)
        if not self.scope.settings.flag("print array"):
            return "{" + ", ".join(parts) + cut + "}"
        return self._on_lines(parts, cut)

    def _too_deep(self) -> bool:
        deepest = self.scope.settings.limit("print max-depth")
        return deepest is not None and self.nesting >= deepest

    def _on_lines(self, parts: list[str], cut: str = "") -> str:
        """Braces around parts, each on a line of its own."""
        margin = "  " * self.depth
        return "{\n" + ",\n".join(f"{margin}  {part}" for part in parts) + f"{cut}\n{margin}}}"

    def _character_array(self, value: Value, kind: ArrayType) -> str:
        size = kind.element.size
        data = value.data
        units = [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]
        style = string_style(self.scope)
        if self.scope.settings.flag("print null-stop"):
            units = units[: units.index(0)] if 0 in units else units
        elif units and units[-1] == 0:
            units.pop()
        return string(units, size, wide_prefix(kind.element), style)

    def _elements(self, value: Value, kind: ArrayType) -> tuple[list[str], str]:
        """The texts of the elements or runs of them, and "..." if there are more than the limit allows."""
        settings = self.scope.settings
        limit, threshold = settings.limit("print elements"), settings.limit("print repeats")
        count, size = kind.count or 0, kind.element.size
        context = Context(self.scope)
        parts: list[str] = []
        printed = index = 0
        while index < count and (limit is None or printed < limit):
            run = self._run(value, kind, index)
            label = f"[{index}] = " if settings.flag("print array-indexes") else ""
            text = label + self.inside().show(context.part(value, kind.element, index * size))
            if threshold is not None and run > threshold:
                parts.append(f"{text} <repeats {run} times>")
                printed += threshold
                index += run
            else:
                parts.append(text)
                printed += 1
                index += 1
        return parts, "..." if index < count else ""

    def _run(self, value: Value, kind: ArrayType, index: int) -> int:
        """How many equal elements begin at `index`."""
        size = kind.element.size
        if value.missing:
            return 1
        data = value.data
        first = data[index * size : (index + 1) * size]
        end = index + 1
        while end < (kind.count or 0) and data[end * size : (end + 1) * size] == first:
            end += 1
        return end - index

    def struct(self, value: Value, kind: StructType) -> str:
        settings = self.scope.settings
        if kind.incomplete:
            return "<incomplete type>"
        if kind.keyword == "union" and self.depth and not settings.flag("print union"):
            return "{...}"
        if self._too_deep():
            return "{...}"
        if not kind.members:
            return "{<No data fields>}"
        parts = [self._member(value, member) for member in kind.members]
        return self._on_lines(parts) if settings.flag("print pretty") else "{" + ", ".join(parts) + "}"

    def _member(self, value: Value, member: Member) -> str:
        part = Context(self.scope).part(value, member.type, member.offset, member)
        try:
            text = self.inside(member.name is not None).show(part)
        except RdbError as error:
            text = f"<error: {error}>"
        return f"{member.name} = {text}" if member.name else text


def _unqualified(type: Type) -> Type:
    while isinstance(type, QualifiedType):
        type = type.target
    return type


def enum_text(number: int, kind: EnumType) -> str:
    """An enumerator's name; for an enum whose values are single bits, the names of those set; else the number."""
    for name, code in kind.enumerators:
        if code == number:
            return name
    flags = [(name, code) for name, code in kind.enumerators if code]
    if number == 0 or any(code < 0 or code.bit_count() != 1 for _, code in flags):
        return str(number)
    names: list[str] = []
    for name, code in flags:
        if number & code:
            names.append(name)
            number &= ~code
    if number:
        names.append(f"unknown: {number:#x}")
    return f"({' | '.join(names)})"


def read_units(scope: Scope, address: int, width: int, limit: int | None) -> tuple[list[int], bool, RdbError | None]:
    """The code units of a string in memory up to its zero or `limit`; whether it goes on; and the error that cut it short."""
    units: list[int] = []
    while limit is None or len(units) <= limit:
        start = address + len(units) * width
        # One cache line at a time, and never across a page border into what may not be mapped.
        size = max((64 - start % 64) // width, 1) * width
        try:
            data = scope.read_memory(start, size)
        except CannotAccessMemory:
            return (units if limit is None else units[:limit]), False, CannotAccessMemory(start)
        for at in range(0, size, width):
            unit = int.from_bytes(data[at : at + width], "little")
            if unit == 0:
                return (units if limit is None else units[:limit]), limit is not None and len(units) > limit, None
            units.append(unit)
    return units[:limit], True, None


_BY_KIND: dict[type[Type], Callable[[_Printer, Value, Any], str]] = {
    IntegerType: _Printer.integer,
    FlagsType: _Printer.integer,
    FloatType: _Printer.float,
    ComplexType: _Printer.complex,
    EnumType: _Printer.enum,
    VoidType: _Printer.void,
    FunctionType: _Printer.function,
    PointerType: _Printer.pointer,
    ReferenceType: _Printer.reference,
    ArrayType: _Printer.array,
    StructType: _Printer.struct,
}
