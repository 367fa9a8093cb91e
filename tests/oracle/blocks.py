"""The block oracle: a translated block does what its instructions do, and its record undoes it.

    python -m tests.oracle.blocks N SEED

makes N random blocks of a few random instructions each, in random states, and executes each twice for real: by single steps, and
translated (rdb.arch.x86_64.translation), with a scratch area and a log in memory that the child shares.  Registers, extended
state and memory must be the same afterwards; putting back what the record holds must give the state of before.  Where an
instruction faults, taking the translation back must give that state too.
"""

from __future__ import annotations

import argparse
import random
import signal
import struct
import sys
from dataclasses import dataclass, field

from iced_x86 import OpCodeInfo, Register

from rdb.arch.base import Bank, Effects, Flow
from rdb.arch.translation import ROWS, Translation
from rdb.arch.x86 import xstate
from rdb.arch.x86.corrections import X87_STATE
from rdb.arch.x86.registers import SLOT, USER_REGS
from rdb.arch.x86_64 import ARCH
from rdb.arch.x86_64.effects import MODE
from rdb.arch.x86_64.translation.area import AREA as LAYOUT
from rdb.arch.x86_64.translation.translator import X86Translator
from tests.oracle import states
from tests.oracle.aim import Aim
from tests.oracle.cpu import ARENA, ARENA_SIZE, CODE, ENTRY, PAGE, TRAP, Cpu, map_shared, unmap
from tests.oracle.encodings import CODES, Encoder, is_call_to_the_kernel, is_locked, opcodes
from tests.oracle.states import State

# The trace, the values and the scratch area, in memory that parent and child share.
TRACE, VALUES, AREA = 0x70000000, 0x70004000, 0x70040000
SIZE = AREA - TRACE + LAYOUT.size
NUMBER = 77
_WORD = 8
_LONGEST = 4
_IGNORED = {"rip", "orig_rax", "gs_base"}
_X87_PC = slice(8, 16)
# The trap flag of a single step, the resume flag of a fault, and the identification flag, which nobody can set from outside.
_UNTOLD = 0x210100


@dataclass
class Report:
    """How many blocks were executed to their end, left to single steps, or faulted; the pieces saved; what was wrong."""

    executed: int = 0
    refused: int = 0
    faulted: int = 0
    pieces: int = 0
    instructions: set[str] = field(default_factory=set)
    misses: list[str] = field(default_factory=list)


class Moment:
    """Registers (general ones by name), extended state in its normal form and arena of the child."""

    def __init__(self, cpu: Cpu) -> None:
        general, extended = cpu.get()
        self.bank, self.extended = bytearray(general), xstate.normal(extended[: ARCH.registers.leading])
        self.arena = bytearray(cpu.arena)

    def elsewhere(self, other: Moment) -> Moment:
        """The same as if it had been executed where `other` was: x87 tells where its last instruction stood."""
        self.extended[_X87_PC] = other.extended[_X87_PC]
        return self

    def differences(self, other: Moment) -> list[str]:
        result = []
        for name, one, two in zip(USER_REGS, struct.unpack("<27Q", self.bank), struct.unpack("<27Q", other.bank)):
            mask = ~_UNTOLD if name == "eflags" else -1
            if name not in _IGNORED and (one ^ two) & mask:
                result.append(f"{name}: {one:#x}, {two:#x}")
        if self.extended != other.extended:
            at = next(at for at in range(len(self.extended)) if self.extended[at] != other.extended[at])
            result.append(f"extended state at {at}: {self.extended[at]:#x}, {other.extended[at]:#x}")
        if self.arena != other.arena:
            at = next(at for at in range(ARENA_SIZE) if self.arena[at] != other.arena[at])
            result.append(f"memory at {ARENA + at:#x}: {self.arena[at]:#x}, {other.arena[at]:#x}")
        return result


