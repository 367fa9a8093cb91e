"""Blocks: what was translated, and what a record of each of their executions holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from rdb.arch.translation import Translation, Translator
from rdb.record.entry import Kind, arranged

if TYPE_CHECKING:
    from rdb.record.compiled.walk import Walk

Numbers = NDArray[np.int64]
_WORD = 8
_NUMBER = 0xFFFFFFFF
_STRIDE = 1 << 15


class Block:
    """Block `number`: the translation of the instructions at `addresses`, which stands at `address` in the code cache.

    `layout` is that of its records: the same as an instruction's that changes all that the block changes, save that flags are in
    the trace.  `writers` has, for each memory slot of it, the instruction that writes there, as an index of `addresses`.
    """

    def __init__(self, number: int, address: int, translation: Translation, source: bytes) -> None:
        self.number, self.address, self.source = number, address, source
        self.addresses, self.end = translation.addresses, translation.end
        self.code_size = len(translation.code)
        self.translation = translation
        self.enabled = True
        sizes = [write.size for write in translation.writes]
        self.layout = arranged(number, translation.addresses[0], translation.registers, sizes, Kind.INSTRUCTION)
        assert self.layout.size == translation.size
        self.writers = tuple(write.instruction for write in translation.writes)

    @property
    def pc(self) -> int:
        return self.addresses[0]

    def __len__(self) -> int:
        """How many instructions it has."""
        return len(self.addresses)


class Maker(Protocol):
    """Who makes blocks when they are asked for (rdb.record.compiled.loaded)."""

    def block(self, number: int) -> Block: ...

    def __len__(self) -> int: ...


class BlockTable:
    """All blocks by number, and columns with what questions about many executions need.

    Some blocks are not made before somebody asks for them.
    `walk` moves through many executions at once.  `sizes` are those of the records in words, `counts` are instructions, `flags`
    says whether the trace has flags.
    """

    walk: Walk

    def __init__(self, translator: Translator) -> None:
        self.translator = translator
        self._blocks: list[Block | Maker] = []
        self._sizes = np.zeros(1024, np.int64)
        self._counts = np.zeros(1024, np.uint16)
        self._flags = np.zeros(1024, np.bool_)

    def __len__(self) -> int:
        return len(self._blocks)

    def __getitem__(self, number: int) -> Block:
        block = self._blocks[number]
        if not isinstance(block, Block):
            block = self._blocks[number] = block.block(number)
        return block

    def add(self, block: Block) -> None:
        """The next block; its number is the table's length."""
        assert block.number == len(self._blocks)
        self._grow(1)
        self._blocks.append(block)
        self._sizes[block.number] = block.layout.size // _WORD
        self._counts[block.number] = len(block)
        self._flags[block.number] = block.translation.flags

    def instructions(self, trace: NDArray[np.uint64]) -> int:
        """How many instructions the executions in a stretch of trace are; in strides that stay in the CPU's cache."""
        words, total = trace.view(np.int64), 0
        for start in range(0, len(words), _STRIDE):
            counts = np.take(self._counts, words[start : start + _STRIDE] & _NUMBER)
            total += int(np.add.reduce(counts, dtype=np.int64))
        return total

    def add_loaded(self, maker: Maker, sizes: Numbers, counts: Numbers, flags: Numbers) -> None:
        """The next blocks, as many as `maker` makes, with their columns."""
        self._grow(len(maker))
        rows = slice(len(self._blocks), len(self._blocks) + len(maker))
        self._blocks += [maker] * len(maker)
        self._sizes[rows], self._counts[rows], self._flags[rows] = sizes, counts, flags

    def _grow(self, by: int) -> None:
        while len(self._blocks) + by > len(self._sizes):
            self._sizes, self._counts, self._flags = (np.concatenate((each, np.zeros_like(each))) for each in self._columns())

    def _columns(self) -> Sequence[NDArray[np.generic]]:
        return self._sizes, self._counts, self._flags

    @property
    def sizes(self) -> NDArray[np.int64]:
        return self._sizes[: len(self._blocks)]

    @property
    def counts(self) -> NDArray[np.uint16]:
        return self._counts[: len(self._blocks)]

    @property
    def flags(self) -> NDArray[np.bool_]:
        return self._flags[: len(self._blocks)]
