"""Where a variable's value is, in a frame: in memory, in a register, in pieces, nowhere but known, or lost.

`locate` answers for now, `locate_at_entry` for the moment at which the function was called.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

from rdb.errors import CannotAccessMemory
from rdb.symbols.call_sites import call_sites, may_call_itself_by_tail, target_of
from rdb.symbols.dies import DAMAGE, Die, Unit
from rdb.symbols.expressions import (
    Constant,
    Context,
    InMemory,
    InPieces,
    InRegister,
    Location,
    OptimizedOut,
    Part,
    Unavailable,
    compute,
    evaluate,
)
from rdb.symbols.location_lists import expression_at
from rdb.symbols.objects import LoadedObject
from rdb.symbols.thread_storage import thread_address
from rdb.symbols.types import ArrayType, PointerType, ReferenceType, Type, array_of
from rdb.symbols.unwind import Frame, is_outermost
from rdb.symbols.variables import Variable

__all__ = [
    "Constant",
    "FrameView",
    "InMemory",
    "InPieces",
    "InRegister",
    "Location",
    "OptimizedOut",
    "Part",
    "Unavailable",
    "locate",
    "locate_at_entry",
    "type_in",
]

_REGISTERS = range(0x50, 0x70)  # DW_OP_reg0 to DW_OP_reg31
_STACK_VALUE = b"\x9f"  # DW_OP_stack_value


class FrameView(Protocol):
    """What evaluating a location may ask of a frame; rdb.symbols.unwind.Frame is one."""

    pc: int
    cfa: int

    def register(self, name: str) -> int:
        """A register's value, or Unavailable."""

    def memory(self, address: int, size: int) -> bytes:
        """`size` bytes, or CannotAccessMemory."""


def locate(variable: Variable, frame: Frame | None, table: Any = None) -> Location:
    """Where the value of `variable` is in `frame`.

    Without a frame (before the program runs) only what lies at a fixed address has a place; `table` is then needed for variables
    that are only declared here.  CannotAccessMemory and NoThreadStorage pass through.
    """
    try:
        return _locate(variable, frame, frame.table if frame is not None else table)
    except Unavailable:
        return OptimizedOut()
    except DAMAGE:
        return OptimizedOut()


def _locate(variable: Variable, frame: Frame | None, table: Any) -> Location:
    die = _holder(variable.die, "DW_AT_location")
    if die is None:
        return _without_location(variable, table)
    unit, context = die.unit, FrameContext(die.unit, variable.object, frame)
    code = _expression(die, "DW_AT_location", variable.object, frame)
    if code is None:
        return OptimizedOut()
    if not code and "DW_AT_const_value" not in die:
        return OptimizedOut()
    return evaluate(code, context, unit.offset_size, unit.version)


def _holder(die: Die | None, name: str) -> Die | None:
    """The entry that has an attribute: this one, or the one that it is an instance of."""
    for _ in range(16):
        if die is None or name in die:
            return die
        die = die.origin
    return None


def _expression(die: Die, name: str, object: LoadedObject, frame: Frame | None) -> bytes | None:
    """The expression in an attribute, which may be a location list."""
    value = die.get(name)
    if isinstance(value, bytes):
        return value
    if frame is None or not isinstance(value, int):
        return None
    return expression_at(die.unit, die.form(name) or "", value, frame.lookup_pc - object.bias)


def _without_location(variable: Variable, table: Any) -> Location:
    die = _holder(variable.die, "DW_AT_const_value")
    if die is not None:
        return Constant(_bytes_of(die.get("DW_AT_const_value"), variable.type.size, die.unit.data.order))
    if variable.die.inherited("DW_AT_declaration") and table is not None:
        for symbol in table.minimal(variable.name):
            if symbol.kind == "data":
                return InMemory(symbol.address)
    return OptimizedOut()


def _bytes_of(value: Any, size: int, order: str) -> bytes:
    """A constant as the bytes of a value of that size."""
    if isinstance(value, str):
        value = value.encode() + b"\0"
    if isinstance(value, int):
        return (value & (1 << 8 * max(size, 1)) - 1).to_bytes(max(size, 1), "little" if order == "<" else "big")
    return bytes(value)


def type_in(variable: Variable, frame: Frame | None) -> Type:
    """The type of a variable in a frame: its declared type, with the lengths of variable-length arrays filled in."""
    return variable.type if frame is None else _resolved(variable.type, variable.object, frame)


def _resolved(type: Type, object: LoadedObject, frame: Frame) -> Type:
    if isinstance(type, (PointerType, ReferenceType)):
        target = _resolved(type.target, object, frame)
        return type if target is type.target else dataclasses.replace(type, target=target)
    if not isinstance(type, ArrayType):
        return type
    element = _resolved(type.element, object, frame)
    count = _count(type.bound, object, frame) if isinstance(type.bound, Die) else type.count
    if element is type.element and count == type.count:
        return type
    return array_of(element, count, type.vector, type.bound if count is None else None)


def _count(bound: Die, object: LoadedObject, frame: Frame) -> int | None:
    """The length of a dimension, which is an expression or the value of a variable."""
    for name, extra in (("DW_AT_count", 0), ("DW_AT_upper_bound", 1)):
        try:
            value = bound.get(name)
            context = FrameContext(bound.unit, object, frame)
            if isinstance(value, bytes):
                value = compute(value, context, [], bound.unit.offset_size, bound.unit.version)
            elif isinstance(value, int) and (bound.form(name) or "").startswith("DW_FORM_ref"):
                value = context.value_of(value)
            if isinstance(value, int):
                return (value + extra) & (1 << 64) - 1
        except (Unavailable, CannotAccessMemory):
            return None
        except DAMAGE:
            return None
    return None