class Oracle:
    """Executes random blocks."""

    def __init__(self, seed: int, cpu: Cpu, shared: memoryview) -> None:
        self.cpu, self.shared = cpu, shared
        self.chance = random.Random(seed)
        self.translator = X86Translator()
        self.report = Report()
        self._aim, self._encoder = Aim(64, self.chance), Encoder(64, self.chance)
        self._codes = opcodes(64)
        self._states = states.states(64, ARCH.registers, cpu, self.chance, 64)
        self._specials = [code for code in self._codes if CODES[code].startswith(_SPECIAL)]
        self._x87 = [code for code in self._codes if OpCodeInfo(code).fwait or CODES[code].startswith("F")]
        self._masked = False
        self._pushed: int | None = None
        for table in LAYOUT.tables:
            # As the recorder does: no address is known.
            for row in range(ROWS):
                none = 1 if row < ROWS - 1 else 1 << table.shift + 1
                struct.pack_into("<Q", shared, AREA - TRACE + table.negative + 8 * row, none)
        self._pristine = states.pristine(self.chance, self._states[0].raw)

    def run(self, blocks: int) -> Report:
        while self.report.executed < blocks:
            self._one()
        return self.report

    def _one(self) -> None:
        self._pushed = None
        code, general, state, count = self._block()
        translation = self.translator.translate(code, ENTRY, CODE, NUMBER) if code else None
        if translation is None or len(translation.addresses) != count or len(translation.code) > ENTRY - CODE:
            return
        self._begin(code, translation, general, state)
        before = Moment(self.cpu)
        native = self._native(translation)
        after = Moment(self.cpu)
        self._begin(code, translation, self._inside(general), state)
        caught = self.cpu.run()
        offset = self._pc() - CODE
        at_exit = caught == signal.SIGTRAP and offset - 1 in {translation.lookup, *(jump.stub for jump in translation.jumps)}
        translated = Moment(self.cpu)
        # Direct ways out have no lookup.
        if translation.jumps and offset - 1 == translation.lookup:
            self.report.refused += 1
            self._take_back(translation, offset, translated)
            self._compare(code, "refused", before.differences(translated))
        elif native and at_exit:
            self.report.executed += 1
            self._compare(code, "translated", after.elsewhere(translated).differences(translated))
            self._compare_pc(code, after, translation, offset - 1)
            self._take_back(translation, offset, translated)
            self._compare(code, "undone", before.differences(translated))
        elif not at_exit:
            self.report.faulted += 1
            if native and not self._masked:
                self.report.misses.append(f"{code.hex()}: caught {caught} at {offset:#x}, natively nothing")
            self._take_back(translation, offset, translated)
            self._compare(code, "taken back", before.differences(translated))

    def _block(self) -> tuple[bytes, bytes, State, int]:
        """A few instructions that the translator takes, a state, and how many they are."""
        state = self.chance.choice(self._states)
        if self.chance.random() < _SPECIAL_SHARE:
            return self._special(state)
        code, general, count = b"", bytes(_calm(state.general)), 0
        self._masked = locked = False
        codes = self._x87 if self.chance.random() < _X87_SHARE else self._codes
        for _ in range(self.chance.randrange(1, _LONGEST + 1)):
            made = self._encoder.make(self.chance.choice(codes))
            if made is None or is_call_to_the_kernel(made[0]):
                continue
            raw, instruction = made
            translation = self.translator.translate(raw, ENTRY + len(code), CODE, NUMBER)
            effects = ARCH.effects(raw, ENTRY + len(code))
            if translation is None or effects.repeated or str(instruction).startswith(_CHANGING):
                continue
            # Only where nothing moves its operand it is known not to cross a cache line.
            # Behind another one these tell where that stood.
            if str(instruction).startswith(("fnstenv", "fstenv")) and count:
                continue
            if is_locked(instruction) and (count or instruction.memory_base == Register.RSP):
                continue
            code, count = code + raw, count + 1
            # What is masked off, or not stored because of an exception of x87, need not be mapped, but is read to be
            # saved: then the recorder leaves it to single steps.
            self._masked |= any(operand.mask or X87_STATE[0] in effects.extended for operand in effects.writes)
            if not locked:
                general = self._aim.aimed(general, effects, instruction)
            locked = locked or is_locked(instruction)
            self.report.instructions.add(str(instruction).split()[0])
            if effects.flow is not Flow.NEXT:
                break
        return code, general, state, count

    def _special(self, state: State) -> tuple[bytes, bytes, State, int]:
        """One instruction whose write is saved in pieces, or that is refused at times; asked for what is usual, mostly."""
        chance, general = self.chance, _calm(state.general)
        made = self._encoder.make(chance.choice(self._specials))
        if made is None or is_call_to_the_kernel(made[0]):
            return b"", bytes(general), state, 0
        raw, instruction = made
        if instruction.is_string_instruction and raw[0] not in (0xF2, 0xF3):
            raw = b"\xf3" + raw
        effects = ARCH.effects(raw, ENTRY)
        general = bytearray(self._aim.aimed(bytes(general), effects, instruction))
        if effects.repeated:
            counts = (*range(10), 63, 64, 65, chance.randrange(1000), chance.randrange(9000), chance.getrandbits(64))
            struct.pack_into("<Q", general, SLOT["rcx"], chance.choice(counts))
        elif chance.random() < 0.8:
            struct.pack_into("<Q", general, SLOT["rax"], chance.choice((0xEE, 0xE6, 0xE7, 6, 4, 2, 0xE0, chance.getrandbits(8))))
            struct.pack_into("<Q", general, SLOT["rdx"], chance.choice((0, 0, 0, 1, 1 << 32)))
        if chance.random() < 0.7:
            self._pushed = 0x202 | chance.getrandbits(12) & 0x8D5
        self.report.instructions.add(str(instruction).split()[0])
        return raw, bytes(general), state, 1

    # -- executing

    def _begin(self, code: bytes, translation: Translation, general: bytes, state: State) -> None:
        self.cpu.code[:] = TRAP * PAGE
        self.cpu.code[: len(translation.code)] = translation.code
        self.cpu.code[ENTRY - CODE : ENTRY - CODE + len(code)] = code
        self.cpu.arena[:] = self._pristine
        if self._pushed is not None:
            stack: int = struct.unpack_from("<Q", general, SLOT["rsp"])[0]
            if ARENA <= stack <= ARENA + ARENA_SIZE - _WORD:
                struct.pack_into("<Q", self.cpu.arena, stack - ARENA, self._pushed)
        self.shared[: AREA - TRACE + PAGE] = bytes(AREA - TRACE + PAGE)
        for at, value in ((LAYOUT.trace, TRACE), (LAYOUT.values, VALUES)):
            struct.pack_into("<Q", self.shared, AREA - TRACE + at, value)
        self.cpu.set(general, state.raw)

    def _inside(self, general: bytes) -> bytes:
        bank = bytearray(general)
        struct.pack_into("<Q", bank, SLOT["gs_base"], AREA)
        struct.pack_into("<Q", bank, SLOT["rip"], CODE)
        return bytes(bank)

    def _native(self, translation: Translation) -> bool:
        """Step through the block; False if an instruction faults, some of it done or not."""
        return all(self._native_step(pc) for pc in translation.addresses)

    def _native_step(self, pc: int) -> bool:
        """Repeated strings are stepped an iteration at a time, as long as it takes; all others leave pc at once or fault."""
        effects = ARCH.effects(bytes(self.cpu.code[pc - CODE : pc - CODE + 15]), pc)
        while self.cpu.step() == signal.SIGTRAP:
            if self._pc() != pc:
                self._clear_trap_flag(effects)
                return True
            if not effects.repeated:
                break
        return False

    def _clear_trap_flag(self, effects: Effects) -> None:
        """What a step has pushed has the trap flag."""
        if effects.saves_flags:
            stack = struct.unpack_from("<Q", self.cpu.get()[0], SLOT["rsp"])[0] - ARENA
            self.cpu.arena[stack + 1] &= ~1

    def _pc(self) -> int:
        pc: int = struct.unpack_from("<Q", self.cpu.get()[0], SLOT["rip"])[0]
        return pc

    # -- undoing

    def _take_back(self, translation: Translation, offset: int, moment: Moment) -> None:
        """Undo the execution that has come to an offset of the translation."""
        word = struct.Struct("<Q").unpack_from

        def variable(at: int) -> int:
            value: int = word(self.shared, AREA - TRACE + at)[0]
            return value

        for name, value in self.translator.program_registers(translation, offset, moment.bank, variable).items():
            struct.pack_into("<Q", moment.bank, SLOT[name], value)
        if offset < translation.stage.registers:
            return
        if translation.saved[0] and offset >= translation.saved[0]:
            self._put_back_pieces(translation, offset, moment)
        at = VALUES - TRACE
        record = bytes(self.shared[at : at + translation.size])
        for write in reversed(translation.writes):
            if offset >= write.ready:
                address = word(record, write.at)[0] - ARENA
                if 0 <= address <= ARENA_SIZE - write.size:
                    moment.arena[address : address + write.size] = record[write.at + _WORD :][: write.size]
        banks, place = {Bank.GENERAL: moment.bank, Bank.EXTENDED: moment.extended}, 0
        for bank, start, size in translation.registers:
            banks[bank][start : start + size] = record[place : place + size]
            place += size + 7 & ~7
        if translation.flags:
            self.translator.unpack_flags(word(self.shared, 0)[0] >> 32, moment.bank)

    def _put_back_pieces(self, translation: Translation, offset: int, moment: Moment) -> None:
        """What savers have saved stands behind the record."""
        word = struct.Struct("<Q").unpack_from
        end, at = word(self.shared, AREA - TRACE + LAYOUT.trace)[0] - TRACE, VALUES - TRACE + translation.size
        for trace in range(_WORD, end, _WORD):
            self.report.pieces += 1
            saver = self.translator.savers[word(self.shared, trace)[0] & 0xFFFFFFFF]
            address, size = word(self.shared, at)[0] - ARENA, saver.writes[0].size
            if 0 <= address <= ARENA_SIZE - size:
                moment.arena[address : address + size] = self.shared[at + _WORD : at + _WORD + size]
            at += saver.size
        if offset >= translation.saved[1] and word(self.shared, AREA - TRACE + LAYOUT.values)[0] != at + TRACE:
            self.report.misses.append("the values end where they must not")

    # -- telling

    def _compare_pc(self, code: bytes, after: Moment, translation: Translation, trap: int) -> None:
        there: int = struct.unpack_from("<Q", after.bank, SLOT["rip"])[0]
        targets = {jump.stub: jump.target for jump in translation.jumps}
        targets[translation.lookup] = struct.unpack_from("<Q", self.shared, AREA - TRACE + LAYOUT.target)[0]
        if targets[trap] != there:
            self.report.misses.append(f"{code.hex()}: goes to {targets[trap]:#x}, natively to {there:#x}")

    def _compare(self, code: bytes, what: str, differences: list[str]) -> None:
        if differences:
            listing = "; ".join(str(each) for each in decoded(code))
            self.report.misses.append(f"{code.hex()} ({listing}) {what}: {'; '.join(differences)}")


