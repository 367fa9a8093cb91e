"""process_record: from the effects of an instruction to what must be saved before it runs.

Shared by all CPUs, because it derives from Effects.  `prepare` does once for each instruction of the program what does not depend
on register values; the Plan that it gives is executed each time the instruction is.  A plan is *plain* when its registers and
memory operands say all there is to save; every other instruction (slow ones, system calls, repeated string instructions) is
recorded by comparing before and after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rdb.arch.base import (
    Arch,
    Bank,
    CpuView,
    Effects,
    Flow,
    MemoryOperand,
    Piece,
    Recorder,
)

# Register words by index; a memoryview of the GENERAL bank cast to 64-bit words.
Words = memoryview
AddressOf = Callable[[], int]


class Place(NamedTuple):
    """An address that is a plain sum of register words: (words[base] + (words[scaled] << shift) + displacement) & mask.

    Where `base` or `scaled` is -1, it counts as zero.
    """

    base: int
    scaled: int
    shift: int
    displacement: int
    mask: int


class Plan(NamedTuple):
    """What the instruction at `pc` saves.

    `general` and `extended` are the pieces of the two banks (general ones in whole words); `writes` and `reads` have, for each
    operand, its size and a function that gives its address now; `places` has the addresses of the writes as sums, where they are.
    """

    pc: int
    effects: Effects
    plain: bool
    general: tuple[Piece, ...]
    extended: tuple[Piece, ...]
    writes: tuple[tuple[int, AddressOf], ...]
    reads: tuple[tuple[int, AddressOf], ...]
    places: tuple[Place | None, ...]


def prepare(arch: Arch, code: bytes, pc: int, words: Words) -> Plan:
    """The plan of the instruction `code` at `pc`, whose address functions read the registers in `words`."""
    effects = arch.effects(code, pc)
    table = arch.registers
    names = (*effects.registers, arch.flags) if effects.flags else effects.registers
    general = tuple(Piece(bank, offset & ~7, 8) for name in names for bank, offset, _ in table[name].pieces)
    extended = tuple(Piece(Bank.EXTENDED, offset, size) for offset, size in effects.extended)
    special = effects.slow or effects.repeated or effects.overruns or effects.extents or effects.unknown_memory
    special = special or effects.saves_flags
    if special or effects.flow in (Flow.SYSTEM_CALL, Flow.TRAP):
        return Plan(pc, effects, False, general, extended, (), (), ())
    writes = tuple((operand.size, address_of(arch, operand, words)) for operand in effects.writes)
    reads = tuple((operand.size, address_of(arch, operand, words)) for operand in effects.reads if not operand.count)
    places = tuple(place(arch, operand) for operand in effects.writes)
    return Plan(pc, effects, True, general, extended, writes, reads, places)


def address_of(arch: Arch, operand: MemoryOperand, words: Words) -> AddressOf:
    """A function that works out where an operand lies, from the register words of the moment."""
    base, index, segment = (_word(arch, name) for name in (operand.base, operand.index, operand.segment))
    scale, displacement, mask = operand.scale, operand.displacement, (1 << operand.address_bits) - 1
    linear = (1 << operand.linear_bits) - 1

    def address() -> int:
        offset = displacement
        if base >= 0:
            offset += words[base]
        if index >= 0:
            offset += words[index] * scale
        return (offset & mask) + (words[segment] if segment >= 0 else 0) & linear

    return address


def place(arch: Arch, operand: MemoryOperand) -> Place | None:
    """Where an operand lies as a plain sum, or None if it takes three registers or wraps around on the way."""
    bits = operand.address_bits
    base, index, shift = operand.base, operand.index, operand.scale.bit_length() - 1
    if operand.segment is None:
        bits = min(bits, operand.linear_bits)
    elif bits != operand.linear_bits:
        return None
    elif base is None:
        base = operand.segment
    elif index is None:
        index, shift = operand.segment, 0
    else:
        return None
    mask = (1 << bits) - 1
    return Place(_word(arch, base), _word(arch, index), shift, operand.displacement & mask, mask)


def _word(arch: Arch, name: str | None) -> int:
    """The index of a register's word in the GENERAL bank; -1 for none."""
    return arch.registers[name].pieces[0].offset // 8 if name else -1


def process_record(arch: Arch, effects: Effects, cpu: CpuView, recorder: Recorder) -> None:
    """Push the entries of one instruction, in the plainest way; the reference for the recorders, which do the same faster."""
    names = (*effects.registers, arch.flags) if effects.flags else effects.registers
    for name in names:
        for piece in arch.registers[name].pieces:
            recorder.push_register(piece)
    for offset, size in effects.extended:
        recorder.push_register(Piece(Bank.EXTENDED, offset, size))
    for address, size in extents(effects, cpu):
        recorder.push_memory(address, size)


def extents(effects: Effects, cpu: CpuView) -> list[tuple[int, int]]:
    """The stretches of memory (address, size) that an instruction may write, given the registers of this moment."""
    result = [operand.extent(cpu) for operand in effects.writes]
    if effects.extents is not None:
        result += effects.extents(cpu)
    return [(address, size) for address, size in result if size]
