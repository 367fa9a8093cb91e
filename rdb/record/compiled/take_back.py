"""Taking back a block that was left in the middle.

Whenever a thread stops inside a translation (a signal, a fault, the end of a chunk, a watched address) the block is undone to its
beginning and its record dropped, as if it had not been entered.  Then the thread stands between two instructions of the program,
exactly; and what has to be done there in small steps is done by the single-step recorder, which meets the same fault at the
instruction where it belongs.

What the thread holds where is told by the marks of the translation (rdb.arch.x86_64.translation.block).
"""

from __future__ import annotations

from rdb.arch.base import Arch, Bank
from rdb.arch.x86_64.translation import area, flags
from rdb.arch.x86_64.translation.encoding import NUMBERS, RAX, RCX
from rdb.linux import ptrace
from rdb.linux.stepper import Stepper
from rdb.record.compiled.block import Block
from rdb.record.compiled.log import Chunk
from rdb.record.compiled.shared import Shared

_WORD = 8


def take_back(block: Block, offset: int, stepper: Stepper, arch: Arch, scratch: Shared, chunk: Chunk) -> None:
    """Undo the execution of `block` that has come to `offset` of its translation.

    Changes the registers in `stepper.general` only; whoever calls writes them back.  pc is left alone.
    """
    translation, marks, registers = block.translation, block.translation.marks, arch.registers
    banks = (stepper.general, bytearray())

    def put(number: int, value: int) -> None:
        registers.put(registers[NUMBERS[number]], banks, value.to_bytes(_WORD, "little"))

    def spilled(at: int) -> int:
        return int(scratch.words[at // _WORD])

    if marks.flags[0] <= offset < marks.flags[1]:
        put(RAX, int.from_bytes(registers.get(registers[NUMBERS[translation.temporary]], banks), "little"))
    if marks.guard[0] < offset < marks.guard[1]:
        put(RCX, spilled(area.RCX_SPILL))
    if marks.spilled <= offset < marks.restored:
        put(translation.pointer, spilled(area.POINTER_SPILL))
        put(translation.temporary, spilled(area.TEMPORARY_SPILL))
    if offset >= marks.lookup:
        put(RAX, spilled(area.RAX_SPILL))
        put(RCX, spilled(area.RCX_SPILL))
    if offset >= marks.body:
        _undo(block, offset, stepper, arch, scratch, chunk)
    if offset >= marks.values:
        scratch.words[area.VALUES // _WORD] -= translation.size
    if offset >= marks.trace:
        scratch.words[area.TRACE // _WORD] -= _WORD


def _undo(block: Block, offset: int, stepper: Stepper, arch: Arch, scratch: Shared, chunk: Chunk) -> None:
    """Put back what the record holds, as far as it is complete."""
    translation = block.translation
    end = (int(scratch.words[area.VALUES // _WORD]) - chunk.values_address) // _WORD
    record = chunk.values[end - translation.size // _WORD : end].tobytes()
    for write in reversed(translation.writes):
        if offset >= write.ready:
            address = int.from_bytes(record[write.at : write.at + _WORD], "little")
            data = record[write.at + _WORD : write.at + _WORD + write.size]
            if stepper.memory.read_some(address, write.size) != data:
                stepper.memory.write(address, data)
    for kind, at, size, place in block.layout.registers:
        if kind is Bank.GENERAL:
            stepper.general[at : at + size] = record[place : place + size]
    if translation.flags:
        last = (int(scratch.words[area.TRACE // _WORD]) - chunk.trace_address) // _WORD - 1
        flags.unpack(int(chunk.trace[last]) >> 32, stepper.general)
    extended = [slot for slot in block.layout.registers if slot.bank is Bank.EXTENDED]
    if extended:
        bank = arch.normal(bytes(stepper.extended(arch.registers.sizes[Bank.EXTENDED])))
        for _, at, size, place in extended:
            bank[at : at + size] = record[place : place + size]
        ptrace.set_extended(stepper.pid, bank)
