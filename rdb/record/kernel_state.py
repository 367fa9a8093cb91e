"""What the kernel keeps for the program, as far as it can be looked at and put back exactly.

A State names one such thing: the offset of descriptor 3, the working directory.  `read` looks at it, `write` makes it what it
was, by system calls that the stopped thread performs for us or, where the kernel allows it, from outside.  Equal states are the
same thing, so a State serves as a key.  STATES has them under the names that rdb.arch.linux.outside uses.

A descriptor that has been closed since is made anew: from another descriptor of the same open file where there is one (its file,
mode and offset are the same), else by opening the same file again, if it still has its name.  Then it is an open file of its own:
locks are not taken again, and a copy in another process does not share the offset.  Pipes, sockets and the like are gone.
"""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from rdb.errors import RdbError
from rdb.linux import procfs, signals
from rdb.linux.inject import Injector

# include/uapi/asm-generic/fcntl.h
_F_SETFD, _F_SETFL, _FD_CLOEXEC = 2, 4, 1
_O_CLOEXEC, _O_ACCMODE = 0o2000000, 3
_ONLY_WHEN_OPENED = 0o1700 | _O_CLOEXEC  # O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC: fdinfo does not even tell them
_SETTABLE = 0o66000  # O_APPEND, O_NONBLOCK, FASYNC, O_DIRECT, as fcntl(2) says, without O_NOATIME
_SEEK_SET = 0
_SIGNAL_SET = 8  # bytes
_PR_SET_NAME = 15  # include/uapi/linux/prctl.h
_SEEKABLE = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISBLK)
_REOPENED = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISBLK, stat.S_ISCHR)


class CannotPutBack(RdbError):
    """A state cannot be made what it was."""


class NoOwner(RdbError):
    """The thread whose state it is has ended: there is nothing to look at, to put back, or to tell."""


@dataclass(frozen=True)
class Process:
    """The stopped process whose kernel state is meant."""

    pid: int
    injector: Injector

    def call(self, name: str, *arguments: int) -> int:
        """A system call of the program's; its result, or CannotPutBack."""
        return self._checked(name, self.injector.call(name, *arguments))

    def call_with_path(self, name: str, path: str, *arguments: int) -> int:
        return self._checked(name, self.injector.call_with_path(name, path, *arguments))

    def _checked(self, name: str, result: int) -> int:
        if result < 0:
            raise CannotPutBack(f"{name}: {os.strerror(-result)}")
        return result

    def path(self, *names: object) -> str:
        return "/".join((f"/proc/{self.pid}", *map(str, names)))


class State(Protocol):
    """One thing that the kernel keeps; hashable."""

    def read(self, process: Process) -> object:
        """What it is now."""

    def write(self, process: Process, value: object) -> None:
        """Make it `value`; raises CannotPutBack."""

    def title(self, process: Process, value: object) -> str:
        """What to call it when it has been put back to `value`: "the working directory"."""

    def loss(self, process: Process, value: object) -> str:
        """What has happened to it, when it cannot be put back to `value`: "closed descriptor 3"."""

    def within(self) -> State | None:
        """The State that this one is a part of, if any: what that one was says what this one was."""


@dataclass(frozen=True)
class OpenFile:
    """What a descriptor stands for: the name that /proc gives it, device, inode and type, offset, flags as open(2) has them."""

    name: str
    device: int
    inode: int
    mode: int
    offset: int
    flags: int

    @property
    def has_offset(self) -> bool:
        """Whether there is an offset, and the program's own: one that we share with it moves when we print something."""
        return any(is_one(self.mode) for is_one in _SEEKABLE) and self.file not in _ours()

    @property
    def file(self) -> tuple[int, int]:
        return (self.device, self.inode)

    @property
    def likeness(self) -> tuple[object, ...]:
        """Descriptors that agree in this are taken for copies of each other."""
        return (self.file, self.flags & ~_O_CLOEXEC, self.offset)


def _ours() -> set[tuple[int, int]]:
    """The files that are open here as the standard streams, which a program that we started has inherited."""
    found = set()
    for number in range(3):
        try:
            about = os.fstat(number)
        except OSError:
            continue
        found.add((about.st_dev, about.st_ino))
    return found


def open_file(process: Process, number: int) -> OpenFile | None:
    """What a descriptor stands for now; None if it is not open."""
    try:
        place = process.path("fd", number)
        name, about = os.readlink(place), os.stat(place)
        offset, flags = _information(process, number)
    except OSError:
        return None
    return OpenFile(name, about.st_dev, about.st_ino, about.st_mode, offset, flags)


def open_files(process: Process) -> dict[int, OpenFile]:
    """Every open descriptor."""
    found = {number: open_file(process, number) for number in map(int, os.listdir(process.path("fd")))}
    return {number: file for number, file in found.items() if file is not None}


