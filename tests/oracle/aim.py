"""Setting registers so that a random instruction has something to work on, most of the time.

Left to chance, nearly every operand would lie outside the arena, and nearly every far return would find no selector.
"""

from __future__ import annotations

import functools
import random
import struct

from iced_x86 import Instruction, Mnemonic, RegisterExt

from rdb.arch.base import Effects, Flow, MemoryOperand
from rdb.arch.x86.registers import SLOT
from tests.oracle import states
from tests.oracle.cpu import ARENA, ARENA_SIZE
from tests.oracle.encodings import CODES, REGISTERS, is_locked

_GETPID = {64: 39, 32: 20}
_AS_IT_IS = 0.15
_NEEDS_ZEROS = frozenset({Mnemonic.WRPKRU, Mnemonic.RDPKRU, Mnemonic.XGETBV})
_RETURNS = ("RETF", "IRET")
# Prefixes of opcodes whose operand must hold something particular, and where in the arena that is.
_PARTICULAR = {
    ("XRSTOR", "FXRSTOR"): range(states.IMAGES, ARENA + ARENA_SIZE, states.IMAGE_DISTANCE),
    ("VEX_LDTILECFG",): (states.TILE_CONFIGURATION,),
    ("CALL_M16", "JMP_M16", "LSS", "LFS", "LGS", "LDS", "LES"): range(states.POINTERS, states.POINTERS + 256, 16),
}


def slot(name: str) -> str:
    """The place in user_regs_struct of a register of either mode."""
    return "r" + name[1:] if name[0] == "e" and name[1:] in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "ip") else name


class Aim:
    """Chooses the values of address registers for code of `bits`."""

    def __init__(self, bits: int, chance: random.Random) -> None:
        self.bits = bits
        self.chance = chance

    def aimed(self, general: bytes, effects: Effects, instruction: Instruction) -> bytes:
        """The registers, with those that address memory mostly made to point into the arena."""
        registers = bytearray(general)
        if effects.flow is Flow.SYSTEM_CALL:
            self._put(registers, "rax", _GETPID[64 if instruction.mnemonic == Mnemonic.SYSCALL else 32])
        if instruction.mnemonic in _NEEDS_ZEROS:
            self._put(registers, "rcx", 0)
            self._put(registers, "rdx", 0)
        locked = is_locked(instruction)
        if self.chance.random() < _AS_IT_IS and not locked:
            return bytes(registers)
        name = CODES[instruction.code]
        if name.startswith(_RETURNS):
            self._put(registers, "rsp", self.chance.choice(states.FRAMES[next(width for width in "WDQ" if width in name[4:])]))
        for operand in self._operands(registers, effects, instruction)[:3]:
            self._point(registers, operand, name, locked)
        return bytes(registers)

    def _put(self, registers: bytearray, name: str, value: int) -> None:
        struct.pack_into("<Q", registers, SLOT[slot(name)], value & (1 << self.bits) - 1)

    def _operands(self, registers: bytearray, effects: Effects, instruction: Instruction) -> list[MemoryOperand]:
        """What the instruction addresses, also where its effects cannot say it by an operand."""
        operands = [*effects.writes, *effects.reads]
        if isinstance(effects.extents, functools.partial):
            irregular, offset = effects.extents.args[0], effects.extents.args[1]
            operands.append(irregular)
            if isinstance(offset, str) and slot(offset) in SLOT and offset not in (irregular.base, irregular.index):
                self._put(registers, offset, self.chance.randrange(-9000, 9000))
        elif instruction.memory_base and (instruction.is_vsib or not operands):
            base = REGISTERS[RegisterExt.full_register(instruction.memory_base)]
            index = REGISTERS[RegisterExt.full_register(instruction.memory_index)] if not instruction.is_vsib else None
            displacement = (instruction.memory_displacement + (1 << 31) & 0xFFFFFFFF) - (1 << 31)
            operands.append(MemoryOperand(base, index if index != "none" else None, instruction.memory_index_scale, displacement))
        return operands

    def _point(self, registers: bytearray, operand: MemoryOperand, name: str, aligned: bool) -> None:
        if operand.base is None or slot(operand.base) in ("rsp", "rip"):
            return
        index = 0
        if operand.index is not None and operand.index != operand.base and slot(operand.index) in SLOT:
            index = self.chance.choice((0, 1, 64, -64))
            self._put(registers, operand.index, index)
        self._put(registers, operand.base, self._target(name, aligned) - operand.displacement - index * operand.scale)

    def _target(self, name: str, aligned: bool) -> int:
        for prefixes, places in _PARTICULAR.items():
            if name.startswith(prefixes):
                return self.chance.choice(places)
        target = ARENA + self.chance.randrange(0x2000, ARENA_SIZE - 0x2000)
        return target & ~63 if aligned or self.chance.random() < 0.6 else target
