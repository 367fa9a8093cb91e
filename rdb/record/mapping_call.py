"""One system call that changes the address space, seen from both ends.

Made before the call, it keeps what the call may take away; asked after it, it tells the change for the record.
"""

from __future__ import annotations

from collections.abc import Sequence

from rdb.arch.linux.structures import Abi
from rdb.arch.linux.syscalls import SyscallEffects
from rdb.arch.linux.terms import Kind
from rdb.linux import pagemap, thread_areas
from rdb.linux.pagemap import Spans
from rdb.linux.procfs import PAGE
from rdb.record.address_space import AddressSpace, up
from rdb.record.mappings import (
    Contents,
    Guards,
    Layout,
    MappingChange,
    Move,
    Rseq,
    Segments,
    Stretch,
    clipped,
    difference,
    sides,
)

# mmap's flags by which a mapping gets marks: MAP_GROWSDOWN, LOCKED, NORESERVE, STACK, HUGETLB, <sys/mman.h>
_MARKING_FLAGS = 0x100 | 0x2000 | 0x4000 | 0x20000 | 0x40000
# The calls that give and take marks otherwise.
_MARKING = frozenset(("madvise", "mlock", "mlock2", "munlock", "mlockall", "munlockall", "pkey_mprotect"))
_MAPPING = frozenset(("mmap", "mmap2"))
# The calls whose new memory begins as zeros, or as its file (moved memory is told otherwise).
_FRESH = _MAPPING | {"brk", "mremap"}
# What detaches a System V segment or a ring does not say how large it is.
_DETACHING = frozenset(("shmdt", "ipc", "io_destroy"))
_MREMAP_FIXED, _MREMAP_DONTUNMAP = 2, 4
_MADV_DONTNEED, _MADV_FREE, _GUARD_INSTALL = 4, 8, 102
_LAST_ERROR = 4095


