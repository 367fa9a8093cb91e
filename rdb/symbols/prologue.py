"""Where a function's own work begins: the place at which a breakpoint on the function stops.

GDB's choice for x86-64: pass over `push %rbp; mov %rsp,%rbp` if the function begins so, then to the start of the next row of the
line table.  A function without that pair, and optimized code whose location lists hold in prologues already, keep their first
instruction.  Instruction bytes come from the file, so breakpoints inserted in memory do no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdb.symbols.functions import Function
from rdb.symbols.minimal import MinimalSymbol

if TYPE_CHECKING:
    from rdb.symbols.objects import LoadedObject

_EM_X86_64 = 62
_ENDBR64 = bytes.fromhex("f30f1efa")
_PUSH_RBP = b"\x55"
_MOV_RSP_RBP = (bytes.fromhex("4889e5"), bytes.fromhex("488bec"))


def frame_setup_end(object: LoadedObject, entry: int) -> int:
    """The address after `push %rbp; mov %rsp,%rbp` at `entry`, or `entry` if it does not begin so."""
    if object.elf.machine != _EM_X86_64:
        return entry
    code = object.code(entry, 16)
    start = 4 if code.startswith(_ENDBR64) else 0
    if code[start : start + 1] == _PUSH_RBP and code[start + 1 : start + 4] in _MOV_RSP_RBP:
        return entry + start + 4
    return entry


def after_prologue(target: Function | MinimalSymbol, object: LoadedObject) -> int:
    """Where a breakpoint on a function belongs."""
    return _after(object, target.low, target) if isinstance(target, Function) else frame_setup_end(object, target.address)


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
    pc = frame_setup_end(object, entry)
    line = object.line_at(pc)
    if line is not None and line.start != pc and entry <= line.end < function.high:
        return line.end
    return pc
