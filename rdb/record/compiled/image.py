"""An image: the translations of many blocks of one file, as they are kept from one run to the next.

All addresses in an image are relative: those of the program to the *base*, where the file's beginning would be mapped; those of
translated code to the image's own beginning.  The code is as it will stand in the code cache, in the order in which it was
translated, with the jumps between its blocks made; `fixes` tell what else must be corrected (rdb.arch.translation.Fix), in a form
that needs no look at the code: the value that would be right with base and code at zero.

An image is columns of numbers and of bytes, so that thousands of blocks are put in place at once, and none of them is looked at
before somebody asks for it.  What is known of a single block besides is in `told`, as plain numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rdb.arch.translation import Holds, Translation
from rdb.record.compiled.telling import retold

Numbers = NDArray[np.int64]
Bytes = NDArray[np.uint8]
_WORD = 8
_BYTES = ("source", "code", "telling")
# Addresses from here on have more than 32 bits, and so has all that is pc-relative to them.
_LONG = 1 << 33


class Image(NamedTuple):
    """Columns.

    base             where the base was when this was made (one row)
    pcs, lengths     of each block: where it begins in the program, and how many bytes it has there
    starts, sizes    of each block: its translation
    words, counts, flags   of each block: see BlockTable
    known            whether indirect branches find it
    returns          where a call at its end comes back to, -1 for none
    lookups          its trap for an indirect target that is not known, -1 for none
    told             where what else is told of it ends in `telling`
    fields, stubs, targets, linked   of each jump: see Jump, and whether it leads to a block of this image
    holds, places, values   of each fix
    source           the program's code, one block behind the other
    code             the translations
    telling          see `told`
    """

    base: Numbers
    pcs: Numbers
    lengths: Numbers
    starts: Numbers
    sizes: Numbers
    words: Numbers
    counts: Numbers
    flags: Numbers
    known: Numbers
    returns: Numbers
    lookups: Numbers
    told: Numbers
    fields: Numbers
    stubs: Numbers
    targets: Numbers
    linked: Numbers
    holds: Numbers
    places: Numbers
    values: Numbers
    source: Bytes
    code: Bytes
    telling: Bytes

    @property
    def blocks(self) -> int:
        """How many blocks it has."""
        return len(self.pcs)

    @property
    def end(self) -> int:
        """Where the last of its code ends in the program."""
        return int((self.pcs + self.lengths).max())

    def can_move(self, base: int) -> bool:
        """Whether it can be used for a program that lies at `base`."""
        old = int(self.base[0])
        return base == old or min(base, old) >= _LONG

    def _places(self) -> Numbers:
        """For each byte of `source`, where it is in the program."""
        ends = np.cumsum(self.lengths)
        shifts: Numbers = np.repeat(self.pcs - (ends - self.lengths), self.lengths)
        return shifts + np.arange(len(self.source))

    def differing(self, memory: bytes, start: int) -> Numbers:
        """The blocks whose source is not what `memory` has, which begins `start` behind the base; missing bytes differ."""
        now, places = np.frombuffer(memory, np.uint8), self._places() - start
        there = (places >= 0) & (places < len(now))
        same = np.zeros(len(places), np.bool_)
        same[there] = now[places[there]] == self.source[there]
        return np.flatnonzero(np.logical_or.reduceat(~same, np.cumsum(self.lengths) - self.lengths))

    def placed(self, base: int, here: int, number: int) -> Bytes | None:
        """The code for a program at `base`, to stand at `here`, its blocks numbered from `number`; None if that is too far."""
        code = self.code.copy()
        values = self.values
        for holds, add, put in (
            (Holds.NUMBER, number, _put_32),
            (Holds.DISTANCE, base - here, _put_32),
            (Holds.ADDRESS, base, _put_64),
            (Holds.HALVES, base, _put_halves),
        ):
            which = self.holds == holds
            now = values[which] + add
            if holds is Holds.DISTANCE and len(now) and not -1 << 31 <= int(now.min()) <= int(now.max()) < 1 << 31:
                return None
            put(code, self.places[which], now)
        return code

    def translation(self, index: int, base: int, code: bytes) -> Translation:
        """Block `index` of a program at `base`, whose code is `code`."""
        start = int(self.told[index - 1]) if index else 0
        return retold(self.telling[start : int(self.told[index])].tobytes(), base, code)


def _put_32(code: Bytes, places: Numbers, values: Numbers) -> None:
    code[places[:, None] + np.arange(4)] = values.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :4]


def _put_64(code: Bytes, places: Numbers, values: Numbers) -> None:
    code[places[:, None] + np.arange(8)] = values.astype("<i8").view(np.uint8).reshape(-1, 8)


def _put_halves(code: Bytes, places: Numbers, values: Numbers) -> None:
    _put_32(code, places, values)
    _put_32(code, places + 8, values >> 32)


def link(code: Bytes, fields: Numbers, to: Numbers) -> None:
    """Make the jumps with these fields lead to other places in `code`."""
    _put_32(code, fields, to - (fields + 4))


# -- as a file

def packed(image: Image) -> bytes:
    """An image as bytes: how long each column is, then the columns, each padded to words."""
    lengths = np.array([len(column) for column in image], np.int64)
    parts = [lengths.tobytes()]
    for column in image:
        data = column.tobytes()
        parts.append(data + bytes(-len(data) % _WORD))
    return b"".join(parts)


def unpacked(data: bytes) -> Image:
    """The image that `packed` made these bytes of."""
    lengths = np.frombuffer(data, np.int64, len(Image._fields)).tolist()
    at, columns = _WORD * len(lengths), []
    for name, length in zip(Image._fields, lengths):
        kind = np.dtype(np.uint8 if name in _BYTES else np.int64)
        columns.append(np.frombuffer(data, kind, length, at))
        at += length * kind.itemsize + _WORD - 1 & -_WORD
    return Image(*columns)
