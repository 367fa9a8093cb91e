"""An image in use: its blocks stand in the code cache and have numbers, but they become Blocks only when somebody asks."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from rdb.record.compiled.block import Block, Columns
from rdb.record.compiled.code_cache import Region, Ways
from rdb.record.compiled.image import Bytes, Image, Numbers


class Loaded:
    """`image` for a program whose base is `base`; its code stands at `here` in `region`, its blocks are numbered from `first`.

    `made` is told of every block that somebody has asked for.
    """

    def __init__(self, image: Image, base: int, region: Region, first: int, made: Callable[[Block], None]) -> None:
        self.image, self.base, self._region, self.first = image, base, region, first
        self.here = region.next
        self._made = made

    def __len__(self) -> int:
        return self.image.blocks

    def code(self) -> Bytes | None:
        """All translations, as they must stand in memory; None if that is too far from the program."""
        return self.image.placed(self.base, self.here, self.first)

    # -- which block

    @functools.cached_property
    def _numbers(self) -> dict[int, int]:
        return dict(zip((self.image.pcs + self.base).tolist(), range(self.first, self.first + len(self))))

    def number(self, pc: int) -> int | None:
        """The number of the block that begins at `pc`."""
        return self._numbers.get(pc)

    def around(self, address: int) -> list[int]:
        """The numbers of the blocks whose code has the byte at `address`."""
        behind = address - self.base - self.image.pcs
        return _list(self.first + np.flatnonzero((behind >= 0) & (behind < self.image.lengths)))

    def differing(self, memory: bytes, start: int) -> list[int]:
        """The numbers of the blocks whose code is not what `memory` has, which begins at `start`; missing bytes differ."""
        return _list(self.first + self.image.differing(memory, start - self.base))

    def block(self, number: int) -> Block:
        """Make the block with a number."""
        image, index = self.image, number - self.first
        address, size = self.here + int(image.starts[index]), int(image.sizes[index])
        start = int(image.lengths[:index].sum())
        source = image.source[start : start + int(image.lengths[index])].tobytes()
        translation = image.translation(index, self.base, self._region.read(address, size))
        block = Block(number, address, translation, source)
        self._made(block)
        return block

    def columns(self) -> Columns:
        """What the table of blocks is to know of them."""
        image = self.image
        starts = image.pcs + self.base
        return Columns(starts, starts + image.lengths, image.counts, image.words, image.flags)

    # -- for the code cache

    @property
    def starts(self) -> list[int]:
        return _list(self.image.starts + self.here)

    def ways(self) -> Ways:
        """How the code cache gets into the blocks, and out of them."""
        image, base, here = self.image, self.base, self.here
        out = image.linked == 0
        columns = (image.fields, here), (image.stubs, here), (image.targets, base)
        jumps = zip(*(_list(column[out] + by) for column, by in columns))
        known = np.flatnonzero(image.known)
        entries = zip(_list(image.pcs[known] + base), _list(image.starts[known] + here))
        return Ways(list(jumps), _list(image.lookups[image.lookups >= 0] + here), list(entries))

    def returns(self) -> list[int]:
        """Where calls at the ends of the blocks come back to."""
        found = self.image.returns
        return _list(found[found >= 0] + self.base)


def _list(numbers: Numbers) -> list[int]:
    result: list[int] = numbers.tolist()
    return result
