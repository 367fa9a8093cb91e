"""Conversions: what becomes of a value when C converts it, implicitly (decay, promotion) or by a cast.

Numbers travel as Python ints, and floating ones as Reals (rdb.expr.floats).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Union

from rdb.errors import ExpressionError
from rdb.expr import floats
from rdb.expr.floats import Real
from rdb.expr.scope import Context
from rdb.expr.value import Value, integer, is_scalar
from rdb.symbols.types import (
    DOUBLE,
    FLOAT,
    INT,
    ArrayType,
    ComplexType,
    EnumType,
    FloatType,
    FunctionType,
    IntegerType,
    PointerType,
    ReferenceType,
    StructType,
    Type,
    VoidType,
    pointer_to,
    strip,
)

Numeric = Union[int, Real]

NOT_A_NUMBER = "Argument to arithmetic operation not a number or boolean."
NEEDS_PROCESS = "evaluation of this expression requires the target program to be active"


def dereferenced(value: Value, context: Context) -> Value:
    """The object that a C++ reference refers to; any other value as it is."""
    type = strip(value.type)
    return context.at(type.target, integer(value)) if isinstance(type, ReferenceType) else value


def decayed(value: Value, context: Context) -> Value:
    """An array as the pointer to its first element, a function as the pointer to it; any other value as it is."""
    value = dereferenced(value, context)
    type = strip(value.type)
    if isinstance(type, ArrayType) and not type.vector:
        return pointer(type.element, array_address(value), context)
    if isinstance(type, FunctionType):
        return pointer(value.type, value.address or 0, context)
    return value


def array_address(value: Value) -> int:
    """Where an array starts; raises ExpressionError for one that is not in memory."""
    if value.address is None:
        raise ExpressionError(NEEDS_PROCESS)
    return value.address


def pointer(target: Type, address: int, context: Context) -> Value:
    """A pointer to `target`."""
    size = context.scope.arch.pointer_size
    return Value.of(pointer_to(target, size), (address & (1 << 8 * size) - 1).to_bytes(size, "little"))


def number(value: Value) -> Numeric:
    """The number that a scalar holds; raises ExpressionError for anything else."""
    type = strip(value.type)
    if isinstance(type, FloatType):
        return floats.decode(value.data, floats.format_of(type))
    if isinstance(type, ComplexType):
        return floats.decode(value.data, _half(type))
    if is_scalar(type):
        return integer(value)
    raise ExpressionError(NOT_A_NUMBER)


def make(type: Type, number: Numeric) -> Value:
    """A value of a scalar type, out of a number that is cut to fit as C cuts it."""
    return Value.of(type, pack(type, number))


def pack(type: Type, number: Numeric) -> bytes:
    """The bytes of `number` in a scalar type."""
    plain = strip(type)
    if isinstance(plain, FloatType):
        return floats.encode(number, floats.format_of(plain)).ljust(type.size, b"\0")
    if isinstance(plain, ComplexType):
        return floats.encode(number, _half(plain)).ljust(type.size // 2, b"\0").ljust(type.size, b"\0")
    if isinstance(plain, IntegerType) and plain.encoding == "bool":
        return int(number != 0).to_bytes(type.size, "little")
    return (truncated(number) & (1 << 8 * type.size) - 1).to_bytes(type.size, "little")


def _half(type: ComplexType) -> floats.FloatFormat:
    return floats.format_of(FloatType(size=type.size // 2))


def truncated(number: Numeric) -> int:
    """A number without its fraction, brought into the range of 64 bits as GDB does it; a NaN becomes the greatest one."""
    if isinstance(number, float) and not math.isfinite(number):
        return -(1 << 63) if number < 0 else (1 << 63) - 1
    return number if isinstance(number, int) else max(-(1 << 63), min(math.trunc(number), (1 << 64) - 1))


def truth(value: Value, context: Context) -> bool:
    """Whether a condition holds."""
    value = decayed(value, context)
    if isinstance(strip(value.type), VoidType):
        return False
    return number(value) != 0


def promoted(type: Type, context: Context) -> Type:
    """The integer promotion of C (C11 6.3.1.1), enums included."""
    plain = strip(type)
    if isinstance(plain, FloatType):
        return plain
    if not isinstance(plain, (IntegerType, EnumType)):
        raise ExpressionError(NOT_A_NUMBER)
    if plain.size < INT.size:
        return INT
    return _integer_type(plain.size, plain.signed, context)


def _integer_type(size: int, signed: bool, context: Context) -> Type:
    """The first of C's integer types, beginning with int, that has `size` bytes."""
    names = ("int", "long", "long long", "__int128")
    name = next(name for name in names if name in context.types and context.types[name].size >= size)
    return context.types[name if signed else f"unsigned {name}"]


