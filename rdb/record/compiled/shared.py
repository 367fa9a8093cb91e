"""Memory of ours inside the inferior, which both sides see.

Translated code, its scratch area and its log live in the program's address space, as a memfd that is mapped there and here.  All
bear a name that begins with OURS, by which rdb.linux.procfs leaves them out of every list of mappings: nobody who compares, saves
or undoes the program's memory meets them.  They are not inherited by a child of the program.

They are put where the program's own memory does not grow: the heap upwards from the program, mappings downwards from below the
stack, the stack downwards.
"""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rdb.errors import RdbError
from rdb.linux import procfs
from rdb.linux.inject import Injector
from rdb.linux.procfs import OURS

Words = NDArray[np.uint64]
READ_WRITE, READ_WRITE_EXECUTE = 3, 7
# <sys/mman.h>, <linux/memfd.h>
_MAP_SHARED, _MAP_NORESERVE, _MAP_FIXED_NOREPLACE = 0x01, 0x4000, 0x100000
_MADV_DONTFORK = 10
_CLOSE_ON_EXEC = 1
# Where nothing else is, on a machine whose programs lie at the two ends of 47 bits.
_FAR = range(1 << 40, 1 << 45, 1 << 32)
_MEGABYTE = 1 << 20
# A jump, or a pc-relative operand, reaches so far.
REACH = (1 << 31) - 64 * _MEGABYTE
_STACK_ROOM = 32 * _MEGABYTE


class Shared:
    """`size` bytes at `address` in the inferior; here the same memory is `bytes`, `words`, and `view` for few bytes at a time."""

    def __init__(self, injector: Injector, name: str, size: int, places: Iterator[int], protection: int = READ_WRITE) -> None:
        """Map it at the first of `places` that is free; RdbError if there is none."""
        self.size = size
        file = injector.call_with_path("memfd_create", OURS.removeprefix("/memfd:") + name, _CLOSE_ON_EXEC)
        if file < 0:
            raise RdbError(f"The program may not make memory for the recording: memfd_create gave error {-file}.")
        try:
            self.address = self._map(injector, file, places, protection)
            ours = os.open(f"/proc/{injector.pid}/fd/{file}", os.O_RDWR | os.O_CLOEXEC)
        finally:
            injector.call("close", file)
        os.ftruncate(ours, size)
        self._map_here = mmap.mmap(ours, size)
        os.close(ours)
        self.view = memoryview(self._map_here)
        self.bytes: NDArray[np.uint8] = np.frombuffer(self._map_here, np.uint8)
        self.words: Words = self.bytes.view(np.uint64)

    def _map(self, injector: Injector, file: int, places: Iterator[int], protection: int) -> int:
        for place in places:
            flags = _MAP_SHARED | _MAP_NORESERVE | _MAP_FIXED_NOREPLACE
            address = injector.map(place, self.size, protection, flags, file, 0)
            if address == place:
                injector.call("madvise", address, self.size, _MADV_DONTFORK)
                return address
            if address != -errno.EEXIST:
                break
        raise RdbError("There is no room for the recording in the program's address space.")

    def discard(self) -> None:
        """Give the memory back to the system; nothing must look at it any more."""
        self._map_here.madvise(mmap.MADV_REMOVE)

    def __contains__(self, address: int) -> bool:
        return self.address <= address < self.address + self.size


def unmap_all(injector: Injector) -> None:
    """Take away all that is ours in the process; nobody must be inside it, or come back."""
    for mapping in procfs.own(injector.pid):
        injector.call("munmap", mapping.start, mapping.size)


def far_places() -> Iterator[int]:
    """Places far from everything."""
    return iter(_FAR)


def near_places(pid: int, address: int, size: int) -> Iterator[int]:
    """Places from which code at `address` is in reach: between the mappings and the stack if possible, else below `address`."""
    mappings = procfs.mappings(pid)
    stack = next((m for m in mappings if m.name == "[stack]"), None)
    if stack is not None:
        top = max((m.end for m in mappings if m.end <= stack.start), default=0)
        place = top + 2 * _MEGABYTE & -_MEGABYTE
        if place + size < stack.start - _STACK_ROOM and place + size - address < REACH:
            yield from range(place, min(stack.start - _STACK_ROOM - size, address + REACH - size), size)
    lowest = max(address - REACH, 256 * _MEGABYTE)
    below = range((address - 512 * _MEGABYTE) & -_MEGABYTE, lowest, -size)
    yield from below
    yield from range((address + REACH - size) & -_MEGABYTE, address + 512 * _MEGABYTE, -size)
