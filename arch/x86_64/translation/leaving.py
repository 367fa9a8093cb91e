"""How a translation is left: into the next one, or out to the debugger.

A direct branch becomes a jump to a *stub* behind the code.  The stub is a trap, at which the debugger learns where the program
wants to go; once that is translated the jump is made to lead there (or, if it is too far away, the stub becomes a far jump).

An indirect branch looks its target up in the tables of the scratch area and jumps to the translation that it finds there.  Where
it finds none it stops at a trap, with the target in the area and all registers as the program has them.

A call pushes the program's own return address, so that unwinding, longjmp and everybody who looks at the stack are served.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from rdb.arch.base import Flow, MemoryOperand
from rdb.arch.translation import Fix, Holds, Jump, Table
from rdb.arch.x86_64.translation import area
from rdb.arch.x86_64.translation import encoding as emit
from rdb.arch.x86_64.translation.encoding import RAX, RCX, RSP, TRAP, Place
from rdb.arch.x86_64.translation.instruction import NUMBER, Known, general_number


class Left(NamedTuple):
    """The end of a translation, with what in it depends on where things stand (except for jumps).

    All offsets are counted from the beginning of the translation.  `spilled` and `trap` belong to the lookup of an indirect
    target; 0 where there is none.
    """

    code: bytes
    jumps: tuple[Jump, ...] = ()
    spilled: int = 0
    trap: int = 0
    fixes: tuple[Fix, ...] = ()


def leave(last: Known, end: int, at: int) -> Left:
    """The code that leaves a block behind its last instruction, which ends at `end`; it begins at `at` in the translation."""
    flow = last.effects.flow
    if flow is Flow.BRANCH:
        return _branch(last, end, at)
    if flow is Flow.NEXT:
        return _direct(b"", at, end)
    if flow is Flow.JUMP:
        return _direct(b"", at, last.target)
    if flow is Flow.CALL:
        return _direct(emit.push_number(end), at, last.target)._replace(fixes=_pushed(at, end))
    return _indirect(last, end, at)


class _Ways(NamedTuple):
    """Jumps, their stubs behind them: the offsets of their fields and stubs."""

    code: bytes
    places: tuple[tuple[int, int], ...]


@functools.lru_cache(64)
def _ways(code: bytes, count: int, start: int | None = None) -> _Ways:
    """`code`, then `count` jumps; the first is in `code` already where `start` says where its distance is."""
    fields = [] if start is None else [start]
    while len(fields) < count:
        code += emit.near_jump(0)
        fields.append(len(code) - 4)
    places, result = [], bytearray(code)
    for field in fields:
        stub = len(result)
        places.append((field, stub))
        result[field : field + 4] = (stub - field - 4).to_bytes(4, "little", signed=True)
        result += TRAP * emit.FAR_JUMP_SIZE
    return _Ways(bytes(result), tuple(places))


def _direct(code: bytes, at: int, *targets: int) -> Left:
    """`code`, then a jump to each of the targets."""
    ways = _ways(b"", len(targets))
    return Left(code + ways.code, _jumps(ways, at + len(code), targets))


def _jumps(ways: _Ways, at: int, targets: tuple[int, ...]) -> tuple[Jump, ...]:
    return tuple([Jump(at + field, at + stub, target) for (field, stub), target in zip(ways.places, targets)])


def _branch(last: Known, end: int, at: int) -> Left:
    instruction, raw = last.instruction, last.raw
    if instruction.is_jcc_short_or_near:
        condition = raw[-2 if instruction.is_jcc_short else -5] & 15
        ways = _ways(bytes((0x0F, 0x80 | condition, 0, 0, 0, 0)), 2, 2)
        return Left(ways.code, _jumps(ways, at, (last.target, end)))
    # loop and jrcxz reach no further than a byte: over the jump to what follows.
    over = raw[:-1] + bytes((len(emit.near_jump(0)),))
    return _direct(over, at, end, last.target)


def _indirect(last: Known, end: int, at: int) -> Left:
    """Put the target into rcx, do what else the instruction does, and look the target up."""
    flow, reads = last.effects.flow, last.effects.reads
    code = emit.gs_store(area.RAX_SPILL, RAX) + emit.gs_store(area.RCX_SPILL, RCX)
    spilled = at + len(code)
    fixes: tuple[Fix, ...] = ()
    if flow is Flow.RETURN:
        dropped = last.instruction.immediate16 if last.instruction.op_count else 0
        code += emit.load(RCX, Place(RSP)) + emit.lea(RSP, Place(RSP, displacement=8 + dropped))
    elif reads:
        code += _load(reads[0])
        fixes = _loaded(spilled, last)
    else:
        code += emit.move(RCX, general_number(last.instruction.op0_register))
    if flow is Flow.INDIRECT_CALL:
        fixes += _pushed(at + len(code), end)
        code += emit.push_number(end)
    return Left(code + LOOKUP, (), spilled, at + len(code) + LOOKUP_TRAP, fixes)


def _pushed(at: int, number: int) -> tuple[Fix, ...]:
    """The fix of the push of an address at `at`."""
    return (Fix(Holds.HALVES, at + 1),) if number >> 32 else ()


def _loaded(at: int, last: Known) -> tuple[Fix, ...]:
    """The fix of the load of a target from a pc-relative address at `at`."""
    return (Fix(Holds.ADDRESS, at + 2),) if last.relative and last.address >> 32 else ()


def _load(operand: MemoryOperand) -> bytes:
    """Load rcx with what is at an operand; the registers in it are still the program's."""
    base, index = (NUMBER[name] if name else None for name in (operand.base, operand.index))
    if base is None and index is None and operand.segment is None:
        return emit.move_number(RCX, operand.displacement) + emit.load(RCX, Place(RCX))
    return emit.load(RCX, Place(base, index, operand.scale, operand.displacement), fs=operand.segment is not None)


def _compare(table: Table) -> bytes:
    """Make rcx zero if the table knows the target; destroys rax."""
    at = area.TARGET + table.shift // 8
    code = emit.gs_load_word(RAX, at) + emit.gs_load(RAX, table.negative, RAX, 8) + emit.gs_load(RCX, area.TARGET)
    return code + emit.lea(RCX, Place(RCX, RAX))


def _go(table: Table) -> bytes:
    """Jump where the table says, with the program's registers."""
    at = area.TARGET + table.shift // 8
    code = emit.gs_load_word(RAX, at) + emit.gs_load(RAX, table.landing, RAX, 8) + emit.gs_store(area.LANDING, RAX)
    return code + _RETURN_REGISTERS + emit.gs_jump(area.LANDING)


def _lookup() -> tuple[bytes, int]:
    """The lookup of the target in rcx, and the offset of its trap."""
    first, second = area.TABLES
    miss = _RETURN_REGISTERS + TRAP
    second_try = _compare(second) + emit.jump_if_rcx_zero(len(miss) + len(_go(first))) + miss
    code = emit.gs_store(area.TARGET, RCX) + _compare(first) + emit.jump_if_rcx_zero(len(second_try)) + second_try
    return code + _go(first) + _go(second), len(code) - 1


_RETURN_REGISTERS = emit.gs_load(RAX, area.RAX_SPILL) + emit.gs_load(RCX, area.RCX_SPILL)
LOOKUP, LOOKUP_TRAP = _lookup()
