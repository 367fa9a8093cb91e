"""DWARF expressions: a stack machine whose result is a place (DWARF 5, 2.5 and 2.6).

pyelftools splits an expression into operations; this module runs them.  What an expression may ask of the outside world is a
Context.  A place is one of the Location classes.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rdb.errors import RdbError
from rdb.symbols.dies import DAMAGE
from rdb.symbols.types import FloatType, IntegerType, PointerType, Type, strip


@dataclass(frozen=True)
class InMemory:
    address: int


@dataclass(frozen=True)
class InRegister:
    name: str


@dataclass(frozen=True)
class Constant:
    """The value itself; it is nowhere."""

    data: bytes


@dataclass(frozen=True)
class OptimizedOut:
    """There is no value here."""


@dataclass(frozen=True)
class Part:
    """`size` bytes of a value that is spread; `bits` is (offset in `where`, size) where the part is no whole bytes."""

    where: InMemory | InRegister | Constant | OptimizedOut
    size: int
    bits: tuple[int, int] | None = None


@dataclass(frozen=True)
class InPieces:
    parts: tuple[Part, ...]


Location = InMemory | InRegister | Constant | OptimizedOut | InPieces
_Place = InMemory | InRegister | Constant | OptimizedOut


class Unavailable(RdbError):
    """A value that an expression needs cannot be had."""

    def __init__(self) -> None:
        super().__init__("value has been optimized out")


class Context:
    """What an expression may ask.  A method that has no answer raises Unavailable, as all of them do here."""

    address_size = 8
    byte_order = "little"
    bias = 0

    def register(self, number: int) -> int:
        """The value of the register with that DWARF number."""
        raise Unavailable

    def register_name(self, number: int) -> str:
        """Its name."""
        raise Unavailable

    def memory(self, address: int, size: int) -> bytes:
        raise Unavailable

    def frame_base(self) -> int:
        """What DW_OP_fbreg counts from."""
        raise Unavailable

    def cfa(self) -> int:
        raise Unavailable

    def thread_address(self, offset: int) -> int:
        """The address of an offset into the object's thread-local storage."""
        raise Unavailable

    def entry_value(self, operations: Sequence[Any]) -> int:
        """What the expression was when the function was entered."""
        raise Unavailable

    def indexed_address(self, index: int) -> int:
        """Entry `index` of the unit's part of .debug_addr, at run time."""
        raise Unavailable

    def type_at(self, offset: int) -> Type:
        """The base type at an offset into the unit."""
        raise Unavailable

    def expression_at(self, offset: int, in_unit: bool) -> bytes:
        """The location expression of the entry at an offset into the unit, or into .debug_info, for DW_OP_call."""
        raise Unavailable

    def value_of(self, offset: int) -> int:
        """The value of the variable at an offset of .debug_info."""
        raise Unavailable


@functools.lru_cache(maxsize=4096)
def parse(code: bytes, byte_order: str, offset_size: int, address_size: int, version: int) -> tuple[Any, ...]:
    """The operations of an expression, as pyelftools' DWARFExprOp."""
    from elftools.dwarf.dwarf_expr import DWARFExprParser
    from elftools.dwarf.structs import DWARFStructs

    structs = DWARFStructs(byte_order == "little", offset_size * 8, address_size, version)
    return tuple(_parser(structs, DWARFExprParser).parse_expr(code))


_parsers: dict[int, Any] = {}


def _parser(structs: Any, make: Callable[[Any], Any]) -> Any:
    if id(structs) not in _parsers:
        _parsers[id(structs)] = make(structs)
    return _parsers[id(structs)]


def evaluate(code: bytes, context: Context, offset_size: int = 4, version: int = 5) -> Location:
    """The place that an expression names; OptimizedOut where it cannot be told.

    A location expression that is empty means that there is no value (DWARF 5, 2.6.1.1.4).  Errors of memory pass through.
    """
    try:
        operations = parse(code, context.byte_order, offset_size, context.address_size, version)
        machine = _Machine(context, (offset_size, version))
        machine.run(operations)
        return machine.location()
    except Unavailable:
        return OptimizedOut()
    except DAMAGE:
        return OptimizedOut()


