"""Making an image of blocks: of those that were translated in this run, behind those that an older image had already."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from rdb.arch.translation import Holds
from rdb.record.compiled.block import Block
from rdb.record.compiled.image import Bytes, Image, Numbers, link
from rdb.record.compiled.telling import told

# As in the code cache.
_ALIGNMENT = 16
_WORD = 8
# What is put between translations, where nothing is executed.
_FILLING = b"\xcc"


def image_of(blocks: Sequence[Block], base: int, known: Collection[int], older: Image | None = None) -> Image:
    """The image of `blocks` and those of `older`, an image of the same file; the indirect branches find those in `known`.

    No two of all these blocks begin at the same address.
    """
    columns = _Columns(base, known, *((len(older.code), len(older.telling)) if older else (0, 0)))
    for block in blocks:
        columns.add(block)
    return _linked(_joined(older, columns.image()) if older else columns.image())


class _Columns:
    """The columns of an image, as they grow; behind `start` bytes of code and `told` bytes of telling."""

    def __init__(self, base: int, known: Collection[int], start: int, told: int) -> None:
        self._base, self._known, self._start, self._told = base, known, start, told
        self._rows: list[tuple[int, ...]] = []
        self._jumps: list[tuple[int, int, int, int]] = []
        self._fixes: list[tuple[int, int, int]] = []
        self._source, self._code, self._telling = bytearray(), bytearray(), bytearray()

    def add(self, block: Block) -> None:
        translation, base = block.translation, self._base
        start = self._start + len(self._code)
        self._code += translation.code + _FILLING * (-len(translation.code) % _ALIGNMENT)
        self._source += block.source
        self._telling += told(translation, base)
        self._jumps += [(start + field, start + stub, target - base, 0) for field, stub, target in translation.jumps]
        for holds, at in translation.fixes:
            self._fixes.append((holds, start + at, self._value(holds, translation.code, at, block.address - start)))
        self._rows.append(
            (
                block.pc - base,
                len(block.source),
                start,
                block.code_size,
                translation.size // _WORD,
                len(block),
                translation.flags,
                block.pc in self._known,
                -1 if translation.returns is None else translation.returns - base,
                start + translation.lookup if translation.lookup else -1,
                self._told + len(self._telling),
            )
        )

    def _value(self, holds: Holds, code: bytes, at: int, here: int) -> int:
        """What a fix would hold if the base, and what is at `here` now, were at zero; the number of a block is its index."""
        low = int.from_bytes(code[at : at + 4], "little", signed=holds is Holds.DISTANCE)
        if holds is Holds.NUMBER:
            return len(self._rows)
        if holds is Holds.DISTANCE:
            return low + here - self._base
        if holds is Holds.ADDRESS:
            return int.from_bytes(code[at : at + 8], "little") - self._base
        return (low | int.from_bytes(code[at + 8 : at + 12], "little") << 32) - self._base

    def image(self) -> Image:
        return Image(
            np.array([self._base], np.int64),
            *_columns(self._rows, 11),
            *_columns(self._jumps, 4),
            *_columns(self._fixes, 3),
            *(np.frombuffer(bytes(data), np.uint8) for data in (self._source, self._code, self._telling)),
        )


def _columns(rows: Sequence[tuple[int, ...]], count: int) -> Numbers:
    return np.ascontiguousarray(np.array(rows, np.int64).reshape(-1, count).T)


def _joined(older: Image, newer: Image) -> Image:
    """One image of two, of which the newer was made to stand behind the older."""
    numbered = np.where(newer.holds == Holds.NUMBER, newer.values + older.blocks, newer.values)
    pairs: Iterable[tuple[Numbers, Numbers]] = zip(older, newer._replace(values=numbered))  # type: ignore[arg-type]
    return Image(*(np.concatenate(pair) for pair in pairs))._replace(base=newer.base)  # type: ignore[arg-type]


def _linked(image: Image) -> Image:
    """Make the jumps that lead to blocks of the image itself."""
    order = np.argsort(image.pcs)
    found = order[np.searchsorted(image.pcs, image.targets, sorter=order).clip(max=len(order) - 1)]
    linked = image.pcs[found] == image.targets
    code: Bytes = image.code.copy()
    link(code, image.fields[linked], image.starts[found[linked]])
    return image._replace(code=code, linked=linked.astype(np.int64))
