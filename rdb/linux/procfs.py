"""What /proc tells about a process."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from rdb.errors import NoProcess


@dataclass(frozen=True)
class Mapping:
    """One line of /proc/PID/maps: [start, end), four letters of protection and sharing, file offset, device, inode and name."""

    start: int
    end: int
    protection: str
    offset: int
    device: str
    inode: int
    name: str

    @property
    def size(self) -> int:
        return self.end - self.start

    @property
    def readable(self) -> bool:
        return self.protection[0] == "r"

    @property
    def writable(self) -> bool:
        return self.protection[1] == "w"

    @property
    def executable(self) -> bool:
        return self.protection[2] == "x"

    @property
    def shared(self) -> bool:
        return self.protection[3] == "s"


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        raise NoProcess() from None


def mappings(pid: int) -> list[Mapping]:
    """The address space, by ascending address."""
    result = []
    for line in os.fsdecode(_read(pid, "maps")).splitlines():
        span, protection, offset, device, inode, *name = line.split(None, 5)
        start, end = span.split("-")
        result.append(
            Mapping(int(start, 16), int(end, 16), protection, int(offset, 16), device, int(inode), name[0] if name else "")
        )
    return result


def auxiliary_vector(pid: int, word: int) -> dict[int, int]:
    """AT_* -> value (getauxval(3) names the keys) of a process whose words have `word` bytes, 4 or 8."""
    data, pair = _read(pid, "auxv"), struct.Struct({4: "<II", 8: "<QQ"}[word])
    return dict(pair.iter_unpack(data[: len(data) // pair.size * pair.size]))


def threads(pid: int) -> list[int]:
    """The thread ids of a process."""
    try:
        return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        raise NoProcess() from None


def status(pid: int) -> dict[str, str]:
    """The fields of /proc/PID/status."""
    lines = _read(pid, "status").decode(errors="replace").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def executable(pid: int) -> str:
    """The path of the program a process runs."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:
        raise NoProcess() from None


def descriptor_of(pid: int, device: str, inode: int) -> int | None:
    """A descriptor by which a process has the file open that /proc/PID/maps tells of by `device` (two hex numbers) and
    `inode`."""
    major, minor = (int(part, 16) for part in device.split(":"))
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            file = os.stat(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if (file.st_dev, file.st_ino) == (os.makedev(major, minor), inode):
            return int(name)
    return None


PAGE = 4096
_PRESENT_OR_SWAPPED = 0b11 << 62
_FILE_PAGE = 1 << 61


def private_pages(pid: int, start: int, end: int) -> list[tuple[int, int]]:
    """The stretches [a, b) inside [start, end) whose pages belong to the process alone.

    All others read as the mapped file, or as zeros, and need not be saved (Linux, Documentation/admin-guide/mm/pagemap.rst).
    """
    stretches: list[tuple[int, int]] = []
    with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as file:
        file.seek(start // PAGE * 8)
        entries = file.read((end - start) // PAGE * 8)
    for number, (entry,) in enumerate(struct.iter_unpack("<Q", entries)):
        if entry & _PRESENT_OR_SWAPPED and not entry & _FILE_PAGE:
            page = start + number * PAGE
            if stretches and stretches[-1][1] == page:
                stretches[-1] = (stretches[-1][0], page + PAGE)
            else:
                stretches.append((page, page + PAGE))
    return stretches
