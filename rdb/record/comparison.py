"""Recording by comparing before and after.

What cannot be told in advance exactly (slow instructions, system calls, signal frames) is recorded by copying all the state it
may touch, letting it happen, and recording what differs.  So the record is exact whatever the upper bound was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rdb.arch.base import Bank, Piece
from rdb.errors import CannotAccessMemory
from rdb.linux.procfs import PAGE, Mapping
from rdb.record.entry import Kind, padded
from rdb.record.mappings import MappingChange
from rdb.record.single_step import SingleStepRecorder

WORD = 8
Stretches = list[tuple[int, int]]
# Mappings that the kernel maintains, or that cannot be written by anybody.
KERNEL_OWNED = ("[vvar]", "[vvar_vclock]", "[vdso]", "[vsyscall]")


class Comparison:
    """The state of the thread and of some memory before something happens."""

    def __init__(
        self, recorder: SingleStepRecorder, stretches: Iterable[tuple[int, int]], extended: int | None = None
    ) -> None:
        """Copy the registers and the stretches (address, size), as far as they are mapped.

        `extended` is how many bytes of the extended bank to compare; as many as ordinary programs use if it is not given.
        """
        self.recorder = recorder
        stretches = merged(stretches)
        recorder.about_to_copy(stretches)
        self.pc = recorder.pc
        self.general = bytes(recorder.stepper.general)
        size = recorder.arch.registers.leading if extended is None else extended
        self.extended = bytes(recorder.extended(size)) if size else b""
        self.memory = [(address, data) for address, data in self._copies(stretches) if data]

    def _copies(self, stretches: Iterable[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
        read_some = self.recorder.stepper.memory.read_some
        for address, size in stretches:
            yield address, read_some(address, size)

    def add(self, pages: Iterable[tuple[int, bytes]]) -> None:
        """Compare these as well: (address, contents before)."""
        self.memory += pages

    def keep_up(self, address: int, size: int) -> None:
        """These bytes were changed by somebody who has recorded it: from now on compare with what they are."""
        for index, (start, data) in enumerate(self.memory):
            low, high = max(start, address), min(start + len(data), address + size)
            if low < high:
                now = self.recorder.stepper.memory.read_some(low, high - low)
                self.memory[index] = (start, data[: low - start] + now + data[low - start + len(now) :])

    def touches(self, address: int, size: int) -> bool:
        """Whether one of these bytes is compared."""
        return any(address < start + len(data) and start < address + size for start, data in self.memory)

    def before(self, address: int, data: bytes) -> bytes:
        """The bytes `data`, which are at `address` now, as they were as far as they are compared."""
        then = bytearray(data)
        for start, old in self.memory:
            low, high = max(start, address), min(start + len(old), address + len(data))
            if low < high:
                then[low - address : high - address] = old[low - start : high - start]
        return bytes(then)

    def commit(
        self, kind: Kind = Kind.INSTRUCTION, gap: bool = False, change: MappingChange | None = None, registers: bool = True
    ) -> Stretches:
        """Append a record of what differs now, in memory and (or not) in `registers`, and say which memory that was."""
        recorder, log = self.recorder, self.recorder.log
        pieces = self.register_differences() if registers else []
        memory = list(self.memory_differences())
        segment, _ = log.room()
        sizes = [len(data) for _, data in memory]
        layout = log.layouts.layout(self.pc, [piece for piece, _ in pieces], sizes, kind, change is not None, gap)
        for _, data in pieces:
            segment.values += data.ljust(padded(len(data)), b"\0")
        for address, data in memory:
            segment.values += address.to_bytes(8, "little") + data.ljust(padded(len(data)), b"\0")
        if change is not None:
            segment.values += len(log.changes).to_bytes(8, "little")
            log.changes.append(change)
        segment.trace.append(layout.number)
        for address, data in memory:
            recorder.wrote(address, len(data))
        return [(address, len(data)) for address, data in memory]

    def unchanged(self) -> bool:
        """Whether nothing at all has happened."""
        same = self.general == bytes(self.recorder.stepper.general)
        return same and not any(True for _ in self.memory_differences())

    def register_differences(self) -> list[tuple[Piece, bytes]]:
        """The pieces of the banks that differ now, with what they were."""
        return [*self._general_differences(), *self._extended_differences()]

    def _general_differences(self) -> Iterator[tuple[Piece, bytes]]:
        arch = self.recorder.arch
        then, now = (arch.settled(each) for each in (self.general, self.recorder.stepper.general))
        left_out = {arch.registers[arch.pc].pieces[0].offset}
        kernels = arch.registers.by_name.get(f"orig_{arch.syscall.number}")
        if kernels is not None:
            left_out.add(kernels.pieces[0].offset)
        for offset in range(0, len(now), WORD):
            before = bytes(then[offset : offset + WORD])
            if before != now[offset : offset + WORD] and offset not in left_out:
                yield Piece(Bank.GENERAL, offset, WORD), before

    def _extended_differences(self) -> Iterator[tuple[Piece, bytes]]:
        if not self.extended:
            return
        now = self.recorder.extended(len(self.extended))
        for start, end in differences(self.extended, now):
            yield Piece(Bank.EXTENDED, start, end - start), self.extended[start:end]

    def memory_differences(self) -> Iterator[tuple[int, bytes]]:
        """The stretches of the copied memory that differ now: address, and what they were."""
        read = self.recorder.stepper.memory.read
        for address, before in self.memory:
            try:
                now = read(address, len(before))
            except CannotAccessMemory:
                continue
            for start, end in differences(before, now):
                yield address + start, before[start:end]


def differences(before: bytes, after: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """The stretches [start, end), in whole words, at most a page long, in which two byte strings differ."""
    if before == after:
        return
    for page in range(0, len(before), PAGE):
        old, new = before[page : page + PAGE], after[page : page + PAGE]
        if old == new:
            continue
        start = None
        for at in range(0, len(old) + WORD, WORD):
            if old[at : at + WORD] != new[at : at + WORD]:
                start = at if start is None else start
            elif start is not None:
                yield page + start, page + min(at, len(old))
                start = None


def merged(stretches: Iterable[tuple[int, int]]) -> Stretches:
    """The same bytes as (address, size) stretches that are disjoint and ascending."""
    result: Stretches = []
    for address, size in sorted(stretches):
        if result and address <= sum(result[-1]):
            first = result[-1][0]
            result[-1] = (first, max(sum(result[-1]), address + size) - first)
        else:
            result.append((address, size))
    return result


def writable(mappings: Iterable[Mapping]) -> Stretches:
    """All memory that a program could have written."""
    return [(m.start, m.size) for m in mappings if m.writable and m.name not in KERNEL_OWNED]
