"""What a function that has just returned gave back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rdb.arch.base import Arch, Field
from rdb.errors import CannotAccessMemory
from rdb.expr import floats
from rdb.expr.value import MemoryLvalue, Value
from rdb.symbols.functions import Function
from rdb.symbols.types import (
    ArrayType,
    FloatType,
    FunctionType,
    StructType,
    Type,
    VoidType,
    strip,
)


def fields(type: Type, offset: int = 0) -> Iterator[Field]:
    """The scalars that a value consists of, flattened, as the calling convention classifies them."""
    plain = strip(type)
    if isinstance(plain, StructType):
        for member in plain.members:
            yield from fields(member.type, offset + member.offset)
    elif isinstance(plain, ArrayType):
        for number in range(plain.count or 0):
            yield from fields(plain.element, offset + number * plain.element.size)
    elif isinstance(plain, FloatType):
        yield Field(offset, plain.size, "x87" if floats.format_of(plain) is floats.EXTENDED else "float")
    else:
        yield Field(offset, plain.size, "int")


def returned_value(
    arch: Arch, banks: tuple[bytes, bytes], memory: Callable[[int, int], bytes], function: Function
) -> Value | None:
    """The value that `function` returned, with the program standing right behind the call; None for void."""
    kind = strip(function.type)
    if not isinstance(kind, FunctionType) or isinstance(strip(kind.returns), VoidType):
        return None
    returns, table = kind.returns, arch.registers
    aggregate = isinstance(strip(returns), (StructType, ArrayType))
    registers = arch.return_pieces(returns.size, tuple(fields(returns)), aggregate)
    if registers is not None:
        data = b"".join(table.get(register, banks) for register in registers)
        return Value.of(returns, data[: returns.size].ljust(returns.size, b"\0"))
    address = int.from_bytes(table.get(table[arch.syscall.result], banks), "little")
    try:
        return Value.of(returns, memory(address, returns.size), MemoryLvalue(address))
    except CannotAccessMemory:
        return None
