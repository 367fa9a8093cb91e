"""Registers as values: what type each has, and the rows of `info registers`.

A vector register is a union of arrays, one for every way in which its lanes can be seen; the members and their order are GDB's.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rdb.arch.base import Arch, Register
from rdb.errors import RdbError
from rdb.expr import floats
from rdb.expr.value import RegisterLvalue, Value, integer
from rdb.symbols.types import (
    DOUBLE,
    FLOAT,
    INT,
    VOID,
    FloatType,
    FunctionType,
    IntegerType,
    Member,
    StructType,
    Type,
    array_of,
    basic_types,
    pointer_to,
)

if TYPE_CHECKING:
    from rdb.expr.scope import Scope

NAME_WIDTH, RAW_WIDTH = 15, 20


@dataclass(frozen=True, eq=False, kw_only=True)
class FlagsType(IntegerType):
    """An unsigned integer whose bits have names."""

    bits: tuple[tuple[int, str], ...] = ()


def _sized(name: str, size: int, signed: bool = True) -> IntegerType:
    encoding = "char" if size == 1 and name == "char" else "int"
    return IntegerType(name=name, size=size, signed=signed, encoding=encoding)


INT8, INT16, INT32, INT64, INT128 = (_sized(f"int{8 * size}_t", size) for size in (1, 2, 4, 8, 16))
UINT32, UINT64, UINT128 = (_sized(f"uint{8 * size}_t", size, signed=False) for size in (4, 8, 16))
X87 = FloatType(name="i387_ext", size=10)
_BFLOAT16, _HALF = FloatType(name="bfloat16", size=2), FloatType(name="half", size=2)
_LANES: tuple[tuple[str, Type], ...] = (
    ("bfloat16", _BFLOAT16),
    ("half", _HALF),
    ("float", FLOAT),
    ("double", DOUBLE),
    ("int8", INT8),
    ("int16", INT16),
    ("int32", INT32),
    ("int64", INT64),
    ("int128", INT128),
)
_UNION_NAMES = {16: "vec128", 32: "vec256", 64: "vec512"}


@functools.cache
def vector_type(size: int) -> StructType:
    """The union type of a vector register of `size` bytes."""
    members = tuple(
        Member(f"v{size // lane.size}_{name}", array_of(lane, size // lane.size, vector=True), 0)
        for name, lane in _LANES
        if lane.size < size
    )
    if size == 16:
        members = (*members, Member("uint128", UINT128, 0))
    return StructType(keyword="union", tag=_UNION_NAMES.get(size, f"vec{8 * size}"), size=size, read_members=lambda: members)


@functools.cache
def mmx_type() -> StructType:
    """The union type of an MMX register."""
    arrays = ((INT32, 2), (INT16, 4), (INT8, 8))
    members = [Member(f"v{count}_int{8 * lane.size}", array_of(lane, count, vector=True), 0) for lane, count in arrays]
    members.insert(0, Member("uint64", INT64, 0))
    return StructType(keyword="union", tag="builtin_type_vec64i", size=8, read_members=lambda: tuple(members))


@functools.cache
def _flags_type(name: str, size: int, bits: tuple[tuple[int, str], ...]) -> FlagsType:
    return FlagsType(name=f"i386_{name}", size=size, signed=False, bits=bits)


_CODE_POINTER_TARGET = FunctionType(returns=VOID, prototyped=False)
_INTEGERS = {1: INT8, 2: INT16, 4: INT32, 8: INT64, 16: INT128}
_PLAIN = {"fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"}


def register_type(register: Register, arch: Arch) -> Type:
    """The type of a register as whatis names it."""
    size = register.size
    if register.kind == "code_ptr":
        return pointer_to(_CODE_POINTER_TARGET, arch.pointer_size)
    if register.kind == "data_ptr":
        return pointer_to(VOID, arch.pointer_size)
    if register.kind == "flags":
        return _flags_type(register.name, size, register.bits)
    if register.kind == "float":
        return X87
    if register.kind == "vector":
        return mmx_type() if "mmx" in register.groups else vector_type(size)
    if register.kind == "mask":
        return UINT64 if size == 8 else UINT32
    if register.name in _PLAIN:
        return INT
    return basic_types(arch.pointer_size)["long"] if "system" in register.groups else _INTEGERS[size]


def register_named(name: str, arch: Arch) -> Register | None:
    """The register called `name`, or by one of the names that GDB has on every CPU: pc, sp, fp, ps."""
    general = {"pc": arch.pc, "sp": arch.sp, "fp": arch.fp, "ps": arch.flags}
    registers = arch.registers.by_name
    return registers.get(name) or registers.get(general.get(name, ""))


def rows(names: Sequence[str], scope: Scope, everything: bool = False) -> Iterator[str]:
    """The lines of `info registers NAMES` (a name may be that of a group), or of `info all-registers`.

    Raises RdbError for a name that is neither, after the lines of those before it.
    """
    table = scope.arch.registers.registers
    if not names:
        group = "all" if everything else "general"
        yield from (row(register.name, register, scope) for register in table if group in register.groups)
    for name in names:
        plain = name.removeprefix("$")
        register = register_named(plain, scope.arch)
        members = [member for member in table if plain in member.groups]
        if register is not None:
            yield row(plain, register, scope)
        elif members and not name.startswith("$"):
            yield from (row(member.name, member, scope) for member in members)
        else:
            raise RdbError(f"Invalid register `{plain}'")


def row(name: str, register: Register, scope: Scope) -> str:
    """One line: the name, the raw value and the natural one."""
    kind = register_type(register, scope.arch)
    value = Value.of(kind, scope.read_register(register.name).ljust(kind.size, b"\0"), RegisterLvalue(register.name))
    return name.ljust(NAME_WIDTH) + _shown(value, register, scope)


def _shown(value: Value, register: Register, scope: Scope) -> str:
    from rdb.expr.format import format_value

    if register.kind == "vector":
        return format_value(value, scope, "x")
    if register.kind == "float":
        raw = value.data[: floats.EXTENDED.size][::-1].hex()
        return f"{format_value(value, scope).ljust(RAW_WIDTH)}(raw 0x{raw})"
    raw = format_value(value, scope, "x")
    natural = format_value(value, scope, top=False)
    return f"{raw.ljust(RAW_WIDTH)}{natural}"


def flags_text(value: Value, type: FlagsType) -> str:
    """The names of the bits that are set: [ ZF PF ]."""
    number = integer(value)
    return " ".join(["[", *(name for bit, name in type.bits if number >> bit & 1), "]"])
