"""The segments that a 32-bit program has made for its thread-local storage with set_thread_area(2).

They are entries of a descriptor table that the kernel keeps for each thread; the program loads a segment register with the
number of one.  ptrace reads and writes them as struct user_desc (linux, arch/x86/include/uapi/asm/ldt.h and
arch/x86/kernel/tls.c).
"""

from __future__ import annotations

import ctypes

from rdb.errors import PtraceFailed
from rdb.linux import ptrace

# GDT_ENTRY_TLS_MIN of a 64-bit kernel, and how many entries there are (arch/x86/include/asm/segment.h).
_ENTRIES = range(12, 15)
_USER_DESC = 16

Areas = tuple[bytes, ...]


def read(pid: int) -> Areas:
    """The entries of a stopped thread, each a user_desc; none where the kernel runs no 32-bit programs."""
    result = []
    for number in _ENTRIES:
        entry = ctypes.create_string_buffer(_USER_DESC)
        try:
            ptrace.thread_area(ptrace.Request.GET_THREAD_AREA, pid, number, ctypes.addressof(entry))
        except PtraceFailed:
            return ()
        result.append(entry.raw)
    return tuple(result)


def write(pid: int, areas: Areas) -> None:
    """Give the thread these entries."""
    for number, entry in zip(_ENTRIES, areas):
        buffer = ctypes.create_string_buffer(entry, _USER_DESC)
        ptrace.thread_area(ptrace.Request.SET_THREAD_AREA, pid, number, ctypes.addressof(buffer))
