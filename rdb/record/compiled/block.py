"""Blocks: what was translated, and what a record of each of their executions holds."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rdb.address import Range
from rdb.arch.translation import Translation, Translator
from rdb.record.compiled.index import HALF, LOW, Numbers
from rdb.record.entry import Kind, Layout, arranged

if TYPE_CHECKING:
    from rdb.record.compiled.walk import Walk

_WORD = 8


class Block:
    """Block `number`: the translation of the instructions at `addresses`, which stands at `address` in the code cache.

    The layout of its records is the same as an instruction's that changes all that the block changes, save that flags are in the
    trace.
    """

    def __init__(self, number: int, address: int, translation: Translation, source: bytes) -> None:
        self.number, self.address, self.source = number, address, source
        # Savers are blocks without instructions.
        self.pc = translation.addresses[0] if translation.addresses else 0
        self.addresses, self.end = translation.addresses, translation.end
        self.code_size = len(translation.code)
        self.translation = translation
        self.enabled = True

    @functools.cached_property
    def layout(self) -> Layout:
        """That of its records."""
        sizes = [write.size for write in self.translation.writes]
        layout = arranged(self.number, self.pc, self.translation.registers, sizes, Kind.INSTRUCTION)
        assert layout.size == self.translation.size
        return layout

    @property
    def writers(self) -> tuple[int, ...]:
        """For each memory slot of its layout, the instruction that writes there, as an index of `addresses`."""
        return tuple(write.instruction for write in self.translation.writes)

    def __len__(self) -> int:
        """How many instructions it has."""
        return len(self.addresses)


class Maker(Protocol):
    """Who makes blocks when they are asked for (rdb.record.compiled.loaded)."""

    def block(self, number: int) -> Block: ...

    def __len__(self) -> int: ...


class Columns(NamedTuple):
    """Of many blocks: where their code begins and ends, how many instructions and words of records, and whether flags."""

    starts: Numbers
    ends: Numbers
    instructions: Numbers
    words: Numbers
    flags: Numbers


class Hits(NamedTuple):
    """Blocks that have some instructions: by number, whether it is one of them; and which of its instructions they are."""

    hit: NDArray[np.bool_]
    indices: Mapping[int, Sequence[int]]


class BlockTable:
    """All blocks by number, and columns with what questions about many executions need.

    The first are the translator's savers.  Some blocks are not made before somebody asks for them.
    `walk` moves through many executions at once.  `extents` say how many instructions an execution has (low half) and how many
    words its record (high half), so the sum over the executions of a stride is both sums; `flags` whether the trace has flags.
    """

    walk: Walk

    def __init__(self, translator: Translator) -> None:
        self.translator = translator
        self._blocks: list[Block | Maker] = []
        # Those that are not in the columns yet: the newest.
        self._new: list[Block] = []
        self._extents = np.zeros(1024, np.int64)
        self._starts, self._ends = np.zeros((2, 1024), np.uint64)
        self._flags = np.zeros(1024, np.bool_)
        self._rows = 0
        self._asked: tuple[object, Hits] | None = None
        for number, saver in enumerate(translator.savers):
            self.add(Block(number, 0, saver, b""))

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
        self._blocks.append(block)
        self._new.append(block)

    def add_loaded(self, maker: Maker, columns: Columns) -> None:
        """The next blocks, as many as `maker` makes, with their columns."""
        self._fill()
        self._put(columns)
        self._blocks += [maker] * len(maker)

    def _fill(self) -> None:
        """Have all blocks in the columns."""
        if self._new:
            rows: list[int] = []
            for block in self._new:
                made = block.translation
                rows += (block.pc, made.end, len(made.addresses), made.size // _WORD, made.flags)
            self._put(Columns(*np.array(rows, np.int64).reshape(-1, len(Columns._fields)).T))
            self._new.clear()

    def _put(self, columns: Columns) -> None:
        first, end = self._rows, self._rows + len(columns.starts)
        while end > len(self._flags):
            for name in ("_extents", "_starts", "_ends", "_flags"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate((column, np.zeros_like(column))))
        self._extents[first:end] = columns.instructions | columns.words << HALF
        self._starts[first:end], self._ends[first:end] = columns.starts, columns.ends
        self._flags[first:end] = columns.flags
        self._rows = end

    @property
    def extents(self) -> Numbers:
        self._fill()
        return self._extents[: len(self)]

    @property
    def flags(self) -> NDArray[np.bool_]:
        self._fill()
        return self._flags[: len(self)]

    def sums(self, numbers: Numbers) -> tuple[int, int]:
        """How many instructions, and words of records, executions of these blocks have; no more of them than a stride."""
        self._fill()
        total = int(np.add.reduce(np.take(self._extents, numbers)))
        return total & LOW, total >> HALF

    def outside(self, within: Range) -> NDArray[np.bool_]:
        """Which blocks have instructions that are not in a range."""
        starts, ends = self._starts[: len(self)], self._ends[: len(self)]
        return ((starts < within.start) | (ends > within.end)) & (starts < ends)

    def at(self, addresses: Collection[int]) -> Hits:
        """Which blocks have instructions at some addresses."""
        key = frozenset(addresses), len(self)
        if self._asked is None or self._asked[0] != key:
            self._fill()
            starts, ends = self._starts[: len(self)], self._ends[: len(self)]
            near = np.zeros(len(self), np.bool_)
            for address in addresses:
                near |= (starts <= address) & (address < ends)
            found = {}
            for number in np.flatnonzero(near).tolist():
                indices = [index for index, pc in enumerate(self[number].addresses) if pc in addresses]
                near[number] = bool(indices)
                if indices:
                    found[number] = indices
            self._asked = key, Hits(near, found)
        return self._asked[1]
