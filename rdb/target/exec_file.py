"""The exec stratum: the bytes of a program that does not run yet.

It serves reads of what the ELF file says will be mapped (so that `print`, `x` and `disassemble` work before `run`), at the
addresses that the file itself names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rdb.address import Range
from rdb.errors import CannotAccessMemory
from rdb.target.base import Stratum, Target


class ExecFile(Target):
    stratum = Stratum.FILE
    name = "exec"
    title = "Local exec file"

    def __init__(self, path: str, segments: Sequence[Range], contents: Callable[[int, int], bytes]) -> None:
        """`segments` are what will be mapped; `contents` gives (address, size) of it as far as the file holds it."""
        super().__init__()
        self.path, self._segments, self._contents = path, segments, contents

    def read_memory(self, address: int, size: int) -> bytes:
        if any(segment.start <= address and address + size <= segment.end for segment in self._segments):
            return self._contents(address, size).ljust(size, b"\0")
        raise CannotAccessMemory(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        raise CannotAccessMemory(address, len(data))
