"""The binary and unary operators of C on values: arithmetic, bits, comparisons, and arithmetic with pointers."""

from __future__ import annotations

import operator as python
from collections.abc import Callable

from rdb.errors import ExpressionError
from rdb.expr import floats
from rdb.expr.convert import (
    NOT_A_NUMBER,
    Numeric,
    common,
    decayed,
    make,
    number,
    promoted,
    truncated,
    truth,
)
from rdb.expr.scope import Context
from rdb.expr.value import Value, integer, is_integral
from rdb.symbols.types import (
    INT,
    FloatType,
    FunctionType,
    PointerType,
    StructType,
    Type,
    VoidType,
    strip,
)

COMPARISONS: dict[str, Callable[[Numeric, Numeric], bool]] = {
    "==": python.eq,
    "!=": python.ne,
    "<": python.lt,
    ">": python.gt,
    "<=": python.le,
    ">=": python.ge,
}


def _quotient(left: int, right: int) -> int:
    """C's division, which rounds towards zero."""
    if right == 0:
        raise ExpressionError("Division by zero")
    result = abs(left) // abs(right)
    return result if (left < 0) == (right < 0) else -result


INTEGER: dict[str, Callable[[int, int], int]] = {
    "+": python.add,
    "-": python.sub,
    "*": python.mul,
    "/": _quotient,
    "%": lambda left, right: left - right * _quotient(left, right),
    "&": python.and_,
    "|": python.or_,
    "^": python.xor,
}
SHIFTS = ("<<", ">>")


def binary(operator: str, left: Value, right: Value, context: Context) -> Value:
    """left operator right."""
    left, right = decayed(left, context), decayed(right, context)
    require_scalars(operator, left, right)
    if operator in COMPARISONS:
        return make(INT, _compare(operator, left, right, context))
    if isinstance(strip(left.type), PointerType) or isinstance(strip(right.type), PointerType):
        return _pointer_arithmetic(operator, left, right, context)
    if operator in SHIFTS:
        return _shifted(operator, left, right, context)
    return _arithmetic(operator, left, right, context)


def require_scalars(operator: str, *operands: Value) -> None:
    """Raise GDB's complaint if an operand is a struct."""
    if any(isinstance(strip(operand.type), StructType) for operand in operands):
        raise ExpressionError(f"Structure has no component named operator{operator}.")


def _arithmetic(operator: str, left: Value, right: Value, context: Context) -> Value:
    type = common(left.type, right.type, context)
    if isinstance(type, FloatType):
        if operator not in floats.OPERATORS:
            raise ExpressionError("Integer-only operation on floating point number.")
        return make(type, floats.arithmetic(operator, number(left), number(right), floats.format_of(type)))
    if operator not in INTEGER:
        raise ExpressionError(NOT_A_NUMBER)
    return make(type, INTEGER[operator](_converted(left, type), _converted(right, type)))


def _converted(value: Value, type: Type) -> int:
    return integer(make(type, integer(value)))


def _shifted(operator: str, left: Value, right: Value, context: Context) -> Value:
    """A shift has the promoted type of its left side.  Where C leaves it undefined, all bits are shifted out."""
    type = promoted(left.type, context)
    if isinstance(type, FloatType) or not is_integral(right.type):
        promoted(right.type, context)
        raise ExpressionError("Integer-only operation on floating point number.")
    value, count = _converted(left, type), integer(right)
    if not 0 <= count < 8 * type.size:
        return make(type, -1 if operator == ">>" and value < 0 <= count else 0)
    return make(type, value << count if operator == "<<" else value >> count)


def _compare(operator: str, left: Value, right: Value, context: Context) -> bool:
    types = [strip(side.type) for side in (left, right)]
    pointers = [isinstance(type, PointerType) for type in types]
    compare = COMPARISONS[operator]
    if any(pointers):
        if not all(pointer or is_integral(type) for pointer, type in zip(pointers, types)):
            raise ExpressionError("Invalid type combination in equality test.")
        mask = (1 << 64) - 1
        return compare(integer(left) & mask, integer(right) & mask)
    if any(isinstance(type, VoidType) for type in types):
        raise ExpressionError("Invalid type combination in equality test.")
    type = common(left.type, right.type, context)
    if isinstance(type, FloatType):
        return compare(number(left), number(right))
    return compare(_converted(left, type), _converted(right, type))


def _pointer_arithmetic(operator: str, left: Value, right: Value, context: Context) -> Value:
    left_type, right_type = strip(left.type), strip(right.type)
    if operator == "+" and is_integral(left_type):
        left, right, left_type, right_type = right, left, right_type, left_type
    if operator in "+-" and isinstance(left_type, PointerType) and is_integral(right_type):
        size = _stride(left_type, context)
        steps = integer(right) if operator == "+" else -integer(right)
        return make(left.type, integer(left) + steps * size)
    if operator == "-" and isinstance(left_type, PointerType):
        return _difference(left, right, context)
    raise ExpressionError(NOT_A_NUMBER)


def _difference(left: Value, right: Value, context: Context) -> Value:
    left_type, right_type = strip(left.type), strip(right.type)
    assert isinstance(left_type, PointerType)
    if not isinstance(right_type, PointerType) or _stride(left_type, context) != _stride(right_type, context):
        raise ExpressionError(
            "First argument of `-' is a pointer and second argument is neither\nan integer nor a pointer of the same type."
        )
    return make(context.types["long"], _quotient(integer(left) - integer(right), _stride(left_type, context)))


def _stride(type: PointerType, context: Context) -> int:
    """By how many bytes a pointer moves per step; GDB lets void and functions count as one."""
    target = strip(context.completed(type.target))
    if isinstance(target, (VoidType, FunctionType)):
        return 1
    if target.size == 0 and isinstance(target, StructType) and target.incomplete:
        raise ExpressionError("Cannot perform pointer math on incomplete types, try casting to a known type, or void *.")
    return max(target.size, 1)


def negated(value: Value, context: Context) -> Value:
    type = _operand_type(value, "-", "Argument to negate operation not a number.", context)
    return make(type, -number(value))


def unchanged(value: Value, context: Context) -> Value:
    type = _operand_type(value, "+", "Argument to positive operation not a number.", context)
    return make(type, number(value))


def complemented(value: Value, context: Context) -> Value:
    complaint = "Argument to complement operation not an integer, boolean."
    type = _operand_type(value, "~", complaint, context)
    if isinstance(type, FloatType):
        raise ExpressionError(complaint)
    return make(type, ~truncated(number(value)))


def _operand_type(value: Value, operator: str, complaint: str, context: Context) -> Type:
    require_scalars(operator, value)
    if not isinstance(strip(value.type), FloatType) and not is_integral(value.type):
        raise ExpressionError(complaint)
    return promoted(value.type, context)


def unary(operator: str, value: Value, context: Context) -> Value:
    """+ - ~ or ! applied to a value."""
    if operator == "!":
        require_scalars(operator, value)
        return make(INT, not truth(value, context))
    return {"-": negated, "+": unchanged, "~": complemented}[operator](decayed(value, context), context)
