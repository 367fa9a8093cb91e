"""The convenience functions that need no process: $_strlen, $_streq, $_memeq, $_regex, $_isvoid, $_as_string."""

from __future__ import annotations

import re
from collections.abc import Callable

from rdb.errors import ExpressionError
from rdb.expr.convert import decayed, index_number, make
from rdb.expr.scope import Context
from rdb.expr.value import Value, integer
from rdb.symbols.types import CHAR, INT, ArrayType, EnumType, VoidType, array_of, strip

_CHUNK = 64


def read_string(value: Value, context: Context) -> bytes:
    """The bytes of a string, given as an array or as a pointer, up to its zero."""
    if isinstance(strip(value.type), ArrayType):
        return value.data.split(b"\0")[0]
    address = index_number(value, context)
    found = b""
    while b"\0" not in found:
        # Up to a multiple of the chunk size, so that no read runs into the next page without need.
        size = _CHUNK - (address + len(found)) % _CHUNK
        found += context.read(address + len(found), size)
    return found.split(b"\0")[0]


def _strlen(context: Context, text: Value) -> Value:
    return make(INT, len(read_string(text, context)))


def _streq(context: Context, left: Value, right: Value) -> Value:
    return make(INT, read_string(left, context) == read_string(right, context))


def _memory(value: Value, size: int, context: Context) -> bytes:
    if value.address is None and isinstance(strip(value.type), ArrayType):
        return value.data[:size]
    return context.read(integer(decayed(value, context)), size)


def _memeq(context: Context, left: Value, right: Value, size: Value) -> Value:
    count = index_number(size, context)
    return make(INT, _memory(left, count, context) == _memory(right, count, context))


def _regex(context: Context, text: Value, pattern: Value) -> Value:
    try:
        found = re.match(read_string(pattern, context), read_string(text, context))
    except re.error as error:
        raise ExpressionError(f"Invalid regular expression: {error}") from None
    return make(INT, found is not None)


def _isvoid(context: Context, value: Value) -> Value:
    return make(INT, isinstance(strip(value.type), VoidType))


def _as_string(context: Context, value: Value) -> Value:
    kind = strip(value.type)
    number = index_number(value, context)
    names = {code: name for name, code in reversed(kind.enumerators)} if isinstance(kind, EnumType) else {}
    text = names.get(number, str(number)).encode() + b"\0"
    return Value.of(array_of(CHAR, len(text)), text)


FUNCTIONS: dict[str, tuple[int, Callable[..., Value]]] = {
    "_strlen": (1, _strlen),
    "_streq": (2, _streq),
    "_memeq": (3, _memeq),
    "_regex": (2, _regex),
    "_isvoid": (1, _isvoid),
    "_as_string": (1, _as_string),
}


def call_convenience(name: str, arguments: list[Value], context: Context) -> Value:
    """$name(arguments); raises ExpressionError if there is no such function."""
    if name not in FUNCTIONS:
        raise ExpressionError("You can't do that without a process to debug.")
    count, function = FUNCTIONS[name]
    if len(arguments) != count:
        raise ExpressionError(f"You must provide {count} argument{'s' if count != 1 else ''} to ${name}.")
    return function(context, *arguments)
