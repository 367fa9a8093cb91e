"""A frame: one function in progress, as it stands on the stack of a stopped thread.  rdb.symbols.unwind makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from rdb.symbols.expressions import Unavailable
from rdb.symbols.functions import Function, Scope
from rdb.symbols.machine_registers import MachineRegisters
from rdb.symbols.objects import Line, LoadedObject

if TYPE_CHECKING:
    from rdb.symbols.table import SymbolTable

Memory = Callable[[int, int], bytes]


class FrameId(NamedTuple):
    """What stays the same while a frame lives: its CFA, where its function starts, and how deep in inlined calls it is."""

    cfa: int
    function_start: int
    inline_depth: int = 0


@dataclass
class Frame:
    """One frame.

    `registers` has the value of every register in this frame, None for one that was not saved; `saved_at` the address in memory
    where a younger frame keeps this one's value.  `inlined_out` says how many inlined calls within this frame are younger frames.
    `stop_reason` is why there is no older frame, in GDB's words, where that is not simply the end.
    """

    level: int
    pc: int
    cfa: int
    registers: Mapping[str, int | None]
    saved_at: Mapping[str, int]
    function: Function | None
    name: str | None
    line: Line | None
    inlined: bool
    object: LoadedObject | None
    is_signal_trampoline: bool
    machine: MachineRegisters = field(repr=False)
    table: SymbolTable = field(repr=False)
    read_memory: Memory = field(repr=False)
    scope: Scope | None = field(default=None, repr=False)
    inlined_out: int = 0
    inline_depth: int = 0
    after_call: bool = False
    is_tail_call: bool = False
    stop_reason: str | None = None
    older_frame: Callable[[], Frame | None] = field(default=lambda: None, repr=False)

    @property
    def lookup_pc(self) -> int:
        """The address that tells where the frame is: pc, or, after a call, the call before it."""
        return self.pc - 1 if self.after_call else self.pc

    @property
    def function_start(self) -> int:
        """Where the code of the function (or of the inlined call) starts; pc itself where no symbol tells."""
        if self.inlined and self.scope is not None:
            return self.scope.entry
        if self.function is not None:
            return self.function.low
        symbol = self.table.minimal_at(self.lookup_pc)
        return symbol[0].address if symbol is not None and symbol[0].is_code else self.pc

    @property
    def id(self) -> FrameId:
        return FrameId(self.cfa, self.function_start, self.inline_depth)

    @property
    def shows_address(self) -> bool:
        """Whether the frame stands in the middle of a line, so that GDB prints its pc."""
        if self.inlined_out:
            return False
        return self.line is None or self.pc != self.line.start

    def register(self, name: str) -> int:
        """A register's value in this frame; Unavailable if it was not saved."""
        value = self.registers.get(name)
        if value is None:
            raise Unavailable
        return value

    def memory(self, address: int, size: int) -> bytes:
        return self.read_memory(address, size)

    @cached_property
    def older(self) -> Frame | None:
        """The frame that called this one, also beyond main."""
        return self.older_frame()

    @property
    def is_artificial(self) -> bool:
        """Whether the machine's stack does not know the frame: an inlined call, or a function that left by a tail call."""
        return self.inlined or self.is_tail_call

    @property
    def caller(self) -> Frame | None:
        """The frame that this one's code returns to, past inlined calls and tail calls: what stepping compares."""
        frame: Frame | None = self
        while frame is not None and frame.is_artificial:
            frame = frame.older
        frame = frame.older if frame is not None else None
        while frame is not None and frame.is_artificial:
            frame = frame.older
        return frame
