"""Floating point bytes, exactly: IEEE 754 binary16/32/64, bfloat16, and the x87 80-bit format with its explicit integer bit.

A *Real* is a float where a double can hold it (and for infinities, NaNs and minus zero), else a Fraction: so the 64-bit mantissa
of a long double never passes through a double.  Facts: IEEE 754-2008 3.4, Intel SDM volume 1, 4.2.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Union

from rdb.symbols.types import FloatType

Real = Union[float, Fraction]


@dataclass(frozen=True)
class FloatFormat:
    """`precision` counts the integer bit, which is stored only if `explicit`."""

    size: int
    exponent_bits: int
    precision: int
    explicit: bool = False

    @property
    def fraction_bits(self) -> int:
        return self.precision - 1

    @property
    def stored_bits(self) -> int:
        return self.precision if self.explicit else self.precision - 1

    @property
    def bias(self) -> int:
        return (1 << self.exponent_bits - 1) - 1

    @property
    def digits(self) -> int:
        """How many decimal digits tell any two numbers of this format apart."""
        return 1 + math.ceil(self.precision * math.log10(2))


HALF = FloatFormat(2, 5, 11)
BFLOAT16 = FloatFormat(2, 8, 8)
SINGLE = FloatFormat(4, 8, 24)
DOUBLE = FloatFormat(8, 11, 53)
EXTENDED = FloatFormat(10, 15, 64, explicit=True)
QUADRUPLE = FloatFormat(16, 15, 113)
_BY_SIZE = {2: HALF, 4: SINGLE, 8: DOUBLE, 10: EXTENDED, 12: EXTENDED, 16: EXTENDED}
_BY_NAME = {"bfloat16": BFLOAT16, "__bf16": BFLOAT16, "__float128": QUADRUPLE, "_Float128": QUADRUPLE}


def format_of(type: FloatType) -> FloatFormat:
    return _BY_NAME.get(type.name or "") or _BY_SIZE[type.size]


def _fields(data: bytes, form: FloatFormat) -> tuple[int, int, int]:
    """Sign, exponent field and stored mantissa."""
    bits = int.from_bytes(data[: form.size], "little")
    mantissa = bits & (1 << form.stored_bits) - 1
    exponent = bits >> form.stored_bits & (1 << form.exponent_bits) - 1
    return bits >> form.stored_bits + form.exponent_bits & 1, exponent, mantissa


def decode(data: bytes, form: FloatFormat) -> Real:
    """The number that `data` holds."""
    sign, exponent, mantissa = _fields(data, form)
    fraction = mantissa & (1 << form.fraction_bits) - 1
    if exponent == (1 << form.exponent_bits) - 1:
        return math.copysign(math.nan if fraction else math.inf, -1 if sign else 1)
    if not form.explicit and exponent:
        mantissa |= 1 << form.fraction_bits
    if mantissa == 0:
        return -0.0 if sign else 0.0
    value = Fraction(-mantissa if sign else mantissa) * Fraction(2) ** (max(exponent, 1) - form.bias - form.fraction_bits)
    return float(value) if form.precision <= 53 else value


def encode(value: Real | int, form: FloatFormat) -> bytes:
    """The bytes of the number of this format that is nearest to `value`, ties to even."""
    special = (1 << form.exponent_bits) - 1
    integer_bit = 1 << form.fraction_bits
    if isinstance(value, float) and not math.isfinite(value):
        mantissa = integer_bit | (integer_bit >> 1 if math.isnan(value) else 0)
        return _pack(math.copysign(1, value) < 0, special, mantissa, form)
    negative = value < 0 or (isinstance(value, float) and math.copysign(1, value) < 0)
    magnitude = abs(Fraction(value))
    if not magnitude:
        return _pack(negative, 0, 0, form)
    exponent = max(_log2(magnitude), 1 - form.bias)
    mantissa = round(magnitude / Fraction(2) ** (exponent - form.fraction_bits))
    if mantissa >> form.precision:
        mantissa, exponent = mantissa >> 1, exponent + 1
    if exponent > form.bias:
        return _pack(negative, special, integer_bit, form)
    return _pack(negative, exponent + form.bias if mantissa & integer_bit else 0, mantissa, form)


def _pack(negative: bool, exponent: int, mantissa: int, form: FloatFormat) -> bytes:
    stored = mantissa & (1 << form.stored_bits) - 1
    bits = stored | exponent << form.stored_bits | negative << form.stored_bits + form.exponent_bits
    return bits.to_bytes(form.size, "little")


def _log2(magnitude: Fraction) -> int:
    """The greatest n with 2**n <= magnitude."""
    guess = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    return guess if Fraction(2) ** guess <= magnitude else guess - 1


def spell(data: bytes, form: FloatFormat) -> str:
    """The number as C's %g prints it with enough digits, and NaNs with their payload as GDB does."""
    value = decode(data, form)
    if isinstance(value, float) and math.isnan(value):
        sign, _, mantissa = _fields(data, form)
        return f"{'-' if sign else ''}nan(0x{mantissa:x})"
    if isinstance(value, float):
        return f"{value:.{form.digits}g}" if form.precision <= 53 or not math.isfinite(value) else f"{value:g}"
    return general(value, form.digits)


def general(value: Fraction, digits: int) -> str:
    """C's %.{digits}g of a number other than zero, rounded from its exact value."""
    sign, value = ("-" if value < 0 else ""), abs(value)
    exponent = math.floor(_log2(value) * math.log10(2))
    while Fraction(10) ** (exponent + 1) <= value:
        exponent += 1
    scaled = round(value / Fraction(10) ** (exponent - digits + 1))
    if scaled >= 10**digits:
        scaled, exponent = scaled // 10, exponent + 1
    text = str(scaled)
    if -4 <= exponent < digits:
        if exponent >= 0:
            text = f"{text[: exponent + 1]}.{text[exponent + 1 :]}"
        else:
            text = "0." + "0" * (-exponent - 1) + text
        return sign + text.rstrip("0").rstrip(".")
    mantissa = f"{text[0]}.{text[1:]}".rstrip("0").rstrip(".")
    return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _plain(value: Real) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _divide(left: Real, right: Real) -> Real:
    if right != 0:
        return left / right
    if left == 0 or left != left:
        return -math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


_OPERATIONS: dict[str, Callable[[Real, Real], Real]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
}
OPERATORS = frozenset(_OPERATIONS)


def arithmetic(operator: str, left: Real | int, right: Real | int, form: FloatFormat) -> Real:
    """left operator right, rounded once to this format (its operands are numbers of this format or integers)."""
    exact = form.precision > 53 and all(isinstance(side, (int, Fraction)) or math.isfinite(side) for side in (left, right))
    if exact and (left or operator != "*") and (right or operator not in "*/"):
        result = _OPERATIONS[operator](Fraction(left), Fraction(right))
    else:
        result = _OPERATIONS[operator](_plain(left), _plain(right))
        if result != result and left == left and right == right:
            result = math.copysign(math.nan, -1)
    return decode(encode(result, form), form)
