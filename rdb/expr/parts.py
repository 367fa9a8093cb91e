"""Parts of values: what a pointer points to, elements, members, and GDB's value @ count."""

from __future__ import annotations

from rdb.errors import ExpressionError
from rdb.expr.scope import Context
from rdb.expr.value import Value, integer, is_integral
from rdb.symbols.types import (
    ArrayType,
    FunctionType,
    IntegerType,
    Member,
    PointerType,
    StructType,
    VoidType,
    array_of,
    strip,
)


def dereference(value: Value, context: Context) -> Value:
    """*value."""
    kind = strip(value.type)
    if isinstance(kind, FunctionType):
        return value
    if isinstance(kind, ArrayType):
        return element(value, 0, context)
    if isinstance(kind, StructType):
        raise ExpressionError("Structure has no component named operator*.")
    if isinstance(kind, PointerType):
        if isinstance(strip(kind.target), VoidType):
            raise ExpressionError("Attempt to dereference a generic pointer.")
        return context.at(context.completed(kind.target), _pointed_at(value, context))
    if isinstance(kind, IntegerType):
        return context.at(context.types["long"], integer(value))
    raise ExpressionError("Attempt to take contents of a non-pointer value.")


def _pointed_at(value: Value, context: Context) -> int:
    """The address that a pointer holds; where only types are asked for, it is not read."""
    return integer(value) if context.effects else 0


def require_subscriptable(value: Value) -> None:
    """Raise GDB's complaint unless value[...] means something."""
    kind = strip(value.type)
    if isinstance(kind, StructType):
        raise ExpressionError("Structure has no component named operator[].")
    if not isinstance(kind, (ArrayType, PointerType)):
        if isinstance(kind, FunctionType):
            raise ExpressionError("cannot subscript requested type")
        raise ExpressionError(f"cannot subscript something of type `{value.type.name or '<unnamed>'}'")


def element(value: Value, index: int, context: Context) -> Value:
    """value[index]; an array in memory may be indexed past its ends, as in C."""
    kind = strip(value.type)
    if isinstance(kind, PointerType):
        if isinstance(strip(kind.target), VoidType):
            raise ExpressionError("Attempt to dereference a generic pointer.")
        return context.at(kind.target, _pointed_at(value, context) + index * max(kind.target.size, 1))
    assert isinstance(kind, ArrayType)
    inside = 0 <= index < (kind.count or 0)
    if not inside and value.address is None:
        raise ExpressionError("no such vector element")
    if not inside:
        return context.at(kind.element, (value.address or 0) + index * kind.element.size)
    return context.part(value, kind.element, index * kind.element.size)


def member(value: Value, name: str, arrow: bool, context: Context) -> Value:
    """value.name, or value->name if `arrow`; both take a struct, a pointer to one, and an array of them."""
    kind = strip(value.type)
    if isinstance(kind, ArrayType) and isinstance(strip(kind.element), StructType):
        value, kind = element(value, 0, context), strip(kind.element)
    if isinstance(kind, PointerType) and isinstance(strip(kind.target), StructType):
        target = context.completed(kind.target)
        value, kind = context.at(target, _pointed_at(value, context)), strip(target)
    if not isinstance(kind, StructType):
        raise ExpressionError(
            f"Attempt to extract a component of a value that is not a structure{' pointer' if arrow else ''}."
        )
    found = _find_member(kind, name)
    if found is None:
        raise ExpressionError(f"There is no member named {name}.")
    for step in found:
        value = context.part(value, step.type, step.offset, step)
    return value


def _find_member(struct: StructType, name: str) -> list[Member] | None:
    """The way to a member, through the nameless structs and unions that hold it."""
    for member in struct.members:
        if member.name == name:
            return [member]
        inner = strip(member.type)
        if member.name is None and isinstance(inner, StructType):
            path = _find_member(inner, name)
            if path is not None:
                return [member, *path]
    return None


def repeated(value: Value, count: Value, context: Context) -> Value:
    """value @ count."""
    if not is_integral(count.type):
        raise ExpressionError('Non-integral right operand for "@" operator.')
    if integer(count) <= 0:
        raise ExpressionError(f"Invalid number {integer(count)} of repetitions.")
    if value.address is None:
        raise ExpressionError("Only values in memory can be extended with '@'.")
    return context.at(array_of(value.type, integer(count)), value.address)
