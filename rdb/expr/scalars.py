"""A scalar under a format letter: x d u o t z c a f.

Integers and pointers are shown by their bits, also floating ones (except under f and c); `padded` is the x command's way, which
shows leading zeros.
"""

from __future__ import annotations

from rdb.errors import ExpressionError, UsageError
from rdb.expr import floats
from rdb.expr.characters import character
from rdb.expr.convert import truncated
from rdb.expr.scope import Scope
from rdb.expr.value import Value, is_signed
from rdb.symbols.types import FloatType, FunctionType, strip


def scalar(value: Value, letter: str, scope: Scope, padded: bool = False) -> str:
    """The text of a scalar value under `letter`; raises UsageError for a letter that is none of these."""
    kind = strip(value.type)
    data = value.data
    form = floats.format_of(kind) if isinstance(kind, FloatType) else None
    if form is not None:
        data = data[: form.size]
    signed = is_signed(kind)
    if letter == "f":
        return _floating(data, form, signed)
    if letter == "c":
        number = truncated(floats.decode(data, form)) if form else int.from_bytes(data, "little")
        return _character(number, unsigned=form is None and not signed)
    if letter == "a":
        if isinstance(kind, FunctionType):
            raise ExpressionError("Value can't be converted to integer.")
        return _address(truncated(floats.decode(data, form)) if form else int.from_bytes(data, "little", signed=signed), scope)
    if letter == "d":
        return str(int.from_bytes(data, "little", signed=True))
    number, size = int.from_bytes(data, "little"), len(data)
    if letter == "x":
        return f"0x{number:0{2 * size if padded else 1}x}"
    if letter == "z":
        return f"0x{number:0{2 * size}x}"
    if letter == "t":
        return f"{number:0{8 * size if padded else 1}b}"
    if letter == "o":
        return f"0{number:o}" if number else "0"
    if letter == "u":
        return str(number)
    raise UsageError(f'Undefined output format "{letter}".')


def _floating(data: bytes, form: floats.FloatFormat | None, signed: bool) -> str:
    """Bytes of the size of a floating type are seen as one; others are an integer."""
    form = form or {4: floats.SINGLE, 8: floats.DOUBLE, 16: floats.EXTENDED}.get(len(data))
    if form is None:
        return str(int.from_bytes(data, "little", signed=signed))
    return floats.spell(data, form)


def _character(number: int, unsigned: bool) -> str:
    code = number & 0xFF
    shown = code if unsigned or code < 0x80 else code - 0x100
    return f"{shown} {character(code, 1, '')}"


def _address(number: int, scope: Scope) -> str:
    from rdb.expr.format import symbolic

    address = number & (1 << 8 * scope.arch.pointer_size) - 1
    return f"{address:#x}{symbolic(address, scope)}"
