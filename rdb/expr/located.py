"""Variables as values: from where DWARF says a variable is to its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdb.errors import ExpressionError
from rdb.expr.scope import Context, Scope
from rdb.expr.value import RegisterLvalue, Value, optimized_out
from rdb.symbols.types import UNSIGNED_CHAR, Type, array_of

if TYPE_CHECKING:
    from rdb.symbols.locations import Location, Part
    from rdb.symbols.unwind import Frame
    from rdb.symbols.variables import Variable


def value_of(variable: Variable, scope: Scope, frame: Frame | None) -> Value:
    """The value of a variable in any frame, for those who list variables; raises RdbError where it cannot be told."""
    return variable_value(variable, Context(scope), frame)


def value_at_entry(variable: Variable, scope: Scope, frame: Frame) -> Value | None:
    """What a parameter was when its function was called (GDB's NAME@entry), or None if nobody knows."""
    from rdb.symbols.locations import locate_at_entry

    location = locate_at_entry(variable, frame)
    return None if location is None else located(location, variable.type, Context(scope), frame)


def variable_value(variable: Variable, context: Context, frame: Frame | None) -> Value:
    """The value of a variable in `frame`; without one, of a variable at a fixed address."""
    from rdb.symbols.locations import locate

    value = located(locate(variable, frame, context.scope.table), variable.type, context, frame)
    if value.optimized_out and frame is None and _is_thread_local(variable):
        raise ExpressionError(f"Cannot read `{variable.name}' without registers")
    return value


def _is_thread_local(variable: Variable) -> bool:
    """Whether its location ends in DW_OP_form_tls_address or DW_OP_GNU_push_tls_address."""
    code = variable.die.get("DW_AT_location")
    return isinstance(code, bytes) and code[-1:] in (b"\x9b", b"\xe0")


def located(location: Location, type: Type, context: Context, frame: Frame | None) -> Value:
    """The value of `type` that is at `location` in `frame`."""
    from rdb.symbols import locations

    if isinstance(location, locations.InMemory):
        return context.at(type, location.address)
    if isinstance(location, locations.InRegister):
        return _in_register(location.name, type, context, frame)
    if isinstance(location, locations.Constant):
        return Value.of(type, location.data[: type.size].ljust(type.size, b"\0"))
    if isinstance(location, locations.InPieces):
        return _assembled(location.parts, type, context, frame)
    return optimized_out(type)


def _in_register(name: str, type: Type, context: Context, frame: Frame | None) -> Value:
    """A value in a register: assignable in the selected frame only."""
    selected = context.scope.frame
    if frame is None or selected is None or frame.level == selected.level or name not in frame.registers:
        return Value(type, lambda: context.read_register(name)[: type.size].ljust(type.size, b"\0"), RegisterLvalue(name))
    number = frame.registers[name]
    if number is None:
        return optimized_out(type)
    data = (number & (1 << 128) - 1).to_bytes(16, "little")
    return Value.of(type, data[: type.size].ljust(type.size, b"\0"))


def _assembled(parts: tuple[Part, ...], type: Type, context: Context, frame: Frame | None) -> Value:
    """A value that is spread over several places; it cannot be assigned to."""
    pieces: list[tuple[Part, Value]] = []
    missing: list[tuple[int, int]] = []
    start = 0
    for part in parts:
        piece = located(part.where, array_of(UNSIGNED_CHAR, _bytes_touched(part)), context, frame)
        if piece.optimized_out:
            missing.append((start, start + part.size))
        pieces.append((part, piece))
        start += part.size
    if start < type.size:
        missing.append((start, type.size))

    def fetch() -> bytes:
        return b"".join(_piece_bytes(part, piece) for part, piece in pieces)[: type.size].ljust(type.size, b"\0")

    if missing and all(piece.optimized_out for _, piece in pieces):
        return optimized_out(type)
    return Value(type, fetch, None, tuple(missing))


def _bytes_touched(part: Part) -> int:
    return part.size if part.bits is None else (sum(part.bits) + 7) // 8


def _piece_bytes(part: Part, piece: Value) -> bytes:
    """The bytes that a part contributes, zeros where there are none."""
    if piece.optimized_out:
        return bytes(part.size)
    if part.bits is None:
        return piece.data
    low, width = part.bits
    number = int.from_bytes(piece.data, "little") >> low & (1 << width) - 1
    return number.to_bytes(part.size, "little")
