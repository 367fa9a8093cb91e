"""Assignment: to memory, registers, bit fields, and convenience variables."""

from __future__ import annotations

from rdb.errors import ExpressionError
from rdb.expr.convert import assignable, decayed, dereferenced
from rdb.expr.scope import Context
from rdb.expr.value import ConvenienceLvalue, Value
from rdb.symbols.types import FunctionType, strip


def assign(target: Value, value: Value, context: Context) -> Value:
    """Store `value` into `target`, and return what the target then holds."""
    target = dereferenced(target, context)
    if isinstance(target.lvalue, ConvenienceLvalue) and target.lvalue.whole:
        return _assign_convenience(target, value, context)
    if target.lvalue is None:
        raise ExpressionError("Left operand of assignment is not an lvalue.")
    return context.store(target.lvalue, target.type, assignable(value, target.type, context))


def _assign_convenience(target: Value, value: Value, context: Context) -> Value:
    """A convenience variable takes the type of what it is given; an array in memory becomes a pointer."""
    assert isinstance(target.lvalue, ConvenienceLvalue)
    if value.address is not None or isinstance(strip(value.type), FunctionType):
        value = decayed(value, context)
    if not context.effects:
        return target
    stored = Value.of(value.type, value.data)
    context.scope.convenience[target.lvalue.name] = stored
    return stored
