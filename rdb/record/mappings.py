"""Undoing what a system call did to the address space.

A change is found by comparing /proc/PID/maps before and after the call, so that no rule about mmap's arguments is needed, and it
is kept as two sides of the same stretches: what was there before, what was there after.  Switching from one side to the other
saves the private pages of whatever goes away and restores them to whatever comes back, so the same change serves undo and redo.

The break is moved with brk, never by unmapping, because the kernel keeps its own idea of where the heap ends.  The stack is left
alone: it grows by itself and does no harm by having grown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rdb.errors import RdbError
from rdb.linux import procfs, ptrace, thread_areas
from rdb.linux.inject import Injector
from rdb.linux.procfs import PAGE, Mapping

# <sys/mman.h> on Linux
_PROT = {"r": 1, "w": 2, "x": 4}
_MAP_SHARED, _MAP_PRIVATE, _MAP_FIXED, _MAP_ANONYMOUS, _MAP_NORESERVE = 0x01, 0x02, 0x10, 0x20, 0x4000
# <linux/rseq.h>
_RSEQ_UNREGISTER = 1
_O_RDONLY, _O_RDWR, _O_CLOEXEC = 0, 2, 0o2000000
_KEPT = ("[stack]", "[vvar]", "[vdso]", "[vsyscall]", "[vvar_vclock]")

Pages = list[tuple[int, bytes]]


@dataclass
class Stretch:
    """[start, end) as it is mapped on the two sides (None: not mapped), and the pages of the side that is not there now."""

    start: int
    end: int
    before: Mapping | None
    after: Mapping | None
    saved: Pages = field(default_factory=list)

    @property
    def same_backing(self) -> bool:
        return self.before is not None and self.after is not None and _backing(self.before) == _backing(self.after)


@dataclass(frozen=True)
class Rseq:
    """A call of rseq(2): the area, its length and signature, and whether the call registered it (or took it back)."""

    address: int
    size: int
    signature: int
    registers: bool


@dataclass(frozen=True)
class Segments:
    """A call of set_thread_area(2): the entries for thread-local storage on the two sides."""

    before: thread_areas.Areas
    after: thread_areas.Areas


@dataclass
class MappingChange:
    """One system call's change of the address space.

    `brk` is the break on the two sides if the call moved it.  `rseq` is set where the call told the kernel about a restartable
    sequence area: the kernel writes there on its own account, and kills the program when the area is not mapped.  `segments` is
    set where the call made segments.
    """

    stretches: list[Stretch]
    brk: tuple[int, int] | None = None
    rseq: Rseq | None = None
    segments: Segments | None = None


def _backing(mapping: Mapping) -> tuple[object, ...]:
    """What a mapping shows, whatever its protection; file offsets are compared as the address where offset 0 would lie."""
    if mapping.inode == 0:
        return (mapping.protection[3], mapping.name == "[heap]")
    return (mapping.protection[3], mapping.device, mapping.inode, mapping.start - mapping.offset)


def difference(before: Sequence[Mapping], after: Sequence[Mapping]) -> list[Stretch]:
    """The stretches that are mapped otherwise in `after` than in `before`."""
    sides = [[m for m in side if m.name not in _KEPT] for side in (before, after)]
    common = set(sides[0]) & set(sides[1])
    old, new = ([m for m in side if m not in common] for side in sides)
    edges = sorted({edge for m in (*old, *new) for edge in (m.start, m.end)})
    result = []
    for start, end in zip(edges, edges[1:]):
        was, now = _cut(old, start, end), _cut(new, start, end)
        if (was is None) != (now is None) or was and now and (_backing(was) != _backing(now) or was.protection != now.protection):
            result.append(Stretch(start, end, was, now))
    return result


def _cut(mappings: Sequence[Mapping], start: int, end: int) -> Mapping | None:
    """The part of the mapping that holds [start, end)."""
    for mapping in mappings:
        if mapping.start <= start and end <= mapping.end:
            offset = mapping.offset + start - mapping.start if mapping.inode else 0
            return replace(mapping, start=start, end=end, offset=offset)
    return None


class AddressSpace:
    """Saves and switches the mappings of one process."""

    def __init__(self, pid: int, memory: ptrace.Memory, injector: Injector) -> None:
        self.pid, self.memory, self.injector = pid, memory, injector

    def pages(self, start: int, end: int) -> Pages:
        """The pages of [start, end), page-aligned, that mapping the same again would not bring back, as far as they are mapped.

        These are the private ones, and all those of a file that has no name any more.
        """
        start, end = start & ~(PAGE - 1), end + PAGE - 1 & ~(PAGE - 1)
        result = []
        nameless = [(m.start, m.end) for m in procfs.mappings(self.pid) if m.start < end and start < m.end and _is_nameless(m)]
        for low, high in (*nameless, *procfs.private_pages(self.pid, start, end)):
            data = self.memory.read_some(max(low, start), min(high, end) - max(low, start))
            if data:
                result.append((max(low, start), data))
        return result

    def switch(self, change: MappingChange, forward: bool) -> None:
        """Go from the side before to the side after, or back."""
        if change.rseq is not None:
            self._register(change.rseq, forward)
        if change.segments is not None:
            thread_areas.write(self.pid, change.segments.after if forward else change.segments.before)
        for stretch in change.stretches:
            here, there = (stretch.before, stretch.after) if forward else (stretch.after, stretch.before)
            leaving = self.pages(stretch.start, stretch.end) if here is not None and not stretch.same_backing else []
            self._map(stretch, here, there, moved_by_brk=change.brk is not None)
            stretch.saved, arriving = leaving, stretch.saved
            if change.brk is None:
                self._restore(arriving)
            else:
                stretch.saved = leaving or arriving
        if change.brk is not None:
            self.injector.call("brk", change.brk[forward])
            for stretch in change.stretches:
                if (stretch.after if forward else stretch.before) is not None:
                    self._restore(stretch.saved)

    def _register(self, rseq: Rseq, forward: bool) -> None:
        """Tell the kernel about the area, or no longer; what it writes there meanwhile is taken back."""
        contents = self.memory.read(rseq.address, rseq.size)
        flags = 0 if rseq.registers is forward else _RSEQ_UNREGISTER
        self._expect(self.injector.call("rseq", rseq.address, rseq.size, flags, rseq.signature), "rseq")
        self.let_kernel_write()
        self.memory.write(rseq.address, contents)

    def let_kernel_write(self) -> None:
        """Let the thread return to user mode once: only then does the kernel fill in a restartable sequence area."""
        self.injector.call("getpid")

    def _restore(self, pages: Pages) -> None:
        for address, data in pages:
            if self.memory.read_some(address, len(data)) != data:
                self.memory.write(address, data)

    def _map(self, stretch: Stretch, here: Mapping | None, there: Mapping | None, moved_by_brk: bool) -> None:
        size = stretch.end - stretch.start
        if moved_by_brk:
            return
        if there is None:
            self._expect(self.injector.call("munmap", stretch.start, size), "munmap")
        elif stretch.same_backing:
            self._expect(self.injector.call("mprotect", stretch.start, size, _protection(there)), "mprotect")
        else:
            self._map_new(there)

    def _map_new(self, mapping: Mapping) -> None:
        opened, file = self._file(mapping)
        # Without its file, memory that must not be written can be filled only where it is private.
        shared = mapping.shared and (file is not None or mapping.writable)
        flags = _MAP_FIXED | _MAP_NORESERVE | (_MAP_SHARED if shared else _MAP_PRIVATE)
        where = (mapping.start, mapping.size, _protection(mapping))
        if file is None:
            flags |= _MAP_ANONYMOUS
            self._expect(self.injector.map(*where, flags, -1, 0), "mmap")
        else:
            result = self.injector.map(*where, flags, file, mapping.offset)
            if opened:
                self.injector.call("close", file)
            self._expect(result, "mmap")

    def _file(self, mapping: Mapping) -> tuple[bool, int | None]:
        """A descriptor in the inferior for the mapped file, and whether it was opened for us.

        None for anonymous memory, and for a file without a name that the program has closed: its pages are put back without it.
        """
        if not mapping.inode:
            return False, None
        if _is_nameless(mapping):
            return False, procfs.descriptor_of(self.pid, mapping.device, mapping.inode)
        mode = _O_RDWR if mapping.shared and mapping.writable else _O_RDONLY
        file = self.injector.call_with_path("open", mapping.name, mode | _O_CLOEXEC, 0)
        return (True, file) if file >= 0 else (False, None)

    def _expect(self, result: int, name: str) -> None:
        if -4096 < result < 0:
            raise RdbError(f"The address space could not be restored: {name} gave error {-result}.")


def _is_nameless(mapping: Mapping) -> bool:
    """Whether a mapped file cannot be opened again: it was deleted, or never had a name (shared anonymous memory, memfd)."""
    return mapping.inode != 0 and (not mapping.name.startswith("/") or mapping.name.endswith(" (deleted)"))


def _protection(mapping: Mapping) -> int:
    return sum(bit for letter, bit in _PROT.items() if letter in mapping.protection)
