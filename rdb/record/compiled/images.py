"""The images that one process uses, and those that are made of what has been translated for it.

Files are told apart by where they are mapped: a block belongs to the file that its code was mapped from, unchangeable (not
writable, not shared) when it was translated.  The image of a file is loaded when the first of its code is to be translated, and
used only if all of the code that it was made of is there, byte for byte, in one mapping.  From then on its blocks are as good as
any others; who wants to change something about a block by its address (`around`, `check`) has it made first.

A new image is made when recording ends, of a file of which enough was translated anew, by a process of its own: nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rdb.arch.translation import Translator
from rdb.errors import RdbError
from rdb.linux.background import in_background
from rdb.linux.build_id import identity
from rdb.linux.procfs import Mapping
from rdb.linux.ptrace import Memory
from rdb.record.changing_code import CodeMap
from rdb.record.compiled.block import Block, BlockTable
from rdb.record.compiled.code_cache import CodeCache
from rdb.record.compiled.image import Image, packed, unpacked
from rdb.record.compiled.image_files import ImageFiles, key_of
from rdb.record.compiled.imaging import image_of
from rdb.record.compiled.loaded import Loaded

# A new image is worth its while if one of so many of its blocks is new.
_WORTH = 64
# More blocks of one file are not kept: to put them in place would take longer than to translate the few that are needed.
_MOST_BLOCKS = 1 << 16


class Place(NamedTuple):
    """A mapped file: which one, and where its beginning is, or would be."""

    device: str
    inode: int
    base: int


class _File:
    """What there is of one mapped file.

    `key` is the name of its image, None if it cannot have one; `translated` are the blocks that were not in it, by address, of
    which `kept` had been translated when an image was last made.
    """

    def __init__(self, key: str | None) -> None:
        self.key = key
        self.loaded: Loaded | None = None
        self.translated: dict[int, Block] = {}
        self.kept = 0


class _Work(NamedTuple):
    """An image to be made; see image_of."""

    key: str
    blocks: list[Block]
    base: int
    older: Image | None

    def content(self, known: set[int]) -> bytes:
        return packed(image_of(self.blocks, self.base, known, self.older))


class Images:
    """The images of one process; `made` is told of each of their blocks that is asked for.  No `files`: nothing is kept."""

    def __init__(
        self,
        memory: Memory,
        translator: Translator,
        cache: CodeCache,
        table: BlockTable,
        made: Callable[[Block], None],
        files: ImageFiles | None,
    ) -> None:
        self._memory, self._translator, self._cache, self._table, self._made = memory, translator, cache, table, made
        self._files = files
        # How many images have been put in place.
        self.loaded = 0
        self.mapped: dict[Place, _File] = {}
        self._of: dict[int, _File] = {}
        # The mapping that was asked about last, and its file: mostly it is the same one again.
        self._latest: tuple[Mapping | None, _File | None] = None, None

    # -- using them

    def block(self, pc: int, mapping: Mapping) -> Block | None:
        """The block of an image that begins at `pc`, in a mapping whose code cannot change."""
        file = self._file(mapping)
        if file is None or file.loaded is None:
            return None
        number = file.loaded.number(pc)
        return None if number is None else self._table[number]

    def _file(self, mapping: Mapping) -> _File | None:
        if self._latest[0] is not mapping:
            self._latest = mapping, self._found(mapping)
        return self._latest[1]

    def _found(self, mapping: Mapping) -> _File | None:
        if self._files is None or not mapping.inode:
            return None
        place = _place(mapping)
        file = self.mapped.get(place)
        if file is None:
            found = identity(mapping, self._memory.read_some)
            file = self.mapped[place] = _File(key_of(found) if found else None)
            if file.key is not None:
                file.loaded = self._load(file.key, mapping)
        return file

    def _load(self, key: str, mapping: Mapping) -> Loaded | None:
        """Put an image in place, if there is one that is right for a mapping."""
        assert self._files is not None
        data = self._files.read(key)
        image = unpacked(data) if data is not None else None
        base = mapping.start - mapping.offset
        if image is None or not image.can_move(base) or not self._is_there(image, base, mapping):
            return None
        try:
            region = self._cache.region(mapping.start, len(image.code))
        except RdbError:
            return None
        loaded = Loaded(image, base, region, len(self._table), self._made)
        code = loaded.code()
        if code is None:
            return None
        self._table.add_loaded(loaded, loaded.columns())
        self.loaded += 1
        self._cache.place_loaded(region, code, loaded.starts, loaded.first, loaded.ways())
        return loaded

    def _is_there(self, image: Image, base: int, mapping: Mapping) -> bool:
        """Whether all of the code that an image was made of is in a mapping."""
        start, end = base + int(image.pcs.min()), base + image.end
        if not mapping.start <= start < end <= mapping.end:
            return False
        return not len(image.differing(self._memory.read_some(start, end - start), start - base))

    def returns(self, mapping: Mapping) -> list[int]:
        """Where the calls in the image for a mapping come back to."""
        file = self._file(mapping)
        return file.loaded.returns() if file is not None and file.loaded is not None else []

    # -- changes

    def make_around(self, address: int) -> None:
        """Have all blocks made whose code has the byte at `address`."""
        for file in self.mapped.values():
            if file.loaded is not None:
                for number in file.loaded.around(address):
                    self._table[number]

    def check(self, code: CodeMap) -> None:
        """Have all blocks made whose code is not there any more; their files are done with."""
        for place, file in list(self.mapped.items()):
            loaded = file.loaded
            if loaded is None:
                continue
            start, end = loaded.base + int(loaded.image.pcs.min()), loaded.base + loaded.image.end
            mapping = code.at(start)
            there = mapping is not None and place == _place(mapping) and mapping.executable and not code.can_change(mapping)
            memory = self._memory.read_some(start, min(end, mapping.end) - start) if mapping is not None and there else b""
            differing = loaded.differing(memory, start)
            for number in differing:
                self._table[number]
            if differing:
                self.mapped[place], self._latest = _File(None), (None, None)

    # -- making them

    def translated(self, block: Block, mapping: Mapping) -> None:
        """A block was translated from a mapping whose code cannot change."""
        file = self._file(mapping)
        if file is not None and file.key is not None:
            file.translated[block.pc] = block
            self._of[block.number] = file

    def dropped(self, block: Block) -> None:
        """A block is not what its code is any more."""
        file = self._of.pop(block.number, None)
        if file is not None:
            file.translated.pop(block.pc, None)

    def keep(self, known: set[int], cut: set[int]) -> None:
        """Have images made of what is worth it; `known` are found by indirect branches, those that end in `cut` are too short."""
        if self._files is None:
            return
        work = []
        for place, file in self.mapped.items():
            blocks = [block for block in file.translated.values() if block.end not in cut]
            older = file.loaded.image if file.loaded is not None else None
            total = len(blocks) + (older.blocks if older is not None else 0)
            if file.key is not None and (len(blocks) - file.kept) * _WORTH > total:
                work.append(_Work(file.key, blocks, place.base, older if total <= _MOST_BLOCKS else None))
                file.kept = len(blocks)
        if work:
            files = self._files
            in_background(lambda: _write(files, work, known))


def _write(files: ImageFiles, work: list[_Work], known: set[int]) -> None:
    for each in work:
        files.write(each.key, each.content(known))


def _place(mapping: Mapping) -> Place:
    return Place(mapping.device, mapping.inode, mapping.start - mapping.offset)
