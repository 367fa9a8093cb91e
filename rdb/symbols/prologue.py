"""Where a function's own work begins: the place at which a breakpoint on the function stops.

GDB's choice for x86: pass over the set-up of the frame (`push %rbp; mov %rsp,%rbp` on x86-64; on i386 also what aligns the
stack in front of it, and behind it the room for locals and the saved registers) if the function begins so, then to the start of
the next row of the line table.  A function without that, and optimized code whose location lists hold in prologues already, keep
their first instruction.  Instruction bytes come from the file, so breakpoints inserted in memory do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from rdb.symbols.functions import Function
from rdb.symbols.minimal import MinimalSymbol

if TYPE_CHECKING:
    from rdb.symbols.objects import LoadedObject

_LONGEST = 48


class FrameSetup(NamedTuple):
    """Run-time addresses: after the push of the frame pointer, after it has been set, and where a breakpoint's search begins."""

    pushed: int
    ready: int
    end: int


def _matcher(pattern: bytes) -> Callable[[bytes], re.Match[bytes] | None]:
    return re.compile(pattern, re.DOTALL).match


# Groups: push of the frame pointer, setting it, what else belongs to the set-up.
_PATTERNS = {
    62: _matcher(
        rb"((?:\xf3\x0f\x1e\xfa)?\x55)(\x48\x89\xe5|\x48\x8b\xec)()"
    ),
    # endbr32; push %reg; lea 8(%esp),%reg; and $-16,%esp; push -4(%reg): main's way of aligning its stack.
    3: _matcher(
        rb"((?:\xf3\x0f\x1e\xfb)?"
        rb"(?:[\x50-\x57]?\x8d[\x44\x4c\x54]\x24[\x04\x08](?:\x83\xe4.|\x81\xe4....)\xff[\x70-\x72]\xfc)?"
        rb"\x55)(\x89\xe5|\x8b\xec)"
        rb"((?:\x83\xec.|\x81\xec....|\x8d\x64\x24.)?[\x50-\x57]{0,8})"
    ),
}  # fmt: skip


def frame_setup(object: LoadedObject, entry: int) -> FrameSetup | None:
    """The set-up of a frame at `entry`, or None if the function does not begin so."""
    match = _PATTERNS.get(object.elf.machine, _nowhere)(object.code(entry, _LONGEST))
    return FrameSetup(entry + match.end(1), entry + match.end(2), entry + match.end(3)) if match is not None else None


def _nowhere(code: bytes) -> None:
    return None


def _setup_end(object: LoadedObject, entry: int) -> int:
    found = frame_setup(object, entry)
    return found.end if found is not None else entry


def after_prologue(target: Function | MinimalSymbol, object: LoadedObject) -> int:
    """Where a breakpoint on a function belongs."""
    return _after(object, target.low, target) if isinstance(target, Function) else _setup_end(object, target.address)


def past_prologue(object: LoadedObject, address: int) -> int:
    """`address`, or the end of its function's prologue where it is within that."""
    function = object.function_at(address)
    return max(address, _after(object, function.low, function)) if function is not None else address


def _after(object: LoadedObject, entry: int, function: Function) -> int:
    unit = object.unit_at(entry)
    if unit is None or unit.trusts_locations:
        return entry
    first = object.line_at(entry)
    if unit.is_clang and first is not None and first.end in function:
        return first.end
    pc = _setup_end(object, entry)
    line = object.line_at(pc)
    if line is not None and line.start != pc and entry <= line.end < function.high:
        return line.end
    return pc
