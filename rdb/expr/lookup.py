"""What names mean: variables, functions, minimal symbols, types.

A symbol without debug info has one of two stand-in types, named as GDB shows them.  Such a function can be used as it is; such a
variable can only have its address taken or be cast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdb.errors import ExpressionError, NoFrame, NoSymbol, NoSymbolTable, RdbError
from rdb.expr.convert import make
from rdb.expr.enumerators import enumerator
from rdb.expr.located import variable_value as variable_value
from rdb.expr.nodes import ArrayOf, FunctionOf, PointerTo, TypeName
from rdb.expr.scope import Context
from rdb.expr.value import MemoryLvalue, Value
from rdb.symbols.types import (
    INT,
    ArrayType,
    ComplexType,
    FunctionType,
    PointerType,
    ReferenceType,
    StructType,
    Type,
    TypedefType,
    array_of,
    qualified,
    strip,
)

if TYPE_CHECKING:
    from rdb.symbols.functions import Function
    from rdb.symbols.minimal import MinimalSymbol

UNKNOWN_FUNCTION = TypedefType(name="<text variable, no debug info>", size=1, target=FunctionType(returns=INT, prototyped=False))
UNKNOWN_DATA = TypedefType(name="<data variable, no debug info>", size=0, target=INT)
UNKNOWN_THREAD_DATA = TypedefType(name="<thread local variable, no debug info>", size=0, target=INT)

BUILT_IN: dict[str, Type] = {
    "complex float": ComplexType(name="complex float", size=8),
    "complex double": ComplexType(name="complex double", size=16),
    "wchar_t": TypedefType(name="wchar_t", size=4, target=INT),
}


def symbol(name: str, context: Context) -> Value:
    """The value that a bare name stands for, which may be of an unknown type; raises NoSymbol."""
    table = context.scope.table
    variable = context.variable(name)
    if variable is not None:
        return variable_value(variable, context, context.scope.frame)
    functions = table.functions_named(name)
    if functions:
        return function_value(functions[0])
    constant = enumerator(table, name, context.pc)
    if constant is not None:
        return make(*constant)
    symbols = table.minimal(name)
    if symbols:
        return minimal_value(symbols[0], context)
    if not table.objects:
        raise NoSymbolTable
    raise NoSymbol(name)


def known(value: Value, name: str) -> Value:
    """`value`, unless only its address is known."""
    if value.type in (UNKNOWN_DATA, UNKNOWN_THREAD_DATA):
        raise ExpressionError(f"'{name}' has unknown type; cast it to its declared type")
    return value


def scoped(scope: str | None, name: str, context: Context) -> Value:
    """What scope::name stands for: a static of a file, or a variable of a function."""
    table = context.scope.table
    if scope is None:
        variable = table.variable(name, None)
        return variable_value(variable, context, context.scope.frame) if variable is not None else symbol(name, context)
    functions = table.functions_named(scope)
    if functions:
        return _in_function(functions[0], name, context)
    try:
        variable = table.variable(name, None, file=scope)
    except RdbError:
        raise NoSymbol(scope) from None
    if variable is not None:
        return variable_value(variable, context, context.scope.frame)
    here = [function for function in table.functions_named(name) if function.path and _same_file(function.path, scope)]
    if here:
        return function_value(here[0])
    if table.has_source(scope):
        raise ExpressionError(f'No symbol "{name}" in specified context.')
    raise NoSymbol(scope)


def _same_file(path: str, asked: str) -> bool:
    return path == asked or path.endswith("/" + asked)


def _in_function(function: Function, name: str, context: Context) -> Value:
    """A variable of a function: of its innermost call, or, if it is not running, a static one."""
    table = context.scope.table
    for frame in context.scope.frames():
        if frame.function is not None and frame.function.low == function.low:
            variable = table.variable(name, frame.lookup_pc, inlined_out=frame.inlined_out)
            if variable is not None:
                return variable_value(variable, context, frame)
            break
    variable = table.variable(name, table.after_prologue(function))
    if variable is None:
        raise ExpressionError(f'No symbol "{name}" in specified context.')
    value = variable_value(variable, context, None)
    if value.optimized_out:
        raise NoFrame("No frame selected.")
    return value


def function_value(function: Function) -> Value:
    return Value(function.type, lambda: b"", MemoryLvalue(function.low))


def minimal_value(symbol: MinimalSymbol, context: Context) -> Value:
    """A symbol that only the ELF symbol table knows."""
    if symbol.kind == "tls":
        return Value(UNKNOWN_THREAD_DATA, lambda: b"", MemoryLvalue(_thread_address(symbol, context)))
    return Value(UNKNOWN_FUNCTION if symbol.is_code else UNKNOWN_DATA, lambda: b"", MemoryLvalue(symbol.address))


def _thread_address(symbol: MinimalSymbol, context: Context) -> int:
    """Where the selected thread has a thread-local symbol."""
    from rdb.symbols.objects import LoadedObject
    from rdb.symbols.thread_storage import thread_address

    frame = context.scope.frame
    if frame is None or not isinstance(symbol.object, LoadedObject):
        raise ExpressionError(f"Cannot read `{symbol.name}' without registers")
    pointer = frame.register(frame.machine.thread_pointer or "")
    return thread_address(symbol.object, symbol.address, pointer, context.scope.table, context.scope.read_memory)


def is_type_name(name: str, context: Context) -> bool:
    """Whether a plain name is a type and nothing nearer."""
    return context.variable(name) is None and context.scope.table.type_named(name, context.pc) is not None


def type_named(spelling: str, context: Context) -> Type:
    """A type by its base spelling; raises in GDB's words."""
    if spelling in context.types:
        return context.types[spelling]
    if spelling == "complex long double":
        return ComplexType(name=spelling, size=2 * context.types["long double"].size)
    if spelling in BUILT_IN and " " in spelling:
        return BUILT_IN[spelling]
    found = context.scope.table.type_named(spelling, context.pc)
    if found is None:
        found = BUILT_IN.get(spelling)
    if found is not None:
        return found
    keyword, _, tag = spelling.partition(" ")
    if not tag:
        raise NoSymbol(spelling)
    for other in ("struct", "union", "enum"):
        if other != keyword and context.scope.table.type_named(f"{other} {tag}", context.pc) is not None:
            article = "an" if keyword == "enum" else "a"
            raise ExpressionError(f"This context has class, struct or enum {tag}, not {article} {keyword}.")
    raise ExpressionError(f"No {keyword} type named {tag}.")