def compute(code: bytes, context: Context, initial: list[int], offset_size: int = 4, version: int = 5) -> int:
    """The number that an expression leaves on the stack, begun with `initial`; Unavailable if it leaves none."""
    try:
        machine = _Machine(context, (offset_size, version), list(initial))
        machine.run(parse(code, context.byte_order, offset_size, context.address_size, version))
        return machine.top()
    except DAMAGE:
        raise Unavailable from None


def compute_operations(operations: Sequence[Any], context: Context) -> int:
    """The same for operations that are parsed already."""
    machine = _Machine(context, (4, 5))
    machine.run(operations)
    return machine.top()


class _Machine:
    """The state of one evaluation: a stack of numbers, the simple place found last, and the pieces put together so far."""

    def __init__(self, context: Context, shape: tuple[int, int], stack: list[int | float] | list[int] | None = None) -> None:
        self.context, self.shape = context, shape
        self.stack: list[Any] = list(stack or [])
        self.place: _Place | None = None
        self.parts: list[Part] = []
        self.kind: Type | None = None
        self.mask = (1 << 8 * context.address_size) - 1
        self.steps = 0

    def run(self, operations: Sequence[Any]) -> None:
        index, by_offset = 0, {operation.offset: number for number, operation in enumerate(operations)}
        while index < len(operations):
            self.steps += 1
            if self.steps > 10_000:
                raise Unavailable
            operation = operations[index]
            index += 1
            name, arguments = operation.op_name, operation.args
            if name in ("DW_OP_skip", "DW_OP_bra"):
                if name == "DW_OP_skip" or self.stack.pop():
                    index = by_offset.get(operation.offset + 3 + arguments[0], len(operations))
            else:
                self._execute(operation.op, name, arguments)

    def _execute(self, code: int, name: str, arguments: list[Any]) -> None:
        if 0x30 <= code <= 0x4F:  # DW_OP_lit0…31
            self.stack.append(code - 0x30)
        elif 0x50 <= code <= 0x6F:  # DW_OP_reg0…31
            self.place = InRegister(self.context.register_name(code - 0x50))
        elif 0x70 <= code <= 0x8F:  # DW_OP_breg0…31
            self.push(self.context.register(code - 0x70) + arguments[0])
        elif name in _CONSTANTS:
            self.push(arguments[0])
        elif name in _BINARY:
            right, left = self.stack.pop(), self.stack.pop()
            self.push(_BINARY[name](left, right, self))
        elif name in _OTHERS:
            _OTHERS[name](self, *arguments)
        else:
            raise Unavailable

    def push(self, value: float) -> None:
        self.stack.append(value if isinstance(value, float) else value & self.mask)

    def signed(self, value: int) -> int:
        return value - self.mask - 1 if value > self.mask >> 1 else value

    def top(self) -> int:
        """The number on top, or that in the register that the expression names."""
        if isinstance(self.place, InRegister):
            raise Unavailable
        if isinstance(self.place, Constant):
            return int.from_bytes(self.place.data[: self.context.address_size], "little")
        if not self.stack:
            raise Unavailable
        return int(self.stack[-1])

    def _current(self) -> _Place:
        if self.place is not None:
            return self.place
        return InMemory(int(self.stack[-1])) if self.stack else OptimizedOut()

    def location(self) -> Location:
        if self.parts:
            return InPieces(tuple(self.parts))
        return self._current()

    def piece(self, size: int, bits: tuple[int, int] | None = None) -> None:
        self.parts.append(Part(self._current(), size, bits))
        self.place, self.stack = None, []

    def load(self, size: int) -> None:
        data = self.context.memory(self.stack.pop(), size)
        self.push(int.from_bytes(data, "little" if self.context.byte_order == "little" else "big"))

    def typed(self, value: float, offset: int) -> None:
        """Push a value that has the base type at `offset` of the unit; 0 means the generic type."""
        kind = strip(self.context.type_at(offset)) if offset else None
        self.kind = kind
        if isinstance(kind, FloatType):
            self.stack.append(float(value))
        elif isinstance(kind, (IntegerType, PointerType)):
            whole = int(value) & ((1 << 8 * kind.size) - 1)
            negative = isinstance(kind, IntegerType) and kind.signed and whole >> (8 * kind.size - 1)
            self.push(whole - (1 << 8 * kind.size) if negative else whole)
        else:
            self.push(int(value))

    def raw(self, data: bytes, offset: int) -> None:
        """Push the value that bytes have as the base type at `offset`."""
        kind = strip(self.context.type_at(offset)) if offset else None
        if isinstance(kind, FloatType) and kind.size in _FLOATS:
            self.kind = kind
            self.stack.append(struct.unpack(_FLOATS[kind.size], data[: kind.size])[0])
        else:
            self.typed(int.from_bytes(data, "little"), offset)

    def as_value(self) -> None:
        """DW_OP_stack_value: the top of the stack is the value itself."""
        value = self.stack[-1]
        if isinstance(value, float):
            size = self.kind.size if self.kind is not None and self.kind.size in _FLOATS else 8
            self.place = Constant(struct.pack(_FLOATS[size], value))
        else:
            self.place = Constant(value.to_bytes(16 if value > self.mask else self.context.address_size, "little"))

    def pick(self, index: int) -> None:
        self.stack.append(self.stack[-1 - index])

    def rotate(self) -> None:
        self.stack[-3:] = [self.stack[-1], *self.stack[-3:-1]]

    def swap(self) -> None:
        self.stack[-2:] = [self.stack[-1], self.stack[-2]]

    def call(self, offset: int, in_unit: bool) -> None:
        code = self.context.expression_at(offset, in_unit)
        self.run(parse(code, self.context.byte_order, self.shape[0], self.context.address_size, self.shape[1]))

    def reinterpret(self, offset: int) -> None:
        value = self.stack.pop()
        if isinstance(value, float):
            size = self.kind.size if self.kind is not None and self.kind.size in _FLOATS else 8
            self.raw(struct.pack(_FLOATS[size], value).ljust(8, b"\0"), offset)
        else:
            self.raw(int(value).to_bytes(16, "little"), offset)


