"""What a differential test does not see: what is read and when, what a watchpoint learns, and what stays as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rdb.errors import CannotAccessMemory, ExpressionError, RdbError, UsageError
from rdb.expr.evaluate import (
    evaluate,
    evaluate_condition,
    evaluate_node,
    evaluate_traced,
    parse_in,
    type_of,
)
from rdb.expr.format import format_value
from rdb.expr.format_spec import Format, check_print_format, parse_format
from rdb.expr.registers import rows
from rdb.expr.value import MemoryLvalue, Value, integer
from rdb.symbols.types import spell
from tests.build import program
from tests.expr.static_scope import StaticScope


@pytest.fixture
def scope() -> StaticScope:
    return StaticScope(program("expr_values.c", "-O0", "-g", "-no-pie"), writable=True)


def address(scope: StaticScope, name: str) -> int:
    return integer(evaluate(f"&{name}", scope))


def show(scope: StaticScope, text: str) -> str:
    return format_value(evaluate(text, scope), scope)


def test_nothing_is_read_before_it_is_needed(scope: StaticScope) -> None:
    scope.reads.clear()
    for text in ("&many[100000000]", "&((struct node *) 0)->next", "sizeof(*node_pointer)", "&*ints", "&a_nested.line[1].y"):
        _ = evaluate(text, scope).data
    assert scope.reads == []
    assert type_of("*(int *) 0", scope)[0].name == "int"
    assert scope.reads == []


def test_a_member_is_read_without_its_struct(scope: StaticScope) -> None:
    pointer, first = address(scope, "node_pointer"), address(scope, "first")
    value = evaluate("node_pointer->value", scope)
    scope.reads.clear()
    assert integer(value) == 1
    assert scope.reads == [(first, 4)]
    assert integer(evaluate("node_pointer->value", scope)) == 1
    assert scope.reads[1:] == [(pointer, 8), (first, 4)]


def test_a_value_once_read_stays(scope: StaticScope) -> None:
    before = evaluate("origin", scope).snapshot()
    scope.history.append(before)
    evaluate("origin.x = 77", scope)
    assert format_value(before, scope) == "{x = 3, y = -4}"
    assert show(scope, "$.x") == "3"
    assert show(scope, "origin") == "{x = 77, y = -4}"


def test_the_trace_is_the_chain_of_what_was_read(scope: StaticScope) -> None:
    value, trace = evaluate_traced(parse_in("node_pointer->next->value", scope), scope)
    assert value is not None and integer(value) == 2
    assert trace.memory == [(address(scope, "node_pointer"), 8), (address(scope, "first.next"), 8), (address(scope, "second"), 4)]
    assert trace.registers == []


def test_the_trace_reaches_as_far_as_memory_does(scope: StaticScope) -> None:
    value, trace = evaluate_traced(parse_in("*null_pointer", scope), scope)
    assert value is None
    assert trace.memory == [(address(scope, "null_pointer"), 8), (0, 4)]


@pytest.mark.parametrize(("text", "size"), [("ints", 20), ("origin", 8), ("a_fields.b", 4), ("*ints@2", 8), ("one", 4)])
def test_a_whole_object_is_traced(scope: StaticScope, text: str, size: int) -> None:
    _, trace = evaluate_traced(parse_in(text, scope), scope)
    assert [length for _, length in trace.memory] == [size]


def test_a_constant_depends_on_nothing(scope: StaticScope) -> None:
    _, trace = evaluate_traced(parse_in("1 + sizeof(one)", scope), scope)
    assert trace.memory == [] and trace.registers == []


def test_registers_are_traced(scope: StaticScope) -> None:
    scope.registers["rax"] = (5).to_bytes(8, "little")
    value, trace = evaluate_traced(parse_in("$rax + one", scope), scope)
    assert value is not None and integer(value) == 6
    assert trace.registers == ["rax"]


def test_whatis_has_no_side_effects(scope: StaticScope) -> None:
    for text in ("one = 5", "one++", "--one", "$new = 5", "one += 7"):
        type_of(text, scope)
        evaluate(f"sizeof({text})", scope)
    assert show(scope, "one") == "1"
    assert "new" not in scope.convenience


def test_a_tree_is_evaluated_anew_each_time(scope: StaticScope) -> None:
    node = parse_in("one++", scope)
    assert [integer(evaluate_node(node, scope)) for _ in range(3)] == [1, 2, 3]


ASSIGNMENTS = {
    "one = 2.9": "2",
    "u_char = 300": "44 ','",
    "a_fields.c = 9": "-7",
    "hello = \"hi\"": '"hi\\000\\000\\000"',
    "origin = points[2]": "{x = 5, y = 6}",
    "ints = {5, 4, 3, 2, 1}": "{5, 4, 3, 2, 1}",
    "f_one = 1.0 / 3": "0.333333343",
    "l_pi = 1.0L / 3": "0.333333333333333333342",
    "int_pointer = 0": "(int *) 0x0",
    "a_color = 5": "BLUE",
    "truth = 7": "true",
    "function_pointer = increment": "(int (*)(int)) 0x",
}  # fmt: skip


@pytest.mark.parametrize("text", ASSIGNMENTS)
def test_assignment_to_memory(scope: StaticScope, text: str) -> None:
    assert show(scope, text).startswith(ASSIGNMENTS[text])
    assert show(scope, text.split(" = ")[0]).startswith(ASSIGNMENTS[text])


def test_a_bit_field_leaves_its_neighbours(scope: StaticScope) -> None:
    evaluate("a_fields.b = 2", scope)
    evaluate("a_fields.f = -1", scope)
    assert show(scope, "a_fields") == "{a = 1, b = 2, c = -3, d = -100, e = BLUE, f = 137438953471, g = true}"


def test_assignment_to_parts_of_registers(scope: StaticScope) -> None:
    table = scope.arch.registers
    wide = "ymm0" if "ymm0" in table.by_name else "xmm0"
    scope.registers[wide] = bytes(table[wide].size)
    lanes = f"${wide}.v{table[wide].size // 8}_int64"
    assert show(scope, f"{lanes}[1] = 77") == "77"
    assert scope.registers[wide][8:16] == (77).to_bytes(8, "little")
    scope.registers["eax"] = bytes(4)
    evaluate("$eax = -1", scope)
    assert scope.registers["eax"] == b"\xff" * 4


def test_convenience_variables_hold_copies(scope: StaticScope) -> None:
    evaluate("$s = origin", scope)
    evaluate("$s.y = 8", scope)
    assert show(scope, "$s") == "{x = 3, y = 8}"
    assert show(scope, "origin") == "{x = 3, y = -4}"
    evaluate("$a = ints", scope)
    evaluate("$a[1] = 50", scope)
    assert show(scope, "ints") == "{1, 50, 3, 4, 5}"


def test_values_know_where_they_are(scope: StaticScope) -> None:
    value = evaluate("points[1].y", scope)
    assert value.lvalue == MemoryLvalue(address(scope, "points") + 12)
    assert evaluate("one + 1", scope).lvalue is None


def test_what_cannot_be_read_says_so_when_it_is_read(scope: StaticScope) -> None:
    value = evaluate("*null_pointer", scope)
    with pytest.raises(CannotAccessMemory):
        _ = value.data


def test_too_big_a_value_is_refused(scope: StaticScope) -> None:
    with pytest.raises(ExpressionError, match="value requires 400000 bytes, which is more than max-value-size"):
        evaluate("*ints@100000", scope).snapshot()
    scope.settings["max-value-size"] = None
    with pytest.raises(CannotAccessMemory):
        evaluate("*ints@100000", scope).snapshot()


def test_calls_are_refused_clearly(scope: StaticScope) -> None:
    with pytest.raises(RdbError, match="You can't do that without a process to debug."):
        evaluate("increment(1)", scope)


def test_formats() -> None:
    assert parse_format("/4xw") == parse_format("4xw") == Format(4, "x", "w")
    assert parse_format("") == Format()
    assert parse_format("/-3i") == Format(-3, "i")
    assert parse_format("/rx") == Format(1, "x", raw=True)
    with pytest.raises(UsageError, match='Size letters are meaningless in "print" command.'):
        check_print_format(parse_format("xw"))
    with pytest.raises(UsageError, match='Item count other than 1 is meaningless in "output" command.'):
        check_print_format(parse_format("2x"), "output")
    with pytest.raises(UsageError):
        parse_format("/x!")


def test_register_rows_end_where_a_name_is_wrong(scope: StaticScope) -> None:
    scope.registers["rax"] = (28).to_bytes(8, "little")
    lines: Iterator[str] = rows(["rax", "nope"], scope)
    assert next(lines) == "rax            0x1c                28"
    with pytest.raises(RdbError, match="Invalid register `nope'"):
        next(lines)


def test_types_of_registers(scope: StaticScope) -> None:
    assert spell(type_of("$rip", scope)[0]) == "void (*)()"
    assert spell(type_of("$xmm0", scope)[0]) == "union vec128"
    assert isinstance(evaluate("$nothing", scope), Value)


def test_what_counts_as_an_integer(scope: StaticScope) -> None:
    assert integer(evaluate("main", scope)) == integer(evaluate("&main", scope)) == evaluate("main", scope).address
    assert integer(evaluate("ints", scope)) == address(scope, "ints")
    with pytest.raises(ExpressionError, match="Value can't be converted to integer."):
        integer(evaluate("origin", scope))


@pytest.mark.parametrize(("text", "holds"), [("0.5", True), ("0.0", False), ("message", True), ("null_pointer", False),
                                             ("ints", True), ("one == 1 && !zero", True)])  # fmt: skip
def test_conditions(scope: StaticScope, text: str, holds: bool) -> None:
    assert evaluate_condition(parse_in(text, scope), scope) is holds
