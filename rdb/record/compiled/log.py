"""The log that translated code writes: two streams, in chunks.

*Trace*: one word per execution of a block: the block's number in the low half, in the high half its flags (if the block saves
flags).  *Values*: the records of these executions, one behind the other (rdb.arch.translation).

A Chunk is a piece of memory with room for some of both.  Behind either stream lies a guard that cannot be touched, so translated
code needs not look how much room there is: the store that goes too far faults, the block that made it is taken back, and begins
again in the next chunk.  No record is longer than a guard.

A chunk holds the segments that were recorded into it one behind the other; it is given back when the last of them is gone.
"""

from __future__ import annotations

from collections.abc import Iterator

from rdb.linux.inject import Injector
from rdb.record.compiled.shared import Shared, Words

TRACE_SIZE, VALUES_SIZE, GUARD = 4 << 20, 28 << 20, 1 << 16
_WORD = 8
_PROT_NONE = 0


class Chunk:
    """`trace` and `values` are the streams as words; the next ones go to `trace_at` and `values_at`, indices."""

    def __init__(self, injector: Injector, places: Iterator[int]) -> None:
        """Make one at the first of `places` that is free."""
        size = TRACE_SIZE + GUARD + VALUES_SIZE + GUARD
        self.memory = Shared(injector, "log", size, places)
        for end in (TRACE_SIZE, size - GUARD):
            injector.call("mprotect", self.memory.address + end, GUARD, _PROT_NONE)
        self.trace: Words = self.memory.words[: TRACE_SIZE // _WORD]
        start = (TRACE_SIZE + GUARD) // _WORD
        self.values: Words = self.memory.words[start : start + VALUES_SIZE // _WORD]
        self.trace_address = self.memory.address
        self.values_address = self.memory.address + TRACE_SIZE + GUARD
        self.trace_at = self.values_at = 0

    @property
    def room(self) -> int:
        """How many words of trace there is room for."""
        return len(self.trace) - self.trace_at

    def rewind(self) -> None:
        """Begin again, with memory that has been written before."""
        self.trace_at = self.values_at = 0
