"""What a translation does in front of an instruction that it cannot always execute, or whose write has no place in a record.

A write is *long* if it is larger than any operand of ordinary instructions, or if its size is known only when it happens:
repeated strings, the images of XSAVE and FXSAVE.  It is cut into pieces, each saved by a *saver*: an execution of its own, behind
that of the block, of a block that has no instructions and saves so many bytes (`SAVERS`).  Thus every record has a size that is
known.

Some instructions are *refused* at times, for what they are asked to do then: nothing has been done yet when the translation stops
at its trap, with a target that is no address, and the block is left to single steps.

In here flags and five registers are ours; what they hold for the program is in the scratch area meanwhile (`Window`).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from rdb.arch.base import MemoryOperand
from rdb.arch.translation import Stage, Translation, Write
from rdb.arch.x86_64.translation import area
from rdb.arch.x86_64.translation import encoding as emit
from rdb.arch.x86_64.translation.encoding import RAX, TRAP, Place

# How much each of the savers saves, by its number.
SIZES = (64, 8, 1)
# More is left to single steps, which compare it as a whole.
LARGEST = 1 << 18
_WORD = 8
# Where the write goes on, how much of it is left, where the words of the streams go.
ADDRESS = _AT = 8
_LEFT, _TRACE, _VALUES = 9, 10, 11
_NO_ADDRESS = 1 << 63
# add al, 127; sahf: the flags are what FLAGS_TO_AX has put into ax.
_FLAGS_FROM_AX = b"\x04\x7f\x9e"
_TEST = {"rax": b"\xa9", "rdx": b"\xf7\xc2"}
_COMPARE_RCX, _COMPARE_LEFT = b"\x48\x81\xf9", b"\x49\x83\xf9"
_IF_BELOW, _IF_ABOVE, _IF_ANY, _ALWAYS = b"\x72", b"\x77", b"\x75", b"\xeb"


class Refusal(NamedTuple):
    """An instruction is refused if any of these bits of a register, or of the word on the stack ("(rsp)"), is set."""

    where: str
    bits: int


class Window(NamedTuple):
    """From offset `start` to `end` of a translation the program's value of a register (-1: the flags) is at `at` in the area."""

    register: int
    at: int
    start: int
    end: int


class Spread(NamedTuple):
    """`code`, and offsets: the trap of a refusal (0: there is none), and from where on the streams have what savers saved."""

    code: bytes
    trap: int
    windows: tuple[Window, ...]
    saved: tuple[int, int]


def _saver(size: int) -> Translation:
    """The translation, never executed, of a block that has no instructions and saves `size` bytes for the one in front of it."""
    write = Write(-1, size, 0, 0)
    return Translation((), 0, b"", (), False, (write,), _WORD + (size + 7 & ~7), (), 0, (), None, Stage(0, 0, 0), (), ())


SAVERS = tuple(_saver(size) for size in SIZES)


def spread(long: MemoryOperand | None, address: bytes, refusals: tuple[Refusal, ...], at: int) -> Spread:
    """Refuse what must be refused, and save a long write, whose address the code `address` puts into `ADDRESS`.

    The code will stand at offset `at`; the offsets count from there as well.
    """
    code = emit.gs_store(area.SPARE[0], RAX)
    first = len(code)
    code += emit.FLAGS_TO_AX + emit.gs_store(area.FLAGS, RAX)
    kept, trap = len(code), 0
    code += emit.gs_load(RAX, area.SPARE[0])
    refuse = emit.move_number(RAX, _NO_ADDRESS) + emit.gs_store(area.TARGET, RAX) + TRAP
    checks = _checks(long, refusals)
    if checks:
        ahead = _ALWAYS + bytes((len(refuse),))
        for check in reversed(checks):
            ahead = check + bytes((len(ahead),)) + ahead
        code += ahead + refuse
        trap = at + len(code) - 1
    windows, saved = [], (0, 0)
    if long is not None:
        registers = dict(zip((_AT, _LEFT, _TRACE, _VALUES), area.SPARE[1:]))
        for register, place in registers.items():
            code += emit.gs_store(place, register)
        inside = len(code)
        code += _save(long, address)
        code += emit.gs_store(area.TRACE, _TRACE)
        in_trace = len(code)
        code += emit.gs_store(area.VALUES, _VALUES)
        saved = (at + in_trace, at + len(code))
        for register, place in registers.items():
            code += emit.gs_load(register, place)
        windows = [Window(register, place, at + inside, at + len(code)) for register, place in registers.items()]
    code += emit.gs_load(RAX, area.FLAGS) + _FLAGS_FROM_AX
    windows.append(Window(-1, area.FLAGS, at + kept, at + len(code)))
    code += emit.gs_load(RAX, area.SPARE[0])
    windows.append(Window(RAX, area.SPARE[0], at + first, at + len(code)))
    return Spread(code, trap, tuple(windows), saved)


def _checks(long: MemoryOperand | None, refusals: tuple[Refusal, ...]) -> list[bytes]:
    """For each reason to refuse: code that ends in a jump, without its distance, which is made if there is that reason."""
    checks = []
    if long is not None and long.count is not None:
        checks.append(_COMPARE_RCX + struct.pack("<I", LARGEST // long.size) + _IF_ABOVE)
    for where, bits in refusals:
        load = b"" if where in _TEST else emit.load(RAX, Place(emit.RSP))
        checks.append(load + _TEST.get(where, _TEST["rax"]) + struct.pack("<I", bits) + _IF_ANY)
    return checks


def _save(long: MemoryOperand, address: bytes) -> bytes:
    code = address
    if long.count is None:
        code += emit.move_number(_LEFT, long.size)
    else:
        code += emit.lea(_LEFT, Place(None, emit.RCX, long.size))
    code += emit.gs_load(_TRACE, area.TRACE) + emit.gs_load(_VALUES, area.VALUES)
    return code + b"".join(_pieces(number, size) for number, size in enumerate(SIZES))


def _pieces(number: int, size: int) -> bytes:
    """Save pieces of one size, as long as there is so much left."""
    body = emit.store_number(Place(_TRACE), number) + emit.store(Place(_VALUES), _AT)
    for at in range(0, size, _WORD):
        body += emit.load_zero_extended(RAX, Place(_AT, displacement=at), min(size, _WORD))
        body += emit.store(Place(_VALUES, displacement=_WORD + at), RAX)
    for register, distance in ((_AT, size), (_LEFT, -size), (_TRACE, _WORD), (_VALUES, SAVERS[number].size)):
        body += emit.lea(register, Place(register, displacement=distance))
    head = _COMPARE_LEFT + bytes((size,)) + _IF_BELOW + bytes((len(body) + 2,))
    return head + body + _ALWAYS + struct.pack("<b", -len(head) - len(body) - 2)
