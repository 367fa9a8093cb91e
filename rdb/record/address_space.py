"""Switching the address space of the recorded process from one side of a change to the other.

All is done by system calls that the stopped thread is made to perform (rdb.linux.inject), each as near to what the program itself
could have done as possible: moved memory is moved back, the break is moved with brk, a file is mapped again from the file itself.
Only the contents of what the program has unmapped are written back.

Two things are left as they are.  A stack that has grown stays grown, which does no harm: what it has grown by reads as zeros,
as it would when it is touched for the first time.  And memory that was sealed (mseal) cannot be taken away any more: it stays,
and the user is told.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rdb.errors import CannotAccessMemory, RdbError
from rdb.linux import pagemap, procfs, ptrace, thread_areas
from rdb.linux.inject import Injector
from rdb.linux.procfs import PAGE
from rdb.linux.procfs import Mapping as Area
from rdb.record.mapped_files import MappedFiles, Stamp, is_nameless
from rdb.record.mappings import (
    Contents,
    Guards,
    Layout,
    MappingChange,
    Move,
    Rseq,
    Stretch,
    backing,
)

# <sys/mman.h> on Linux
_PROT = {"r": 1, "w": 2, "x": 4}
_WRITE = 2
_SHARED, _PRIVATE, _FIXED, _ANONYMOUS, _NORESERVE = 0x01, 0x02, 0x10, 0x20, 0x4000
_MAYMOVE, _MREMAP_FIXED, _DONTUNMAP = 1, 2, 4
_GUARD_INSTALL, _GUARD_REMOVE = 102, 103
# <linux/rseq.h>, <sys/shm.h>, <fcntl.h>, <errno.h>
_RSEQ_UNREGISTER = 1
_SHM_RDONLY, _SHM_EXEC = 0o10000, 0o100000
_O_RDONLY, _O_RDWR, _O_CLOEXEC = 0, 2, 0o2000000
_EPERM = 1

# What marks (procfs.MARKS) are made of: flags for mmap, and advice for madvise that sets a mark and that takes it away.
_MAP_FLAGS = {"nr": _NORESERVE, "gd": 0x100, "ht": 0x40000}
_ADVICE = {
    "dc": (10, 11),
    "wf": (18, 19),
    "dd": (16, 17),
    "mg": (12, 13),
    "hg": (14, 15),
    "nh": (15, 14),
    "sr": (2, 0),
    "rr": (1, 0),
}


class AddressSpace:
    """The mappings of one process; calls are performed by the thread of the injector."""

    def __init__(self, memory: ptrace.Memory, injector: Injector, warn: Callable[[str], None]) -> None:
        """`warn` tells the user a sentence."""
        self.memory, self.injector, self.files = memory, injector, MappedFiles()
        self._warn = warn
        self._warned: set[object] = set()
        # As far as they are known to be true.
        self._marks: dict[str, frozenset[str]] | None = None
        # Files that the program may change through a mapping: that they have changed tells nothing.
        self._changing: set[tuple[str, int]] = set()
        for area in procfs.mappings(self.pid):
            self.hold(area)

    @property
    def pid(self) -> int:
        """A thread of the process that can be asked and told."""
        return self.injector.pid

    # -- looking

    def layout(self, marks: bool = False) -> Layout:
        """The address space as it is.  Marks are read anew if that is asked for, or where a marked mapping has gone."""
        lines = procfs.maps(self.pid)
        if marks or self._marks is None or not self._marks.keys() <= {line.partition(" ")[0] for line in lines}:
            self._marks = procfs.marks(self.pid)
        return Layout(lines, self._marks)

    def hold(self, area: Area | None) -> None:
        """Keep the file of a mapping for the day when it is to be mapped again."""
        if area is not None and area.inode:
            self.files.hold(self.pid, area)
            if area.shared and area.writable:
                self._changing.add((area.device, area.inode))

    def contents(self, start: int, end: int) -> Contents:
        """What [start, end), page-aligned, holds that mapping the same again would not bring back, as far as it is mapped.

        That are the private pages, zeros in anonymous memory left out, and all those of a shared file that is not held.
        """
        result: Contents = []
        for area in procfs.mappings(self.pid):
            low, high = max(start, area.start), min(end, area.end)
            if low < high:
                result += self._contents(area, low, high)
        return result

    def _contents(self, area: Area, low: int, high: int) -> Iterator[tuple[int, bytes]]:
        spans = pagemap.pages(self.pid, low, high).private
        if area.shared and is_nameless(area) and self.files.path(area) is None:
            spans = [(low, high)]
        for start, end in spans:
            data = self.memory.read_some(start, end - start)
            yield from [(start, data)] if area.inode and not area.shared else _without_zeros(start, data)

    def aliased(self) -> bool:
        """Whether a part of a file is mapped shared at two places: then a byte of it has two addresses."""
        shared = sorted((a.device, a.inode, a.offset, a.size) for a in procfs.mappings(self.pid) if a.shared)
        return any(one[:2] == two[:2] and one[2] + one[3] > two[2] for one, two in zip(shared, shared[1:]))

    # -- switching

    def switch(self, change: MappingChange, forward: bool) -> None:
        """Go from the side before to the side after, or back."""
        self._marks = None
        if change.rseq is not None:
            self._register(change.rseq, forward)
        if change.segments is not None:
            thread_areas.write(self.pid, change.segments.after if forward else change.segments.before)
        if change.brk is not None:
            self._call("brk", change.brk[forward])
        if change.move is not None:
            self._move(change.move, forward)
        if not forward:
            self._shrink(change)
        for stretch in change.stretches:
            self._switch(stretch, forward, mapped=change.brk is not None, gone=change.move is not None)
        if change.guards is not None:
            self._guard(change.guards, forward)
        self._weld(change.sides[forward])

    def _switch(self, stretch: Stretch, forward: bool, mapped: bool, gone: bool) -> None:
        """One stretch; `mapped` says that the break has mapped or unmapped it, `gone` that a move has unmapped it."""
        here, there = (stretch.before, stretch.after) if forward else (stretch.after, stretch.before)
        if not forward and here is not None and not stretch.same_backing and self._needs_saving(stretch):
            stretch.born = self.contents(stretch.start, stretch.end)
        if there is None:
            if not mapped and not gone:
                self._call("munmap", stretch.start, stretch.size)
            return
        if stretch.same_backing:
            assert here is not None
            self._protect(there)
            self._mark(there, here.marks)
            return
        self._make(there, (stretch.born or []) if forward else stretch.saved, mapped, stretch.stamps[forward])

    def _needs_saving(self, stretch: Stretch) -> bool:
        """Whether the side after could not be mapped anew; a file may have changed since, but pages of one's own show the old."""
        then = stretch.stamps[True]
        return stretch.born is None or not stretch.born and then is not None and then != self.files.stamp(stretch.after)

    def _make(self, area: Area, contents: Contents, mapped: bool = False, then: Stamp | None = None) -> None:
        """Map what an area shows, and fill it.

        Marks come before contents, because the kernel joins a mapping with its neighbours as long as neither has pages, or both
        are alike.  Private memory that must not be written, but has pages of its own, could be written once: the kernel remembers
        that (VM_ACCOUNT), so it is mapped for writing first.
        """
        writable = replace(area, protection=f"{area.protection[0]}w{area.protection[2:]}")
        first = writable if contents and not area.shared else area
        if not mapped:
            self._map(first)
        if then is not None:
            self._check(first, then)
        self._mark(first, frozenset(_MAP_FLAGS))
        if contents and area.shared and not area.writable:
            self.injector.call("mprotect", area.start, area.size, _protection(writable))
        self._fill(area, contents)
        if contents and not area.writable or mapped and area.protection != "rw-p":
            self._protect(area)

    def _fill(self, area: Area, contents: Contents) -> None:
        for address, data in contents:
            try:
                self.memory.write(address, data)
            except CannotAccessMemory:
                if not area.shared:  # a view of what is there already may be read-only
                    raise

    def _shrink(self, change: MappingChange) -> None:
        """Take away what a mapping that is about to be undone has grown by itself."""
        begun = {stretch.start for stretch in change.stretches if stretch.before is None}
        floors = [area.start for area in change.sides[1] if "gd" in area.marks and area.start in begun]
        for area in procfs.mappings(self.pid) if floors else ():
            for floor in floors:
                if area.start < floor < area.end:
                    self._call("munmap", area.start, floor - area.start)

    def _weld(self, areas: Sequence[Area]) -> None:
        """Make one mapping of each that is to be one, where the kernel has not joined its parts by itself.

        It does not where they have had pages from different times, or the file open twice.
        """
        live = procfs.mappings(self.pid)
        for area in areas:
            parts = [each for each in live if each.start < area.end and area.start < each.end]
            if len(parts) < 2 or area.name == "[stack]" or area.inode and self.files.path(area) is None:
                continue
            mapped = sum(min(each.end, area.end) - max(each.start, area.start) for each in parts)
            if mapped < area.size or len({backing(part) for part in parts}) > 1:
                continue
            guards = pagemap.pages(self.pid, area.start, area.end).guards
            contents = self.contents(area.start, area.end)
            self._make(area, contents)
            self._guard(Guards([], guards, [], []), forward=False)

    def _move(self, move: Move, forward: bool) -> None:
        if forward:
            self._carry(move.source, move.target, move.kept, move.stays, duplicate=move.new if not move.old else 0)
            if move.old > move.new:
                self._call("munmap", move.source + move.new, move.old - move.new)
            elif move.new > move.old > 0:
                last = move.target + move.old - PAGE
                self._call("mremap", last, PAGE, PAGE + move.new - move.old)
        else:
            if move.new > move.old:
                self._call("munmap", move.target + move.old, move.new - move.old)
            self._carry(move.target, move.source, move.kept)

    def _carry(self, source: int, target: int, size: int, stays: bool = False, duplicate: int = 0) -> None:
        """mremap, mapping by mapping; or a second view of `duplicate` bytes."""
        flags = _MAYMOVE | _MREMAP_FIXED | (_DONTUNMAP if stays else 0)
        if duplicate:
            self._call("mremap", source, 0, duplicate, flags, target)
        parts = [(max(a.start, source), min(a.end, source + size)) for a in procfs.mappings(self.pid)]
        for low, high in parts:
            if low < high:
                self._call("mremap", low, high - low, high - low, flags, low - source + target)

    def _guard(self, guards: Guards, forward: bool) -> None:
        for start, end in guards.spans:
            self.injector.call("madvise", start, end - start, _GUARD_REMOVE)
        for start, end in guards.after if forward else guards.before:
            self.injector.call("madvise", start, end - start, _GUARD_INSTALL)
        if not forward:
            for address, data in guards.saved:
                self.memory.write(address, data)

    def _register(self, rseq: Rseq, forward: bool) -> None:
        """Tell the kernel about the area, or no longer; what it writes there meanwhile is taken back."""
        contents = self.memory.read(rseq.address, rseq.size)
        flags = 0 if rseq.registers is forward else _RSEQ_UNREGISTER
        self._call("rseq", rseq.address, rseq.size, flags, rseq.signature)
        self.let_kernel_write()
        self.memory.write(rseq.address, contents)

    def let_kernel_write(self) -> None:
        """Let the thread return to user mode once: only then does the kernel fill in a restartable sequence area."""
        self.injector.call("getpid")

    # -- protections and marks

    def _protect(self, area: Area) -> None:
        keys = [mark for mark in area.marks if mark.startswith("key ")]
        if keys:
            self._call("pkey_mprotect", area.start, area.size, _protection(area), int(keys[0].partition(" ")[2]))
        else:
            self._call("mprotect", area.start, area.size, _protection(area))

    def _mark(self, area: Area, has: frozenset[str]) -> None:
        """Give a mapping that has the marks `has` those that it must have, as far as the kernel knows a way."""
        for mark in has - area.marks:
            if mark in _ADVICE:
                self.injector.call("madvise", area.start, area.size, _ADVICE[mark][1])
            elif mark == "lo":
                self.injector.call("munlock", area.start, area.size)
            elif mark.startswith("key ") and not any(other.startswith("key ") for other in area.marks):
                self.injector.call("pkey_mprotect", area.start, area.size, _protection(area), 0)
        for mark in area.marks - has:
            if mark in _ADVICE:
                self.injector.call("madvise", area.start, area.size, _ADVICE[mark][0])
            elif mark == "lo":
                self.injector.call("mlock2", area.start, area.size, int("lf" in area.marks))
            elif mark.startswith("key "):
                self._protect(area)

    # -- mapping

    def _map(self, area: Area) -> None:
        """Map what an area shows, where it was."""
        flags = _FIXED | (_SHARED if area.shared else _PRIVATE)
        flags |= sum(flag for mark, flag in _MAP_FLAGS.items() if mark in area.marks)
        if not area.inode:
            self._expect(self._mmap(area, flags | _ANONYMOUS, -1), "mmap")
        elif not any(way(area, flags) for way in (self._again, self._from_file, self._segment, self._from_other)):
            # Without its file, memory that must not be written can be filled only where it is private.
            self._expect(self._mmap(area, flags & ~_SHARED | _PRIVATE | _ANONYMOUS, -1), "mmap")

    def _mmap(self, area: Area, flags: int, file: int) -> int:
        return self.injector.map(area.start, area.size, _protection(area), flags, file, area.offset if file >= 0 else 0)

    def _again(self, area: Area, flags: int) -> bool:
        """A second view of what is mapped elsewhere still, which mremap makes from one of size 0."""
        live = procfs.mappings(self.pid) if area.shared else []
        others = [each for each in live if (each.device, each.inode) == (area.device, area.inode)]
        if not others or any(each.start < area.end and area.start < each.end for each in others):
            return False
        if _failed(self.injector.call("mremap", others[0].start, 0, area.size, _MAYMOVE | _MREMAP_FIXED, area.start)):
            return False
        if others[0].offset != area.offset:
            self._call("remap_file_pages", area.start, area.size, 0, area.offset // PAGE, 0)
        self._protect(area)
        return True

    def _from_file(self, area: Area, flags: int) -> bool:
        path = self.files.path(area)
        return path is not None and self._open(path, area, flags)

    def _open(self, path: str, area: Area, flags: int) -> bool:
        # Shared memory that is read-only now may have to become writable.
        modes = (_O_RDWR, _O_RDONLY) if area.shared else (_O_RDONLY,)
        files = (self.injector.call_with_path("open", path, mode | _O_CLOEXEC, 0) for mode in modes)
        file = next((file for file in files if file >= 0), None)
        if file is None:
            return False
        result = self._mmap(area, flags, file)
        self.injector.call("close", file)
        return not _failed(result)

    def _segment(self, area: Area, flags: int) -> bool:
        """A System V segment that is there still: its number stands in the place of the inode."""
        if not area.name.startswith("/SYSV") or area.offset:
            return False
        how = (0 if area.writable else _SHM_RDONLY) | (_SHM_EXEC if area.executable else 0)
        if _failed(self.injector.call("shmat", area.inode, area.start, how)):
            return False
        self._protect(area)
        return True

    def _from_other(self, area: Area, flags: int) -> bool:
        """The only descriptor of such a file that the program has (a ring of io_uring, a device), or a file that stands in."""
        found = [number for number, name, _ in procfs.descriptors(self.pid) if name == area.name]
        if len(found) == 1 and not _failed(self._mmap(area, flags, found[0])):
            return True
        path = self.files.stand_in(area) if area.shared else None
        return path is not None and self._open(path, area, flags)

    # -- telling

    def _check(self, area: Area, then: Stamp) -> None:
        """See whether a mapped file is what it was.  Where it has become shorter, memory without a file takes its place."""
        now = self.files.stamp(area)
        if now is None or now == then:
            return
        if now.size < then.size:
            start, end = (area.start + max(up(size) - area.offset, 0) for size in (now.size, then.size))
            if start < min(end, area.end):
                self._map(Area(start, min(end, area.end), area.protection[:3] + "p", 0, "", 0, ""))
        if (area.device, area.inode) not in self._changing:
            self._warn_once(
                (area.device, area.inode),
                f"The file {area.name.removesuffix(' (deleted)')} has changed since it was mapped: its mapping shows the new "
                "contents, save in the pages that the program had written.",
            )

    def _warn_once(self, key: object, sentence: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            self._warn(sentence)

    def _call(self, name: str, *arguments: int) -> None:
        self._expect(self.injector.call(name, *arguments), name)

    def _expect(self, result: int, name: str) -> None:
        if result == -_EPERM:
            self._warn_once("sealed", "Memory that the program has sealed cannot be unmapped: it stays as it is.")
        elif _failed(result):
            raise RdbError(f"The address space could not be restored: {name} gave error {-result}.")


def up(size: int) -> int:
    """Rounded up to whole pages."""
    return size + PAGE - 1 & ~(PAGE - 1)


def _failed(result: int) -> bool:
    return -4096 < result < 0


def _protection(area: Area) -> int:
    return sum(bit for letter, bit in _PROT.items() if letter in area.protection)


def _without_zeros(start: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """The runs of pages that hold anything but zeros."""
    zeros = bytes(PAGE)
    pages = range(0, len(data), PAGE)
    for empty, run in itertools.groupby(pages, lambda at: data[at : at + PAGE] == zeros):
        if not empty:
            numbers = list(run)
            yield start + numbers[0], data[numbers[0] : numbers[-1] + PAGE]
