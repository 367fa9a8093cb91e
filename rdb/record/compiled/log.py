"""The log that translated code writes: two streams, in chunks, and the ring that chunks go round in.

*Trace*: one word per execution of a block: the block's number in the low half, in the high half its flags (if the block saves
flags).  *Values*: the records of these executions, one behind the other (rdb.arch.translation).

A Chunk is a piece of memory with room for some of both.  Behind either stream lies a guard that cannot be touched, so translated
code needs not look how much room there is: the store that goes too far faults, the block that made it is taken back, and begins
again in the next chunk.  No record is longer than a guard.

A chunk holds the segments that were recorded into it one behind the other.  When the record list has dropped the last of them the
chunk is used again: memory that both sides have touched is written to without a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from rdb.errors import ProgramEnded, RdbError
from rdb.linux.inject import Injector
from rdb.record.compiled.index import Index
from rdb.record.compiled.shared import Shared, Words

if TYPE_CHECKING:
    from rdb.record.compiled.block import BlockTable
    from rdb.record.record_list import RecordList

GUARD = 1 << 16
_PAGE = 4096
LARGEST, SMALLEST = 32 << 20, 4 * GUARD
# So many chunks are to share the log, at least: one is dropped at a time.
_SHARES = 8
# How much of a chunk is trace: at the beginning, and what may be learnt from the program.
_TRACE, _LEAST_TRACE, _MOST_TRACE = 1 / 4, 1 / 12, 1 / 2
_WORD = 8
# <sys/mman.h>
_PROT_NONE = 0
_MADV_POPULATE_WRITE = 23


class Chunk:
    """`trace` and `values` are the streams as words; the next ones go to `trace_at` and `values_at`, indices.

    What it holds begins at position `first`.
    """

    def __init__(self, injector: Injector, places: Iterator[int], size: int = LARGEST, trace: float = _TRACE) -> None:
        """Make one of `size` bytes, so much of them trace, at the first of `places` that is free."""
        trace_size = int(size * trace) & -_PAGE
        values = trace_size + GUARD
        self.size, self.first = size, 0
        self.memory = Shared(injector, "log", size + 2 * GUARD, places)
        for end in (trace_size, size + GUARD):
            injector.call("mprotect", self.memory.address + end, GUARD, _PROT_NONE)
        self.trace: Words = self.memory.words[: trace_size // _WORD]
        self.values: Words = self.memory.words[values // _WORD : (size + GUARD) // _WORD]
        self.trace_address = self.memory.address
        self.values_address = self.memory.address + values
        self.trace_at = self.values_at = 0
        self._index: Index | None = None

    def index(self, table: BlockTable) -> Index:
        """Where in it what is; `table` has the blocks."""
        if self._index is None:
            self._index = Index(table, self.trace)
        return self._index

    @property
    def share(self) -> float:
        """How much of what has been written is trace."""
        written = self.trace_at + self.values_at
        return self.trace_at / written if written else _TRACE

    @property
    def room(self) -> int:
        """How many words of trace there is room for."""
        return len(self.trace) - self.trace_at

    def variety(self, last: int) -> int:
        """Of how many blocks the last executions are."""
        return len(set(self.trace[max(0, self.trace_at - last) : self.trace_at].astype(np.uint32).tolist()))

    def touch(self, injector: Injector) -> None:
        """Have all its pages at hand before they are written; that takes half as long as a fault for each."""
        for stream, address in ((self.trace, self.trace_address), (self.values, self.values_address)):
            # A kernel before Linux 5.14 does not know how, and no harm is done.
            injector.call("madvise", address, stream.nbytes, _MADV_POPULATE_WRITE)

    def begin(self, first: int) -> None:
        """Nothing in it is needed any more: what is recorded from position `first` on goes here."""
        self.first = first
        self.trace_at = self.values_at = 0
        self._index = None


class Ring:
    """The chunks of the record list `log`: those that hold some of it, oldest first, and those that are free again.

    The last of `chunks` is the one that is recorded into.  What the others hold ends where the next one begins, so the positions
    that the record list has say which chunks are free.
    """

    def __init__(self, injector: Injector, places: Iterator[int], log: RecordList, limit: Callable[[], int | None]) -> None:
        """`limit` says how many bytes the log may take at the moment (None: any number)."""
        self._injector, self._places, self._log, self._limit = injector, places, log, limit
        self._free: list[Chunk] = []
        # Whether the last chunk has no room for the record that comes next.
        self.full = False
        # How many bytes the program can hold: known when it refused to hold more.
        self.most: int | None = None
        self.chunks = [Chunk(injector, places, self._size())]

    @property
    def chunk(self) -> Chunk:
        """The one that is recorded into."""
        return self.chunks[-1]

    @property
    def bytes_used(self) -> int:
        """The bytes of the chunks that cannot be used again, with the one that recording is to go on in."""
        return sum(chunk.size for chunk in self.chunks) + (self._size() if self.full else 0)

    def turn(self) -> None:
        """Have room in the chunk that is recorded into, if there can be any: `full` says so afterwards."""
        chunk = self._next() if self.full else None
        if chunk is not None:
            chunk.begin(self._log.high)
            self.chunks.append(chunk)
            self.full = False

    def _next(self) -> Chunk | None:
        """A chunk to go on in; None if the program cannot hold one more (setrlimit(2), RLIMIT_AS; seccomp(2))."""
        if self._free:
            return self._free.pop()
        # So that both streams come to their ends together.
        share = min(_MOST_TRACE, max(_LEAST_TRACE, self.chunk.share))
        try:
            chunk = Chunk(self._injector, self._places, self._size(), share)
        except ProgramEnded:
            raise
        except RdbError:
            self.most = sum(each.size for each in self.chunks)
            return None
        chunk.touch(self._injector)
        return chunk

    def release(self) -> None:
        """Let go of chunks whose segments are gone: the record list has dropped its oldest, or has been cut.

        What is free is kept to be used again as far as the limit allows; the rest goes back to the system.
        """
        chunks, oldest, newest = self.chunks, self._log.oldest.first, self._log.high
        while len(chunks) > 1 and chunks[1].first <= oldest:
            self._free.append(chunks.pop(0))
        while len(chunks) > 1 and chunks[-1].first >= newest and chunks[-2].first >= newest:
            self._free.append(chunks.pop())
        if chunks[-1].first >= newest and chunks[-1].trace_at:
            chunks[-1].begin(newest)
            self.full = False
        limit = self._limit()
        # One that recording is to go on in stays.
        while len(self._free) > self.full and limit is not None and self._held > limit:
            self._free.pop().memory.discard()

    @property
    def _held(self) -> int:
        return sum(chunk.size for chunk in (*self.chunks, *self._free))

    def _size(self) -> int:
        limit = self._limit()
        return LARGEST if limit is None else min(LARGEST, max(SMALLEST, limit // _SHARES)) & -_PAGE
