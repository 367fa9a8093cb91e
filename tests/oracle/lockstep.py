"""The lockstep oracle: being recorded changes nothing for the program.

A program is recorded, then run natively, without a single step: the native run stops only where it enters a system call.  At the
n-th system call of each, all registers must agree, and at some of them all readable memory.  Random bytes and the processor's
clock are copied from the recorded run into the native one, where rdtsc traps (prctl(2), PR_SET_TSC); where one has its process
id the other must have its own.

    python -m tests.oracle.lockstep [--engine NAME] PROGRAM [ARGUMENT...]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGSEGV

from rdb.arch.base import Bank
from rdb.arch.x86_64 import ARCH
from rdb.events import Direction
from rdb.linux import launch, procfs, ptrace
from rdb.linux.inject import Injector
from rdb.linux.procfs import Mapping
from rdb.linux.ptrace import Request
from rdb.linux.terminal import Terminal
from rdb.target.native import NativeTarget
from tests.oracle.moment import Camera, Moment
from tests.oracle.recording import (
    ENGINES,
    ENVIRONMENT,
    Recording,
    all_registers,
    command_line,
)

AT_RANDOM = 25  # <elf.h>: the address of 16 random bytes
NUMBER = "orig_rax"
EVERY = 8
PR_SET_TSC, PR_TSC_SIGSEGV = 26, 2  # <linux/prctl.h>
READS_OF_THE_CLOCK = (b"\x0f\x31", b"\x0f\x01\xf9")  # rdtsc, rdtscp


class Native:
    """The program without a recorder, stopped at the entries of its system calls; `position` counts them."""

    def __init__(self, program: Path, arguments: Sequence[str], output: Path) -> None:
        pid = launch.start(str(program), command_line(arguments, output), ENVIRONMENT)
        self.process = NativeTarget(pid, ARCH, Terminal())
        self.position = 0
        self._signal = 0
        options = ptrace.Option.EXITKILL | ptrace.Option.SYSGOOD
        ptrace.set_options(pid, options)
        Injector(pid, ARCH, self.process.memory, options).call("prctl", PR_SET_TSC, PR_TSC_SIGSEGV)

    @property
    def pid(self) -> int:
        return self.process.pid

    def registers(self) -> dict[str, bytes]:
        return {**all_registers(self.process, ARCH), NUMBER: self.call_number()}

    def registers_of_threads(self) -> dict[str, bytes]:
        """It has one thread."""
        return self.registers()

    def call_number(self) -> bytes:
        """Which system call has been entered."""
        return ARCH.registers.get(ARCH.registers[NUMBER], [self.process.read_bank(bank) for bank in Bank])

    def mappings(self) -> list[Mapping]:
        return self.process.mappings()

    def read_memory(self, address: int, size: int) -> bytes:
        return self.process.read_memory(address, size)

    def to_next_system_call(self, read_clock: Callable[[int], dict[str, bytes] | None]) -> bool:
        """Run to the next entry of a system call, delivering signals; False when the program has ended.

        `read_clock` is called with the address of an instruction that reads the clock, and answers with what registers are to
        hold after it.
        """
        signal = 0
        while self._to_boundary(signal):
            if not (signal := self._signal):
                self.position += 1
                return True
            if signal == SIGSEGV and (code := self._clock_instruction()):
                registers = read_clock(self._pc())
                if registers is None:
                    return False
                self.set_registers({**registers, "rip": (self._pc() + len(code)).to_bytes(8, "little")})
                signal = 0
        return False

    def leave_system_call(self) -> None:
        self._to_boundary(0)

    def _to_boundary(self, signal: int) -> bool:
        """Deliver `signal` and run to the next entry or exit of a system call, or signal; False when the program has ended."""
        ptrace.raw(Request.SYSCALL, self.pid, 0, signal)
        _, status = os.waitpid(self.pid, ptrace.WAIT_ALL)
        if not os.WIFSTOPPED(status):
            return False
        self._signal = 0 if os.WSTOPSIG(status) & 0x80 else os.WSTOPSIG(status)
        return True

    def _pc(self) -> int:
        return value(self.registers(), "rip")

    def _clock_instruction(self) -> bytes | None:
        code = self.read_memory(self._pc(), 3)
        return next((each for each in READS_OF_THE_CLOCK if code.startswith(each)), None)

    def set_registers(self, registers: dict[str, bytes]) -> None:
        banks = [bytearray(self.process.read_bank(bank)) for bank in Bank]
        for name, data in registers.items():
            ARCH.registers.put(ARCH.registers[name], banks, data)
        self.process.write_bank(Bank.GENERAL, bytes(banks[Bank.GENERAL]))

    def close(self) -> None:
        self.process.kill()
        self.process.close()


def value(registers: dict[str, bytes], name: str) -> int:
    return int.from_bytes(registers[name], "little")


def overlapping(names: Sequence[str]) -> set[str]:
    """These registers and all that share a byte with one of them (eax with rax)."""

    def places(name: str) -> set[tuple[int, int]]:
        return {(bank, at) for bank, offset, size in ARCH.registers[name].pieces for at in range(offset, offset + size)}

    taken = set().union(*map(places, names))
    return {each.name for each in ARCH.registers.registers if places(each.name) & taken}


# `syscall` itself puts rip and the flags into rcx and r11 (Intel SDM volume 2, SYSCALL), and the kernel an error number into rax.
SKIPPED = overlapping(("rip", "rcx", "r11", "rax", NUMBER, "eflags"))


@dataclass
class Report:
    """What was compared, and what differed."""

    calls: int = 0
    misses: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.calls} system calls, {len(self.misses)} misses"


class Lockstep:
    """One recorded and one native run of the same program."""

    def __init__(self, program: Path, arguments: Sequence[str], folder: Path, engine: str, memory: bool) -> None:
        self.memory = memory
        output = folder / "output"
        self.recording = Recording(program, arguments, output, engine)
        self.recording.record_to(1 << 62)
        self.recording.goto(0)
        self.native = Native(program, arguments, output)
        self.camera = Camera()
        self.report = Report()
        self._share_random_bytes()

    def _share_random_bytes(self) -> None:
        place = procfs.auxiliary_vector(self.native.pid, ARCH.pointer_size)[AT_RANDOM]
        self.native.process.write_memory(place, self.recording.read_memory(place, 16))

    def run(self) -> Report:
        while self.native.to_next_system_call(self._read_clock):
            registers = self.native.registers()
            where = value(registers, "rip") - len(ARCH.syscall.instruction)
            if not self._reach(where):
                break
            self.report.calls += 1
            self._compare(registers)
            name = ARCH.syscall.names.get(value(registers, "orig_rax"), "?")
            if name.startswith("exit"):
                break
            self.native.leave_system_call()
            self._share_result(name, registers)
        return self.report

    def _reach(self, address: int) -> bool:
        """Take the recording to the next time that it is at `address`."""
        log = self.recording.engine.log
        position = log.find_pc({address}, self.recording.position, Direction.FORWARD)
        if position is None:
            self.report.misses.append(f"the recorded run does not come to {address:#x} after {self.recording.position}")
            return False
        self.recording.goto(position)
        return True

    def _after(self) -> dict[str, bytes]:
        """The registers after the instruction that the recording stands at."""
        position = self.recording.position
        self.recording.goto(position + 1)
        registers = self.recording.registers()
        self.recording.goto(position)
        return registers

    def _read_clock(self, address: int) -> dict[str, bytes] | None:
        if not self._reach(address):
            return None
        after = self._after()
        return {name: after[name] for name in ("rax", "rdx", "rcx")}

    def _miss(self, what: str, recorded: bytes, native: bytes) -> None:
        self.report.misses.append(
            f"system call {self.report.calls}: {what}: {recorded[::-1].hex()} recorded, {native[::-1].hex()} native"
        )

    def _same(self, recorded: bytes, native: bytes) -> bool:
        """Whether two values are equal, or each is (as far as it fits) the number of its own process."""
        if recorded == native:
            return True
        size = len(recorded)
        return (recorded, native) == tuple(pid.to_bytes(8, "little")[:size] for pid in (self.recording.pid, self.native.pid))

    def _compare(self, native: dict[str, bytes]) -> None:
        recorded = self.recording.registers()
        if recorded["rax"] != native[NUMBER]:
            self._miss("its number", recorded["rax"], native[NUMBER])
        if recorded["eflags"][:4] != native["r11"][:4]:
            self._miss("eflags", recorded["eflags"], native["r11"])
        # Parts of registers (bh) say nothing that the whole does not, and a part of a process number is not one.
        for name in (name for name in recorded.keys() - SKIPPED if ARCH.registers[name].groups):
            if not self._same(recorded[name], native[name]):
                self._miss(name, recorded[name], native[name])
        if self.memory and self.report.calls % EVERY == 0:
            then, now = self.camera.take(self.recording), self.camera.take(self.native)
            self._exempt_process_ids(then, now)
            for difference in self.camera.in_memory(then, now):
                self.report.misses.append(f"system call {self.report.calls}: {difference}")

    def _exempt_process_ids(self, then: Moment, now: Moment) -> None:
        stretches = {(each.end, each.protection): each for each in now.memory}
        for old in then.memory:
            new = stretches.get((old.end, old.protection))
            for place in self.camera.places(old, new) if new else ():
                words = [subject.read_memory(place & ~3, 4) for subject in (self.recording, self.native)]
                if self._same(*words):
                    self.camera.exempt.add(place)

    def _share_result(self, name: str, entry: dict[str, bytes]) -> None:
        """Give the native run the random bytes that the kernel gave to the recorded one."""
        if name == "getrandom":
            position = self.recording.position
            self.recording.goto(position + 1)
            place, size = value(entry, "rdi"), value(entry, "rsi")
            self.native.process.write_memory(place, self.recording.read_memory(place, size))
            self.recording.goto(position)

    def close(self) -> None:
        self.native.close()
        self.recording.close()


def check(program: Path, arguments: Sequence[str] = (), engine: str = "step", memory: bool = True) -> Report:
    """Run the oracle on a program, comparing memory too if `memory`."""
    with tempfile.TemporaryDirectory() as folder:
        lockstep = Lockstep(program, arguments, Path(folder), engine, memory)
        try:
            return lockstep.run()
        finally:
            lockstep.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare a recorded run of a program with a native one.")
    parser.add_argument("--engine", choices=ENGINES, default="step")
    parser.add_argument("program", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    report = check(options.program, options.arguments, options.engine)
    print(report, *report.misses, sep="\n")


if __name__ == "__main__":
    main()
