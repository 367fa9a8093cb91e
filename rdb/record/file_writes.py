"""What a system call writes to the program's memory by writing to a file: to one that is mapped, or to memory as a file.

A shared mapping of the file changes with it, and a private one where the program has not written to it yet.  Both are compared
(rdb.record.comparison), save what is shared and cannot be written to: that could not be put back.  /proc/PID/mem is the memory
itself, whatever its protection (proc(5)).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from rdb.arch.linux.terms import Call
from rdb.errors import CannotAccessMemory
from rdb.linux import procfs
from rdb.record.comparison import Stretches
from rdb.record.kernel_state import OpenFile, Process, open_file


class _Row(NamedTuple):
    """Which arguments of a call are the descriptor, the offset (None: the file has it, or all is taken), and the length.

    A length that is `parts` is that of so many buffers (struct iovec), told in memory.
    """

    descriptor: int
    offset: int | None = None
    length: int | None = None
    parts: int | None = None


_CALLS: Mapping[str, _Row] = {
    "write": _Row(0, length=2),
    "pwrite64": _Row(0, 3, 2),
    "writev": _Row(0, parts=2),
    "pwritev": _Row(0, 3, parts=2),
    "pwritev2": _Row(0, 3, parts=2),
    "sendfile": _Row(0),
    "sendfile64": _Row(0),
    "copy_file_range": _Row(2),
    "splice": _Row(2),
    "ftruncate": _Row(0),
    "ftruncate64": _Row(0),
    "fallocate": _Row(0),
}
_MEMORY = re.compile(r"/proc/(\d+)/(?:task/\d+/)?mem")
_ALL = range(0, 1 << 63)


class FileWrites:
    """Those of one process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._mappings: list[procfs.Mapping] | None = None

    def mappings_changed(self) -> None:
        self._mappings = None

    def stretches(self, name: str | None, call: Call) -> Stretches:
        """The memory that a call may write to in this way: (address, size)."""
        row = _CALLS.get(name or "")
        if row is None:
            return []
        file = open_file(self._process, call.arguments[row.descriptor] & 0xFFFFFFFF)
        if file is None or not file.has_offset:
            return []
        written = self._written(row, call, file)
        memory = _MEMORY.fullmatch(file.name)
        if memory is not None:
            is_own = int(memory[1]) == self._process.pid and written != _ALL
            return [(written.start, written.stop - written.start)] if is_own else []
        return [stretch for mapping in self._of(file) if (stretch := _part(mapping, written))[1] > 0]

    def _written(self, row: _Row, call: Call, file: OpenFile) -> range:
        """Which bytes of the file, at most."""
        if row.length is None and row.parts is None or row.offset is not None and call.abi.word < 8:
            return _ALL
        start = file.offset if row.offset is None else call.arguments[row.offset]
        if file.flags & os.O_APPEND:
            start = os.stat(self._process.path("fd", call.arguments[row.descriptor])).st_size
        try:
            return range(start, start + self._length(row, call))
        except CannotAccessMemory:
            return range(0)

    def _length(self, row: _Row, call: Call) -> int:
        if row.parts is None:
            return call.arguments[row.length or 0]
        return sum(call.words(call.arguments[1], 2 * min(call.arguments[row.parts], 1024))[1::2])

    def _of(self, file: OpenFile) -> list[procfs.Mapping]:
        """The mappings of a file that are to be compared."""
        if self._mappings is None:
            found = procfs.mappings(self._process.pid)
            self._mappings = [each for each in found if each.inode and (each.writable or not each.shared)]
        device = procfs.device(file.device)
        # On a file system upon others, the map names the device beneath.
        return [
            each for each in self._mappings if each.inode == file.inode and each.device == device or each.name == file.name
        ]


def _part(mapping: procfs.Mapping, written: range) -> tuple[int, int]:
    """The part of a mapping where these bytes of its file are, as (address, size)."""
    low = max(written.start, mapping.offset)
    high = min(written.stop, mapping.offset + mapping.size)
    return mapping.start + low - mapping.offset, high - low