def _divide(left: Any, right: Any, machine: _Machine) -> Any:
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    dividend, divisor = machine.signed(left), machine.signed(right)
    if divisor == 0:
        raise Unavailable
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def _modulo(left: int, right: int, machine: _Machine) -> int:
    if right == 0:
        raise Unavailable
    return left % right


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any, _Machine], int]:
    def compare(left: Any, right: Any, machine: _Machine) -> int:
        if isinstance(left, float) or isinstance(right, float):
            return int(test(left, right))
        return int(test(machine.signed(left), machine.signed(right)))

    return compare


_FLOATS = {4: "<f", 8: "<d"}
_CONSTANTS = {f"DW_OP_const{size}{sign}" for size in (1, 2, 4, 8) for sign in "us"} | {"DW_OP_constu", "DW_OP_consts"}
_BINARY: dict[str, Callable[[Any, Any, _Machine], Any]] = {
    "DW_OP_and": lambda a, b, m: a & b,
    "DW_OP_or": lambda a, b, m: a | b,
    "DW_OP_xor": lambda a, b, m: a ^ b,
    "DW_OP_plus": lambda a, b, m: a + b,
    "DW_OP_minus": lambda a, b, m: a - b,
    "DW_OP_mul": lambda a, b, m: a * b,
    "DW_OP_div": _divide,
    "DW_OP_mod": _modulo,
    "DW_OP_shl": lambda a, b, m: a << min(b, 128),
    "DW_OP_shr": lambda a, b, m: a >> min(b, 128),
    "DW_OP_shra": lambda a, b, m: m.signed(a) >> min(b, 128),
    "DW_OP_eq": _compare(lambda a, b: bool(a == b)),
    "DW_OP_ne": _compare(lambda a, b: bool(a != b)),
    "DW_OP_lt": _compare(lambda a, b: bool(a < b)),
    "DW_OP_le": _compare(lambda a, b: bool(a <= b)),
    "DW_OP_gt": _compare(lambda a, b: bool(a > b)),
    "DW_OP_ge": _compare(lambda a, b: bool(a >= b)),
}
_OTHERS: dict[str, Callable[..., None]] = {
    "DW_OP_nop": lambda m: None,
    "DW_OP_GNU_uninit": lambda m: None,
    "DW_OP_addr": lambda m, address: m.push(address + m.context.bias),
    "DW_OP_addrx": lambda m, index: m.push(m.context.indexed_address(index)),
    "DW_OP_GNU_addr_index": lambda m, index: m.push(m.context.indexed_address(index)),
    "DW_OP_GNU_const_index": lambda m, index: m.push(m.context.indexed_address(index) - m.context.bias),
    "DW_OP_dup": lambda m: m.pick(0),
    "DW_OP_over": lambda m: m.pick(1),
    "DW_OP_pick": lambda m, index: m.pick(index),
    "DW_OP_drop": lambda m: m.stack.pop(),
    "DW_OP_swap": lambda m: m.swap(),
    "DW_OP_rot": lambda m: m.rotate(),
    "DW_OP_abs": lambda m: m.push(abs(m.signed(m.stack.pop()))),
    "DW_OP_neg": lambda m: m.push(-m.stack.pop()),
    "DW_OP_not": lambda m: m.push(~m.stack.pop()),
    "DW_OP_plus_uconst": lambda m, value: m.push(m.stack.pop() + value),
    "DW_OP_deref": lambda m: m.load(m.context.address_size),
    "DW_OP_deref_size": lambda m, size: m.load(size),
    "DW_OP_deref_type": lambda m, size, offset: m.raw(m.context.memory(m.stack.pop(), size), offset),
    "DW_OP_regx": lambda m, number: setattr(m, "place", InRegister(m.context.register_name(number))),
    "DW_OP_bregx": lambda m, number, offset: m.push(m.context.register(number) + offset),
    "DW_OP_fbreg": lambda m, offset: m.push(m.context.frame_base() + offset),
    "DW_OP_call_frame_cfa": lambda m: m.push(m.context.cfa()),
    "DW_OP_form_tls_address": lambda m: m.push(m.context.thread_address(m.stack.pop())),
    "DW_OP_GNU_push_tls_address": lambda m: m.push(m.context.thread_address(m.stack.pop())),
    "DW_OP_piece": lambda m, size: m.piece(size),
    "DW_OP_bit_piece": lambda m, size, offset: m.piece(-(-size // 8), (offset, size)),
    "DW_OP_stack_value": lambda m: m.as_value(),
    "DW_OP_implicit_value": lambda m, data: setattr(m, "place", Constant(bytes(data))),
    "DW_OP_implicit_pointer": lambda m, offset, displacement: setattr(m, "place", OptimizedOut()),
    "DW_OP_entry_value": lambda m, expression: m.push(m.context.entry_value(expression)),
    "DW_OP_call2": lambda m, offset: m.call(offset, True),
    "DW_OP_call4": lambda m, offset: m.call(offset, True),
    "DW_OP_call_ref": lambda m, offset: m.call(offset, False),
    "DW_OP_convert": lambda m, offset: m.typed(m.stack.pop(), offset),
    "DW_OP_reinterpret": lambda m, offset: m.reinterpret(offset),
    "DW_OP_regval_type": lambda m, number, offset: m.raw(m.context.register(number).to_bytes(16, "little"), offset),
    "DW_OP_const_type": lambda m, offset, data: m.raw(bytes(data), offset),
    "DW_OP_GNU_variable_value": lambda m, offset: m.push(m.context.value_of(offset)),
}
for _name in ("implicit_pointer", "entry_value", "convert", "reinterpret", "regval_type", "const_type", "deref_type"):
    _OTHERS["DW_OP_GNU_" + _name] = _OTHERS["DW_OP_" + _name]
