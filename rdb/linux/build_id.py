"""What identifies the file that is mapped somewhere: its build id, or where and when it was written.

The build id is read from the process's memory, because that is what is being executed, whatever has become of the file.  It is in
a note of type NT_GNU_BUILD_ID, which linkers put near the beginning (elf(5), "Notes").
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

from rdb.linux.procfs import Mapping, device

_PT_NOTE, _NT_GNU_BUILD_ID = 4, 3
# By EI_CLASS: where e_phoff is and how long, e_phentsize and e_phnum, and in a program header p_offset and p_filesz.
_HEADERS = {1: ("<I", 28, 42, "<I", 4, 16), 2: ("<Q", 32, 54, "<Q", 8, 32)}
_MOST = 1 << 16
Read = Callable[[int, int], bytes]


def build_id(read: Read, base: int) -> bytes | None:
    """The build id of the ELF file whose beginning is at `base`; `read` gives the memory there is at an address."""
    head = read(base, 64)
    if len(head) < 64 or head[:4] != b"\x7fELF" or head[4] not in _HEADERS:
        return None
    word, table_at, counts_at, size_format, offset_at, size_at = _HEADERS[head[4]]
    table, = struct.unpack_from(word, head, table_at)
    entry_size, count = struct.unpack_from("<HH", head, counts_at)
    entries = read(base + table, entry_size * count)
    for at in range(0, len(entries) - entry_size + 1, entry_size or _MOST):
        entry = entries[at : at + entry_size]
        if entry_size >= 32 and int.from_bytes(entry[:4], "little") == _PT_NOTE:
            offset, size = (struct.unpack_from(size_format, entry, place)[0] for place in (offset_at, size_at))
            found = _in_notes(read(base + offset, min(size, _MOST)))
            if found:
                return found
    return None


def _in_notes(notes: bytes) -> bytes | None:
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, at)
        start = at + 12 + (name_size + 3 & ~3)
        if kind == _NT_GNU_BUILD_ID and notes[at + 12 : at + 16] == b"GNU\0":
            return notes[start : start + size]
        at = start + (size + 3 & ~3)
    return None


def identity(mapping: Mapping, read: Read) -> tuple[object, ...] | None:
    """What identifies the file that is mapped; None if nothing does."""
    found = build_id(read, mapping.start - mapping.offset)
    if found:
        return ("build id", found)
    try:
        status = os.stat(mapping.name)
    except OSError:
        return None
    if (device(status.st_dev), status.st_ino) != (mapping.device, mapping.inode):
        return None
    return ("file", mapping.name, mapping.device, mapping.inode, status.st_size, status.st_mtime_ns)
