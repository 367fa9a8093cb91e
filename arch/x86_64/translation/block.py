"""Translating one basic block: the program's own instructions, with what they are about to change saved in front.

A *block* is a run of instructions that is entered at the top only and left at the bottom only.  Its translation does

    1. spill the two scratch registers (general registers that the block does not touch) into the scratch area;
    2. where its code may be written to (`guarded`), compare the code with what was translated;
    3. append a word to the trace: the number of the block and, if it changes flags, the flags;
    4. reserve its record in the values, and save there every general and extended register that the block changes at all;
    5. per instruction: save where it writes and what is there, then the instruction itself, its pc-relative operand moved;
    6. take back the scratch registers, as soon as nothing more is to be saved;
    7. leave: directly into the next translation or, while there is none, into a trap; indirectly by a lookup (leaving.py).

A *record* is a run of 8-byte words: the general registers in the order of `general`, then the extended units, then for each write
its address and the old contents; each padded to words.  So a register is saved once however often the block writes it, and a
record always takes the same size.

A thread may be stopped anywhere in there, by a signal or a fault.  The `Marks` of a translation say, by offset into its code,
which register is held where; with them the block can be *taken back*: its record is undone and dropped, and the thread stands
at the beginning of the block again, as if it had not been entered (rdb.record.compiled.take_back).
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import NamedTuple

from rdb.arch.base import Flow, MemoryOperand
from rdb.arch.translation import Fix, Holds, Stage, Translation, Write
from rdb.arch.x86_64.translation import area, head, leaving, spreading
from rdb.arch.x86_64.translation import encoding as emit
from rdb.arch.x86_64.translation.encoding import RCX, RSP, Place
from rdb.arch.x86_64.translation.instruction import NUMBER, Known, Reader
from rdb.arch.x86_64.translation.spreading import Spread

LONGEST = 48
_WORD = 8
_NEVER = 1 << 30
# Room for the longest translation, within which a pc-relative operand must stay in reach.
_ROOM = 1 << 16
_NO_SPREAD = Spread(b"", 0, (), (0, 0))


class Marks(NamedTuple):
    """What `held` of a translation is: its scratch registers, and offsets into it.

    spilled    from here on the scratch registers' values are in the area,
    restored   until here
    guard      between these two, rcx is in the area
    flags      between these two, rax is in the temporary register
    lookup     from here on rax and rcx are in the area
    windows    where other registers are in the area (spreading.py); the scratch registers are not in there yet
    """

    pointer: int
    temporary: int
    spilled: int
    restored: int
    guard: tuple[int, int]
    flags: tuple[int, int]
    lookup: int
    windows: tuple[tuple[int, int, int, int], ...]


def translate(
    reader: Reader,
    code: bytes,
    pc: int,
    here: int,
    number: int,
    stops: Collection[int] = (),
    guarded: bool = False,
    fickle: bool = False,
) -> Translation | None:
    """The block that begins at `pc` with `code`, as block `number`, to be placed at `here`; None if it cannot be translated.

    It does not run through any address in `stops`.  In `fickle` code an instruction that reads memory other than the stack might
    not do the same when it is executed again.
    """
    instructions = _collect(reader, code, pc, here, stops, guarded, fickle)
    return _Writer(instructions, pc, here).write(number, code if guarded else b"") if instructions else None


def _collect(
    reader: Reader, code: bytes, pc: int, here: int, stops: Collection[int], guarded: bool, fickle: bool
) -> list[Known]:
    """The instructions of a block: up to a branch, an instruction that is none for us, or too few free registers."""
    instructions: list[Known] = []
    decoder, used, at = reader.decoder(code, pc), 1 << RSP | (1 << RCX if guarded else 0), 0
    while len(instructions) < LONGEST:
        if instructions and pc + at in stops:
            break
        known = reader.next(decoder, code, at)
        if known is None or not known.fit:
            break
        effects = known.effects
        alone = known.alone or fickle and any(operand.base != "rsp" for operand in effects.reads)
        if known.relative and not emit.fits(abs(known.address - here) + _ROOM):
            break
        together = used | known.used
        if instructions and (alone or together.bit_count() > 14):
            break
        instructions.append(known)
        used = together
        at += len(known.raw)
        if alone or effects.flow is not Flow.NEXT or guarded and effects.writes:
            break
    return instructions


class _Writer:
    """Writes the translation of one block."""

    def __init__(self, instructions: list[Known], pc: int, here: int) -> None:
        self.instructions, self.here = instructions, here
        self.code = bytearray()
        self.fixes: list[Fix] = []
        self.addresses = []
        self.spread = _NO_SPREAD
        used = saved = 0
        flags = False
        units: dict[tuple[str, int], int] = {}
        for known in instructions:
            self.addresses.append(pc)
            pc += len(known.raw)
            used |= known.used
            saved |= known.saved
            flags |= known.effects.flags
            for kind, number, size in known.units:
                units[kind, number] = max(size, units.get((kind, number), 0))
        self.end, self.used, self.saved, self.flags = pc, used, saved, flags
        self.units = tuple([(kind, number, size) for (kind, number), size in units.items()])

    def write(self, number: int, source: bytes) -> Translation:
        """`source` is the code to guard, if it is to be."""
        code, last = self.code, self.instructions[-1]
        self.temporary, self.pointer = head.scratch(self.used | (1 << RCX if source else 0))
        code += head.spills(self.pointer, self.temporary)
        spilled = len(code)
        changed = self._guard(source[: self.end - self.addresses[0]]) if source else ()
        guard = (spilled, len(code)) if source else (0, 0)
        flags = self._trace(number)
        trace = len(code)
        saves = head.saves(self.pointer, self.temporary, self.saved, self.units)
        written = [_WORD + head.padded(write.size) for known in self.instructions for write in known.writes]
        size = saves.size + sum(written)
        stage = Stage(trace, self._registers(size, saves.code), len(code))
        writes, restored = self._body(saves.size)
        left = leaving.leave(last, self.end, len(code))
        code += left.code
        marks = Marks(self.pointer, self.temporary, spilled, restored, guard, flags, left.spilled or _NEVER, self.spread.windows)
        return Translation(
            tuple(self.addresses),
            self.end,
            bytes(code),
            saves.pieces,
            self.flags,
            writes,
            size,
            left.jumps,
            left.trap or self.spread.trap,
            changed,
            self.end if last.effects.flow in (Flow.CALL, Flow.INDIRECT_CALL) else None,
            stage,
            marks,
            (*self.fixes, *left.fixes),
            self.spread.saved,
        )

    def _guard(self, source: bytes) -> tuple[int, ...]:
        """Trap where the program's code differs from `source`; the offsets of the traps."""
        code, temporary, traps = self.code, self.temporary, []
        code += emit.gs_store(area.RCX_SPILL, RCX)
        fail = emit.gs_load(RCX, area.RCX_SPILL) + head.restores(self.pointer, self.temporary)
        for at, size in emit.cut(len(source)):
            code += emit.move_number(RCX, -int.from_bytes(source[at : at + size], "little"))
            code += emit.move_number(temporary, self.addresses[0] + at)
            code += emit.load_zero_extended(temporary, Place(temporary), size) + emit.lea(RCX, Place(RCX, temporary))
            code += emit.jump_if_rcx_zero(len(fail) + 1) + fail
            traps.append(len(code))
            code += emit.TRAP
        code += emit.gs_load(RCX, area.RCX_SPILL)
        return tuple(traps)

    def _trace(self, number: int) -> tuple[int, int]:
        """Append to the trace; where rax is in the temporary register meanwhile."""
        start, word = len(self.code), head.word(self.pointer, self.temporary, self.flags)
        self.code += word.code
        at = start + word.number
        self.code[at : at + 4] = number.to_bytes(4, "little")
        self.fixes.append(Fix(Holds.NUMBER, at))
        return (start + word.window[0], start + word.window[1]) if word.window else (0, 0)

    def _registers(self, size: int, saves: bytes) -> int:
        """Reserve a record and save registers; the offset where it is reserved."""
        if size:
            self.code += head.reserve(self.pointer, self.temporary, size)
        reserved = len(self.code)
        self.code += saves
        return reserved

    def _body(self, at: int) -> tuple[tuple[Write, ...], int]:
        """The instructions themselves; their writes, and where the scratch registers have been taken back."""
        code, writes = self.code, []
        saving = [index for index, known in enumerate(self.instructions) if known.saves]
        last, restored = saving[-1] if saving else -1, 0
        if last < 0:
            code += head.restores(self.pointer, self.temporary)
            restored = len(code)
        for index, known in enumerate(self.instructions):
            if known.long or known.refusals:
                address = _address(known.long, spreading.ADDRESS) if known.long else b""
                self.spread = spreading.spread(known.long, address, known.refusals, len(code))
                code += self.spread.code
            for operand in known.writes:
                self._save(operand, at, known.relative > 0)
                writes.append(Write(index, operand.size, at, len(code)))
                at += _WORD + head.padded(operand.size)
            if index == last:
                code += head.restores(self.pointer, self.temporary)
                restored = len(code)
            if known.effects.flow is Flow.NEXT:
                code += self._moved(known) if known.relative else known.raw
        return tuple(writes), restored

    def _moved(self, known: Known) -> bytes:
        """The instruction with its pc-relative operand where it was."""
        distance = known.address - (self.here + len(self.code) + len(known.raw))
        at = known.relative
        self.fixes.append(Fix(Holds.DISTANCE, len(self.code) + at))
        return known.raw[:at] + distance.to_bytes(4, "little", signed=True) + known.raw[at + 4 :]

    def _save(self, operand: MemoryOperand, at: int, relative: bool) -> None:
        """Save an operand's address at `at` in the record, and what is there behind it; `relative` is it to the pc."""
        code, temporary = self.code, self.temporary
        code += _address(operand, temporary)
        if relative and not operand.displacement < 1 << 32:
            self.fixes.append(Fix(Holds.ADDRESS, len(code) - _WORD))
        code += _kept(self.pointer, temporary, at, operand.size)


@functools.lru_cache(1 << 12)
def _kept(pointer: int, temporary: int, at: int, size: int) -> bytes:
    """Save the address that is in `temporary` at `at` in the record, and the `size` bytes that are there behind it."""
    code = emit.store(Place(pointer, displacement=at), temporary)
    for skip, part in emit.cut(size):
        if skip:
            code += emit.load(temporary, Place(pointer, displacement=at))
        code += emit.load_zero_extended(temporary, Place(temporary, displacement=skip), part)
        code += emit.store_part(Place(pointer, displacement=at + _WORD + skip), temporary, part if skip % _WORD else _WORD)
    return code


def _address(operand: MemoryOperand, register: int) -> bytes:
    """Put the address of an operand into a register that the operand does not name."""
    base, index = (NUMBER[name] if name else None for name in (operand.base, operand.index))
    displacement = operand.displacement
    if operand.segment is None:
        if base is None and index is None:
            return emit.move_number(register, displacement)
        return emit.lea(register, Place(base, index, operand.scale, displacement))
    code = emit.read_fs_base(register) + emit.lea(register, Place(register, index, operand.scale, displacement))
    # The stack pointer can be a base only.
    return code if base is None else code + emit.lea(register, Place(base, register))
