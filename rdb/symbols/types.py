"""C types as values: what DWARF says about a type, without DWARF.

Types compare by identity.  `size` is in bytes; a type that has none (void, a function, an incomplete struct, an array of unknown
length) has size 0.  Types can be recursive only through the members of a struct, which are therefore read on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, eq=False, kw_only=True)
class Type:
    """Base of all types.  `name` is what C calls it, without struct, union or enum; None if it has no name."""

    name: str | None = None
    size: int = 0


@dataclass(frozen=True, eq=False, kw_only=True)
class VoidType(Type):
    pass


@dataclass(frozen=True, eq=False, kw_only=True)
class IntegerType(Type):
    """`encoding` is int, char or bool."""

    signed: bool = True
    encoding: str = "int"


@dataclass(frozen=True, eq=False, kw_only=True)
class FloatType(Type):
    """IEEE 754 in 4, 8 or 16 bytes; the x87 long double has size 16 and uses 10 of them."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ComplexType(Type):
    """Two floats of half the size: the real part, then the imaginary one."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PointerType(Type):
    target: Type
    size: int = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class ReferenceType(Type):
    """A C++ reference; `rvalue` for T&&."""

    target: Type
    rvalue: bool = False
    size: int = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class ArrayType(Type):
    """`count` elements, or None where the program does not say.  `vector` marks GCC's vector types.

    `bound` is the DWARF entry of a length that is known at run time only; rdb.symbols.locations.type_in evaluates it.
    """

    element: Type
    count: int | None
    vector: bool = False
    bound: object = field(default=None, repr=False)


@dataclass(frozen=True, eq=False, kw_only=True)
class FunctionType(Type):
    """`prototyped` is False for an old-style declaration: int f()."""

    returns: Type
    parameters: tuple[Type, ...] = ()
    varargs: bool = False
    prototyped: bool = True
    size: int = 1


@dataclass(frozen=True)
class Member:
    """A member of a struct: `offset` in bytes from its start.

    A bit field lies in the `type.size` bytes at `offset`, its least significant bit `bit_offset` bits above theirs (counted
    from the least significant one), and is `bit_size` wide; both are None for an ordinary member.
    """

    name: str | None
    type: Type
    offset: int
    bit_offset: int | None = None
    bit_size: int | None = None


def _no_members() -> tuple[Member, ...]:
    return ()


@dataclass(frozen=True, eq=False, kw_only=True)
class StructType(Type):
    """`keyword` is struct, union or class.  An incomplete one is declared and nowhere defined."""

    keyword: str
    tag: str | None
    read_members: Callable[[], tuple[Member, ...]] = field(default=_no_members, repr=False)
    incomplete: bool = False

    @property
    def members(self) -> tuple[Member, ...]:
        """The members in declaration order, read once."""
        known: tuple[Member, ...] | None = self.__dict__.get("_members")
        if known is None:
            known = self.read_members()
            self.__dict__["_members"] = known
        return known


@dataclass(frozen=True, eq=False, kw_only=True)
class EnumType(Type):
    tag: str | None
    enumerators: tuple[tuple[str, int], ...] = ()
    signed: bool = False
    incomplete: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class TypedefType(Type):
    target: Type


@dataclass(frozen=True, eq=False, kw_only=True)
class QualifiedType(Type):
    """`target` under at least one qualifier."""

    target: Type
    const: bool = False
    volatile: bool = False
    restrict: bool = False
    atomic: bool = False


def qualified(target: Type, qualifier: str) -> Type:
    """`target` with one more qualifier; stacked qualifiers are folded into one QualifiedType, and those of an array are its
    elements'."""
    if isinstance(target, ArrayType):
        return array_of(qualified(target.element, qualifier), target.count, target.vector, target.bound)
    held = {"const": False, "volatile": False, "restrict": False, "atomic": False}
    if isinstance(target, QualifiedType):
        held = {name: getattr(target, name) for name in held}
        target = target.target
    held[qualifier] = True
    return QualifiedType(name=target.name, size=target.size, target=target, **held)


