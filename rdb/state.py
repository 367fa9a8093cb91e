"""The state of the program being debugged, wherever it comes from: what expressions and walks look at.

Everything is asked of the top of the target stack, so it is the present or the past, a process or a file, as the stack has it.
Frames are worked out one by one when somebody asks, and forgotten as soon as anything has moved or changed.  They are those of
the target's current thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from rdb.arch.base import Arch, Bank
from rdb.debuggee import Debuggee
from rdb.errors import NoFrame, NoProcess, NoRegisters
from rdb.expr.convenience import Convenience
from rdb.expr.evaluate import evaluate
from rdb.expr.value import Value, integer
from rdb.settings import Settings
from rdb.symbols.table import SymbolTable
from rdb.symbols.unwind import Frame, frames
from rdb.target.base import Stratum, Target
from rdb.target.native import NativeTarget
from rdb.target.stack import TargetStack
from rdb.threads import Threads

if TYPE_CHECKING:
    from rdb.record.target import RecordTarget


class State:
    """Targets, symbols, frames, registers, memory and values.  It is the Scope of expressions and the Place of walks.

    What belongs to one program is in `debuggee`, the current one.
    """

    def __init__(self) -> None:
        self.settings = Settings()
        self.debuggee = Debuggee(1)
        self.convenience = Convenience()
        self.history: list[Value] = []
        self._frames: list[Frame] = []
        self._frame_source: Iterator[Frame] | None = None
        self._selected = 0
        self._hidden: int | None = None

    # -- where it comes from

    @property
    def table(self) -> SymbolTable:
        return self.debuggee.table

    @property
    def targets(self) -> TargetStack:
        return self.debuggee.targets

    @property
    def program(self) -> str | None:
        """The path of the program's file."""
        return self.debuggee.program

    @property
    def thread_table(self) -> Threads:
        """The threads of the program by their numbers."""
        return self.debuggee.threads

    @property
    def internal_stops(self) -> frozenset[int]:
        """Addresses where the program must stop for our own sake."""
        return self.debuggee.internal_stops

    @property
    def arch(self) -> Arch:
        if self.debuggee.arch is None:
            from rdb.arch.x86_64 import ARCH

            return ARCH
        return self.debuggee.arch

    @property
    def target(self) -> Target:
        """The top of the target stack."""
        return self.targets.top

    @property
    def process(self) -> NativeTarget | None:
        """The process target, None when nothing runs."""
        return self.debuggee.process

    @property
    def recording(self) -> RecordTarget | None:
        """The record target, None when nothing is recorded."""
        return cast("RecordTarget | None", self.targets.at(Stratum.RECORD))

    @property
    def alive(self) -> bool:
        return self.process is not None

    def need_process(self) -> NativeTarget:
        """The process target, or NoProcess."""
        process = self.process
        if process is None:
            raise NoProcess()
        return process

    # -- frames

    def moved(self) -> None:
        """State changed: forget the frames; the innermost is selected, and inlined calls that begin at pc are not entered yet."""
        self.show_inlined(None)

    def _changed(self) -> None:
        """The user changed memory or registers: the frames may be others, but we stand where we stood."""
        selected = self._selected
        self.show_inlined(self._hidden)
        self._selected = selected

    def show_inlined(self, hidden: int | None) -> None:
        """Of the inlined calls that begin exactly at pc, enter all but `hidden` (None: enter none)."""
        self._frames = []
        self._frame_source = None
        self._selected = 0
        self._hidden = hidden

    @contextmanager
    def in_thread(self, tid: int) -> Iterator[None]:
        """While it lasts, frames and registers are those of another thread; nothing may be resumed meanwhile."""
        target = self.target
        current = target.thread
        if tid == current:
            yield
            return
        kept = self._frames, self._frame_source, self._selected, self._hidden
        target.select_thread(tid)
        self.moved()
        try:
            yield
        finally:
            target.select_thread(current)
            self._frames, self._frame_source, self._selected, self._hidden = kept

    @contextmanager
    def looking_at(self, debuggee: Debuggee) -> Iterator[None]:
        """While it lasts, all that is looked at is of another inferior; nothing may be resumed meanwhile."""
        kept = self.debuggee, self._frames, self._frame_source, self._selected, self._hidden
        self.debuggee = debuggee
        if debuggee is not kept[0]:
            self.moved()
        try:
            yield
        finally:
            self.debuggee, self._frames, self._frame_source, self._selected, self._hidden = kept

    def frames(self) -> Iterable[Frame]:
        """The frames, innermost first, as far as they are asked for; none without a process."""
        level = 0
        while True:
            while len(self._frames) <= level:
                following = self._next_frame()
                if following is None:
                    return
                self._frames.append(following)
            yield self._frames[level]
            level += 1

    def _next_frame(self) -> Frame | None:
        if self._frame_source is None:
            try:
                registers = self._general_registers()
            except NoRegisters:
                return None
            self._frame_source = frames(registers, self.read_memory, self.table, self._hidden)
        return next(self._frame_source, None)

    def _general_registers(self) -> dict[str, int]:
        banks = (self.target.read_bank(Bank.GENERAL), b"")
        table = self.arch.registers
        return {
            register.name: int.from_bytes(table.get(register, banks), "little")
            for register in table.registers
            if all(piece.bank is Bank.GENERAL for piece in register.pieces) and register.pieces and register.view is None
        }

    @property
    def frame(self) -> Frame | None:
        """The selected frame, None without a process."""
        return next((frame for frame in self.frames() if frame.level == self._selected), None)

    def need_frame(self) -> Frame:
        frame = self.frame
        if frame is None:
            raise NoFrame
        return frame

    def select(self, level: int) -> Frame:
        """Select a frame by its level."""
        for frame in self.frames():
            if frame.level == level:
                self._selected = level
                return frame
        raise NoFrame(f"No frame at level {level}." if self._frames else "No stack.")

    @property
    def innermost(self) -> Frame | None:
        """The frame of level 0, which may be an inlined call."""
        return next(iter(self.frames()), None)

    def frame_at(self, level: int) -> Frame | None:
        """For walks: the frame at pc, or (level 1) the one that it returns to, past inlined calls and beyond main."""
        innermost = self.innermost
        if innermost is None or level == 0:
            while innermost is not None and innermost.is_artificial:
                innermost = innermost.older
            return innermost
        return innermost.caller

    @property
    def pc(self) -> int:
        """pc of the innermost frame; raises NoRegisters without a process."""
        register = self.arch.registers[self.arch.pc]
        return int.from_bytes(self.arch.registers.get(register, (self.target.read_bank(Bank.GENERAL), b"")), "little")

    # -- memory and registers

    def read_memory(self, address: int, size: int) -> bytes:
        return self.target.read_memory(address & (1 << 64) - 1, size)

    def write_memory(self, address: int, data: bytes) -> None:
        self.target.write_memory(address & (1 << 64) - 1, data)
        self._changed()

    def read_register(self, name: str) -> bytes:
        """A register in the selected frame; those that an older frame did not save are as they are now."""
        table = self.arch.registers
        register = table[name]
        frame = self.frame
        if frame is None:
            raise NoRegisters
        if frame.level and name in frame.registers:
            return frame.register(name).to_bytes(register.size, "little")
        banks = (self.target.read_bank(Bank.GENERAL), self._extended_for(name))
        return table.get(register, banks)

    def _extended_for(self, name: str) -> bytes:
        register = self.arch.registers[name]
        if register.view is None and all(piece.bank is Bank.GENERAL for piece in register.pieces):
            return b""
        return self.target.read_bank(Bank.EXTENDED)

    def write_register(self, name: str, data: bytes) -> None:
        """Change a register of the selected frame; in an older frame, where it is saved."""
        frame = self.need_frame()
        if frame.level and name in frame.saved_at:
            self.write_memory(frame.saved_at[name], data)
            return
        table = self.arch.registers
        banks = (bytearray(self.target.read_bank(Bank.GENERAL)), bytearray(self._extended_for(name)))
        table.put(table[name], banks, data)
        for bank in {piece.bank for piece in table[name].pieces}:
            self.target.write_bank(bank, bytes(banks[bank]))
        self._changed()

    # -- values

    def evaluate(self, text: str) -> Value:
        """The value of an expression in the selected frame."""
        return evaluate(text, self)

    def evaluate_integer(self, text: str) -> int:
        """The value of an expression that must be a number."""
        return integer(self.evaluate(text))

    def set_convenience(self, name: str, number: int) -> None:
        """Give $name an int."""
        self.convenience[name] = evaluate(str(number), self)

    def remember(self, value: Value) -> int:
        """Add to the value history; its number there."""
        self.history.append(value.snapshot())
        return len(self.history)
