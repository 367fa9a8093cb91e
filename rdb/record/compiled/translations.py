"""Which block belongs to which address now: translated when first wanted, dropped when the code is not any more what it was.

A block must not run through a breakpoint, so blocks that do are out of use while it is inserted, and a shorter one takes their
place.  No block reaches from one mapping into another.  Code that the program may write to (rdb.record.changing_code) compares
itself with what was translated each time it is entered; all other code can change only with the mappings, by a system call, or by
the user's hand, of which `check` is to be told.

The kernel's own code in the process, the vdso, is translated as any other, but for each process anew: it belongs to no file.  It
reads what the kernel writes there meanwhile, so none of its reads can be done again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from rdb.arch.translation import Translator
from rdb.errors import RdbError
from rdb.linux.procfs import PAGE, Mapping
from rdb.linux.ptrace import Memory
from rdb.record.changing_code import CodeMap
from rdb.record.compiled.block import Block, BlockTable
from rdb.record.compiled.code_cache import CodeCache
from rdb.record.compiled.image_files import ImageFiles
from rdb.record.compiled.images import Images

# The longest code of a block; how much is read at a time, and how often that is kept.
_READ, _WINDOW, _MOST_WINDOWS = 512, 1 << 16, 64
# The kernel executes the one itself, and writes what the other reads.
_NO_CODE, _FICKLE = "[vsyscall]", "[vdso]"


class _Origin(NamedTuple):
    """A mapping with code: whether it can change by stores, and whether its reads can be done again."""

    mapping: Mapping
    guarded: bool
    fickle: bool


_NOWHERE = _Origin(Mapping(0, 0, "", 0, "", 0, ""), False, False)


class Translations:
    """The blocks of one process that can be executed."""

    def __init__(
        self,
        pid: int,
        translator: Translator,
        memory: Memory,
        cache: CodeCache,
        table: BlockTable,
        files: ImageFiles | None = None,
    ) -> None:
        """`files` keeps translations from one run to the next."""
        self._translator, self._memory = translator, memory
        self._cache, self._table = cache, table
        self._at: dict[int, Block | None] = {}
        self._versions: dict[int, list[Block]] = {}
        self._dropped: dict[int, list[Block]] = {}
        self._pages: dict[int, set[Block]] = {}
        # Those that are not in the pages yet.
        self._new: list[Block] = []
        self.images = Images(memory, translator, cache, table, self._register, files)
        self._stops: frozenset[int] = frozenset()
        # Wherever there was a stop once: blocks that end there may be shorter than they need be.
        self._cut: set[int] = set()
        self._returns: set[int] = set()
        self._map = CodeMap(pid)
        self._origin = _NOWHERE
        self._windows: dict[int, bytes] = {}

    def block(self, pc: int) -> Block | None:
        """The block that begins at `pc`; None if the instruction there is not for us."""
        if pc in self._at:
            return self._at[pc]
        return self._translate(pc)

    def is_fixed(self, pc: int) -> bool:
        """Whether the code at `pc` can change only with the mappings, or by the user's hand."""
        origin = self._origin_of(pc)
        return origin is not None and not origin.guarded

    def _origin_of(self, pc: int) -> _Origin | None:
        """Where the code at `pc` comes from, if there is code for us."""
        origin = self._origin
        if origin.mapping.start <= pc < origin.mapping.end:
            return origin
        mapping = self._map.at(pc)
        if mapping is None or not mapping.executable or mapping.name == _NO_CODE:
            return None
        self._origin = _Origin(mapping, self._map.can_change(mapping), mapping.name == _FICKLE)
        return self._origin

    def _look(self) -> None:
        """Mappings, or what they hold, may have changed."""
        self._map.look()
        self._origin = _NOWHERE
        self._windows.clear()

    def _code(self, pc: int, origin: _Origin) -> bytes:
        """The code from `pc` on, as much as may belong to a block."""
        size = min(_READ, origin.mapping.end - pc)
        if origin.guarded:
            return self._memory.read_some(pc, size)
        start = max(pc & -_WINDOW, origin.mapping.start)
        window = self._windows.get(start)
        if window is None:
            if len(self._windows) == _MOST_WINDOWS:
                self._windows.clear()
            window = self._windows[start] = self._memory.read_some(start, min(_WINDOW, origin.mapping.end - start))
        code = window[pc - start : pc - start + size]
        return code if len(code) == size else self._memory.read_some(pc, size)

    def known(self, pc: int) -> Block | None:
        return self._at.get(pc)

    def _translate(self, pc: int) -> Block | None:
        """Find or make a block for `pc` that runs through no breakpoint."""
        for block in self._versions.get(pc, ()):
            if self._stops.isdisjoint(block.addresses):
                return self._use(block)
        origin = self._origin_of(pc)
        if origin is None:
            self._look()
            origin = self._origin_of(pc)
        made = None if origin is None else self._from_image(pc, origin) or self._make(pc, origin)
        if made is None:
            self._at[pc] = None
            return None
        self._use(made)
        self._go_ahead(made)
        return made

    def _go_ahead(self, block: Block) -> None:
        """Translate what will be executed behind a new block, almost certainly: an exit to us costs as much as a translation.

        That is where its only way leads, and where a call at its end comes back to.
        """
        todo = [block]
        while todo:
            translation = todo.pop().translation
            targets = [jump.target for jump in translation.jumps] if len(translation.jumps) == 1 else []
            targets += [] if translation.returns is None else [translation.returns]
            for pc in targets:
                if pc in self._versions or pc in self._at or pc in self._stops:
                    continue
                origin = self._origin_of(pc)
                if origin is not None and not origin.guarded:
                    made = self._from_image(pc, origin) or self._make(pc, origin)
                    if made is not None:
                        todo.append(self._use(made))

    def _from_image(self, pc: int, origin: _Origin) -> Block | None:
        """The block that an image has for `pc`, if it was not met yet and may be used."""
        if pc in self._versions or origin.guarded:
            return None
        loaded = self.images.loaded
        block = self.images.block(pc, origin.mapping)
        if self.images.loaded > loaded:
            self._returns.update(self.images.returns(origin.mapping))
            for address in self._stops:
                self.images.make_around(address)
        return block if block is not None and block.enabled else None

    def _make(self, pc: int, origin: _Origin) -> Block | None:
        code = self._code(pc, origin)
        try:
            region = self._cache.region(pc)
        except RdbError:
            return None
        number = len(self._table)
        translation = self._translator.translate(code, pc, region.next, number, self._stops, origin.guarded, origin.fickle)
        if translation is None:
            return None
        source = code[: translation.end - pc]
        block = Block(number, region.next, translation, source)
        self._table.add(block)
        self._cache.place(block, region, self.known)
        self._register(block)
        if translation.returns is not None:
            self._returns.add(translation.returns)
        if not origin.guarded:
            self.images.translated(block, origin.mapping)
        return block

    def _register(self, block: Block) -> None:
        """There is a new block."""
        self._versions.setdefault(block.pc, []).append(block)
        self._new.append(block)
        if self._stops and not self._stops.isdisjoint(block.addresses):
            self._cache.disable(block)

    @property
    def _by_page(self) -> dict[int, set[Block]]:
        """The blocks that have code in a page, by its number."""
        for block in self._new:
            for page in _pages_of(block):
                self._pages.setdefault(page, set()).add(block)
        self._new.clear()
        return self._pages

    def _use(self, block: Block) -> Block:
        pc = block.pc
        if not block.enabled:
            self._cache.enable(block)
        if pc in self._dropped or len(self._versions[pc]) > 1:
            for other in (*self._versions[pc], *self._dropped.pop(pc, ())):
                if other is not block and not other.enabled:
                    self._cache.replace(other, block)
        self._at[pc] = block
        self._cache.link(block)
        if pc in self._returns:
            self._cache.know(block)
        return block

    def looked_up(self, block: Block) -> None:
        """An indirect branch came to a block and did not find it."""
        self._cache.know(block)

    # -- what takes blocks out of use

    def stop_at(self, addresses: Collection[int]) -> None:
        """From now on let no block run through, or begin at, any of these addresses."""
        stops = frozenset(addresses)
        if stops == self._stops:
            return
        before, self._stops = self._stops, stops
        self._cut |= stops
        for address in before ^ stops:
            self.images.make_around(address)
            for block in list(self._by_page.get(address // PAGE, ())):
                if address in block.addresses:
                    self._choose_again(block)

    def _choose_again(self, block: Block) -> None:
        if self._at.get(block.pc) in (block, None):
            self._at.pop(block.pc, None)
        through = not self._stops.isdisjoint(block.addresses)
        if through and block.enabled:
            self._cache.disable(block)
        elif not through:
            self._translate(block.pc)

    def check(self) -> None:
        """Something may have changed mappings or code: drop the blocks whose code is not there any more."""
        self._look()
        self.images.check(self._map)
        self._at = {pc: block for pc, block in self._at.items() if block is not None}
        for page, blocks in sorted(self._by_page.items()):
            mapping = self._map.at(page * PAGE)
            now = self._memory.read_some(page * PAGE, 2 * PAGE)
            end = mapping.end if mapping is not None and mapping.executable else 0
            guarded = mapping is not None and self._map.can_change(mapping)
            for block in list(blocks):
                start = block.pc - page * PAGE
                is_there = now.startswith(block.source, start) and block.end <= end
                if start >= 0 and not (is_there and (block.translation.changed or not guarded)):
                    self.drop(block)

    def drop(self, block: Block) -> None:
        """The code of a block has changed."""
        if block.enabled:
            self._cache.disable(block)
        if self._at.get(block.pc) is block:
            del self._at[block.pc]
        self._versions[block.pc].remove(block)
        for page in _pages_of(block):
            self._by_page[page].discard(block)
        self.images.dropped(block)
        # Whoever still leads to it is led on as soon as there is something new.
        self._dropped.setdefault(block.pc, []).append(block)

    def keep(self) -> None:
        """Keep what was translated for the next run."""
        self.images.keep(self._cache.known | self._returns, self._cut)


def _pages_of(block: Block) -> range:
    """The numbers of the pages that its code is in."""
    return range(block.pc // PAGE, (block.end - 1) // PAGE + 1)