_SPECIAL_SHARE, _X87_SHARE = 0.15, 0.1
_SPECIAL = (
    *("MOVS", "STOS", "XSAVE_", "XSAVE64", "XSAVEC", "XSAVEOPT", "XRSTOR"),
    *("FXSAVE", "FNSAVE", "FXRSTOR", "PUSHF", "POPF", "ENTER"),
)
# What does not give the same twice.
_CHANGING = ("rdtsc", "rdrand", "rdseed", "rdpid", "rdpmc", "xgetbv", "cpuid", "umwait", "tpause")


def _calm(general: bytes) -> bytearray:
    """The same registers, without the flags with which translated code must not be entered."""
    bank = bytearray(general)
    flags: int = struct.unpack_from("<Q", bank, SLOT["eflags"])[0]
    struct.pack_into("<Q", bank, SLOT["eflags"], flags & ~X86Translator.unfit_flags)
    return bank


def decoded(code: bytes) -> list[object]:
    from rdb.arch.x86.effects import decoder

    return list(decoder(code, ENTRY, MODE))


def run(blocks: int, seed: int) -> Report:
    """Run the oracle."""
    shared = map_shared(TRACE, SIZE)
    try:
        with Cpu(ARCH.registers.sizes[Bank.GENERAL], ARCH.registers.sizes[Bank.EXTENDED]) as cpu:
            return Oracle(seed, cpu, shared).run(blocks)
    finally:
        unmap(shared, TRACE)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.oracle.blocks", description=__doc__.split("\n")[0])
    parser.add_argument("blocks", type=int)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    options = parser.parse_args()
    report = run(options.blocks, options.seed)
    kinds, misses = len(report.instructions), len(report.misses)
    told = f"{report.refused} left to single steps, {report.faulted} faults, {report.pieces} pieces"
    print(f"{report.executed} blocks of {kinds} instructions, {told}, {misses} misses")
    print("\n".join(report.misses[:40]))
    return 1 if report.misses else 0


if __name__ == "__main__":
    sys.exit(main())
