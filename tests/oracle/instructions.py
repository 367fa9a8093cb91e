"""The instruction oracle: whatever a random instruction changes must have been declared by effects().

    python -m tests.oracle.instructions N SEED [--bits 64|32]

executes N random encodings of every opcode that iced-x86 decodes and this CPU accepts, each in a random state, for real.  What
was declared is then put back from before; if anything still differs, an undo would have lost it: a miss.  A fault must have
changed nothing, unless the effects call the instruction `partial` or `repeated`.  Prints how many opcodes were executed, and
every kind of miss with its bytes.
"""

from __future__ import annotations

import argparse
import collections
import random
import signal
import struct
import sys
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from iced_x86 import Instruction

from rdb.arch import find
from rdb.arch.base import Arch, Bank, Effects, Flow
from rdb.arch.x86 import xstate
from rdb.arch.x86.registers import SLOT, USER_REGS
from tests.oracle import states
from tests.oracle.aim import Aim, slot
from tests.oracle.cpu import ARENA, ARENA_SIZE, ENTRY, Cpu
from tests.oracle.encodings import CODES, Encoder, is_call_to_the_kernel, opcodes
from tests.oracle.states import State

_MACHINES = {64: 62, 32: 3}
# A single step sets the trap flag, and the CPU the resume flag, behind the program's back; ptrace cannot set the ID flag.
_UNTOLD = 0x210100
_ITERATIONS = 64
_ATTEMPTS = 12
_UNDO_EVERY = 32


class Miss(NamedTuple):
    """One undeclared change: what it was, in which instruction."""

    opcode: str
    what: str
    raw: bytes
    text: str
    detail: str


class View:
    """CpuView of a state; memory is the arena's."""

    def __init__(self, arch: Arch, general: bytes, state: State) -> None:
        self._arch = arch
        self._general = general
        self._banks = (general, state.extended)

    def register(self, name: str) -> int:
        return int.from_bytes(self._arch.registers.get(self._arch.registers[name], self._banks), "little")

    def memory(self, address: int, size: int) -> bytes:
        raise NotImplementedError


@dataclass
class Report:
    """What an oracle's run has found."""

    executed: collections.Counter[str] = field(default_factory=collections.Counter)
    faulted: collections.Counter[str] = field(default_factory=collections.Counter)
    refused: set[str] = field(default_factory=set)
    misses: dict[tuple[str, str], Miss] = field(default_factory=dict)
    count: collections.Counter[tuple[str, str]] = field(default_factory=collections.Counter)

    def add(self, miss: Miss) -> None:
        self.misses.setdefault(miss[:2], miss)
        self.count[miss[:2]] += 1


