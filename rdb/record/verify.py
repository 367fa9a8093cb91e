"""Verified recording: nothing is believed, everything is compared.

Before each instruction all registers and all writable memory are copied; afterwards every byte that differs must be in the
record that was made.  What was missed is told to the user once for each instruction of the program, and the record is replaced
by what the comparison found, so that the undo stays right even where rdb was wrong about the instruction.

This costs a copy of the program's memory for each instruction; it is for finding faults in rdb, and for being sure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rdb.arch.base import Bank
from rdb.linux import procfs
from rdb.record.comparison import Comparison, writable
from rdb.record.entry import EndEntry, Entry, MemoryEntry, RegisterEntry
from rdb.record.single_step import SingleStepRecorder


@dataclass
class Verifier:
    """`checked` instructions have been compared, `missed` of them had changed more than was recorded."""

    recorder: SingleStepRecorder
    tell: Callable[[str], None]
    checked: int = 0
    missed: int = 0

    def __post_init__(self) -> None:
        self._told: set[int] = set()

    def before(self) -> Comparison:
        """Copy everything; to be called with the thread in front of the instruction."""
        recorder = self.recorder
        memory = writable(procfs.mappings(recorder.stepper.pid))
        return Comparison(recorder, memory, recorder.arch.registers.sizes[Bank.EXTENDED])

    def after(self, comparison: Comparison, high: int) -> None:
        """Check the instruction that was recorded since the list ended at `high`, if one was."""
        log = self.recorder.log
        if log.high == high:
            return
        self.checked += 1
        position = log.high - 1
        missing = [*undeclared(comparison, log.entries(position)), *self._other_length(log.layout(position).pc)]
        if not missing:
            return
        self.missed += 1
        layout = log.layout(position)
        if layout.pc not in self._told:
            self._told.add(layout.pc)
            code = self.recorder.stepper.memory.read_some(layout.pc, self.recorder.arch.max_instruction)
            size = self.recorder.arch.effects(code, layout.pc).length
            self.tell(
                f"Process record: the instruction {code[:size].hex(' ')} at {layout.pc:#x} changed what was not recorded: "
                f"{', '.join(missing)}.  The difference has been recorded."
            )
        change = log.change_at(position)
        log.take_back()
        comparison.commit(layout.kind, layout.gap, change)

    def _other_length(self, pc: int) -> list[str]:
        """What to say where another decoder finds the instruction longer or shorter."""
        code = self.recorder.stepper.memory.read_some(pc, self.recorder.arch.max_instruction)
        length, other = self.recorder.arch.effects(code, pc).length, self.recorder.arch.second_length(code, pc)
        if not length or other is None or other == length:
            return []
        return [f"where the next instruction begins ({length} or {other} bytes on)"]


def undeclared(comparison: Comparison, entries: list[Entry]) -> list[str]:
    """What differs now from the copied state and lies in no entry, in words."""
    registers = [entry.piece for entry in entries if isinstance(entry, RegisterEntry)]
    memory = [(entry.address, len(entry.saved)) for entry in entries if isinstance(entry, MemoryEntry)]
    assert len(registers) + len(memory) + 1 == len(entries) and isinstance(entries[-1], EndEntry)
    recorder, result = comparison.recorder, []
    banks = (recorder.stepper.general, recorder.extended(len(comparison.extended)))
    for (bank, offset, size), old in comparison.register_differences():
        recorded = [(piece.offset, piece.size) for piece in registers if piece.bank is bank]
        if _escaped(offset, old, banks[bank][offset : offset + size], recorded):
            result.append(f"{size} bytes at {offset} of the {bank.name.lower()} registers")
    for address, old in comparison.memory_differences():
        if _escaped(address, old, recorder.memory(address, len(old)), memory):
            result.append(f"{len(old)} bytes at {address:#x}")
    return result


def _escaped(start: int, old: bytes, new: bytes | bytearray, stretches: list[tuple[int, int]]) -> bool:
    """Whether a byte that differs lies in none of the stretches."""
    changed = {start + index for index in range(len(old)) if old[index] != new[index]}
    for low, size in stretches:
        changed.difference_update(range(low, low + size))
    return bool(changed)
