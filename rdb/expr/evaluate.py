"""Evaluation: one function per kind of node, in a table.

A node evaluates to a Value that may not have been read yet; `sizeof *p`, `&p->x` and whatis therefore never touch memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rdb.errors import CannotAccessMemory, ExpressionError, NoProcess, NoSymbol
from rdb.expr import lookup, nodes, operators, parts
from rdb.expr.assign import assign
from rdb.expr.convert import (
    array_address,
    cast,
    constant,
    dereferenced,
    index_number,
    make,
    pointer,
    truth,
)
from rdb.expr.functions import call_convenience
from rdb.expr.nodes import Node
from rdb.expr.parse import parse
from rdb.expr.registers import register_named, register_type
from rdb.expr.scope import Context, Scope, Trace
from rdb.expr.tokens import TOO_DEEP
from rdb.expr.value import ConvenienceLvalue, RegisterLvalue, Value, void
from rdb.symbols.types import (
    CHAR,
    INT,
    ArrayType,
    Type,
    array_of,
    strip,
)


def evaluate(text: str, scope: Scope) -> Value:
    """The value of an expression as typed; raises RdbError."""
    return evaluate_node(parse_in(text, scope), scope)


def parse_in(text: str, scope: Scope) -> Node:
    """The tree of `text`, where the scope's typedef names are types."""
    context = Context(scope)
    return parse(text, lambda name: lookup.is_type_name(name, context))


def evaluate_node(node: Node, scope: Scope) -> Value:
    """The value of a tree; its bytes may be read later.  Raises RdbError."""
    return run(node, Context(scope))


def evaluate_condition(node: Node, scope: Scope) -> bool:
    """Whether the value of a tree is true, as C has it: not zero, also for floating numbers and pointers."""
    context = Context(scope)
    return truth(run(node, context), context)


def evaluate_traced(node: Node, scope: Scope) -> tuple[Value | None, Trace]:
    """The value of a tree, read at once, and every lvalue that was read for it.

    Where memory cannot be read the value is None, and the trace tells what was read until then.
    """
    trace = Trace()
    try:
        return run(node, Context(scope, trace)).snapshot(), trace
    except CannotAccessMemory:
        return None, trace


def type_of(text: str, scope: Scope) -> tuple[Type, bool]:
    """The type that whatis and ptype speak of, without side effects; True if `text` names the type itself."""
    node = parse_in(text, scope)
    context = Context(scope, effects=False)
    if isinstance(node, nodes.TypeExpression):
        return lookup.resolve(node.type, context), True
    return run(node, context).type, False


def run(node: Node, context: Context) -> Value:
    """The value of a node."""
    try:
        return _TABLE[type(node)](node, context)
    except RecursionError:
        raise ExpressionError(TOO_DEEP) from None


def operand(node: Node, context: Context) -> Value:
    """The value of a node, through a C++ reference."""
    return dereferenced(run(node, context), context)


# Constants and names


def _at(node: nodes.At, context: Context) -> Value:
    return context.at(node.type, node.address)


def _number(node: nodes.Number, context: Context) -> Value:
    type = lookup.type_named(node.type, context)
    if node.type in ("long", "unsigned long") and node.value >= 1 << 8 * type.size - (node.type == "long"):
        # The parser takes a long for 8 bytes; where it has fewer, a constant that is too large for it is a long long.
        type = context.types[node.type.replace("long", "long long")]
    return constant(node.value, type)


def _character_type(name: str, context: Context) -> Type:
    try:
        return CHAR if name == "char" else lookup.type_named(name, context)
    except NoSymbol:
        raise ExpressionError(f"No type named {name}.") from None


def _character(node: nodes.Character, context: Context) -> Value:
    return make(_character_type(node.type, context), node.value)


def _string(node: nodes.String, context: Context) -> Value:
    unit = _character_type(node.type, context)
    data = b"".join(code.to_bytes(unit.size, "little") for code in (*node.codes, 0))
    return Value.of(array_of(unit, len(node.codes) + 1), data)


