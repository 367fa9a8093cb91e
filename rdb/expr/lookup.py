"""What names mean: variables, functions, minimal symbols, types.

A symbol without debug info has one of two stand-in types, named as GDB shows them.  Such a function can be used as it is; such a
variable can only have its address taken or be cast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdb.errors import ExpressionError, NoFrame, NoSymbol, NoSymbolTable, RdbError
from rdb.expr.convert import make
from rdb.expr.enumerators import enumerator
from rdb.expr.nodes import ArrayOf, FunctionOf, PointerTo, TypeName
from rdb.expr.scope import Context
from rdb.expr.value import MemoryLvalue, RegisterLvalue, Value, optimized_out
from rdb.symbols.types import (
    BASIC,
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
    from rdb.symbols.locations import Location
    from rdb.symbols.minimal import MinimalSymbol
    from rdb.symbols.variables import Variable

UNKNOWN_FUNCTION = TypedefType(name="<text variable, no debug info>", size=1, target=FunctionType(returns=INT, prototyped=False))
UNKNOWN_DATA = TypedefType(name="<data variable, no debug info>", size=0, target=INT)
UNKNOWN_THREAD_DATA = TypedefType(name="<thread local variable, no debug info>", size=0, target=INT)

BUILT_IN: dict[str, Type] = {
    **BASIC,
    "complex float": ComplexType(name="complex float", size=8),
    "complex double": ComplexType(name="complex double", size=16),
    "complex long double": ComplexType(name="complex long double", size=32),
    "wchar_t": TypedefType(name="wchar_t", size=4, target=INT),
}


class _NoFrameView:
    """What locating a variable may ask for when there is no frame: memory, but no register."""

    pc = 0
    lookup_pc = 0

    def __init__(self, context: Context) -> None:
        self.memory = context.scope.read_memory

    @property
    def cfa(self) -> int:
        raise NoFrame("No frame selected.")

    def register(self, name: str) -> int:
        raise NoFrame("No frame selected.")


def symbol(name: str, context: Context) -> Value:
    """The value that a bare name stands for, which may be of an unknown type; raises NoSymbol."""
    table = context.scope.table
    variable = table.variable(name, context.pc)
    if variable is not None:
        return variable_value(variable, context)
    functions = table.functions_named(name)
    if functions:
        return function_value(functions[0])
    constant = enumerator(table, name)
    if constant is not None:
        return make(*constant)
    symbols = table.minimal(name)
    if symbols:
        return minimal_value(symbols[0])
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
        return variable_value(variable, context) if variable is not None else symbol(name, context)
    functions = table.functions_named(scope)
    if functions:
        return _in_function(functions[0], name, context)
    try:
        variable = table.variable(name, None, file=scope)
    except RdbError:
        raise NoSymbol(scope) from None
    if variable is not None:
        return variable_value(variable, context)
    here = [function for function in table.functions_named(name) if function.path and _same_file(function.path, scope)]
    if here:
        return function_value(here[0])
    if any(_same_file(str(source), scope) for source in table.sources()):
        raise ExpressionError(f'No symbol "{name}" in specified context.')
    raise NoSymbol(scope)


def _same_file(path: str, asked: str) -> bool:
    return path == asked or path.endswith("/" + asked)


def _in_function(function: Function, name: str, context: Context) -> Value:
    for frame in context.scope.frames():
        if frame.function is not None and frame.function.low == function.low:
            variable = context.scope.table.variable(name, frame.lookup_pc)
            if variable is not None:
                return variable_value(variable, context, frame)
            break
    variable = context.scope.table.variable(name, context.scope.table.after_prologue(function))
    if variable is None:
        raise ExpressionError(f'No symbol "{name}" in specified context.')
    return variable_value(variable, context, _NoFrameView(context))


def function_value(function: Function) -> Value:
    return Value(function.type, lambda: b"", MemoryLvalue(function.low))


def minimal_value(symbol: MinimalSymbol) -> Value:
    """A symbol that only the ELF symbol table knows."""
    if symbol.kind == "tls":
        return Value(UNKNOWN_THREAD_DATA, lambda: b"", MemoryLvalue(symbol.address))
    return Value(UNKNOWN_FUNCTION if symbol.is_code else UNKNOWN_DATA, lambda: b"", MemoryLvalue(symbol.address))


def declared(value: Value, type: Type, context: Context) -> Value:
    """A variable of unknown type, seen as what the user says it is."""
    if value.type is UNKNOWN_THREAD_DATA or value.address is None:
        raise ExpressionError("Cannot find the thread-local storage of a variable without debug info.")
    return context.at(type, value.address)


def variable_value(variable: Variable, context: Context, frame: object = None) -> Value:
    """The value of a variable in `frame`, the selected one unless given."""
    from rdb.symbols import locations

    view = frame or context.scope.frame or _NoFrameView(context)
    return located(locations.locate(variable, view), variable.type, context)


def located(location: Location, type: Type, context: Context) -> Value:
    """The value of `type` that lies at `location`."""
    from rdb.symbols import locations

    if isinstance(location, locations.InMemory):
        return context.at(type, location.address)
    if isinstance(location, locations.InRegister):
        name = location.name
        return Value(type, lambda: context.read_register(name)[: type.size].ljust(type.size, b"\0"), RegisterLvalue(name))
    if isinstance(location, locations.Constant):
        return Value.of(type, location.data[: type.size].ljust(type.size, b"\0"))
    if isinstance(location, locations.InPieces):
        return _assembled(location, type, context)
    return optimized_out(type)


def _assembled(location: Location, type: Type, context: Context) -> Value:
    """A value that is spread over several places; such a value cannot be assigned to."""
    parts: list[Value] = []
    missing: list[tuple[int, int]] = []
    at = 0
    for piece in location.pieces:
        raw = TypedefType(name=None, size=piece.size, target=INT)
        part = located(piece.location, raw, context)
        if part.missing:
            missing.append((at, at + piece.size))
        parts.append(part)
        at += piece.size
    if at < type.size:
        missing.append((at, type.size))

    def fetch() -> bytes:
        data = b"".join(b"\0" * part.type.size if part.missing else part.data for part in parts)
        return data[: type.size].ljust(type.size, b"\0")

    return Value(type, fetch, None, tuple(missing))


def is_type_name(name: str, context: Context) -> bool:
    """Whether a plain name is a type and nothing nearer."""
    table = context.scope.table
    return table.variable(name, context.pc) is None and table.type_named(name, context.pc) is not None


def type_named(spelling: str, context: Context) -> Type:
    """A type by its base spelling; raises in GDB's words."""
    if spelling in BUILT_IN and " " in spelling or spelling in BASIC:
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
