"""Which pages of a process are its own: /proc/PID/pagemap.

Most of an address space need not be saved to be brought back: it reads as the mapped file, or as zeros.  What must be saved are
the *private* pages; and *guard* pages (madvise(2), MADV_GUARD_INSTALL), which have no contents but must not be touched.

Two ways to ask (Linux, Documentation/admin-guide/mm/pagemap.rst): the scan of Linux 6.7, which passes over holes, and an array of
numbers, one for each page, which every kernel has.
"""

from __future__ import annotations

import ctypes
import fcntl
import itertools
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from rdb.linux.procfs import PAGE

Spans = list[tuple[int, int]]

# An entry of the array
_PRESENT_OR_SWAPPED, _FILE_PAGE, _GUARD = 0b11 << 62, 1 << 61, 1 << 58
_ENTRIES = 1 << 16

# <linux/fs.h>: PAGEMAP_SCAN, struct pm_scan_arg and struct page_region, PAGE_IS_*
_SCAN = 0xC0606610
_ARGUMENT = struct.Struct("<12Q")
_REGION = struct.Struct("<3Q")
_REGIONS = 1 << 12
_IS_FILE, _IS_PRESENT, _IS_SWAPPED, _IS_ZERO_PAGE, _IS_GUARD = 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 8


@dataclass
class Pages:
    """Disjoint stretches [start, end), ascending: private pages, and guard pages."""

    private: Spans = field(default_factory=list)
    guards: Spans = field(default_factory=list)

    def add(self, start: int, end: int, is_guard: bool) -> None:
        spans = self.guards if is_guard else self.private
        if spans and spans[-1][1] == start:
            start = spans.pop()[0]
        spans.append((start, end))


def pages(pid: int, start: int, end: int) -> Pages:
    """The private and the guard pages inside [start, end), which must be page-aligned."""
    result = Pages()
    with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as file:
        for low, high, guard in _ask(file.fileno(), start, end):
            result.add(low, high, guard)
    return result


def _ask(file: int, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    for guards in (_IS_GUARD, 0):
        try:
            found = list(_scan(file, start, end, guards))
        except OSError:
            continue  # this kernel does not know the category, or the request
        return iter(found)
    return _read(file, start, end)


def _scan(file: int, start: int, end: int, guards: int) -> Iterator[tuple[int, int, bool]]:
    regions = ctypes.create_string_buffer(_REGIONS * _REGION.size)
    unwanted, wanted = _IS_FILE | _IS_ZERO_PAGE, _IS_PRESENT | _IS_SWAPPED | guards
    while start < end:
        where = (_ARGUMENT.size, 0, start, end, 0, ctypes.addressof(regions), _REGIONS, 0)
        argument = bytearray(_ARGUMENT.pack(*where, unwanted, unwanted, wanted, _IS_PRESENT | guards))
        number = fcntl.ioctl(file, _SCAN, argument)
        for low, high, categories in itertools.islice(_REGION.iter_unpack(regions.raw), number):
            yield low, high, bool(categories & guards)
        start = _ARGUMENT.unpack(argument)[4]


def _read(file: int, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    for first in range(start, end, _ENTRIES * PAGE):
        number = min(_ENTRIES, (end - first) // PAGE)
        entries = os.pread(file, number * 8, first // PAGE * 8)
        if not entries.strip(b"\0"):
            continue
        for page, (entry,) in zip(itertools.count(first, PAGE), struct.iter_unpack("<Q", entries)):
            if entry & _PRESENT_OR_SWAPPED and not entry & _FILE_PAGE or entry & _GUARD:
                yield page, page + PAGE, bool(entry & _GUARD)
