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

from iced_x86 import Register

from rdb.arch.base import Bank, Flow
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
from tests.oracle.encodings import Encoder, is_call_to_the_kernel, is_locked, opcodes
from tests.oracle.states import State

# The trace, the values and the scratch area, in memory that parent and child share.
TRACE, VALUES, AREA = 0x70000000, 0x70001000, 0x70008000
SIZE = AREA - TRACE + LAYOUT.size
NUMBER = 77
_WORD = 8
_LONGEST = 4
_IGNORED = {"rip", "orig_rax", "gs_base"}
_X87_PC = slice(8, 16)
# The trap flag of a single step, and the resume flag of a fault.
_UNTOLD = 0x10100


@dataclass
class Report:
    """How many blocks were executed to their end, how many faulted, and what was not as it must be."""

    executed: int = 0
    faulted: int = 0
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
        self._masked = False
        for table in LAYOUT.tables:
            # As the recorder does: no address is known.
            for row in range(ROWS):
                struct.pack_into("<Q", shared, AREA - TRACE + table.negative + 8 * row, 1)
        self._pristine = states.pristine(self.chance, self._states[0].raw)

    def run(self, blocks: int) -> Report:
        while self.report.executed < blocks:
            self._one()
        return self.report

    def _one(self) -> None:
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
        if native and at_exit:
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
        code, general, count = b"", bytes(_calm(state.general)), 0
        self._masked = locked = False
        for _ in range(self.chance.randrange(1, _LONGEST + 1)):
            made = self._encoder.make(self.chance.choice(self._codes))
            if made is None or is_call_to_the_kernel(made[0]):
                continue
            raw, instruction = made
            translation = self.translator.translate(raw, ENTRY + len(code), CODE, NUMBER)
            effects = ARCH.effects(raw, ENTRY + len(code))
            if translation is None or effects.repeated or str(instruction).startswith(_CHANGING):
                continue
            # Only where nothing moves its operand it is known not to cross a cache line.
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

    # -- executing

    def _begin(self, code: bytes, translation: Translation, general: bytes, state: State) -> None:
        self.cpu.code[:] = TRAP * PAGE
        self.cpu.code[: len(translation.code)] = translation.code
        self.cpu.code[ENTRY - CODE : ENTRY - CODE + len(code)] = code
        self.cpu.arena[:] = self._pristine
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
        return all(self.cpu.step() == signal.SIGTRAP and self._pc() != pc for pc in translation.addresses)

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
    print(f"{report.executed} blocks of {kinds} instructions, {report.faulted} faults, {misses} misses")
    print("\n".join(report.misses[:40]))
    return 1 if report.misses else 0


if __name__ == "__main__":
    sys.exit(main())