class Oracle:
    """Executes random instructions of code with `bits` and compares what changed with what was declared."""

    def __init__(self, bits: int, seed: int, cpu: Cpu, arch: Arch, pool: int = 96) -> None:
        self.bits, self.cpu, self.arch = bits, cpu, arch
        self.chance = random.Random(seed)
        self._aim = Aim(bits, self.chance)
        self.encoder = Encoder(bits, self.chance)
        self.report = Report()
        self.states = states.states(bits, arch.registers, cpu, self.chance, pool)
        self._indexing = [state for state in self.states if state.indices]
        self._tiled = states.tiled(bits, arch.registers, cpu, self.chance) or self.states
        self.pristine = states.pristine(self.chance, self.states[0].raw)
        cpu.arena[:] = self.pristine
        self._countdown = _UNDO_EVERY
        self._refusals: collections.Counter[int] = collections.Counter()

    def run(self, executions: int) -> Report:
        """Execute until `executions` instructions went through (faults not counted)."""
        codes = opcodes(self.bits)
        done = 0
        while done < executions and codes:
            code = self.chance.choice(codes)
            made = self.encoder.make(code)
            if made is None or (is_call_to_the_kernel(made[0]) and not self._is_harmless(made[0])):
                continue
            executed, refused = self.try_one(*made)
            done += executed
            if refused and made[1].code == code and not self.report.executed[CODES[code]]:
                self._refusals[code] += 1
                if self._refusals[code] == _ATTEMPTS:
                    codes.remove(code)
                    self.report.refused.add(CODES[code])
        return self.report

    def try_one(self, raw: bytes, instruction: Instruction) -> tuple[bool, bool]:
        """Execute one instruction in one state; whether it went through, and whether the CPU does not know it."""
        effects = self.arch.effects(raw, ENTRY)
        state = self.chance.choice(self._fitting(effects, instruction))
        general = self._aim.aimed(state.general, effects, instruction)
        self.cpu.place(raw)
        self.cpu.set(general, state.raw)
        caught = self._step(effects)
        name = CODES[instruction.code]
        if caught == signal.SIGTRAP:
            self.report.executed[name] += 1
        else:
            self.report.faulted[name] += 1
        for what, detail in self._compare(general, state, effects, caught):
            self.report.add(Miss(name, what, raw, str(instruction), detail))
        self._countdown -= 1
        if not self._countdown:
            self._countdown = _UNDO_EVERY
            if not self._undone(general, state, effects):
                self.report.add(Miss(name, "undo", raw, str(instruction), "the kernel does not give back what it was given"))
        return caught == signal.SIGTRAP, caught == signal.SIGILL

    def _fitting(self, effects: Effects, instruction: Instruction) -> list[State]:
        """The states in which the instruction has a chance to go through."""
        if instruction.is_vsib:
            return self._indexing
        return self._tiled if effects.slow == "works on tiles" else self.states

    def _is_harmless(self, raw: bytes) -> bool:
        return raw in (b"\x0f\x05", b"\xcd\x80")

    def _step(self, effects: Effects) -> int:
        """Execute the instruction, all iterations of a repeated one (some of many); the signal it ended with."""
        caught = self.cpu.run() if effects.overruns else self.cpu.step()
        if effects.repeated:
            for _ in range(_ITERATIONS):
                if caught != signal.SIGTRAP or self._pc() != ENTRY:
                    break
                caught = self.cpu.step()
        return caught

    def _pc(self) -> int:
        pc: int = struct.unpack_from("<Q", self.cpu.get()[0], SLOT["rip"])[0]
        return pc

    def _compare(self, general: bytes, state: State, effects: Effects, caught: int) -> list[tuple[str, str]]:
        """What is not as it was once everything declared is put back."""
        after_general, after_area = self.cpu.get()
        found: list[tuple[str, str]] = []
        harmless_fault = caught != signal.SIGTRAP and not effects.partial and not effects.repeated
        self._compare_general(general, after_general, effects, harmless_fault, found)
        if effects.flow in (Flow.NEXT, Flow.BRANCH) and caught == signal.SIGTRAP:
            pc = struct.unpack_from("<Q", after_general, SLOT["rip"])[0] - effects.overruns
            unfinished = pc == ENTRY and (effects.repeated or effects.partial)
            if pc not in (ENTRY + effects.length, effects.target) and not unfinished:
                found.append(("pc", hex(pc)))
        end = len(state.extended)
        after = xstate.normal(after_area[:end])
        if after != state.extended:
            restored = bytearray(after)
            for offset, size in () if harmless_fault else effects.extended:
                restored[offset : offset + size] = state.extended[offset : min(offset + size, end)]
            if restored[:end] != state.extended:
                first = next(i for i in range(end) if restored[i] != state.extended[i])
                found.append((_component_at(first), f"at {first}: {state.extended[first]:#x} became {restored[first]:#x}"))
        self._compare_memory(general, state, effects, harmless_fault, found)
        return found

    def _undone(self, general: bytes, state: State, effects: Effects) -> bool:
        """Whether giving the child its old registers, in the normal form and by declared stretches, brings them back."""
        _, area = self.cpu.get()
        patched = xstate.normal(area)
        end = len(state.extended)
        for offset, size in effects.extended:
            patched[offset : min(offset + size, end)] = state.extended[offset : min(offset + size, end)]
        self.cpu.set(general, bytes(patched))
        now, area = self.cpu.get()
        mask = ~(_UNTOLD << 8 * SLOT["eflags"])
        same = (int.from_bytes(now, "little") ^ int.from_bytes(general, "little")) & mask == 0
        return same and xstate.normal(area[:end]) == state.extended

    def _compare_general(
        self, before: bytes, after: bytes, effects: Effects, nothing: bool, found: list[tuple[str, str]]
    ) -> None:
        if before == after:
            return
        allowed = {"rip", "orig_rax"} if not nothing or effects.flow is Flow.TRAP else {"orig_rax"}
        if not nothing:
            allowed.update(slot(name) for name in effects.registers)
            if effects.flags:
                allowed.add("eflags")
        for name, old, new in zip(USER_REGS, struct.unpack("<27Q", before), struct.unpack("<27Q", after)):
            if old != new and name not in allowed:
                if name == "eflags" and not (old ^ new) & ~_UNTOLD:
                    continue
                found.append((f"{'fault ' if nothing else ''}{name}", f"{old:#x} became {new:#x}"))

    def _compare_memory(
        self, general: bytes, state: State, effects: Effects, nothing: bool, found: list[tuple[str, str]]
    ) -> None:
        arena = self.cpu.arena
        if arena.tobytes() == self.pristine:
            return
        if not nothing and not effects.unknown_memory:
            view = View(self.arch, general, state)
            extents = [operand.extent(view) for operand in effects.writes]
            extents += effects.extents(view) if effects.extents else []
            for address, size in extents:
                start, end = max(address - ARENA, 0), min(address + size - ARENA, ARENA_SIZE)
                if start < end:
                    arena[start:end] = self.pristine[start:end]
        if arena.tobytes() != self.pristine:
            first = next(i for i in range(ARENA_SIZE) if arena[i] != self.pristine[i])
            last = next(i for i in reversed(range(ARENA_SIZE)) if arena[i] != self.pristine[i])
            found.append(("memory", f"{ARENA + first:#x} to {ARENA + last:#x}"))
            arena[:] = self.pristine