def strip(type: Type) -> Type:
    """The type itself, beneath typedefs and qualifiers."""
    while isinstance(type, (TypedefType, QualifiedType)):
        type = type.target
    return type


def pointer_to(target: Type, size: int = 8) -> PointerType:
    """The type of a pointer to `target`."""
    return PointerType(target=target, size=size)


def array_of(element: Type, count: int | None, vector: bool = False, bound: object = None) -> ArrayType:
    """The type of `count` elements in a row."""
    return ArrayType(element=element, count=count, size=element.size * (count or 0), vector=vector, bound=bound)


def _integer(name: str, size: int, signed: bool = True, encoding: str = "int") -> IntegerType:
    return IntegerType(name=name, size=size, signed=signed, encoding=encoding)


VOID = VoidType(name="void", size=1)
BOOL = _integer("_Bool", 1, False, "bool")
CHAR = _integer("char", 1, True, "char")
SIGNED_CHAR = _integer("signed char", 1, True, "char")
UNSIGNED_CHAR = _integer("unsigned char", 1, False, "char")
SHORT = _integer("short", 2)
UNSIGNED_SHORT = _integer("unsigned short", 2, False)
INT = _integer("int", 4)
UNSIGNED_INT = _integer("unsigned int", 4, False)
LONG = _integer("long", 8)
UNSIGNED_LONG = _integer("unsigned long", 8, False)
LONG_LONG = _integer("long long", 8)
UNSIGNED_LONG_LONG = _integer("unsigned long long", 8, False)
INT128 = _integer("__int128", 16)
UNSIGNED_INT128 = _integer("unsigned __int128", 16, False)
FLOAT = FloatType(name="float", size=4)
DOUBLE = FloatType(name="double", size=8)
LONG_DOUBLE = FloatType(name="long double", size=16)

BASIC: dict[str, Type] = {
    type.name: type
    for type in (VOID, BOOL, CHAR, SIGNED_CHAR, UNSIGNED_CHAR, SHORT, UNSIGNED_SHORT, INT, UNSIGNED_INT, LONG, UNSIGNED_LONG,
                 LONG_LONG, UNSIGNED_LONG_LONG, INT128, UNSIGNED_INT128, FLOAT, DOUBLE, LONG_DOUBLE)
    if type.name is not None
}  # fmt: skip
_ILP32_OWN = (_integer("long", 4), _integer("unsigned long", 4, False), FloatType(name="long double", size=12))
_ILP32 = {name: type for name, type in BASIC.items() if type.size < 16} | {type.name or "": type for type in _ILP32_OWN}


def basic_types(pointer_size: int) -> dict[str, Type]:
    """The arithmetic types of C, and void, by name: BASIC where a long has 8 bytes, else those of the i386 ABI."""
    return BASIC if pointer_size == 8 else _ILP32


_WIDTHS = {"char", "short", "int", "long"}


def canonical_name(name: str) -> str:
    """The shortest C spelling of an arithmetic type: `long unsigned int` is `unsigned long`; other names stay as they are."""
    words = name.split()
    if not words or "__int128" in words or not all(word in _WIDTHS or word in ("signed", "unsigned") for word in words):
        return name
    sign = "unsigned " if "unsigned" in words else "signed " if "signed" in words and "char" in words else ""
    widths = [word for word in words if word in _WIDTHS]
    if len(widths) > 1 and "int" in widths:
        widths.remove("int")
    return sign + " ".join(widths or ["int"])


def spell(type: Type, declarator: str = "") -> str:
    """`type` as whatis prints it; see rdb.symbols.spelling."""
    from rdb.symbols import spelling

    return spelling.spell(type, declarator)


def describe(type: Type) -> str:
    """`type` as ptype prints it; see rdb.symbols.spelling."""
    from rdb.symbols import spelling

    return spelling.describe(type)
