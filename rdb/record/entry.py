"""The entries of one instruction: what it is about to change, as it was.

As in GDB an instruction is recorded by register entries, memory entries and one end entry.  They are packed: which stretches of
state an instruction saves, and where in the instruction's record each lies, hardly ever changes from one execution to the next,
so that description, a *Layout*, is kept once and shared, and an execution costs the number of its layout (the end entry) and the
saved bytes.  Nothing is a Python object per entry; an Entry is a view that is made when somebody looks.

A record is a run of slots, each padded to 8 bytes:

    register entry   the saved bytes
    memory entry     the address, then the saved bytes
    mapping entry    the number of a change of the address space (rdb.record.mappings)
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rdb.arch.base import Bank, Piece


class Kind(enum.Enum):
    """What a record stands for.

    In a SIGNAL record (the delivery of a signal), a USER record (the user changed state) and an UNDER_WAY record (a system call
    has written memory and goes on, while other threads run) no instruction of the program ran.
    """

    INSTRUCTION = "instruction"
    SYSTEM_CALL = "system call"
    SIGNAL = "signal"
    USER = "user"
    UNDER_WAY = "system call under way"


class RegisterSlot(NamedTuple):
    """`size` bytes of a bank at `offset`, saved `at` bytes into the record."""

    bank: Bank
    offset: int
    size: int
    at: int


class MemorySlot(NamedTuple):
    """`size` bytes of memory; their address is `at` bytes into the record, their saved contents behind it."""

    size: int
    at: int

    @property
    def data(self) -> int:
        return self.at + 8


@dataclass(frozen=True)
class Layout:
    """The entries of all executions of the instruction at `pc` that save the same stretches.

    `gap` marks a record that was found by comparing memory, because nothing declared what the instruction writes.
    """

    number: int
    pc: int
    kind: Kind
    registers: tuple[RegisterSlot, ...]
    memory: tuple[MemorySlot, ...]
    mapping: int | None
    gap: bool
    size: int


def padded(size: int) -> int:
    """The bytes that `size` saved bytes take in a record."""
    return size + 7 & ~7


def arranged(
    number: int,
    pc: int,
    registers: Sequence[Piece],
    memory: Sequence[int],
    kind: Kind,
    mapping: bool = False,
    gap: bool = False,
) -> Layout:
    """The layout whose slots stand one behind the other: registers, memory stretches (their sizes are given), mapping entry."""
    at = 0
    saved = []
    for bank, offset, size in registers:
        saved.append(RegisterSlot(bank, offset, size, at))
        at += padded(size)
    stretches = []
    for size in memory:
        stretches.append(MemorySlot(size, at))
        at += 8 + padded(size)
    return Layout(number, pc, kind, tuple(saved), tuple(stretches), at if mapping else None, gap, at + 8 * mapping)


class LayoutTable:
    """All layouts of a record list, each once, numbered in the order in which they were first needed."""

    def __init__(self) -> None:
        self.layouts: list[Layout] = []
        self._numbers: dict[object, Layout] = {}

    def __getitem__(self, number: int) -> Layout:
        return self.layouts[number]

    def __len__(self) -> int:
        return len(self.layouts)

    def layout(
        self,
        pc: int,
        registers: Sequence[Piece],
        memory: Sequence[int],
        kind: Kind = Kind.INSTRUCTION,
        mapping: bool = False,
        gap: bool = False,
    ) -> Layout:
        """The layout of a record at `pc` that saves these register pieces and memory stretches of these sizes, in this order."""
        key = (pc, tuple(registers), tuple(memory), kind, mapping, gap)
        known = self._numbers.get(key)
        if known is not None:
            return known
        layout = arranged(len(self.layouts), pc, registers, memory, kind, mapping, gap)
        self.layouts.append(layout)
        self._numbers[key] = layout
        return layout


class RegisterEntry(NamedTuple):
    """A view of one saved stretch of a register bank."""

    piece: Piece
    saved: bytes


class MemoryEntry(NamedTuple):
    """A view of one saved stretch of memory."""

    address: int
    saved: bytes


class EndEntry(NamedTuple):
    """A view of the end of one instruction's record: its position in the log and its pc."""

    position: int
    pc: int


Entry = RegisterEntry | MemoryEntry | EndEntry


def entries(layout: Layout, record: bytes | bytearray, position: int) -> list[Entry]:
    """The entries of one record, in the order in which they were pushed, the end entry last."""
    result: list[Entry] = []
    for bank, offset, size, at in layout.registers:
        result.append(RegisterEntry(Piece(bank, offset, size), bytes(record[at : at + size])))
    for slot in layout.memory:
        address = int.from_bytes(record[slot.at : slot.data], "little")
        result.append(MemoryEntry(address, bytes(record[slot.data : slot.data + slot.size])))
    result.append(EndEntry(position, layout.pc))
    return result
