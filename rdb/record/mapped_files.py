"""The files that a program has mapped, kept so that they can be mapped again when their mapping is brought back.

A file may be deleted or replaced meanwhile, and memory that is shared without a name (memfd_create, a deleted file) is gone for
good when nobody has it open any more.  So each mapped file is held open here, by a descriptor that cannot be used for reading
or writing (O_PATH: no lock, no "text file busy", no side effect of opening a device), and the program opens it through
/proc/OUR-PID/fd when it is told to map it again.

Files that cannot be held (System V segments, shared anonymous memory, the rings of io_uring) get a stand-in where they are needed
again: a memfd of ours, into which the contents are written back.
"""

from __future__ import annotations

import os
import resource
import stat
import weakref
from dataclasses import dataclass

from rdb.linux import procfs
from rdb.linux.procfs import Mapping

# Large enough for any offset, and it takes no room: the file is sparse.
_STAND_IN_SIZE = 1 << 40
# Memory that the kernel fills in while somebody uses it: the rings of io_uring, perf and asynchronous input and output.
_KERNEL_S = ("anon_inode:", "/[aio]")
# Links to what is mapped; only with CAP_CHECKPOINT_RESTORE can they be followed (proc(5)).
BY_MAPPING = "/proc/{pid}/map_files"


@dataclass(frozen=True)
class Stamp:
    """What a file was like: size in bytes, and when it was written last, in nanoseconds."""

    size: int
    written: int


class MappedFiles:
    """The files mapped by process `pid`, by device and inode as /proc/PID/maps tells them."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], int | None] = {}
        self._room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
        weakref.finalize(self, _close, self._held)

    def hold(self, pid: int, area: Mapping) -> None:
        """Keep the file of a mapping of `pid`, if it has one that can be kept."""
        key = (area.device, area.inode)
        if not area.inode or key in self._held or len(self._held) >= self._room or area.name.startswith(_KERNEL_S):
            return
        self._held[key] = _open(pid, area)

    def stamp(self, area: Mapping | None) -> Stamp | None:
        """What the file of a mapping is like now; None if it is not held, or is no file on a disk."""
        held = self._held.get((area.device, area.inode)) if area is not None else None
        if held is None:
            return None
        status = os.fstat(held)
        return Stamp(status.st_size, status.st_mtime_ns)

    def path(self, area: Mapping) -> str | None:
        """By which name a process can open the file of a mapping; None if it is not held."""
        held = self._held.get((area.device, area.inode))
        return f"/proc/{os.getpid()}/fd/{held}" if held is not None else None

    def stand_in(self, area: Mapping) -> str | None:
        """The same for an empty file that takes the place of one that cannot be had any more."""
        try:
            file = os.memfd_create("stand-in", os.MFD_CLOEXEC)
            os.truncate(file, _STAND_IN_SIZE)
        except OSError:
            return None
        self._held[area.device, area.inode] = file
        return self.path(area)


def is_nameless(area: Mapping) -> bool:
    """Whether a mapped file cannot be opened by its name: it was deleted, or never had one (shared anonymous memory, memfd)."""
    return area.inode != 0 and (not area.name.startswith("/") or area.name.endswith(" (deleted)"))


def _open(pid: int, area: Mapping) -> int | None:
    """A descriptor for the mapped file: by its name, by the mapping itself (which takes privileges), or by a descriptor.

    The device is not compared: on file systems with volumes or layers (btrfs, overlayfs) stat(2) tells another one than maps.
    """
    paths = [f"/proc/{pid}/root{area.name}"] if not is_nameless(area) else []
    paths.append(f"{BY_MAPPING.format(pid=pid)}/{area.start:x}-{area.end:x}")
    if is_nameless(area):
        paths += [f"/proc/{pid}/fd/{number}" for number, name, _ in procfs.descriptors(pid) if name == area.name]
    for path in paths:
        try:
            file = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        status = os.fstat(file)
        if status.st_ino == area.inode and stat.S_ISREG(status.st_mode):
            return file
        os.close(file)
    return None


def _close(held: dict[tuple[str, int], int | None]) -> None:
    for file in held.values():
        if file is not None:
            os.close(file)
