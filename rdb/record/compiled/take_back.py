"""Taking back a block that was left in the middle.

Whenever a thread stops inside a translation (a signal, a fault, the end of a chunk, a watched address) the block is undone to its
beginning and its record dropped, as if it had not been entered.  Then the thread stands between two instructions of the program,
exactly; and what has to be done there in small steps is done by the single-step recorder, which meets the same fault at the
instruction where it belongs.

Which register holds what in the middle of a translation is the translator's to say.
"""

from __future__ import annotations

from rdb.arch.base import Bank
from rdb.arch.translation import Translator
from rdb.linux import ptrace
from rdb.record.compiled.block import Block
from rdb.record.compiled.log import Chunk
from rdb.record.compiled.shared import Shared
from rdb.record.single_step import SingleStepRecorder

_WORD = 8
_NUMBER = 0xFFFFFFFF


def take_back(
    block: Block, offset: int, translator: Translator, steps: SingleStepRecorder, scratch: Shared, chunk: Chunk
) -> None:
    """Undo the execution of `block` that has come to `offset` of its translation.

    Changes the registers in the stepper's `general` only; whoever calls writes them back.  pc is left alone.
    """
    translation, registers, general = block.translation, steps.arch.registers, steps.stepper.general

    def word(at: int) -> int:
        return int(scratch.words[at // _WORD])

    for name, value in translator.program_registers(translation, offset, general, word).items():
        registers.put(registers[name], (general, bytearray()), value.to_bytes(_WORD, "little"))
    area, stage = translator.area, translation.stage
    _undo_savers(block, offset, translator, steps, scratch, chunk)
    if offset >= stage.registers:
        _undo(block, offset, translator, steps, scratch, chunk)
    if offset >= stage.record:
        scratch.words[area.values // _WORD] -= translation.size
    if offset >= stage.trace:
        scratch.words[area.trace // _WORD] -= _WORD


def _undo_savers(
    block: Block, offset: int, translator: Translator, steps: SingleStepRecorder, scratch: Shared, chunk: Chunk
) -> None:
    """Put back what savers have saved for the execution, and drop theirs."""
    area, memory, (in_trace, in_values) = translator.area, steps.stepper.memory, block.translation.saved
    if not in_trace or offset < in_trace:
        return
    last = (int(scratch.words[area.trace // _WORD]) - chunk.trace_address) // _WORD
    first = last
    while (int(chunk.trace[first - 1]) & _NUMBER) < len(translator.savers):
        first -= 1
    savers = [translator.savers[int(chunk.trace[at]) & _NUMBER] for at in range(first, last)]
    size = sum(saver.size for saver in savers)
    if offset >= in_values:
        scratch.words[area.values // _WORD] -= size
    scratch.words[area.trace // _WORD] -= _WORD * len(savers)
    if not savers:
        return
    at = (int(scratch.words[area.values // _WORD]) - chunk.values_address) // _WORD
    address, pieces = int(chunk.values[at]), []
    for saver in savers:
        # One piece begins where the one before it ends.
        pieces.append(chunk.values[at + 1 :][: saver.size // _WORD - 1].tobytes()[: saver.writes[0].size])
        at += saver.size // _WORD
    data = b"".join(pieces)
    if memory.read_some(address, len(data)) != data:
        memory.write(address, data)


def _undo(
    block: Block, offset: int, translator: Translator, steps: SingleStepRecorder, scratch: Shared, chunk: Chunk
) -> None:
    """Put back what the record holds, as far as it is complete."""
    translation, stepper, arch, area = block.translation, steps.stepper, steps.arch, translator.area
    end = (int(scratch.words[area.values // _WORD]) - chunk.values_address) // _WORD
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
        last = (int(scratch.words[area.trace // _WORD]) - chunk.trace_address) // _WORD - 1
        translator.unpack_flags(int(chunk.trace[last]) >> 32, stepper.general)
    extended = [slot for slot in block.layout.registers if slot.bank is Bank.EXTENDED]
    if extended:
        found = bytes(stepper.extended(arch.registers.sizes[Bank.EXTENDED]))
        bank = arch.normal(found)
        for _, at, size, place in extended:
            bank[at : at + size] = record[place : place + size]
        ptrace.set_extended(stepper.pid, arch.marked_as(bank, found))
