"""What an expression is evaluated in: the Scope that a session gives, and the Context of one evaluation.

A Context adds to the Scope what must be known while one tree is evaluated: which lvalues it read (the Trace of a watchpoint), and
whether side effects are allowed (whatis and sizeof forbid them).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from rdb.errors import ExpressionError, RdbError
from rdb.expr.value import (
    Bits,
    ComputedLvalue,
    ConvenienceLvalue,
    Lvalue,
    MemoryLvalue,
    RegisterLvalue,
    Value,
    extract_bits,
    insert_bits,
    shift,
    span,
)
from rdb.symbols.types import FunctionType, Member, StructType, Type, basic_types, strip

if TYPE_CHECKING:
    from rdb.arch.base import Arch
    from rdb.settings import Settings
    from rdb.symbols.table import SymbolTable
    from rdb.symbols.unwind import Frame
    from rdb.symbols.variables import Variable


class Scope(Protocol):
    """What the session gives: symbols, the selected frame, memory and registers, and the two stores of values."""

    @property
    def table(self) -> SymbolTable: ...

    @property
    def arch(self) -> Arch: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def frame(self) -> Frame | None:
        """The selected frame, None without a process."""

    def frames(self) -> Iterable[Frame]:
        """All frames, innermost first; none without a process."""

    @property
    def convenience(self) -> dict[str, Value]:
        """The convenience variables, by name without the dollar."""

    @property
    def history(self) -> list[Value]:
        """The value history; $1 is the first."""

    def read_memory(self, address: int, size: int) -> bytes: ...

    def write_memory(self, address: int, data: bytes) -> None: ...

    def read_register(self, name: str) -> bytes:
        """The bytes of a register in the selected frame; raises NoRegisters without a process."""

    def write_register(self, name: str, data: bytes) -> None: ...


@dataclass
class Trace:
    """What an evaluation depended on: stretches (address, size) of memory, and registers by name, in the order of reading."""

    memory: list[tuple[int, int]] = field(default_factory=list)
    registers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Context:
    """One evaluation.  `effects` is False where nothing may be written."""

    scope: Scope
    trace: Trace | None = None
    effects: bool = True

    def without_effects(self) -> Context:
        return replace(self, effects=False)

    @property
    def pc(self) -> int | None:
        """Where names are looked up."""
        frame = self.scope.frame
        return None if frame is None else frame.lookup_pc

    @property
    def types(self) -> dict[str, Type]:
        """The arithmetic types of C in the program."""
        return basic_types(self.scope.arch.pointer_size)

    def variable(self, name: str) -> Variable | None:
        """The variable that a bare name means here."""
        frame = self.scope.frame
        return self.scope.table.variable(name, self.pc, inlined_out=frame.inlined_out if frame is not None else 0)

    def read(self, address: int, size: int) -> bytes:
        """Memory, noted in the trace; raises CannotAccessMemory."""
        limit = self.scope.settings.limit("max-value-size")
        if limit is not None and size > limit:
            raise ExpressionError(f"value requires {size} bytes, which is more than max-value-size")
        if self.trace is not None and size and (address, size) not in self.trace.memory:
            self.trace.memory.append((address, size))
        return self.scope.read_memory(address, size)

    def read_register(self, name: str) -> bytes:
        if self.trace is not None and name not in self.trace.registers:
            self.trace.registers.append(name)
        return self.scope.read_register(name)

    def at(self, type: Type, address: int) -> Value:
        """The object of this type at an address, read when needed."""
        address &= (1 << 8 * self.scope.arch.pointer_size) - 1
        size = 0 if isinstance(strip(type), FunctionType) else type.size
        return Value(type, lambda: self.read(address, size) if size else b"", MemoryLvalue(address))

    def part(self, whole: Value, type: Type, offset: int, member: Member | None = None) -> Value:
        """The part of `whole` at `offset`; `member` is given if it may be a bit field."""
        bits: Bits | None = None
        size = type.size
        if member is not None and member.bit_size is not None:
            bits, size = (member.bit_offset or 0, member.bit_size), span(member)
        missing = tuple((start, end) for start, end in whole.missing if start < offset + size and offset < end)
        lvalue = shift(whole.lvalue, offset, bits)
        address = whole.address
        if missing:
            return Value(type, lambda: b"", lvalue, ((0, max(type.size, 1)),) if size else ())

        def fetch() -> bytes:
            if whole.fetched or address is None or not size:
                data = whole.data[offset : offset + size] if not whole.missing else whole.fetch()[offset : offset + size]
            else:
                data = self.read(address + offset, size)
            return data if bits is None else extract_bits(data, type, bits)

        return Value(type, fetch, lvalue)

    def store(self, lvalue: Lvalue | None, type: Type, data: bytes) -> Value:
        """Write an object and return it; raises ExpressionError if there is no such place."""
        if lvalue is None:
            raise ExpressionError("Left operand of assignment is not an lvalue.")
        if self.effects:
            if lvalue.bits is not None:
                low, width = lvalue.bits
                size = max(type.size, (low + width + 7) // 8)
                written = insert_bits(self._load(lvalue, size), lvalue.bits, int.from_bytes(data, "little"))
                data = extract_bits(written, type, lvalue.bits)
            else:
                written = data
            self._write(lvalue, written)
        return Value.of(type, data, lvalue)

    def _load(self, lvalue: Lvalue, size: int) -> bytes:
        if isinstance(lvalue, MemoryLvalue):
            return self.scope.read_memory(lvalue.address, size)
        return self._whole(lvalue)[lvalue.offset : lvalue.offset + size]

    def _whole(self, lvalue: RegisterLvalue | ConvenienceLvalue | ComputedLvalue) -> bytes:
        if isinstance(lvalue, RegisterLvalue):
            return self.scope.read_register(lvalue.name)
        return lvalue.read() if isinstance(lvalue, ComputedLvalue) else self._convenience(lvalue).data

    def _write(self, lvalue: Lvalue, data: bytes) -> None:
        if isinstance(lvalue, MemoryLvalue):
            self.scope.write_memory(lvalue.address, data)
            return
        whole = self._whole(lvalue)
        whole = whole[: lvalue.offset] + data + whole[lvalue.offset + len(data) :]
        if isinstance(lvalue, RegisterLvalue):
            self.scope.write_register(lvalue.name, whole)
        elif isinstance(lvalue, ComputedLvalue):
            lvalue.write(whole)
        else:
            self.scope.convenience[lvalue.name] = Value.of(self._convenience(lvalue).type, whole)

    def _convenience(self, lvalue: ConvenienceLvalue) -> Value:
        return self.scope.convenience[lvalue.name]

    def completed(self, type: Type) -> Type:
        """`type`, or the definition of the struct that it only declares, from whichever unit has it."""
        plain = strip(type)
        if isinstance(plain, StructType) and plain.incomplete and plain.tag:
            try:
                found = self.scope.table.type_named(f"{plain.keyword} {plain.tag}", self.pc)
            except RdbError:
                found = None
            if found is not None:
                return found
        return type
