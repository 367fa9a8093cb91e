"""The exec stratum: the bytes of a program that does not run yet.

It serves reads of what the ELF file says will be mapped (so that `print`, `x` and `disassemble` work before `run`), at the
addresses that the file itself names.
"""

from __future__ import annotations

from collections.abc import Sequence

from rdb.errors import CannotAccessMemory
from rdb.target.base import Stratum, Target


class ExecFile(Target):
    stratum = Stratum.FILE
    name = "exec"
    title = "Local exec file"

    def __init__(self, path: str, segments: Sequence[tuple[int, bytes]]) -> None:
        """`segments`: (address, contents) of what the program headers map."""
        super().__init__()
        self.path = path
        self.segments = segments

    def read_memory(self, address: int, size: int) -> bytes:
        for start, data in self.segments:
            if start <= address and address + size <= start + len(data):
                return data[address - start : address - start + size]
        raise CannotAccessMemory(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        raise CannotAccessMemory(address, len(data))
