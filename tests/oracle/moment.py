"""The whole state of a process at one moment, and what differs between two."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rdb.errors import CannotAccessMemory
from rdb.linux import ptrace
from rdb.linux.procfs import PAGE, Mapping, threads

# Data that the kernel and the clock write; no instruction does.
KERNEL_S_OWN = ("[vvar", "[vsyscall]")
BLOCK = 1 << 14


class _RseqConfiguration(ctypes.Structure):
    """struct ptrace_rseq_configuration, <linux/ptrace.h>."""

    _fields_ = [("pointer", ctypes.c_uint64), ("size", ctypes.c_uint32), ("rest", ctypes.c_uint32 * 3)]


_GET_RSEQ_CONFIGURATION = 0x420F


def rseq_area(thread: int) -> range:
    """Where the kernel keeps the number of the current CPU for a thread (rseq(2)); it is written at any time."""
    answer = _RseqConfiguration()
    ptrace.raw(_GET_RSEQ_CONFIGURATION, thread, ctypes.sizeof(answer), ctypes.addressof(answer))
    return range(answer.pointer, answer.pointer + (answer.size if answer.pointer else 0))


def _readable(subject: Subject, address: int, size: int) -> bytes:
    """The bytes in front of the first page that cannot be read."""
    try:
        return subject.read_memory(address, size)
    except CannotAccessMemory as error:
        readable = (error.address & -PAGE) - address
        return subject.read_memory(address, readable) if readable > 0 else b""


@dataclass(frozen=True)
class Stretch:
    """Mappings that touch and are alike (where the kernel has cut them means nothing), and their contents in blocks.

    Blocks are shared between moments where they are equal.  `blocks` is shorter than the stretch where a file ends.
    """

    start: int
    end: int
    protection: str
    name: str
    blocks: tuple[bytes, ...]

    def tail(self, size: int) -> bytes:
        """The last `size` bytes; what is missing in front reads as zeros."""
        return b"".join(self.blocks).ljust(self.end - self.start, b"\0")[-size:].rjust(size, b"\0")


@dataclass(frozen=True)
class Moment:
    """The whole state at one position."""

    position: int
    registers: dict[str, bytes]
    memory: tuple[Stretch, ...]


class Subject(Protocol):
    """A stopped process that moments can be taken of."""

    @property
    def pid(self) -> int: ...

    @property
    def position(self) -> int: ...

    def registers_of_threads(self) -> dict[str, bytes]:
        """Every register of all threads."""
        ...

    def mappings(self) -> list[Mapping]: ...

    def read_memory(self, address: int, size: int) -> bytes: ...


def joined(mappings: Sequence[Mapping]) -> Iterator[Mapping]:
    """The mappings, those that touch and are alike made one."""
    last: Mapping | None = None
    for mapping in mappings:
        if last is not None and _continues(last, mapping):
            last = replace(last, end=mapping.end)
            continue
        if last is not None:
            yield last
        last = mapping
    if last is not None:
        yield last


def _continues(first: Mapping, second: Mapping) -> bool:
    alike = first.end == second.start and (first.protection, first.name) == (second.protection, second.name)
    return alike and (not first.inode or second.offset == first.offset + first.size)


class Camera:
    """Takes moments, and compares them.  `exempt` holds the addresses of bytes that need not be equal."""

    def __init__(self) -> None:
        self.exempt: set[int] = set()
        self._known: dict[bytes, bytes] = {}

    def take(self, subject: Subject) -> Moment:
        for thread in threads(subject.pid):
            self.exempt.update(rseq_area(thread))
        stretches = []
        for mapping in joined(subject.mappings()):
            if mapping.readable and not mapping.name.startswith(KERNEL_S_OWN):
                blocks = tuple(self._blocks(subject, mapping.start, mapping.end))
                stretches.append(Stretch(mapping.start, mapping.end, mapping.protection, mapping.name, blocks))
        return Moment(subject.position, subject.registers_of_threads(), tuple(stretches))

    def _blocks(self, subject: Subject, start: int, end: int) -> Iterator[bytes]:
        for address in range(start, end, BLOCK):
            size = min(BLOCK, end - address)
            block = _readable(subject, address, size)
            yield self._known.setdefault(block, block)
            if len(block) < size:
                return  # mapped behind the end of its file

    def differences(self, then: Moment, now: Moment) -> list[str]:
        """What is not now as it was then, in words; empty if nothing."""
        registers = [
            f"{name}: {then.registers.get(name, b'')[::-1].hex()} became {now.registers.get(name, b'')[::-1].hex()}"
            for name in {**then.registers, **now.registers}
            if then.registers.get(name) != now.registers.get(name)
        ]
        return registers + self.in_memory(then, now)

    def in_memory(self, then: Moment, now: Moment) -> list[str]:
        """The same, for mappings and memory only."""
        found = []
        before, after = ({(each.end, each.protection, each.name): each for each in moment.memory} for moment in (then, now))
        for key in sorted(before.keys() | after.keys()):
            old, new = before.get(key), after.get(key)
            if old is None or new is None:
                end, protection, name = key
                found.append(f"{'no more' if old else 'newly'} mapped {protection}: {name or 'anonymous memory'} up to {end:#x}")
            elif old.start != new.start and new.name != "[stack]":
                found.append(f"{new.name or 'anonymous memory'} began at {old.start:#x} and begins at {new.start:#x}")
            elif places := self.places(old, new):
                found.append(f"{len(places)} bytes differ in {new.name or 'anonymous memory'}: {', '.join(map(hex, places[:8]))}")
        return found

    def places(self, old: Stretch, new: Stretch) -> list[int]:
        """The addresses where two stretches with one end differ.

        A stack grows by itself and does not shrink again; what it has grown by must be as if untouched.
        """
        if old.start == new.start and old.blocks == new.blocks:
            return []
        size = max(old.end - old.start, new.end - new.start)
        was, now = old.tail(size), new.tail(size)
        start = new.end - size
        return [start + at for at in range(size) if was[at] != now[at] and start + at not in self.exempt]
