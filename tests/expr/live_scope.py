"""A Scope over a process of its own, stopped at the entry of a function; there is no session and no shared library in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from rdb.arch.base import Arch, Bank
from rdb.arch.x86_64 import ARCH
from rdb.events import AtBreakpoint, Resume
from rdb.expr.examine import Examiner
from rdb.expr.value import Value
from rdb.linux import launch
from rdb.linux.terminal import Terminal
from rdb.settings import Settings
from rdb.symbols.table import SymbolTable
from rdb.symbols.unwind import Frame, frames
from rdb.target.native import NativeTarget

CALLEE_SAVED = ("rbx", "rbp", "rsp", "rip", "r12", "r13", "r14", "r15")


class LiveScope:
    """What a session knows of a stopped process; `level` is that of the selected frame."""

    def __init__(self, path: Path, target: NativeTarget) -> None:
        self.table = SymbolTable()
        self.table.add(str(path))
        self.arch: Arch = ARCH
        self.settings = Settings()
        self.convenience: dict[str, Value] = {}
        self.history: list[Value] = []
        self.examiner = Examiner()
        self.target = target
        self.level = 0

    def frames(self) -> Iterator[Frame]:
        general = self.target.read_bank(Bank.GENERAL)
        names = [register for register in self.arch.registers.registers if register.dwarf is not None and register.size <= 8]
        values = {
            register.name: int.from_bytes(self.arch.registers.get(register, (general, bytes(4096))), "little")
            for register in names
            if all(piece.bank is Bank.GENERAL for piece in register.pieces)
        }
        return frames(values, self.target.read_memory, self.table)

    @property
    def frame(self) -> Frame | None:
        return next(islice(self.frames(), self.level, None))

    def read_memory(self, address: int, size: int) -> bytes:
        return self.target.read_memory(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        self.target.write_memory(address, data)

    def read_register(self, name: str) -> bytes:
        register = self.arch.registers[name]
        frame = self.frame
        if frame is not None and self.level and name in CALLEE_SAVED:
            return frame.register(name).to_bytes(register.size, "little")
        return self.arch.registers.get(register, (self.target.read_bank(Bank.GENERAL), self.target.read_bank(Bank.EXTENDED)))

    def write_register(self, name: str, data: bytes) -> None:
        banks = [bytearray(self.target.read_bank(bank)) for bank in Bank]
        self.arch.registers.put(self.arch.registers[name], banks, data)
        for bank in Bank:
            self.target.write_bank(bank, bytes(banks[bank]))


@contextmanager
def stopped_in(path: Path, function: str, level: int = 0) -> Iterator[LiveScope]:
    """A process of the program, stopped at the first instruction of `function`, with frame `level` selected."""
    target = NativeTarget(launch.start(str(path), "", dict(os.environ)), ARCH, Terminal())
    try:
        scope = LiveScope(path, target)
        target.insert_breakpoint(scope.table.minimal(function)[0].address)
        target.resume(Resume())
        assert target.wait().reason(AtBreakpoint)
        scope.level = level
        yield scope
    finally:
        target.kill()
        target.close()