def common(left: Type, right: Type, context: Context) -> Type:
    """The type in which C computes with two arithmetic operands (C11 6.3.1.8)."""
    left, right = promoted(left, context), promoted(right, context)
    sizes = [side.size for side in (left, right) if isinstance(side, FloatType)]
    if sizes:
        return {4: FLOAT, 8: DOUBLE}.get(max(sizes), context.types["long double"])
    size = max(left.size, right.size)
    signed = all(isinstance(side, IntegerType) and side.signed for side in (left, right) if side.size == size)
    return _integer_type(size, signed, context)


def cast(value: Value, type: Type, context: Context) -> Value:
    """`value` converted to `type`, as (type) value does."""
    value = dereferenced(value, context)
    to, source = strip(type), strip(value.type)
    if to is source:
        return value.with_type(type)
    if isinstance(to, VoidType):
        return Value.of(type, b"")
    if isinstance(to, ReferenceType):
        return pointer(to.target, array_address(value), context).with_type(type)
    if isinstance(to, (StructType, ArrayType)):
        return _cast_to_aggregate(value, type)
    if isinstance(source, StructType):
        return _reread(value, type, context)
    if isinstance(to, FunctionType):
        raise ExpressionError("Invalid cast.")
    value = decayed(value, context)
    if not is_scalar(value.type) and not isinstance(strip(value.type), ComplexType):
        raise ExpressionError("Invalid cast.")
    if isinstance(to, PointerType) and isinstance(strip(value.type), FloatType):
        raise ExpressionError("Invalid cast.")
    if isinstance(to, FloatType) and isinstance(source, ArrayType):
        raise ExpressionError("Invalid cast.")
    return make(type, number(value))


def _cast_to_aggregate(value: Value, type: Type) -> Value:
    """GDB lets the bytes of an object be seen as an array or struct of the same size (or, for a union, as one of its members)."""
    plain = strip(type)
    if isinstance(plain, ArrayType) and plain.element.size and value.type.size % plain.element.size == 0:
        count = value.type.size // plain.element.size
        type = ArrayType(element=plain.element, count=count, size=value.type.size)
    if value.type.size != type.size or (isinstance(plain, StructType) and value.lvalue is None):
        raise ExpressionError("Invalid cast.")
    return value.with_type(type)


def _reread(value: Value, type: Type, context: Context) -> Value:
    """The start of a struct in memory, seen as a scalar."""
    if value.address is None or not is_scalar(type):
        raise ExpressionError("Invalid cast.")
    return context.at(type, value.address)


def assignable(value: Value, type: Type, context: Context) -> bytes:
    """The bytes that assigning `value` to an object of `type` stores; raises ExpressionError if C would not have it."""
    value = dereferenced(value, context)
    to, source = strip(type), strip(value.type)
    if isinstance(to, (StructType, ArrayType)):
        return _aggregate_bytes(value, to, context)
    if isinstance(to, (FunctionType, VoidType)) or isinstance(source, StructType):
        raise ExpressionError("Invalid cast.")
    if type.size == value.type.size and not is_scalar(to):
        return value.data
    return pack(type, number(decayed(value, context)))


def _aggregate_bytes(value: Value, to: Type, context: Context) -> bytes:
    source = strip(value.type)
    fills = isinstance(to, ArrayType) and isinstance(source, ArrayType) and value.lvalue is None
    if fills and source.size <= to.size:
        return value.data.ljust(to.size, b"\0")
    if isinstance(source, (StructType, ArrayType)) and source.size == to.size:
        return value.data
    raise ExpressionError("Invalid cast.")


def index_number(value: Value, context: Context) -> int:
    """A number that counts or names a place, floating ones truncated; raises ExpressionError for what is no number."""
    value = decayed(value, context)
    return truncated(number(value)) if isinstance(strip(value.type), FloatType) else integer(value)


def constant(number: Fraction | float, type: Type) -> Value:
    """A value for a constant of the source text."""
    return make(type, float(number) if isinstance(number, Fraction) and number == 0 else number)