def resolve(name: TypeName, context: Context) -> Type:
    """The type that a type name spells."""
    type = _qualify(type_named(name.base, context), name.qualifiers)
    for step in name.steps:
        if isinstance(step, ArrayOf):
            type = array_of(type, step.count)
        elif isinstance(step, FunctionOf):
            parameters = tuple(resolve(parameter, context) for parameter in step.parameters)
            type = FunctionType(returns=type, parameters=parameters, varargs=step.varargs, prototyped=step.prototyped)
        else:
            type = _qualify(_pointer(type, step, context), step.qualifiers)
    return type


def _pointer(type: Type, step: PointerTo, context: Context) -> Type:
    size = context.scope.arch.pointer_size
    if step.mark == "*":
        return PointerType(target=type, size=size)
    return ReferenceType(target=type, size=size, rvalue=step.mark == "&&")


def _qualify(type: Type, qualifiers: frozenset[str]) -> Type:
    for qualifier in sorted(qualifiers):
        type = qualified(type, qualifier)
    return type


def alignment(type: Type) -> int:
    """_Alignof, as the System V ABI lays types out: scalars by their size, aggregates by their strictest part."""
    plain = strip(type)
    if isinstance(plain, ArrayType):
        return alignment(plain.element)
    if isinstance(plain, StructType):
        return max((alignment(member.type) for member in plain.members), default=1)
    if isinstance(plain, ComplexType):
        return plain.size // 2
    return max(plain.size, 1)
