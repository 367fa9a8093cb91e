"""Floating point formats, against what the machine and C's printf make of them."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdb.expr import floats


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.floats(width=64))
def test_double_is_what_struct_says(number: float) -> None:
    data = struct.pack("<d", number)
    decoded = floats.decode(data, floats.DOUBLE)
    assert struct.pack("<d", decoded) == data or math.isnan(number)
    assert floats.encode(number, floats.DOUBLE) == data or math.isnan(number)
    if math.isfinite(number):
        assert floats.spell(data, floats.DOUBLE) == f"{number:.17g}"


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_to_single_is_what_the_machine_does(number: float) -> None:
    try:
        expected = struct.pack("<f", number)
    except OverflowError:
        expected = struct.pack("<f", math.copysign(math.inf, number))
    assert floats.encode(number, floats.SINGLE) == expected


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False).filter(bool), st.integers(1, 25))
def test_general_is_printf(number: float, digits: int) -> None:
    assert floats.general(Fraction(number), digits) == f"{number:.{digits}g}"


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, (1 << 63) - 1), st.integers(1, 0x7FFE), st.booleans())
def test_extended_survives_the_round_trip(mantissa: int, exponent: int, negative: bool) -> None:
    data = (mantissa | 1 << 63 | exponent << 64 | negative << 79).to_bytes(10, "little")
    assert floats.encode(floats.decode(data, floats.EXTENDED), floats.EXTENDED) == data


@pytest.mark.parametrize(
    ("form", "digits"),
    [(floats.BFLOAT16, 4), (floats.HALF, 5), (floats.SINGLE, 9), (floats.DOUBLE, 17), (floats.EXTENDED, 21)],
)
def test_digits_that_tell_numbers_apart(form: floats.FloatFormat, digits: int) -> None:
    assert form.digits == digits


def test_long_double_arithmetic_keeps_64_bits() -> None:
    third = floats.arithmetic("/", Fraction(1), 3, floats.EXTENDED)
    assert floats.spell(floats.encode(third, floats.EXTENDED), floats.EXTENDED) == "0.333333333333333333342"


@pytest.mark.parametrize(("left", "right", "text"), [(1.0, 0.0, "inf"), (-1.0, 0.0, "-inf"), (1.0, -0.0, "-inf"),
                                                     (0.0, 0.0, "-nan(0x8000000000000)")])  # fmt: skip
def test_division_by_zero(left: float, right: float, text: str) -> None:
    quotient = floats.arithmetic("/", left, right, floats.DOUBLE)
    assert floats.spell(floats.encode(quotient, floats.DOUBLE), floats.DOUBLE) == text
