"""The syntax tree of an expression.

Nodes are frozen and hold no reference to a program, so one tree can be evaluated again and again, in any scope.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from rdb.symbols.types import Type


@dataclass(frozen=True)
class Node:
    """Base of all nodes."""


@dataclass(frozen=True)
class PointerTo:
    """A declarator step: a pointer (`mark` *) or a reference (&, &&) to what came before."""

    mark: str = "*"
    qualifiers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ArrayOf:
    """A declarator step: `count` of what came before."""

    count: int | None


@dataclass(frozen=True)
class FunctionOf:
    """A declarator step: a function that returns what came before; no parameters at all means unprototyped."""

    parameters: tuple[TypeName, ...]
    varargs: bool = False
    prototyped: bool = True


@dataclass(frozen=True)
class TypeName:
    """A type as spelt: a base ("unsigned long", "struct node", "size_t") and the steps of the declarator, innermost first."""

    base: str
    qualifiers: frozenset[str] = frozenset()
    steps: tuple[PointerTo | ArrayOf | FunctionOf, ...] = ()


@dataclass(frozen=True)
class Number(Node):
    """An integer or real constant of a basic type; a real that no Fraction can be is a float."""

    value: int | Fraction | float
    type: str


@dataclass(frozen=True)
class Character(Node):
    value: int
    type: str


@dataclass(frozen=True)
class String(Node):
    """`codes` are the code units, without the terminating zero; `type` is that of one unit."""

    codes: tuple[int, ...]
    type: str


@dataclass(frozen=True)
class Name(Node):
    name: str


@dataclass(frozen=True)
class Scoped(Node):
    """`scope::name`; the scope is a function, a source file, or None for the global one."""

    scope: str | None
    name: str


@dataclass(frozen=True)
class Dollar(Node):
    """$name: a register, else a convenience variable."""

    name: str


@dataclass(frozen=True)
class History(Node):
    """A value of the value history: number `number`, or that many back from the last one."""

    number: int
    relative: bool


@dataclass(frozen=True)
class TypeExpression(Node):
    """A type where an expression may stand, as whatis and ptype take it."""

    type: TypeName


@dataclass(frozen=True)
class Unary(Node):
    """`operator` is one of + - ! ~."""

    operator: str
    operand: Node


@dataclass(frozen=True)
class AddressOf(Node):
    operand: Node


@dataclass(frozen=True)
class Dereference(Node):
    operand: Node


@dataclass(frozen=True)
class Binary(Node):
    """An arithmetic, bitwise or comparing operator."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Logical(Node):
    """&& or ||, which evaluate their right side only if they must."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Repeat(Node):
    """left @ count: an array that starts at the object on the left."""

    left: Node
    count: Node


@dataclass(frozen=True)
class Conditional(Node):
    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True)
class Comma(Node):
    left: Node
    right: Node


@dataclass(frozen=True)
class Assign(Node):
    """target = value, or with an operator: target += value."""

    target: Node
    operator: str | None
    value: Node


@dataclass(frozen=True)
class Step(Node):
    """++ and --; `delta` is 1 or -1."""

    operand: Node
    delta: int
    prefix: bool


@dataclass(frozen=True)
class Index(Node):
    array: Node
    index: Node


@dataclass(frozen=True)
class MemberOf(Node):
    """operand.name or operand->name; GDB takes either for both, and only its complaints differ."""

    operand: Node
    name: str
    arrow: bool = False


@dataclass(frozen=True)
class Cast(Node):
    type: TypeName
    operand: Node


@dataclass(frozen=True)
class Reinterpret(Node):
    """{type} address: the object of that type there."""

    type: TypeName
    address: Node


@dataclass(frozen=True)
class At(Node):
    """The object of a type that is already known, at an address that is; nobody can type it, `watch -location` makes it."""

    type: Type
    address: int


@dataclass(frozen=True)
class SizeOfType(Node):
    type: TypeName
    alignment: bool = False


@dataclass(frozen=True)
class SizeOf(Node):
    operand: Node


@dataclass(frozen=True)
class ArrayLiteral(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Call(Node):
    function: Node
    arguments: tuple[Node, ...]
