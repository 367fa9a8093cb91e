"""Functions, the blocks nested in them, and the calls that the compiler inlined.

A Scope tree mirrors the subprogram entry at run-time addresses: its nodes are the function itself, lexical blocks and inlined
calls that own code.  A lexical block without addresses of its own is part of the block around it (DWARF 5, 3.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from rdb.address import Range
from rdb.symbols.types import FunctionType, Type

if TYPE_CHECKING:
    from rdb.symbols.dies import Die
    from rdb.symbols.objects import LoadedObject

_DEEPEST = 200
_DEEPEST_ORIGIN = 16
_DECLARATIONS = {"DW_TAG_variable", "DW_TAG_formal_parameter"}
_CALL_SITES = {"DW_TAG_call_site", "DW_TAG_GNU_call_site"}


@dataclass(eq=False)
class Scope:
    """A stretch of code with its own variables: a function, a lexical block or an inlined call."""

    die: Die = field(repr=False)
    ranges: tuple[Range, ...]
    parent: Scope | None = field(repr=False)
    children: list[Scope] = field(default_factory=list)
    declarations: list[Die] = field(default_factory=list, repr=False)

    @property
    def is_inlined(self) -> bool:
        return self.die.tag == "DW_TAG_inlined_subroutine"

    @property
    def is_function(self) -> bool:
        """Whether it is a function of its own or an inlined one."""
        return self.die.tag != "DW_TAG_lexical_block"

    @property
    def entry(self) -> int:
        return self.ranges[0].start if self.ranges else 0

    def holds(self, address: int) -> bool:
        return any(address in stretch for stretch in self.ranges)

    def chain(self, address: int) -> list[Scope]:
        """The scopes around `address`, innermost first and this one last."""
        found, scope = [self], self
        while True:
            inner = next((child for child in scope.children if child.holds(address)), None)
            if inner is None:
                return found
            found.insert(0, inner)
            scope = inner

    def walk(self) -> Iterator[Scope]:
        """This scope and all within it."""
        yield self
        for child in self.children:
            yield from child.walk()


def read_scope(die: Die, bias: int, parent: Scope | None = None, depth: int = 0) -> Scope:
    """The scope tree of a subprogram."""
    from rdb.symbols.ranges import ranges_of

    scope = Scope(die, moved(ranges_of(die), bias), parent)
    if depth < _DEEPEST:
        _read_children(scope, die, bias, depth)
    return scope


def _read_children(scope: Scope, die: Die, bias: int, depth: int) -> None:
    instances: set[int] = set()
    for child in die.children():
        if "DW_AT_abstract_origin" in child and child.tag not in _CALL_SITES:
            instances.add(last_origin(child))
        if child.tag in ("DW_TAG_lexical_block", "DW_TAG_inlined_subroutine"):
            inner = read_scope(child, bias, scope, depth + 1)
            if inner.ranges:
                scope.children.append(inner)
            elif child.tag == "DW_TAG_lexical_block" and not ("DW_AT_ranges" in child or "DW_AT_low_pc" in child):
                scope.declarations += inner.declarations
                scope.children += inner.children
        elif child.tag in _DECLARATIONS:
            scope.declarations.append(child)
    origin = die.follow("DW_AT_abstract_origin")
    if origin is not None:
        scope.declarations += _left_out(origin, instances)


def _left_out(origin: Die, instances: set[int]) -> Iterator[Die]:
    """What an abstract function or block declares and this instance of it does not: it was optimized away (DWARF 5, 3.3.8.2)."""
    for child in origin.children():
        if child.offset in instances:
            continue
        if child.tag in _DECLARATIONS:
            yield child
        elif child.tag == "DW_TAG_lexical_block":
            yield from _left_out(child, instances)


def last_origin(die: Die) -> int:
    """The offset of the abstract entry that an entry is an instance of, in the end; its own if it is none."""
    for _ in range(_DEEPEST_ORIGIN):
        origin = die.follow("DW_AT_abstract_origin")
        if origin is None:
            break
        die = origin
    return die.offset


def moved(ranges: tuple[Range, ...], bias: int) -> tuple[Range, ...]:
    """Ranges of file addresses at run time."""
    return tuple(Range(start + bias, end + bias) for start, end in ranges) if bias else ranges


@dataclass(frozen=True)
class InlinedCall:
    """A call that the compiler replaced by the callee's code; `call_path` and `call_line` say where the call stands."""

    name: str
    ranges: tuple[Range, ...]
    call_path: str | None
    call_line: int | None
    scope: Scope = field(repr=False)


@dataclass(eq=False)
class Function:
    """A function with code of its own.

    `ranges` are run-time addresses, the one with the entry point first.  `path` and `line` tell where it is declared.
    """

    name: str
    linkage_name: str | None
    ranges: tuple[Range, ...]
    path: str | None
    line: int | None
    object: LoadedObject = field(repr=False)
    die: Die = field(repr=False)

    @property
    def low(self) -> int:
        """The entry point."""
        return self.ranges[0].start

    @property
    def high(self) -> int:
        """The end of the range with the entry point."""
        return self.ranges[0].end

    def __contains__(self, address: int) -> bool:
        return any(address in stretch for stretch in self.ranges)

    @cached_property
    def scope(self) -> Scope:
        """The function's blocks; empty ones where the debug info is damaged."""
        return self.object.scope_of(self)

    @cached_property
    def type(self) -> FunctionType:
        return self.object.function_type(self.die)

    @property
    def return_type(self) -> Type:
        return self.type.returns

    @cached_property
    def inlined(self) -> list[InlinedCall]:
        """The calls inlined into it, outer ones before those within them."""
        return [self.object.inlined_call(scope) for scope in self.scope.walk() if scope.is_inlined]
