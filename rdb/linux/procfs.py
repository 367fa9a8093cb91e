"""What /proc tells about a process."""

from __future__ import annotations

import contextlib
import functools
import os
import struct
from dataclasses import dataclass

from rdb.errors import NoProcess

PAGE = 4096


@dataclass(frozen=True)
class Mapping:
    """One line of /proc/PID/maps: [start, end), four letters of protection and sharing, file offset, device, inode and name.

    `marks` are those of MARKS that /proc/PID/smaps tells of it besides, where somebody has asked there.
    """

    start: int
    end: int
    protection: str
    offset: int
    device: str
    inode: int
    name: str
    marks: frozenset[str] = frozenset()

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


# How the names of mappings begin that are the debugger's own, inside the process (rdb.record.compiled.shared).
OURS = "/memfd:rdb "


def mappings(pid: int) -> list[Mapping]:
    """The address space, by ascending address."""
    return [mapping(line) for line in maps(pid)]


def address_space(process: int) -> list[Mapping]:
    """The address space of a process, as one of its threads sees it that has not ended; the first one may have."""
    found = mappings(process)
    for thread in () if found else threads(process):
        with contextlib.suppress(NoProcess):
            found = found or mappings(thread)
    return found


def maps(pid: int) -> list[str]:
    """The lines of /proc/PID/maps, without those of what the debugger has put there."""
    return [line for line in os.fsdecode(_read(pid, "maps")).splitlines() if OURS not in line]


def device(number: int) -> str:
    """How a map names the device of st_dev."""
    return f"{os.major(number):02x}:{os.minor(number):02x}"


def own(pid: int) -> list[Mapping]:
    """What the debugger has put into the address space."""
    return [mapping(line) for line in os.fsdecode(_read(pid, "maps")).splitlines() if OURS in line]


@functools.lru_cache(1 << 12)
def mapping(line: str) -> Mapping:
    """What one line of /proc/PID/maps says."""
    span, protection, offset, device, inode, *name = line.split(None, 5)
    start, end = span.split("-")
    return Mapping(int(start, 16), int(end, 16), protection, int(offset, 16), device, int(inode), name[0] if name else "")


# Flags of a mapping that a program chooses and that its line in maps does not show (proc(5), VmFlags): without reserve, grows
# down, locked, locked on fault, huge pages of its own, not for children, wiped for children, not dumped, mergeable, transparent
# huge pages wanted or not, read sequentially, read at random.  "key N" is a protection key.
MARKS = frozenset(("nr", "gd", "lo", "lf", "ht", "dc", "wf", "dd", "mg", "hg", "nh", "sr", "rr"))


def marks(pid: int) -> dict[str, frozenset[str]]:
    """The marks of those of the program's mappings that have any, by the first word of their line in maps.

    Much dearer than `maps`, the more so the more memory there is.
    """
    result: dict[str, frozenset[str]] = {}
    # The flags are the last line of each mapping; to look at every line would take much longer.
    before, *parts = os.fsdecode(_read(pid, "smaps")).split("\nVmFlags:")
    for part in parts:
        span, protection, _ = before.split(None, 2)
        flags, _, following = part.partition("\n")
        found = MARKS.intersection(flags.split())
        key = before.partition("\nProtectionKey:")[2].split()[:1]
        if key not in ([], ["0"]) and protection != "--xp":
            # (Memory that can only be executed has a key that the kernel chose for that.)
            found |= {f"key {key[0]}"}
        if found and OURS not in before:
            result[span] = found
        before = following
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


def thread_name(pid: int, tid: int) -> str | None:
    """The name of a thread (PR_SET_NAME), None if it is gone."""
    try:
        with open(f"/proc/{pid}/task/{tid}/comm", errors="replace") as file:
            return file.read().removesuffix("\n")
    except (FileNotFoundError, ProcessLookupError):
        return None


def status(pid: int) -> dict[str, str]:
    """The fields of /proc/PID/status."""
    lines = _read(pid, "status").decode(errors="replace").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def tracees(tracer: int) -> list[int]:
    """The processes whose leaders a process traces."""
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdecimal()):
        with contextlib.suppress(NoProcess):
            if status(pid).get("TracerPid") == str(tracer):
                found.append(pid)
    return found


def process_of(thread: int) -> int:
    """The process that a thread belongs to."""
    return int(status(thread)["Tgid"])


def is_pending(pid: int, signal: int) -> bool:
    """Whether a signal that was sent to the process has not been taken by a thread yet (proc(5), ShdPnd)."""
    return bool(int(status(pid).get("ShdPnd", "0"), 16) >> signal - 1 & 1)


def thread_state(pid: int, thread: int) -> str:
    """What a thread does, one letter as in proc(5): R runs, S or D sleeps, t is held by us, Z has ended; "" if it is gone."""
    try:
        with open(f"/proc/{pid}/task/{thread}/stat", "rb") as file:
            # The name, in parentheses, may hold anything.
            return file.read().rpartition(b")")[2].split()[0].decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def executable(pid: int) -> str:
    """The path of the program a process runs."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:
        raise NoProcess() from None


def descriptors(pid: int) -> list[tuple[int, str, int]]:
    """The open files of a process: descriptor, name as in /proc/PID/maps, inode."""
    result = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{name}"
        try:
            result.append((int(name), os.readlink(path), os.stat(path).st_ino))
        except OSError:
            continue  # closed meanwhile
    return result
