"""The Translator of x86-64 (rdb.arch.translation says what that is)."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

from iced_x86 import _iced_x86_py

from rdb.arch.translation import Area, Shape, Stub, Translation, WalkRegisters
from rdb.arch.x86 import cpuid, xstate
from rdb.arch.x86.registers import SLOT
from rdb.arch.x86_64.translation import area, block, flags, spreading, walk
from rdb.arch.x86_64.translation import encoding as emit
from rdb.arch.x86_64.translation.block import Marks
from rdb.arch.x86_64.translation.instruction import Reader

_RESUME, _DIRECTION, _ALIGNMENT = 1 << 16, 1 << 10, 1 << 18
_NESTED, _IDENTIFICATION = 1 << 14, 1 << 21


class X86Translator:
    """Translates for one process."""

    area: Area = area.AREA
    area_register = "gs_base"
    longest = block.LONGEST
    trap = emit.TRAP
    # String instructions are taken to go upwards; what saves is not aligned; POPF must not clear what nobody saves.
    unfit_flags = _DIRECTION | _ALIGNMENT | _NESTED | _IDENTIFICATION
    stray_flags = _RESUME
    # The canonical addresses of programs (Intel SDM volume 1, 3.3.7.1).
    address_limit = 1 << 47
    walk_registers: WalkRegisters = walk.REGISTERS
    savers: tuple[Translation, ...] = spreading.SAVERS

    def __init__(self) -> None:
        self._reader = Reader()

    @property
    def identity(self) -> tuple[object, ...]:
        """The CPU's maker and features (Intel SDM volume 2, CPUID: leaves 1 and 7), where it keeps its registers, and iced."""
        model, features = cpuid.cpuid(1), cpuid.cpuid(7)
        decoder = os.stat(_iced_x86_py.__file__)
        bits = (model.eax, model.ecx, model.edx, features.ebx, features.ecx, features.edx)
        return cpuid.vendor(), bits, xstate.layout(), decoder.st_size, decoder.st_mtime_ns

    def translate(
        self,
        code: bytes,
        pc: int,
        here: int,
        number: int,
        stops: Collection[int] = (),
        guarded: bool = False,
        fickle: bool = False,
    ) -> Translation | None:
        return block.translate(self._reader, code, pc, here, number, stops, guarded, fickle)

    def program_registers(
        self, translation: Translation, offset: int, bank: bytes | bytearray, word: Callable[[int], int]
    ) -> dict[str, int]:
        """The later of two spills of a register is the one that counts."""
        marks = Marks._make(translation.held)
        pointer, temporary = emit.NUMBERS[marks.pointer], emit.NUMBERS[marks.temporary]
        found: dict[str, int] = {}
        for register, at, start, end in marks.windows:
            if start <= offset < end and register < 0:
                copy = bytearray(bank)
                flags.unpack(word(at), copy)
                found["eflags"] = int.from_bytes(copy[SLOT["eflags"] : SLOT["eflags"] + 8], "little")
            elif start <= offset < end:
                found[emit.NUMBERS[register]] = word(at)
        if marks.flags[0] <= offset < marks.flags[1]:
            found["rax"] = int.from_bytes(bank[SLOT[temporary] : SLOT[temporary] + 8], "little")
        if marks.guard[0] < offset < marks.guard[1]:
            found["rcx"] = word(area.RCX_SPILL)
        if marks.spilled <= offset < marks.restored:
            found |= {pointer: word(area.POINTER_SPILL), temporary: word(area.TEMPORARY_SPILL)}
        if offset >= marks.lookup:
            found |= {"rax": word(area.RAX_SPILL), "rcx": word(area.RCX_SPILL)}
        return found

    def jump(self, distance: int) -> bytes | None:
        code = emit.near_jump(0)
        return emit.near_jump(distance - len(code)) if emit.fits(distance - len(code)) else None

    def far_jump(self, address: int) -> bytes:
        return emit.far_jump(address)

    def packed_flags(self, bank: bytes | bytearray) -> int:
        return flags.packed(bank)

    def unpack_flags(self, word: int, bank: bytearray) -> None:
        flags.unpack(word, bank)

    def stub(self, shape: Shape, forward: bool, flags_at: int) -> Stub:
        return walk.stub(shape, forward, flags_at)