class MappingCall:
    """A call between its entry and its exit; `emptied` are contents that went although their mapping stayed."""

    def __init__(self, space: AddressSpace, abi: Abi, effects: SyscallEffects, arguments: Sequence[int]) -> None:
        """`arguments` are the raw registers."""
        self.space, self.abi, self.effects, self.name = space, abi, effects, effects.name
        self.arguments = [*(argument & abi.mask for argument in arguments), *[0] * (6 - len(arguments))]
        self.emptied: Contents = []
        self._segments = thread_areas.read(space.pid) if self.name == "set_thread_area" else ()
        self._before: Layout | None = None
        self._discards: Spans = []
        self._contents: Contents = []
        self._guards: Spans = []
        if effects.kind is Kind.MAPPING or effects.unknown:
            self._look()

    def _look(self) -> None:
        self._before = self.space.layout()
        self._break = self.space.injector.call("brk", 0) if self.name == "brk" else 0
        self._discards = self._taken()
        for start, end in self._discards:
            self._contents += self.space.contents(start, end)
            self._guards += pagemap.pages(self.space.pid, start, end).guards

    def _taken(self) -> Spans:
        """What the call may take away, page-aligned and cut to what is mapped; mremap takes what it moves with it."""
        spans: Spans = [(address, address + size) for address, size in self.effects.discards]
        address, second, third, flags, target, _ = self.arguments
        if self.name == "brk" and 0 < address < self._break:
            spans.append((address, self._break))
        elif self.name == "mremap":
            spans = [(address + up(third), address + up(second))]
            if flags & _MREMAP_FIXED:
                spans.append((target, target + up(third)))
        elif self.name in _DETACHING:
            spans = [span for start, _ in spans for span in self._segment(start)]
        aligned = [(start & ~(PAGE - 1), up(end)) for start, end in spans if start < end]
        assert self._before is not None
        return [(area.start, area.end) for start, end in aligned for area in self._before.within(start, end)]

    def _segment(self, address: int) -> Spans:
        """All that is mapped of the segment or ring at `address`."""
        assert self._before is not None
        areas = self._before.areas(self._before.lines)
        here = [area for area in areas if area.start == address]
        return [(a.start, a.end) for a in areas for h in here if a.inode and (a.device, a.inode) == (h.device, h.inode)]

    # -- afterwards

    def done(self, result: int) -> MappingChange | None:
        """What the call has changed; `result` is the raw register."""
        failed = -result & self.abi.mask in range(1, _LAST_ERROR + 1)
        change = MappingChange()
        if self._before is not None:
            self._compare(change, result, failed)
        if self.name == "rseq" and not failed:
            address, size, flags, signature = self.arguments[:4]
            self.space.let_kernel_write()
            change.rseq = Rseq(address, size, signature, registers=not flags)
        if self._segments:
            change.segments = Segments(self._segments, thread_areas.read(self.space.pid))
        return change or None

    def _compare(self, change: MappingChange, result: int, failed: bool) -> None:
        assert self._before is not None
        if not failed:
            self._settle()
        after = self.space.layout(self._changes_marks())
        change.sides = sides(self._before, after)
        if self.name == "mremap" and not failed and result != self.arguments[0]:
            old, new, flags = self.arguments[1:4]
            move = Move(self.arguments[0], up(old), result, up(new), bool(flags & _MREMAP_DONTUNMAP))
            change.move, change.stretches = move, self._lost(move)
        else:
            change.stretches = difference(*change.sides)
        if self._break and result != self._break:
            change.brk = (self._break, result)
        for stretch in change.stretches:
            self._fill(stretch, failed)
        self._find_emptied(change)
        self._find_guards(change)

    def _settle(self) -> None:
        """Pages given up with MADV_FREE may vanish at any later time.  Let that be now: then it is part of the call."""
        if self.name == "madvise" and self.arguments[2] & 0xFFFFFFFF == _MADV_FREE:
            self.space.injector.call("madvise", *self.arguments[:2], _MADV_DONTNEED)

    def _changes_marks(self) -> bool:
        """Whether marks must be read again: the call gives or takes some, or has put something over a mapping that had some."""
        assert self._before is not None
        if self.name in _MARKING or self.effects.unknown:
            return True
        if self.name in _MAPPING and self.arguments[3] & _MARKING_FLAGS:
            return True
        return any(area.marks for start, end in self._discards for area in self._before.within(start, end))

    def _lost(self, move: Move) -> list[Stretch]:
        """What was mapped where something has moved to, and what the move has cut off."""
        assert self._before is not None
        spans = [(move.target, move.target + move.new), (move.source + move.kept, move.source + move.old)]
        return [Stretch(area.start, area.end, area, None) for low, high in spans for area in self._before.within(low, high)]

    def _fill(self, stretch: Stretch, failed: bool) -> None:
        self.space.hold(stretch.after)
        if stretch.before is not None and not stretch.same_backing:
            stretch.saved = clipped(self._contents, stretch.start, stretch.end)
        if stretch.after is not None and self.name in _FRESH and (not stretch.after.shared or not stretch.after.inode):
            stretch.born = []
        stretch.stamps = (self.space.files.stamp(stretch.before), self.space.files.stamp(stretch.after))

    def _find_emptied(self, change: MappingChange) -> None:
        """The contents whose mapping is there still: only they went (madvise, a mapping put over another that is like it)."""
        gone = [(s.start, s.end) for s in change.stretches if s.before is not None and not s.same_backing]
        edges = sorted({edge for span in gone for edge in span})
        for low, high in zip([0, *edges], [*edges, 1 << 64]):
            if not any(start <= low < end for start, end in gone):
                self.emptied += clipped(self._contents, low, high)

    def _find_guards(self, change: MappingChange) -> None:
        if not self._guards and not (self.name == "madvise" and self.arguments[2] & 0xFFFFFFFF == _GUARD_INSTALL):
            return
        after = [guard for start, end in self._discards for guard in pagemap.pages(self.space.pid, start, end).guards]
        if after != self._guards:
            saved = [part for start, end in after for part in clipped(self.emptied, start, end)]
            change.guards = Guards(self._discards, self._guards, after, saved)
        edges = [0, *(edge for span in after for edge in span), 1 << 64]
        self.emptied = [part for start, end in zip(edges[::2], edges[1::2]) for part in clipped(self.emptied, start, end)]
