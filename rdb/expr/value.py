"""A value: a type, its bytes, and where they live.

Bytes are read when somebody asks for them, and only once: `&array[1000000]` reads nothing, and a value in the history stays what
it was.  The bytes of a bit field are those of its whole type; its lvalue knows the bits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Union

from rdb.errors import ExpressionError
from rdb.symbols.types import (
    VOID,
    ArrayType,
    EnumType,
    FloatType,
    FunctionType,
    IntegerType,
    Member,
    PointerType,
    ReferenceType,
    StructType,
    Type,
    strip,
)

Bits = tuple[int, int]


@dataclass(frozen=True)
class MemoryLvalue:
    """An object in memory; `bits` = (lowest bit, width) for a bit field."""

    address: int
    bits: Bits | None = None


@dataclass(frozen=True)
class RegisterLvalue:
    """An object `offset` bytes into a register of the selected frame."""

    name: str
    offset: int = 0
    bits: Bits | None = None


@dataclass(frozen=True)
class ConvenienceLvalue:
    """A convenience variable, or, if not `whole`, an object `offset` bytes into it."""

    name: str
    offset: int = 0
    bits: Bits | None = None
    whole: bool = True


@dataclass(frozen=True)
class ComputedLvalue:
    """An object `offset` bytes into one that two functions read and write whole."""

    read: Callable[[], bytes]
    write: Callable[[bytes], None]
    offset: int = 0
    bits: Bits | None = None


Lvalue = Union[MemoryLvalue, RegisterLvalue, ConvenienceLvalue, ComputedLvalue]


@dataclass(frozen=True, eq=False)
class Value:
    """`fetch` yields the bytes, type.size of them, or raises an RdbError; `missing` are the stretches of them that the compiler
    did not keep."""

    type: Type
    fetch: Callable[[], bytes]
    lvalue: Lvalue | None = None
    missing: tuple[tuple[int, int], ...] = ()

    @staticmethod
    def of(type: Type, data: bytes, lvalue: Lvalue | None = None) -> Value:
        """A value whose bytes are known."""
        value = Value(type, lambda: data, lvalue)
        value.__dict__["data"] = data
        return value

    @functools.cached_property
    def data(self) -> bytes:
        """The bytes; raises CannotAccessMemory, or ExpressionError for a value that was optimized out."""
        if self.missing:
            raise ExpressionError("value has been optimized out")
        return self.fetch()

    @property
    def fetched(self) -> bool:
        return "data" in self.__dict__

    @property
    def optimized_out(self) -> bool:
        """Whether nothing of the value is left."""
        return bool(self.missing) and self.missing[0] == (0, max(self.type.size, 1))

    @property
    def address(self) -> int | None:
        """Where it is in memory, or None if it is not there."""
        return self.lvalue.address if isinstance(self.lvalue, MemoryLvalue) else None

    def with_type(self, type: Type) -> Value:
        """The same bytes and place under another type of the same size."""
        changed = replace(self, type=type)
        if self.fetched:
            changed.__dict__["data"] = self.data
        return changed

    def snapshot(self) -> Value:
        """This value with its bytes read now, so that it no longer changes; an optimized out value stays as it is."""
        if not self.missing:
            _ = self.data
        return self


def void() -> Value:
    return Value.of(VOID, b"")


def optimized_out(type: Type) -> Value:
    return Value(type, lambda: b"", missing=((0, max(type.size, 1)),))


def span(member: Member) -> int:
    """How many bytes of the enclosing struct a member's bytes are taken from."""
    if member.bit_size is None:
        return member.type.size
    return max(member.type.size, ((member.bit_offset or 0) + member.bit_size + 7) // 8)


def extract_bits(data: bytes, type: Type, bits: Bits) -> bytes:
    """The bytes of a bit field's whole value, sign-extended, out of the bytes that hold it."""
    low, width = bits
    number = int.from_bytes(data, "little") >> low & (1 << width) - 1
    if is_signed(type) and width and number >> width - 1:
        number -= 1 << width
    return (number & (1 << 8 * type.size) - 1).to_bytes(type.size, "little")


def insert_bits(data: bytes, bits: Bits, number: int) -> bytes:
    """`data` with a bit field set to `number`, cut to its width."""
    low, width = bits
    mask = (1 << width) - 1 << low
    whole = int.from_bytes(data, "little") & ~mask | number << low & mask
    return whole.to_bytes(len(data), "little")


def shift(lvalue: Lvalue | None, offset: int, bits: Bits | None = None) -> Lvalue | None:
    """The lvalue of a part, `offset` bytes in."""
    if isinstance(lvalue, MemoryLvalue):
        return MemoryLvalue(lvalue.address + offset, bits)
    if isinstance(lvalue, ConvenienceLvalue):
        return ConvenienceLvalue(lvalue.name, lvalue.offset + offset, bits, whole=False)
    if isinstance(lvalue, ComputedLvalue):
        return ComputedLvalue(lvalue.read, lvalue.write, lvalue.offset + offset, bits)
    return lvalue and RegisterLvalue(lvalue.name, lvalue.offset + offset, bits)


def is_signed(type: Type) -> bool:
    plain = strip(type)
    return isinstance(plain, (IntegerType, EnumType)) and plain.signed


def is_integral(type: Type) -> bool:
    return isinstance(strip(type), (IntegerType, EnumType))


def is_scalar(type: Type) -> bool:
    return isinstance(strip(type), (IntegerType, EnumType, FloatType, PointerType, ReferenceType))


def is_character(type: Type) -> bool:
    """Whether C uses this type for text: char in all its forms, and the wide ones by their name."""
    plain = strip(type)
    return isinstance(plain, IntegerType) and (plain.encoding == "char" or wide_prefix(type) != "")


_WIDE = {"wchar_t": "L", "char16_t": "u", "char32_t": "U"}


def wide_prefix(type: Type) -> str:
    """L, u or U for the wide character types, else nothing."""
    while type.name not in _WIDE:
        target = getattr(type, "target", None)
        if isinstance(type, PointerType) or target is None:
            return ""
        type = target
    return _WIDE[type.name]


def integer(value: Value) -> int:
    """The number that an integer, enum or pointer holds, and the address of a function or an array, as C has it.

    Raises ExpressionError for what is no integer.
    """
    kind = strip(value.type)
    if isinstance(kind, (IntegerType, EnumType)):
        return int.from_bytes(value.data, "little", signed=kind.signed)
    if isinstance(kind, (PointerType, ReferenceType)):
        return int.from_bytes(value.data, "little")
    if isinstance(kind, (FunctionType, ArrayType)) and value.address is not None:
        return value.address
    raise ExpressionError("Value can't be converted to integer.")


def is_aggregate(type: Type) -> bool:
    return isinstance(strip(type), (StructType, ArrayType))


def is_function(type: Type) -> bool:
    return isinstance(strip(type), FunctionType)
