"""The lockstep oracle: being recorded changes nothing for the program.

A program is recorded, then run natively, without a single step: the native run stops only where it enters a system call.  At the
n-th system call of each, all registers must agree, and at some of them all readable memory.  What the kernel gives to every process
anew (its number, random bytes) is copied from the recorded run into the native one.

    python -m tests.oracle.lockstep [--engine NAME] PROGRAM [ARGUMENT...]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rdb.arch.base import Bank
from rdb.arch.x86_64 import ARCH
from rdb.events import Direction
from rdb.linux import launch, procfs, ptrace
from rdb.linux.procfs import Mapping
from rdb.linux.ptrace import Request
from rdb.linux.terminal import Terminal
from rdb.target.native import NativeTarget
from tests.oracle.moment import Camera
from tests.oracle.recording import ENGINES, ENVIRONMENT, Recording, all_registers, command_line

AT_RANDOM = 25  # <elf.h>: the address of 16 random bytes
# The `syscall` instruction changes these before the kernel looks at them (Intel SDM, SYSCALL), the kernel the others.
CHANGED_BY_ENTRY = ("rip", "rcx", "r11", "rax", "orig_rax", "eflags")
EVERY = 8


class Native:
    """The program without a recorder, stopped at the entries of its system calls; `position` counts them."""

    def __init__(self, program: Path, arguments: Sequence[str], output: Path) -> None:
        pid = launch.start(str(program), command_line(arguments, output), ENVIRONMENT)
        self.process = NativeTarget(pid, ARCH, Terminal())
        self.position = 0
        ptrace.set_options(pid, ptrace.Option.EXITKILL | ptrace.Option.SYSGOOD)

    @property
    def pid(self) -> int:
        return self.process.pid

    def registers(self) -> dict[str, bytes]:
        return all_registers(self.process)

    def mappings(self) -> list[Mapping]:
        return self.process.mappings()

    def read_memory(self, address: int, size: int) -> bytes:
        return self.process.read_memory(address, size)

    def to_next_system_call(self) -> bool:
        """Run to the next entry of a system call, delivering signals; False when the program has ended."""
        return self._to_boundary()

    def leave_system_call(self) -> None:
        self._to_boundary()

    def _to_boundary(self) -> bool:
        signal = 0
        while True:
            ptrace.raw(Request.SYSCALL, self.pid, 0, signal)
            _, status = os.waitpid(self.pid, ptrace.WAIT_ALL)
            if not os.WIFSTOPPED(status):
                return False
            if os.WSTOPSIG(status) & 0x80:
                self.position += 1
                return True
            signal = os.WSTOPSIG(status)

    def close(self) -> None:
        self.process.kill()
        self.process.close()


def value(registers: dict[str, bytes], name: str) -> int:
    return int.from_bytes(registers[name], "little")


@dataclass
class Report:
    """What was compared, and what differed."""

    calls: int = 0
    misses: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.calls} system calls, {len(self.misses)} misses"


class Lockstep:
    """One recorded and one native run of the same program."""

    def __init__(self, program: Path, arguments: Sequence[str], folder: Path, engine: str) -> None:
        output = folder / "output"
        self.recording = Recording(program, arguments, output, engine)
        self.recording.record_to(1 << 62)
        self.recording.goto(0)
        self.native = Native(program, arguments, output)
        self.camera = Camera()
        self.report = Report()
        self._share_random_bytes()

    def _share_random_bytes(self) -> None:
        place = procfs.auxiliary_vector(self.native.pid)[AT_RANDOM]
        self.native.process.write_memory(place, self.recording.read_memory(place, 16))

    def run(self) -> Report:
        while self.native.to_next_system_call():
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

    def _compare(self, native: dict[str, bytes]) -> None:
        recorded = self.recording.registers()
        call = f"system call {self.report.calls}"
        if recorded["rax"] != native["orig_rax"]:
            self.report.misses.append(f"{call}: {value(recorded, 'rax')} recorded, {value(native, 'orig_rax')} native")
        skipped = {*CHANGED_BY_ENTRY, *(r.name for r in ARCH.registers.registers if _within(r.name, CHANGED_BY_ENTRY))}
        for name in recorded.keys() - skipped:
            if recorded[name] != native[name]:
                self.report.misses.append(
                    f"{call}: {name}: {recorded[name][::-1].hex()} recorded, {native[name][::-1].hex()} native"
                )
        if value(recorded, "eflags") != value(native, "r11"):
            self.report.misses.append(f"{call}: eflags: {recorded['eflags'].hex()} recorded, {native['r11'].hex()} native")
        if self.report.calls % EVERY == 0:
            then, now = self.camera.take(self.native), self.camera.take(self.recording)
            for difference in self.camera.in_memory(then, now):
                self.report.misses.append(f"{call}: {difference}")

    def _share_result(self, name: str, entry: dict[str, bytes]) -> None:
        """Give the native run what the kernel gave to the recorded one."""
        if name == "set_tid_address":
            self.camera.exempt.update(range(value(entry, "rdi"), value(entry, "rdi") + 4))
        if name == "getrandom":
            self.recording.step(Direction.FORWARD)
            place, size = value(entry, "rdi"), value(entry, "rsi")
            self.native.process.write_memory(place, self.recording.read_memory(place, size))
        if name in ("getpid", "gettid", "set_tid_address", "getppid"):
            self.recording.step(Direction.FORWARD)
            banks = [bytearray(self.native.process.read_bank(bank)) for bank in Bank]
            ARCH.registers.put(ARCH.registers["rax"], banks, self.recording.registers()["rax"])
            self.native.process.write_bank(Bank.GENERAL, bytes(banks[Bank.GENERAL]))

    def close(self) -> None:
        self.native.close()
        self.recording.close()


def _within(name: str, whole: Sequence[str]) -> bool:
    """Whether a register is part of one of `whole` (eax of rax)."""
    spans = {(p.bank, at) for each in whole for p in ARCH.registers[each].pieces for at in range(p.offset, p.offset + p.size)}
    return any((piece.bank, piece.offset) in spans for piece in ARCH.registers[name].pieces)


def check(program: Path, arguments: Sequence[str] = (), engine: str = "full") -> Report:
    """Run the oracle on a program."""
    with tempfile.TemporaryDirectory() as folder:
        lockstep = Lockstep(program, arguments, Path(folder), engine)
        try:
            return lockstep.run()
        finally:
            lockstep.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare a recorded run of a program with a native one.")
    parser.add_argument("--engine", choices=ENGINES, default="full")
    parser.add_argument("program", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    report = check(options.program, options.arguments, options.engine)
    print(report, *report.misses, sep="\n")


if __name__ == "__main__":
    main()