def _information(process: Process, number: int) -> tuple[int, int]:
    """Offset and flags of a descriptor, from /proc/PID/fdinfo (proc(5)); raises OSError."""
    file = os.open(process.path("fdinfo", number), os.O_RDONLY)
    try:
        words = os.read(file, 64).split()
    finally:
        os.close(file)
    return int(words[1]), int(words[3], 8)


def file_name(process: Process, file: OpenFile) -> str:
    """What to call a file in a sentence."""
    for prefix, word in (("pipe:", "a pipe"), ("socket:", "a socket")):
        if file.name.startswith(prefix):
            return word
    if file.name.startswith("anon_inode:"):
        return file.name.removeprefix("anon_inode:")
    return short(process, file.name)


def short(process: Process, path: str) -> str:
    """A path as the program's user would write it: from the working directory on, if it lies there."""
    try:
        folder = os.readlink(process.path("cwd"))
    except OSError:
        return path
    if path == folder:
        return "."
    inside = path.startswith(f"{folder}/") and folder != "/"
    return f".{path[len(folder):]}" if inside else path


@dataclass(frozen=True)
class Offset:
    """Where in its file a descriptor reads and writes next; None where there is no such thing."""

    number: int

    def read(self, process: Process) -> object:
        try:
            return _information(process, self.number)[0]
        except OSError:
            return None

    def write(self, process: Process, value: object) -> None:
        if isinstance(value, int):
            if value >> 31 and process.injector.arch.pointer_size == 4:
                raise CannotPutBack("lseek: the offset is too large")
            process.call("lseek", self.number, value, _SEEK_SET)

    def title(self, process: Process, value: object) -> str:
        return f"the offset of {self._name(process)}"

    def loss(self, process: Process, value: object) -> str:
        return f"moved the offset of {self._name(process)}"

    def _name(self, process: Process) -> str:
        file = open_file(process, self.number)
        return file_name(process, file) if file is not None else f"descriptor {self.number}"
    def within(self) -> State | None:
        return Descriptor(self.number)



@dataclass(frozen=True)
class Descriptor:
    """What a descriptor stands for: an OpenFile, or None."""

    number: int

    def read(self, process: Process) -> object:
        return open_file(process, self.number)

    def write(self, process: Process, value: object) -> None:
        now = open_file(process, self.number)
        if not isinstance(value, OpenFile):
            if now is not None:
                process.call("close", self.number)
            return
        if now is None or now.file != value.file or now.flags & _O_ACCMODE != value.flags & _O_ACCMODE:
            self._make(process, value)
            now = open_file(process, self.number)
        if now is None or now.file != value.file:
            raise CannotPutBack(f"descriptor {self.number} stands for something else")
        if now.offset != value.offset and value.has_offset:
            Offset(self.number).write(process, value.offset)
        if (now.flags ^ value.flags) & _SETTABLE:
            process.call("fcntl", self.number, _F_SETFL, value.flags)
        if (now.flags ^ value.flags) & _O_CLOEXEC:
            process.call("fcntl", self.number, _F_SETFD, _FD_CLOEXEC if value.flags & _O_CLOEXEC else 0)

    def _make(self, process: Process, value: OpenFile) -> None:
        """Open the descriptor again: as a copy of another one, or by name."""
        for other, file in open_files(process).items():
            if other != self.number and file.likeness == value.likeness:
                process.call("dup2", other, self.number)
                return
        if not any(is_one(value.mode) for is_one in _REOPENED) or not _is_there(value):
            raise CannotPutBack(f"descriptor {self.number} cannot be opened again")
        fresh = process.call_with_path("open", value.name, value.flags & ~_ONLY_WHEN_OPENED, 0)
        if fresh != self.number:
            process.call("dup2", fresh, self.number)
            process.call("close", fresh)

    def title(self, process: Process, value: object) -> str:
        if isinstance(value, OpenFile):
            return f"descriptor {self.number} ({file_name(process, value)})"
        return f"descriptor {self.number} (closed)"

    def loss(self, process: Process, value: object) -> str:
        if isinstance(value, OpenFile):
            return f"closed descriptor {self.number} ({file_name(process, value)})"
        return f"opened descriptor {self.number}"
    def within(self) -> State | None:
        return None



def _is_there(file: OpenFile) -> bool:
    """Whether the file still has its name."""
    try:
        about = os.stat(file.name)
    except OSError:
        return False
    return (about.st_dev, about.st_ino) == file.file


@dataclass(frozen=True)
class Simple:
    """A value that is read and written by two functions."""

    name: str
    reader: Callable[[Process], object]
    writer: Callable[[Process, object], None]

    def read(self, process: Process) -> object:
        return self.reader(process)

    def write(self, process: Process, value: object) -> None:
        try:
            self.writer(process, value)
        except (OSError, ValueError) as error:
            raise CannotPutBack(f"{self.name}: {error}") from None

    def title(self, process: Process, value: object) -> str:
        return f"the {self.name}"

    def loss(self, process: Process, value: object) -> str:
        return f"changed the {self.name}"
    def within(self) -> State | None:
        return None



