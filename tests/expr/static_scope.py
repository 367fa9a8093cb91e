"""A Scope without a session: symbols and initialised data out of the ELF file, and no process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rdb.arch.base import Arch
from rdb.arch.x86_64 import ARCH
from rdb.errors import CannotAccessMemory, NoRegisters
from rdb.expr.examine import Examiner
from rdb.expr.value import Value
from rdb.settings import Settings
from rdb.symbols.elf import PT_LOAD
from rdb.symbols.table import SymbolTable

if TYPE_CHECKING:
    from rdb.symbols.unwind import Frame


class StaticScope:
    """What a session knows of a program that does not run; `writable` lets tests assign."""

    def __init__(self, path: Path, writable: bool = False) -> None:
        self.table = SymbolTable()
        self.arch: Arch = ARCH
        self.settings = Settings()
        self.frame: Frame | None = None
        self.convenience: dict[str, Value] = {}
        self.history: list[Value] = []
        self.examiner = Examiner()
        self.writable = writable
        self.reads: list[tuple[int, int]] = []
        self.segments: list[tuple[int, bytearray]] = []
        self.registers: dict[str, bytes] = {}
        for segment in self.table.add(str(path)).elf.segments:
            if segment.type == PT_LOAD:
                data = self.table.objects[0].elf.read(segment.offset, segment.file_size)
                self.segments.append((segment.address, bytearray(data.ljust(segment.memory_size, b"\0"))))

    def frames(self) -> list[Frame]:
        return []

    def read_memory(self, address: int, size: int) -> bytes:
        self.reads.append((address, size))
        for start, data in self.segments:
            if start <= address and address + size <= start + len(data):
                return bytes(data[address - start : address - start + size])
        raise CannotAccessMemory(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        for start, stored in self.segments:
            if self.writable and start <= address and address + len(data) <= start + len(stored):
                stored[address - start : address - start + len(data)] = data
                return
        raise CannotAccessMemory(address, len(data))

    def read_register(self, name: str) -> bytes:
        if name not in self.registers:
            raise NoRegisters
        return self.registers[name]

    def write_register(self, name: str, data: bytes) -> None:
        self.registers[name] = data
