"""Variables and types by name, as C's scopes have it: innermost block outward, then the file, then the other files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from rdb.address import Range
from rdb.symbols.dies import DAMAGE, Die
from rdb.symbols.functions import Function, Scope, last_origin, read_scope
from rdb.symbols.types import Type, array_of, basic_types, canonical_name, pointer_to

if TYPE_CHECKING:
    from rdb.symbols.objects import LoadedObject
    from rdb.symbols.table import SymbolTable

_NAMED = {"DW_TAG_typedef", "DW_TAG_structure_type", "DW_TAG_union_type", "DW_TAG_enumeration_type", "DW_TAG_label"}
_KEYWORDS = {"struct": "struct", "class": "struct", "union": "union", "enum": "enum"}


@dataclass(eq=False)
class Variable:
    """A variable or a parameter; rdb.symbols.locations tells where its value is."""

    name: str
    path: str | None
    line: int | None
    is_argument: bool
    object: LoadedObject = field(repr=False)
    die: Die = field(repr=False)

    @cached_property
    def type(self) -> Type:
        """Its declared type; rdb.symbols.locations.type_in tells how long a variable-length array is in a frame."""
        return self.object.types.of_inherited(self.die)


@dataclass(eq=False)
class Block:
    """The variables declared in one block, in order; `is_function` marks the outermost block of a function."""

    ranges: tuple[Range, ...]
    variables: list[Variable]
    is_function: bool
    scope: Scope = field(repr=False)


def _variable(object: LoadedObject, die: Die) -> Variable | None:
    try:
        name = die.name
        if name is None:
            return None
        path, line = object.declared_at(die)
        return Variable(name, path, line, die.tag == "DW_TAG_formal_parameter", object, die)
    except DAMAGE:
        return None


def _declared(object: LoadedObject, scope: Scope) -> list[Variable]:
    found = [_variable(object, die) for die in scope.declarations]
    return [variable for variable in found if variable is not None]


def _listed(object: LoadedObject, scope: Scope) -> list[Variable]:
    """The variables of a block in the order in which GDB lists them.

    That is the order of declaration in a function's outermost block.  Nested blocks are hash tables in GDB, with n / 5 + 1
    slots for n names of any kind, and are listed slot by slot (found by trying it out on gdb 13).
    """
    found = _declared(object, scope)
    if scope.is_function:
        return found
    slots = (len(found) + _other_names(scope)) // 5 + 1
    return sorted(found, key=lambda variable: _name_hash(variable.name) % slots)


def _other_names(scope: Scope) -> int:
    try:
        return sum(1 for die in scope.die.children() if die.tag in _NAMED and "DW_AT_name" in die)
    except DAMAGE:
        return 0


def _name_hash(name: str) -> int:
    """The hash by which GDB distributes names: each character, in lower case, less 113, with 67 as the base."""
    value = 0
    for letter in name.lower():
        value = (value * 67 + ord(letter) - 113) & 0xFFFFFFFF
    return value


def scopes_at(table: SymbolTable, pc: int, inlined_out: int) -> tuple[LoadedObject | None, list[Scope]]:
    """The scopes around pc, innermost first, after leaving `inlined_out` inlined calls."""
    function = table.function_at(pc)
    if function is None:
        return None, []
    chain = function.scope.chain(pc)
    while inlined_out and chain:
        inlined_out -= chain.pop(0).is_inlined
    return function.object, chain


def blocks_at(table: SymbolTable, pc: int, inlined_out: int) -> list[Block]:
    """See SymbolTable.locals_at."""
    object, chain = scopes_at(table, pc, inlined_out)
    blocks: list[Block] = []
    for scope in chain:
        assert object is not None
        blocks.append(Block(scope.ranges, _listed(object, scope), scope.is_function, scope))
        if scope.is_function:
            break
    return blocks


def arguments_of(table: SymbolTable, function: Function | Scope) -> list[Variable]:
    """See SymbolTable.arguments_of."""
    scope = function.scope if isinstance(function, Function) else function
    object = function.object if isinstance(function, Function) else table.object_at(scope.entry)
    return [variable for variable in _declared(object, scope) if variable.is_argument] if object is not None else []


def find_variable(table: SymbolTable, name: str, pc: int | None, file: str | None, inlined_out: int) -> Variable | None:
    """See SymbolTable.variable."""
    if pc is not None and file is None:
        object, chain = scopes_at(table, pc, inlined_out)
        for scope in chain:
            assert object is not None
            # Of two declarations of one name in a block, the later one hides the earlier.
            for die in reversed(scope.declarations):
                if _name_of(die) == name and (local := _variable(object, die)) is not None:
                    return local if "DW_AT_declaration" not in die else _global(table, name, None, None)
    return _global(table, name, pc, file)


def _name_of(die: Die) -> str | None:
    try:
        return die.name
    except DAMAGE:
        return None


def _global(table: SymbolTable, name: str, pc: int | None, file: str | None) -> Variable | None:
    """A variable at file level: of the file, of the unit at pc, of any unit.  A definition goes before a declaration."""
    wanted: set[int] | None = None
    if file is not None:
        wanted = {unit.unit.offset for owner in table.objects for unit, _ in owner.files_named(file)}
    for object, die in table.find("variable", name, pc):
        if (wanted is None or die.unit.offset in wanted) and ("DW_AT_location" in die or "DW_AT_const_value" in die):
            return _variable(object, die)
    return None


def find_type(table: SymbolTable, spelling: str, pc: int | None) -> Type | None:
    """See SymbolTable.type_named.  Trailing `*` and `[N]` are understood as well."""
    words = spelling.split()
    if not words:
        return None
    if spelling.rstrip().endswith("*"):
        target = find_type(table, spelling.rstrip()[:-1], pc)
        return pointer_to(target, table.pointer_size) if target is not None else None
    if words[-1].endswith("]") and "[" in spelling:
        base, _, count = spelling.rpartition("[")
        element = find_type(table, base, pc)
        return array_of(element, int(count[:-1])) if element is not None and count[:-1].isdigit() else None
    kind = _KEYWORDS.get(words[0], "plain")
    name = canonical_name(" ".join(words)) if kind == "plain" else " ".join(words[1:])
    basic = basic_types(table.pointer_size)
    if name in basic:
        return basic[name]
    for object, die in _types_named(table, kind, name, pc):
        return object.types.at(die)
    return None


def _types_named(table: SymbolTable, kind: str, name: str, pc: int | None) -> Iterator[tuple[LoadedObject, Die]]:
    found = list(table.find(kind, name, pc))
    if not found and kind == "plain":
        # C++ needs no keyword.
        found = [
            pair for tag in ("struct", "union", "enum") for pair in table.find(tag, name, pc) if pair[1].unit.is_cplus
        ]  # fmt: skip
    yield from found


def inlined_copies(object: LoadedObject, name: str) -> Iterator[Scope]:
    """The inlined calls of a function, in one object."""
    origins = {last_origin(die) for die in object.names.find("function", name)}
    for unit in object.units() if origins else ():
        try:
            for die in unit.declarations():
                if die.tag == "DW_TAG_subprogram" and ("DW_AT_low_pc" in die or "DW_AT_ranges" in die):
                    scopes = read_scope(die, object.bias).walk()
                    yield from (scope for scope in scopes if scope.is_inlined and last_origin(scope.die) in origins)
        except DAMAGE:
            continue
