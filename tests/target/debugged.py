"""The program with several threads under a native target, without anything above it."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from rdb.arch.base import Bank
from rdb.arch.x86_64 import ARCH
from rdb.events import AtBreakpoint, Reason, Resume, Signalled, Stop
from rdb.symbols.elf import SHT_SYMTAB, open_elf
from rdb.target.native import NativeTarget

PROGRAM = "native_threads.c"
BASE = 0x555555554000


class Debugged:
    """The program at `path` in process `target`, and what the target has told of its threads."""

    def __init__(self, target: NativeTarget, path: Path, base: int = BASE) -> None:
        self.target, self.told = target, list[Reason]()
        target.tell = self.told.append
        self.symbols = {symbol.name: symbol.value + base for symbol in open_elf(str(path)).symbols(SHT_SYMTAB)}

    def go(self, request: Resume = Resume()) -> Stop:  # noqa: B008
        self.target.resume(request)
        return self.target.wait()

    def to(self, name: str) -> None:
        """Run until a thread reaches a function."""
        self.target.insert_breakpoint(self.symbols[name])
        assert self.go().reason(AtBreakpoint)
        self.target.remove_breakpoint(self.symbols[name])

    def number(self, name: str, index: int = 0) -> int:
        return int.from_bytes(self.target.read_memory(self.symbols[name] + 8 * index, 8), "little")

    def pc(self) -> int:
        general = self.target.read_bank(Bank.GENERAL)
        return int.from_bytes(ARCH.registers.get(ARCH.registers["rip"], (general, b"")), "little")

    def until(self, name: str, value: int) -> None:
        """Let the program run until a number in it is at least so large."""
        while self.number(name) < value:
            timer = threading.Timer(0.02, self.target.interrupt)
            timer.start()
            stop = self.go()
            timer.join()
            assert stop.reason(Signalled) == Signalled(signal.SIGINT), stop