def _read_umask(process: Process) -> object:
    return int(procfs.status(process.pid)["Umask"], 8)


def _write_umask(process: Process, value: object) -> None:
    assert isinstance(value, int)
    process.call("umask", value)


def _read_directory(process: Process) -> object:
    return os.readlink(process.path("cwd"))


def _write_directory(process: Process, value: object) -> None:
    process.call_with_path("chdir", str(value))


def _read_priority(process: Process) -> object:
    return os.getpriority(os.PRIO_PROCESS, process.pid)


def _write_priority(process: Process, value: object) -> None:
    assert isinstance(value, int)
    os.setpriority(os.PRIO_PROCESS, process.pid, value)


@dataclass(frozen=True)
class ThreadName:
    """The name that a thread has given itself (PR_SET_NAME), without its newline."""

    thread: int

    def read(self, process: Process) -> object:
        try:
            with open(process.path("task", self.thread, "comm"), "rb") as file:
                return file.read().removesuffix(b"\n")
        except (FileNotFoundError, ProcessLookupError):
            raise NoOwner() from None

    def write(self, process: Process, value: object) -> None:
        assert isinstance(value, bytes)
        process.injector.pid = self.thread
        with process.injector.scratch(value + b"\0") as place:
            process.call("prctl", _PR_SET_NAME, place)

    def title(self, process: Process, value: object) -> str:
        return "the name of the thread"

    def loss(self, process: Process, value: object) -> str:
        return "changed the name of the thread"

    def within(self) -> State | None:
        return None


@dataclass(frozen=True)
class Timer:
    """An interval timer (getitimer(2)): the struct itimerval, with the time that was left."""

    number: int

    def read(self, process: Process) -> object:
        with process.injector.scratch(bytes(4 * process.injector.arch.pointer_size)) as place:
            process.call("getitimer", self.number, place)
            return process.injector.memory.read(place, 4 * process.injector.arch.pointer_size)

    def write(self, process: Process, value: object) -> None:
        assert isinstance(value, bytes)
        with process.injector.scratch(value) as place:
            process.call("setitimer", self.number, place, 0)

    def title(self, process: Process, value: object) -> str:
        return f"interval timer {self.number}"

    def loss(self, process: Process, value: object) -> str:
        return f"changed interval timer {self.number}"
    def within(self) -> State | None:
        return None



@dataclass(frozen=True)
class Disposition:
    """What is to happen when a signal comes (sigaction(2)): the kernel's struct, three words and a set of 64 signals."""

    number: int

    def read(self, process: Process) -> object:
        size = 3 * process.injector.arch.pointer_size + _SIGNAL_SET
        with process.injector.scratch(bytes(size)) as place:
            process.call("rt_sigaction", self.number, 0, place, _SIGNAL_SET)
            return process.injector.memory.read(place, size)

    def write(self, process: Process, value: object) -> None:
        assert isinstance(value, bytes)
        with process.injector.scratch(value) as place:
            process.call("rt_sigaction", self.number, place, 0, _SIGNAL_SET)

    def title(self, process: Process, value: object) -> str:
        return f"the handling of {signals.name(self.number)}"

    def loss(self, process: Process, value: object) -> str:
        return f"changed the handling of {signals.name(self.number)}"

    def within(self) -> State | None:
        return None


@dataclass(frozen=True)
class Limit:
    """A resource limit (getrlimit(2)): soft and hard."""

    number: int

    def read(self, process: Process) -> object:
        return resource.prlimit(process.pid, self.number)

    def write(self, process: Process, value: object) -> None:
        assert isinstance(value, tuple)
        try:
            resource.prlimit(process.pid, self.number, value)
        except (OSError, ValueError) as error:
            raise CannotPutBack(f"prlimit: {error}") from None

    def title(self, process: Process, value: object) -> str:
        return f"the limit {_LIMITS.get(self.number, self.number)}"

    def loss(self, process: Process, value: object) -> str:
        return f"changed the limit {_LIMITS.get(self.number, self.number)}"
    def within(self) -> State | None:
        return None



_LIMITS = {number: name for name, number in vars(resource).items() if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"}
UMASK = Simple("file mode creation mask", _read_umask, _write_umask)
DIRECTORY = Simple("working directory", _read_directory, _write_directory)
PRIORITY = Simple("priority", _read_priority, _write_priority)

STATES: Mapping[str, Callable[[int], State]] = {
    "offset": Offset,
    "descriptor": Descriptor,
    "umask": lambda which: UMASK,
    "directory": lambda which: DIRECTORY,
    "disposition": Disposition,
    "limit": Limit,
    "timer": Timer,
    "name": ThreadName,
    "priority": lambda which: PRIORITY,
}
