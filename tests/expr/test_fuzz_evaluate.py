"""Expressions made of a real program's names, mutated: whatever they mean, no answer but a value or an RdbError."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rdb.errors import RdbError
from rdb.expr.evaluate import evaluate, evaluate_traced, parse_in, type_of
from rdb.expr.format import format_value
from rdb.symbols.types import describe, spell
from tests.build import program
from tests.expr.static_scope import StaticScope

LINES = (Path(__file__).parent / "commands" / "operators.txt").read_text().splitlines()[1:]
EXPRESSIONS = sorted({line.partition(" ")[2] for line in LINES if line.startswith("p ")})
WORDS = """one ints matrix origin a_nested node_pointer message hello a_fields a_word d_pi f_one l_pi z_double main increment
    hooks void_pointer null_pointer bad_pointer an_empty no_items a_flexible RED a_color truth wides s_int128 opaque_pointer
    per_thread triple number 0 -1 300 1.5 1e300 0x7fffffffffffffff 18446744073709551615 'a' "abc" {1,2} $ $$ $1 $x $_ $rax
    (char) (struct point) (int[2]) (float) (long double) (void) (struct node *) (enum color) (_Bool) (__int128) sizeof {int}
    + - * / % & | ^ << >> < == && || = += <<= ? : , . -> $rip $xmm0 .x ->next .line [0] [-1] [1000000] @2 @0 ( ) ++ -- ! ~ & *"""
SOUP = st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=8).map(" ".join)
MUTATED = st.tuples(st.sampled_from(EXPRESSIONS), st.integers(0, 30), st.integers(0, 3), st.sampled_from(WORDS.split())).map(
    lambda parts: parts[0][: parts[1]] + " " + parts[3] + " " + parts[0][parts[1] + parts[2] :]
)


@functools.cache
def scope() -> StaticScope:
    made = StaticScope(program("expr_values.c", "-O0", "-g", "-no-pie"))
    made.registers = {register.name: bytes(range(register.size)) for register in made.arch.registers.registers}
    return made


@pytest.mark.parametrize("letter", [None, *"xduotzcafs"])
@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.one_of(SOUP, MUTATED))
def test_nothing_but_rdb_errors(letter: str | None, text: str) -> None:
    try:
        value = evaluate(text, scope()).snapshot()
        assert format_value(value, scope(), letter) is not None
    except RdbError as error:
        assert str(error)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.one_of(SOUP, MUTATED))
def test_nor_from_types_and_traces(text: str) -> None:
    try:
        found, _ = type_of(text, scope())
        assert spell(found) and describe(found)
        evaluate_traced(parse_in(text, scope()), scope())
    except RdbError as error:
        assert str(error)