def _name(node: nodes.Name, context: Context) -> Value:
    return lookup.known(_unchecked_name(node, context), node.name)


def _unchecked_name(node: nodes.Name, context: Context) -> Value:
    try:
        return lookup.symbol(node.name, context)
    except NoSymbol:
        if context.scope.table.type_named(node.name, context.pc) is None:
            raise
    raise ExpressionError("Attempt to use a type name as an expression")


def _scoped(node: nodes.Scoped, context: Context) -> Value:
    return lookup.known(lookup.scoped(node.scope, node.name, context), node.name)


def _place(node: Node, context: Context) -> Value:
    """The value of an operand whose type need not be known."""
    if isinstance(node, nodes.Name):
        return _unchecked_name(node, context)
    if isinstance(node, nodes.Scoped):
        return lookup.scoped(node.scope, node.name, context)
    return operand(node, context)


def _dollar(node: nodes.Dollar, context: Context) -> Value:
    register = register_named(node.name, context.scope.arch)
    if register is not None:
        name = register.name
        kind = register_type(register, context.scope.arch)
        return Value(kind, lambda: context.read_register(name).ljust(kind.size, b"\0"), RegisterLvalue(name))
    value = context.scope.convenience.get(node.name)
    if value is None:
        return Value.of(void().type, b"", ConvenienceLvalue(node.name))
    if value.lvalue is None and node.name in context.scope.convenience:
        return Value(value.type, lambda: value.data, ConvenienceLvalue(node.name), value.missing)
    return value


def _history(node: nodes.History, context: Context) -> Value:
    history = context.scope.history
    number = node.number
    if node.relative or number == 0:
        back, number = (number if node.relative else 0), len(history) - (number if node.relative else 0)
        if not history and back <= 1:
            return void()
        if number < 1:
            raise ExpressionError(f"History does not go back to $${back}.")
    if number > len(history):
        raise ExpressionError(f"History has not yet reached ${number}.")
    return history[number - 1]


def _type_expression(node: nodes.TypeExpression, context: Context) -> Value:
    lookup.resolve(node.type, context)
    raise ExpressionError("Attempt to use a type name as an expression")


# Operators


def _unary(node: nodes.Unary, context: Context) -> Value:
    return operators.unary(node.operator, operand(node.operand, context), context)


def _binary(node: nodes.Binary, context: Context) -> Value:
    return operators.binary(node.operator, operand(node.left, context), operand(node.right, context), context)


def _logical(node: nodes.Logical, context: Context) -> Value:
    left = operand(node.left, context)
    operators.require_scalars(node.operator, left)
    if truth(left, context) == (node.operator == "||"):
        return make(INT, int(node.operator == "||"))
    right = operand(node.right, context)
    operators.require_scalars(node.operator, right)
    return make(INT, int(truth(right, context)))


def _conditional(node: nodes.Conditional, context: Context) -> Value:
    return operand(node.yes if truth(operand(node.condition, context), context) else node.no, context)


def _comma(node: nodes.Comma, context: Context) -> Value:
    _ = operand(node.left, context).data
    return operand(node.right, context)


def _address_of(node: nodes.AddressOf, context: Context) -> Value:
    value = _place(node.operand, context)
    if value.address is not None:
        return pointer(value.type, value.address, context)
    if isinstance(node.operand, nodes.Name):
        if isinstance(value.lvalue, RegisterLvalue):
            register = f"${value.lvalue.name}"
            raise ExpressionError(f'Address requested for identifier "{node.operand.name}" which is in register {register}')
        raise ExpressionError(f'Can\'t take address of "{node.operand.name}" which isn\'t an lvalue.')
    if isinstance(strip(value.type), ArrayType) and value.lvalue is None:
        array_address(value)
    raise ExpressionError("Attempt to take address of value not located in memory.")


def _dereference(node: nodes.Dereference, context: Context) -> Value:
    return parts.dereference(operand(node.operand, context), context)


