"""Code that exchanges the records of executed blocks with the machine, one execution after the other, forwards or back.

A *stub* does so for one execution of a block.  It runs inside the program's process, because most of what it exchanges is there;
the registers of the program lie in a *register file*, an area of memory.  At its end a stub jumps into that of the next one,
so a walk over millions of executions never comes back to the debugger.  A walk uses these registers:

    rdi   the word of the execution in the trace
    rsi   its record: the beginning going forwards, the end going back
    r9    how many executions are left, this one among them
    r8    the stubs' addresses, by the number of the block
    rbx   the register file
    rax, rcx, rdx, xmm0, xmm1   scratch

It ends in a trap with nothing left in r9.  Blocks that are alike, that is, have records of the same shape, share a stub.

An exchange of memory loads both sides first and stores to the program's memory before it stores to the record.  So where that
faults (a page that may be read only), nothing has been done of this piece, and all of what is in front of it: whoever
walks can do this piece in another way and go on behind it (`Exchange.after`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from rdb.arch.translation import Exchange, Shape, Stub, WalkRegisters
from rdb.arch.x86_64.translation import encoding as emit
from rdb.arch.x86_64.translation.encoding import RAX, RBX, RCX, RDI, RDX, RSI, Place

REGISTERS = WalkRegisters(trace="rdi", record="rsi", left="r9", stubs="r8", file="rbx")
_WORD = 8
_WIDEST = 16
_R8 = 8
# dec r9
_COUNT_DOWN = b"\x49\xff\xc9"
# jnz over the trap
_UNLESS_DONE = b"\x75\x01" + emit.TRAP


def stub(shape: Shape, forward: bool, flags_at: int) -> Stub:
    """The stub for executions whose records have a shape; the register file has the flags, as in the trace, at `flags_at`."""
    code, pieces = bytearray(), []
    if not forward and shape.size:
        code += emit.lea(RSI, Place(RSI, displacement=-shape.size))
    for at, skip, size in _cut_memory(shape.memory, forward):
        start = len(code)
        code += _memory(at, skip, size)
        pieces.append(Exchange(start, len(code), at, skip, size))
    for place, size, at in shape.registers:
        for skip, part in emit.cut(size, _WIDEST):
            code += _exchange(Place(RBX, displacement=place + skip), Place(RSI, displacement=at + skip), part)
    if shape.flags:
        code += _exchange(Place(RBX, displacement=flags_at), Place(RDI, displacement=4), 2)
    if forward and shape.size:
        code += emit.lea(RSI, Place(RSI, displacement=shape.size))
    code += emit.lea(RDI, Place(RDI, displacement=_WORD if forward else -_WORD))
    code += _COUNT_DOWN + _UNLESS_DONE
    code += emit.load_zero_extended(RAX, Place(RDI), 4) + emit.jump_to(Place(_R8, RAX, _WORD))
    return Stub(bytes(code), tuple(pieces))


def _cut_memory(slots: Sequence[tuple[int, int]], forward: bool) -> Iterator[tuple[int, int, int]]:
    """The pieces of all slots in the order in which they are exchanged."""
    for at, size in slots if forward else reversed(slots):
        for skip, part in emit.cut(size, _WIDEST):
            yield at, skip, part


@functools.lru_cache(1 << 12)
def _memory(at: int, skip: int, size: int) -> bytes:
    address = emit.load(RAX, Place(RSI, displacement=at))
    return address + _exchange(Place(RAX, displacement=skip), Place(RSI, displacement=at + _WORD + skip), size)


@functools.lru_cache(1 << 14)
def _exchange(machine: Place, record: Place, size: int) -> bytes:
    """Exchange what is at two places, by way of rcx and rdx, or of xmm0 and xmm1."""
    if size == 16:
        code = emit.load_vector(record, 0) + emit.load_vector(machine, 1)
        return code + emit.store_vector(machine, 0, size) + emit.store_vector(record, 1, size)
    code = emit.load_zero_extended(RCX, record, size) + emit.load_zero_extended(RDX, machine, size)
    return code + emit.store_part(machine, RCX, size) + emit.store_part(record, RDX, size)