def locate_at_entry(variable: Variable, frame: Frame) -> Location | None:
    """Where the value is that a parameter had when its function was called, or None if nobody knows.

    It is known for a parameter that has a location list, arrived in a register, and whose caller recorded what it passed.
    """
    try:
        return _locate_at_entry(variable, frame)
    except (Unavailable, CannotAccessMemory):
        return None
    except DAMAGE:
        return None


def _locate_at_entry(variable: Variable, frame: Frame) -> Location | None:
    die = variable.die
    value = die.get("DW_AT_location")
    if not variable.is_argument or not isinstance(value, int) or frame.function is None or frame.inlined:
        return None
    entry = frame.function.low - variable.object.bias
    code = expression_at(die.unit, die.form("DW_AT_location") or "", value, entry)
    if code is None or len(code) != 1 or code[0] not in _REGISTERS:
        return None
    data = FrameContext(die.unit, variable.object, frame).passed(code)
    size = variable.type.size
    return Constant(data[:size]) if 0 < size <= len(data) else None


class FrameContext(Context):
    """A frame, as expressions of one unit see it."""

    def __init__(self, unit: Unit, object: LoadedObject, frame: Frame | None) -> None:
        self._unit, self._object, self._frame = unit, object, frame
        self.address_size, self.bias = unit.address_size, object.bias
        self.byte_order = "little" if unit.data.order == "<" else "big"
        self._inside_frame_base = False

    @property
    def frame(self) -> Frame:
        if self._frame is None:
            raise Unavailable
        return self._frame

    def register_name(self, number: int) -> str:
        from rdb.symbols.machine_registers import MACHINES

        machine = MACHINES.get(self._object.elf.machine)
        if machine is None or number not in machine.names:
            raise Unavailable
        return machine.names[number]

    def register(self, number: int) -> int:
        return self.frame.register(self.register_name(number))

    def memory(self, address: int, size: int) -> bytes:
        return self.frame.memory(address, size)

    def cfa(self) -> int:
        return self.frame.cfa

    def frame_base(self) -> int:
        function = self.frame.function
        if function is None or self._inside_frame_base:
            raise Unavailable
        code = _expression(function.die, "DW_AT_frame_base", function.object, self._frame)
        if not code:
            raise Unavailable
        if code[0] in _REGISTERS:
            return self.register(code[0] - 0x50)
        self._inside_frame_base = True
        try:
            return compute(code, self, [], self._unit.offset_size, self._unit.version)
        finally:
            self._inside_frame_base = False

    def thread_address(self, offset: int) -> int:
        frame = self.frame
        pointer = frame.register(frame.machine.thread_pointer or "")
        return thread_address(self._object, offset, pointer, frame.table, frame.read_memory)

    def indexed_address(self, index: int) -> int:
        return self._unit.indexed_address(index) + self.bias

    def type_at(self, offset: int) -> Type:
        die = self._unit.die(self._unit.offset + offset)
        if die is None:
            raise Unavailable
        return self._object.types.at(die)

    def expression_at(self, offset: int, in_unit: bool) -> bytes:
        die = self._unit.data.die_at(offset + (self._unit.offset if in_unit else 0))
        code = _expression(die, "DW_AT_location", self._object, self._frame) if die is not None else None
        if code is None:
            raise Unavailable
        return code

    def value_of(self, offset: int) -> int:
        die = self._unit.data.die_at(offset)
        if die is None:
            raise Unavailable
        variable = Variable(die.name or "", None, None, False, self._object, die)
        place, size = locate(variable, self._frame), variable.type.size or self.address_size
        if isinstance(place, InMemory):
            return int.from_bytes(self.memory(place.address, size), "little")
        if isinstance(place, InRegister):
            return self.frame.register(place.name) & (1 << 8 * size) - 1
        if isinstance(place, Constant):
            return int.from_bytes(place.data[:size], "little")
        raise Unavailable

    def entry_value(self, operations: Sequence[Any]) -> int:
        if len(operations) != 1 or operations[0].op not in _REGISTERS:
            raise Unavailable
        return int.from_bytes(self.passed(bytes([operations[0].op]))[: self.address_size], "little")

    def passed(self, location: bytes) -> bytes:
        """What the caller passed in a register (given as DW_OP_regN), as the call site tells (DWARF 5, 3.4.2).

        The bytes are those of a value of the type that the caller's expression has: of a double if that was passed.
        """
        frame: Frame | None = self.frame
        while frame is not None and frame.inlined:
            frame = frame.older
        # What called main is not on the stack that users see, and GDB does not look there.
        caller = frame.older if frame is not None and not is_outermost(frame, frame.table) else None
        if frame is None or caller is None or frame.function is None or caller.function is None or not caller.after_call:
            raise Unavailable
        site = call_sites(caller.function).get(caller.pc)
        expression = site.parameter(location) if site is not None else None
        if site is None or expression is None:
            raise Unavailable
        context = FrameContext(site.die.unit, caller.function.object, caller)
        target = target_of(site, caller.function, frame.table)
        if target is None:
            indirect = site.target_expression
            if indirect is None:
                raise Unavailable
            target = compute(indirect, context, [], self._unit.offset_size, self._unit.version)
        if target != frame.function.low or may_call_itself_by_tail(frame.function, frame.table):
            raise Unavailable
        value = evaluate(expression + _STACK_VALUE, context, site.die.unit.offset_size, site.die.unit.version)
        if not isinstance(value, Constant):
            raise Unavailable
        return value.data