def _index(node: nodes.Index, context: Context) -> Value:
    array = operand(node.array, context)
    parts.require_subscriptable(array)
    return parts.element(array, index_number(operand(node.index, context), context), context)


def _member(node: nodes.MemberOf, context: Context) -> Value:
    return parts.member(operand(node.operand, context), node.name, node.arrow, context)


def _repeat(node: nodes.Repeat, context: Context) -> Value:
    return parts.repeated(operand(node.left, context), operand(node.count, context), context)


# Types


def _cast(node: nodes.Cast, context: Context) -> Value:
    kind = lookup.resolve(node.type, context)
    value = _place(node.operand, context)
    if value.type in (lookup.UNKNOWN_DATA, lookup.UNKNOWN_THREAD_DATA):
        return context.at(kind, value.address or 0)
    return cast(value, kind, context)


def _reinterpret(node: nodes.Reinterpret, context: Context) -> Value:
    return context.at(lookup.resolve(node.type, context), index_number(operand(node.address, context), context))


def _size_of_type(node: nodes.SizeOfType, context: Context) -> Value:
    kind = context.completed(lookup.resolve(node.type, context))
    return make(INT, lookup.alignment(kind) if node.alignment else kind.size)


def _size_of(node: nodes.SizeOf, context: Context) -> Value:
    if isinstance(node.operand, nodes.TypeExpression):
        return make(INT, context.completed(lookup.resolve(node.operand.type, context)).size)
    value = operand(node.operand, context.without_effects())
    return make(INT, context.completed(value.type).size)


def _array_literal(node: nodes.ArrayLiteral, context: Context) -> Value:
    items = [operand(item, context) for item in node.items]
    if len({item.type.size for item in items}) > 1:
        raise ExpressionError("array elements must all be the same size")
    return Value.of(array_of(items[0].type, len(items)), b"".join(item.data for item in items))


# Assignment


def _assign(node: nodes.Assign, context: Context) -> Value:
    target = run(node.target, context)
    value = operand(node.value, context)
    if node.operator is not None:
        value = operators.binary(node.operator, dereferenced(target, context), value, context)
    return assign(target, value, context)


def _step(node: nodes.Step, context: Context) -> Value:
    target = run(node.operand, context)
    old = dereferenced(target, context).snapshot()
    new = assign(target, operators.binary("+", old, make(INT, node.delta), context), context)
    return new if node.prefix else Value.of(old.type, old.data)


def _call(node: nodes.Call, context: Context) -> Value:
    if isinstance(node.function, nodes.Dollar):
        return call_convenience(node.function.name, [operand(argument, context) for argument in node.arguments], context)
    operand(node.function, context)
    if context.scope.frame is None:
        raise NoProcess("You can't do that without a process to debug.")
    raise ExpressionError("rdb does not call functions in the program.")


Evaluator = Callable[[Any, Context], Value]
_TABLE: dict[type[Node], Evaluator] = {
    nodes.At: _at,
    nodes.Number: _number,
    nodes.Character: _character,
    nodes.String: _string,
    nodes.Name: _name,
    nodes.Scoped: _scoped,
    nodes.Dollar: _dollar,
    nodes.History: _history,
    nodes.TypeExpression: _type_expression,
    nodes.Unary: _unary,
    nodes.Binary: _binary,
    nodes.Logical: _logical,
    nodes.Conditional: _conditional,
    nodes.Comma: _comma,
    nodes.AddressOf: _address_of,
    nodes.Dereference: _dereference,
    nodes.Index: _index,
    nodes.MemberOf: _member,
    nodes.Repeat: _repeat,
    nodes.Cast: _cast,
    nodes.Reinterpret: _reinterpret,
    nodes.SizeOfType: _size_of_type,
    nodes.SizeOf: _size_of,
    nodes.ArrayLiteral: _array_literal,
    nodes.Assign: _assign,
    nodes.Step: _step,
    nodes.Call: _call,
}
