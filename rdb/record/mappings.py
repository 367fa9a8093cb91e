"""What a system call did to the address space, as it is kept in the record.

A change is found by comparing /proc/PID/maps before and after the call, so that no rule about mmap's arguments is needed: it is a
list of stretches that are mapped otherwise on the two sides, with the contents that went away with the side before.  Contents are
never saved twice: at a given position of the record they are the same whenever it is reached, so what was saved once serves for
every undo, and a side that begins as zeros or as a file needs nothing at all.

What comparing cannot see is kept by name: memory that was moved (its contents move back, they are not copied), the break, guard
pages, and what the kernel was told about restartable sequences and segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rdb.linux import procfs, thread_areas
from rdb.linux.pagemap import Spans
from rdb.linux.procfs import Mapping as Area
from rdb.record.mapped_files import Stamp

# The kernel's own, which no call of the program moves.
_KEPT = ("[vvar]", "[vdso]", "[vsyscall]", "[vvar_vclock]")

# Stretches of memory: address and contents.
Contents = list[tuple[int, bytes]]


@dataclass
class Stretch:
    """[start, end) as it is mapped on the two sides (None: not mapped).

    `saved` are the contents that went with the side before, `stamp` what its file and the other side's were like then.  `born`
    are those that the side after had at once, where mapping it anew would not give them; None as long as nobody has looked.
    """

    start: int
    end: int
    before: Area | None
    after: Area | None
    saved: Contents = field(default_factory=list)
    born: Contents | None = None
    stamps: tuple[Stamp | None, Stamp | None] = (None, None)

    @property
    def size(self) -> int:
        return self.end - self.start

    @property
    def same_backing(self) -> bool:
        """Whether both sides show the same, if perhaps with other permissions."""
        return self.before is not None and self.after is not None and backing(self.before) == backing(self.after)


@dataclass(frozen=True)
class Move:
    """A successful mremap(2) that gave another address: `old` bytes at `source` became `new` bytes at `target`.

    `stays` is set where the source is mapped still (MREMAP_DONTUNMAP), empty; with `old` 0 the target is a second view of the
    source.
    """

    source: int
    old: int
    target: int
    new: int
    stays: bool

    @property
    def kept(self) -> int:
        """How many bytes have moved."""
        return min(self.old, self.new)


@dataclass(frozen=True)
class Guards:
    """The guard pages inside `spans` on the two sides; `saved` are the contents that they took away."""

    spans: Spans
    before: Spans
    after: Spans
    saved: Contents


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

    Where there is a `move`, the stretches are only what it took away besides: they have no side after.  `brk` is the break on the
    two sides if the call moved it: it is moved with brk, never by unmapping, because the kernel keeps its own idea of where the
    heap ends.  `rseq` is set where the call told the kernel about a restartable sequence area: the kernel writes there on its own
    account, and kills the program when the area is not mapped.  `segments` is set where the call made segments.

    `sides` are the mappings that exist on one side only, as lines of maps: what was one mapping is to be one again.
    """

    stretches: list[Stretch] = field(default_factory=list)
    move: Move | None = None
    brk: tuple[int, int] | None = None
    guards: Guards | None = None
    rseq: Rseq | None = None
    segments: Segments | None = None
    sides: tuple[Sequence[Area], Sequence[Area]] = ((), ())

    @property
    def touches_code(self) -> bool:
        """Whether memory that can be executed, or written to at another address, came, went, or may have moved."""
        stretches = (area for stretch in self.stretches for area in (stretch.before, stretch.after) if area is not None)
        areas = *stretches, *self.sides[False], *self.sides[True]
        return any(area.executable or area.shared and area.writable for area in areas)

    def __bool__(self) -> bool:
        return bool(self.stretches or self.move or self.brk or self.guards or self.rseq or self.segments)


@dataclass(frozen=True)
class Layout:
    """The address space at a moment: the lines of /proc/PID/maps, and the marks of those that have any, by their first word."""

    lines: Sequence[str]
    marks: Mapping[str, frozenset[str]]

    def areas(self, lines: Iterable[str]) -> list[Area]:
        """Some of the lines, marked, by ascending address."""
        found = (_marked(procfs.mapping(line), _marks(self, line)) for line in lines)
        return sorted((area for area in found if area.name not in _KEPT), key=lambda area: area.start)

    def within(self, start: int, end: int) -> list[Area]:
        """The parts that lie in [start, end)."""
        areas = self.areas(line for line in self.lines if _touches(line, start, end))
        parts = (cut([area], max(start, area.start), min(end, area.end)) for area in areas)
        return [part for part in parts if part is not None]


def _marked(area: Area, marks: frozenset[str]) -> Area:
    return replace(area, marks=marks) if marks else area


def _touches(line: str, start: int, end: int) -> bool:
    area = procfs.mapping(line)
    return max(area.start, start) < min(area.end, end)


def backing(area: Area) -> tuple[object, ...]:
    """What a mapping shows, whatever its protection; file offsets are compared as the address where offset 0 would lie."""
    if area.inode == 0:
        return (area.protection[3], area.name == "[heap]")
    return (area.protection[3], area.device, area.inode, area.start - area.offset)


def sides(before: Layout, after: Layout) -> tuple[list[Area], list[Area]]:
    """The mappings that are in only one of the two, ascending.

    That a stack has grown by itself is no difference: it does no harm.
    """
    common = set(before.lines) & set(after.lines)
    common = {line for line in common if _marks(before, line) == _marks(after, line)}
    if len(common) == len(before.lines) == len(after.lines):
        return [], []
    old, new = (layout.areas(set(layout.lines) - common) for layout in (before, after))
    _grow(old, new)
    return old, new


def difference(old: Sequence[Area], new: Sequence[Area]) -> list[Stretch]:
    """The stretches that are mapped otherwise on one side than on the other."""
    edges = sorted({edge for area in (*old, *new) for edge in (area.start, area.end)})
    result = []
    for start, end in zip(edges, edges[1:]):
        was, now = cut(old, start, end), cut(new, start, end)
        if (was is None) != (now is None) or was and now and _looks(was) != _looks(now):
            result.append(Stretch(start, end, was, now))
    return result


def _marks(layout: Layout, line: str) -> frozenset[str]:
    return layout.marks.get(line.partition(" ")[0], frozenset())


def _looks(area: Area) -> tuple[object, ...]:
    return (backing(area), area.protection, area.marks)


def _grow(old: list[Area], new: list[Area]) -> None:
    """Let stacks that have grown meanwhile have been as large before."""
    for index, area in enumerate(old):
        for grown in new:
            if grown.end == area.end and grown.start < area.start and (area.name == "[stack]" or "gd" in grown.marks):
                old[index] = replace(area, start=grown.start)


def cut(areas: Sequence[Area], start: int, end: int) -> Area | None:
    """The part of the mapping that holds [start, end)."""
    for area in areas:
        if area.start <= start and end <= area.end:
            offset = area.offset + start - area.start if area.inode else 0
            return replace(area, start=start, end=end, offset=offset)
    return None


def clipped(contents: Iterable[tuple[int, bytes]], start: int, end: int) -> Contents:
    """The parts of contents that lie in [start, end)."""
    result = []
    for address, data in contents:
        low, high = max(start, address), min(end, address + len(data))
        if low < high:
            result.append((low, data[low - address : high - address]))
    return result
