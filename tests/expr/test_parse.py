"""The parser: trees, GDB's messages, and that nothing but an RdbError ever comes out of it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rdb.errors import ExpressionError, RdbError
from rdb.expr import nodes
from rdb.expr.nodes import Node
from rdb.expr.parse import parse

A, B, C = (nodes.Name(name) for name in "abc")

TREES: dict[str, Node] = {
    "a + b * c": nodes.Binary("+", A, nodes.Binary("*", B, C)),
    "a - b - c": nodes.Binary("-", nodes.Binary("-", A, B), C),
    "a = b = c": nodes.Assign(A, None, nodes.Assign(B, None, C)),
    "a += b": nodes.Assign(A, "+", B),
    "a + b @ c": nodes.Repeat(nodes.Binary("+", A, B), C),
    "a << b @ c": nodes.Binary("<<", A, nodes.Repeat(B, C)),
    "a ? b : c ? a : b": nodes.Conditional(A, B, nodes.Conditional(C, A, B)),
    "a && b || c": nodes.Logical("||", nodes.Logical("&&", A, B), C),
    "a, b": nodes.Comma(A, B),
    "*a->b": nodes.Dereference(nodes.MemberOf(A, "b", arrow=True)),
    "&a.b[c]": nodes.AddressOf(nodes.Index(nodes.MemberOf(A, "b"), C)),
    "-a++": nodes.Unary("-", nodes.Step(A, 1, prefix=False)),
    "(char)a.b": nodes.Cast(nodes.TypeName("char"), nodes.MemberOf(A, "b")),
    "(a) - b": nodes.Binary("-", A, B),
    "(a) b": nodes.Cast(nodes.TypeName("a"), B),
    "(struct s *) a": nodes.Cast(nodes.TypeName("struct s", steps=(nodes.PointerTo(),)), A),
    "{int} a": nodes.Reinterpret(nodes.TypeName("int"), A),
    "{a, b}": nodes.ArrayLiteral((A, B)),
    "sizeof a": nodes.SizeOf(A),
    "sizeof(int (*)[3])": nodes.SizeOfType(nodes.TypeName("int", steps=(nodes.ArrayOf(3), nodes.PointerTo()))),
    "unsigned long long int": nodes.TypeExpression(nodes.TypeName("unsigned long long")),
    "'f.c'::a": nodes.Scoped("f.c", "a"),
    "f::a": nodes.Scoped("f", "a"),
    "::a": nodes.Scoped(None, "a"),
    "$": nodes.History(0, relative=True),
    "$$": nodes.History(1, relative=True),
    "$$7": nodes.History(7, relative=True),
    "$7": nodes.History(7, relative=False),
    "$rip": nodes.Dollar("rip"),
    '"a" "b"': nodes.String((97, 98), "char"),
    "'\\377'": nodes.Character(255, "char"),
    "L'\\x100'": nodes.Character(256, "wchar_t"),
    "0x80000000": nodes.Number(2**31, "unsigned int"),
    "2147483648": nodes.Number(2**31, "long"),
    "1ull": nodes.Number(1, "unsigned long long"),
    "f(a, b)": nodes.Call(nodes.Name("f"), (A, B)),
}


@pytest.mark.parametrize("text", TREES)
def test_trees(text: str) -> None:
    assert parse(text) == TREES[text]


def test_a_typedef_name_makes_a_cast() -> None:
    is_type = {"t"}.__contains__
    minus = nodes.Unary("-", nodes.Number(1, "int"))
    assert parse("(t) -1", is_type) == nodes.Cast(nodes.TypeName("t"), minus)
    assert parse("(t *) a", is_type) == nodes.Cast(nodes.TypeName("t", steps=(nodes.PointerTo(),)), A)
    assert parse("sizeof(t)", is_type) == nodes.SizeOfType(nodes.TypeName("t"))
    assert parse("t [3]", is_type) == nodes.TypeExpression(nodes.TypeName("t", steps=(nodes.ArrayOf(3),)))


COMPLAINTS = {
    "": "A syntax error in expression, near `'.",
    "a +": "A syntax error in expression, near `'.",
    "a b": "A syntax error in expression, near `b'.",
    "a)": "Junk after end of expression.",
    ")": "A syntax error in expression, near `)'.",
    "(a": "A syntax error in expression, near `'.",
    "08": 'Invalid number "08".',
    "1.2.3": "A syntax error in expression, near `.3'.",
    "0x": 'Invalid number "0x".',
    "18446744073709551616": "Numeric constant too large.",
    "a # b": "Invalid character '#' in expression.",
    '"a': "Unterminated string in expression.",
    "'a": "Unmatched single quote.",
    "'ab'": "Invalid character constant.",
    "long char": "A syntax error in expression, near `char'.",
}


@pytest.mark.parametrize("text", COMPLAINTS)
def test_complaints(text: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse(text)
    assert str(raised.value) == COMPLAINTS[text]


@pytest.mark.parametrize("text", ["(" * 5000, "!" * 5000 + "1", "a" + "[a" * 5000, "(char)" * 5000 + "1", "a?" * 5000,
                                  "{" * 5000, "a=" * 5000 + "a", "sizeof " * 5000, "int (" + "*(" * 5000])  # fmt: skip
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(RdbError):
        parse(text)


def test_long_chains_are_not_deep() -> None:
    assert isinstance(parse("+".join(["a"] * 2000)), nodes.Binary)


WORDS = """a b int char unsigned long struct union enum node sizeof const volatile void _Bool t 0 1 42 0x1f 010 08 1.5 1e5
    1e 0x1p3 .5 'a' '\\n' '' 'ab' "s" "" L"w" u8"x" $ $$ $1 $$2 $rip $_ + - * / % & | ^ ~ ! < > = ? : , . -> ( ) [ ] { } @ ::
    ++ -- << >> <= >= == != && || += -= <<= ... # ; \\ ` ' " 'file.c' é \x00"""
PIECES = st.sampled_from(WORDS.split())
SOUP = st.lists(PIECES, max_size=24).map(" ".join)
MUTATED = st.tuples(st.sampled_from(sorted(TREES)), st.integers(0, 40), st.integers(0, 3), PIECES).map(
    lambda parts: parts[0][: parts[1]] + parts[3] + parts[0][parts[1] + parts[2] :]
)


@settings(max_examples=600, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(SOUP, MUTATED, st.text(max_size=30)))
def test_nothing_but_rdb_errors(text: str) -> None:
    for is_type in ((lambda name: False), {"t", "node"}.__contains__):
        try:
            assert isinstance(parse(text, is_type), Node)
        except RdbError as error:
            assert str(error)
