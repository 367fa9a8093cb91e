"""The code cache: translations inside the inferior, and the ways between them.

A *region* is a piece of memory near the program's code it is translated from, filled from its beginning.  Every address at which
translated code traps is in `exits`, with where the program wants to go (None: the target is in the scratch area).  Those that are
in `changed` too tell that the code of a block is not what it was.

Three things lead from one translation to the next: jumps that were linked, rows of the lookup tables, and the debugger.  To take
a block out of use a trap is written over its beginning, so nobody needs to be found who leads there; and once there is another
block for the same address, a jump to that one.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rdb.arch.translation import ROWS, Translator
from rdb.linux.inject import Injector
from rdb.record.compiled.block import Block, BlockTable
from rdb.record.compiled.image import Bytes
from rdb.record.compiled.shared import (
    REACH,
    READ_WRITE_EXECUTE,
    Shared,
    Words,
    near_places,
)

REGION_SIZE = 32 << 20
# Translations begin at multiples of this, so that each has room for a jump to another.
_ALIGNMENT = 16
_LONGEST = 1 << 17
# The bytes of the distance in a jump.
_DISTANCE = 4


class Region:
    """Shared memory with code up to `end`; `starts` and `numbers` are of the blocks in it, by ascending address."""

    def __init__(self, memory: Shared) -> None:
        self.memory = memory
        self.end = _ALIGNMENT
        self.starts: list[int] = []
        self.numbers: list[int] = []

    @property
    def next(self) -> int:
        """Where the next translation goes."""
        return self.memory.address + self.end

    def reaches(self, address: int, size: int) -> bool:
        """Whether there is room for so much code more, in reach of an address."""
        return abs(self.memory.address - address) < REACH and self.end + size + _LONGEST < self.memory.size

    def write(self, address: int, code: bytes) -> None:
        at = address - self.memory.address
        self.memory.view[at : at + len(code)] = code

    def read(self, address: int, size: int) -> bytes:
        at = address - self.memory.address
        return bytes(self.memory.view[at : at + size])


class Ways(NamedTuple):
    """Into and out of many translations, by addresses.

    jumps     that lead to no translation yet: the field of each, its stub, and the target in the program
    lookups   the traps for indirect targets that are not known
    known     what indirect branches find: the address in the program, and the translation
    """

    jumps: list[tuple[int, int, int]]
    lookups: list[int]
    known: list[tuple[int, int]]


class CodeCache:
    """All regions of one process; `scratch` is its scratch area, `blocks` has its blocks."""

    def __init__(self, injector: Injector, translator: Translator, scratch: Shared, blocks: BlockTable) -> None:
        self._injector, self._translator, self._scratch, self._blocks = injector, translator, scratch, blocks
        self._area = translator.area
        self.regions: list[Region] = []
        self.exits: dict[int, int | None] = {}
        self.changed: dict[int, Block] = {}
        self._waiting: dict[int, list[tuple[Region, int, int]]] = {}
        self._rows: dict[tuple[int, int], tuple[int, int]] = {}
        for table in self._area.tables:
            # The row of an address never holds it: zero would match a call to zero.
            self._words(table.negative)[:-1] = 1
            self._words(table.negative)[-1] = 1 << table.shift + 1

    def _words(self, offset: int) -> Words:
        return self._scratch.words[offset // 8 : offset // 8 + ROWS]

    def region(self, pc: int, size: int = 0) -> Region:
        """A region with room for `size` bytes from which the code at `pc` is in reach; RdbError if there cannot be one."""
        for region in self.regions:
            if region.reaches(pc, size):
                return region
        places = near_places(self._injector.pid, pc, REGION_SIZE)
        region = Region(Shared(self._injector, "code", REGION_SIZE, places, READ_WRITE_EXECUTE))
        self.regions.append(region)
        return region

    # -- blocks

    def place(self, block: Block, region: Region, target: Callable[[int], Block | None]) -> None:
        """Write the translation of a block to the end of its region; `target` gives the block of an address, if it has one."""
        translation = block.translation
        region.write(block.address, translation.code)
        region.starts.append(block.address)
        region.numbers.append(block.number)
        region.end += len(translation.code) + _ALIGNMENT - 1 & -_ALIGNMENT
        if translation.lookup:
            self.exits[block.address + translation.lookup] = None
        for trap in translation.changed:
            self.exits[block.address + trap] = block.pc
            self.changed[block.address + trap] = block
        for jump in translation.jumps:
            field, stub = block.address + jump.field, block.address + jump.stub
            reached = target(jump.target)
            if reached is None:
                self.exits[stub] = jump.target
                self._waiting.setdefault(jump.target, []).append((region, field, stub))
            else:
                self._link(region, field, stub, reached.address)

    def place_loaded(self, region: Region, code: Bytes, starts: Sequence[int], first: int, ways: Ways) -> None:
        """Put many translations to the end of a region: the blocks from `first` on, which begin at `starts`."""
        region.memory.bytes[region.end : region.end + len(code)] = code
        region.end += len(code)
        region.starts += starts
        region.numbers += range(first, first + len(starts))
        self.exits.update(dict.fromkeys(ways.lookups))
        for field, stub, target in ways.jumps:
            self.exits[stub] = target
            self._waiting.setdefault(target, []).append((region, field, stub))
        for pc, address in ways.known:
            self._know(pc, address)

    def link(self, block: Block) -> None:
        """Make the jumps that wait for the address of `block` lead to it."""
        for region, field, stub in self._waiting.pop(block.pc, ()):
            self.exits.pop(stub, None)
            self._link(region, field, stub, block.address)

    def _link(self, region: Region, field: int, stub: int, address: int) -> None:
        distance = address - (field + _DISTANCE)
        if abs(distance) < REACH:
            region.write(field, distance.to_bytes(_DISTANCE, "little", signed=True))
        else:
            region.write(stub, self._translator.far_jump(address))

    def know(self, block: Block) -> None:
        """Make indirect branches find a block."""
        self._know(block.pc, block.address)

    def _know(self, pc: int, address: int) -> None:
        first, second = self._area.tables
        row = first.row(pc)
        old = self._rows.get((0, row))
        if old is not None and old[0] != pc:
            self._put(1, second.row(old[0]), *old)
        self._put(0, row, pc, address)

    @property
    def known(self) -> set[int]:
        """The addresses that indirect branches find."""
        return {pc for pc, _ in self._rows.values()}

    def _put(self, number: int, row: int, pc: int, address: int) -> None:
        table = self._area.tables[number]
        self._rows[number, row] = (pc, address)
        self._words(table.landing)[row] = address
        self._words(table.negative)[row] = -pc & (1 << 64) - 1

    def block_at(self, address: int) -> tuple[Block, int] | None:
        """The block whose translation holds an address of translated code, and the offset into it."""
        for region in self.regions:
            if address in region.memory:
                index = bisect.bisect_right(region.starts, address) - 1
                block = self._blocks[region.numbers[index]]
                offset = address - block.address
                return (block, offset) if index >= 0 and offset < block.code_size else None
        return None

    # -- taking out of use

    def disable(self, block: Block) -> None:
        """Let nobody enter a block any more."""
        region = self._region_of(block)
        region.write(block.address, self._translator.trap)
        self.exits[block.address] = block.pc
        block.enabled = False

    def replace(self, block: Block, by: Block) -> None:
        """Lead whoever enters a disabled block to another one."""
        jump = self._translator.jump(by.address - block.address)
        if jump is not None:
            self.exits.pop(block.address, None)
            self._region_of(block).write(block.address, jump)

    def enable(self, block: Block) -> None:
        self.exits.pop(block.address, None)
        self._region_of(block).write(block.address, block.translation.code[:_ALIGNMENT])
        block.enabled = True

    def _region_of(self, block: Block) -> Region:
        return next(region for region in self.regions if block.address in region.memory)