def _component_at(offset: int) -> str:
    names = {xstate.X87: "x87", xstate.SSE: "xmm", xstate.AVX: "ymm", xstate.MASKS: "k", xstate.ZMM_HIGH: "zmm"}
    if xstate.MXCSR <= offset < xstate.MXCSR + xstate.MXCSR_SIZE:
        return "mxcsr"
    for number, (start, size, _) in xstate.layout().components.items():
        if start <= offset < start + size:
            return names.get(number, f"component {number}")
    return "extended state"


def run(executions: int, seed: int, bits: int = 64) -> Report:
    """Run the oracle in one mode."""
    arch = find(_MACHINES[bits], bits)
    assert arch is not None
    with Cpu(arch.registers.sizes[Bank.GENERAL], arch.registers.sizes[Bank.EXTENDED]) as cpu:
        return Oracle(bits, seed, cpu, arch).run(executions)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.oracle.instructions", description=__doc__.split("\n")[0])
    parser.add_argument("executions", type=int)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    parser.add_argument("--bits", type=int, choices=(64, 32), default=64)
    options = parser.parse_args()
    start = time.monotonic()
    report = run(options.executions, options.seed, options.bits)
    seconds = time.monotonic() - start
    total = len(opcodes(options.bits))
    done, faults = sum(report.executed.values()), sum(report.faulted.values())
    misses = sum(report.count.values())
    print(f"{options.bits}-bit: {len(report.executed)} of {total} opcodes, {len(report.refused)} unknown to this CPU")
    print(f"{done} executions, {faults} faults, {misses} misses in {seconds:.1f} s ({(done + faults) / seconds:.0f}/s)")
    for key, times in report.count.most_common():
        miss = report.misses[key]
        print(f"{times:6} {miss.opcode}: {miss.what}: {miss.raw.hex(' ')}: {miss.text}: {miss.detail}")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
