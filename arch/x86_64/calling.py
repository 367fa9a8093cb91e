"""Where the x86-64 System V ABI returns values (AMD64 supplement, 3.2.3).

A value is cut into eightbytes, each of one class.  Up to two eightbytes travel in registers: integers in rax then rdx, floating
point in xmm0 then xmm1, x87 long doubles on the x87 stack.  Everything else is in memory.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence

from rdb.arch.base import Field, Piece, Register
from rdb.arch.x86_64.registers import table

ARGUMENTS = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")

_EIGHTBYTE = 8
_LONG_DOUBLE = 16


class _Class(enum.Enum):
    NONE = enum.auto()
    INTEGER = enum.auto()
    SSE = enum.auto()
    MEMORY = enum.auto()


def return_pieces(size: int, fields: Sequence[Field], aggregate: bool = False) -> tuple[Register, ...] | None:
    """Arch.return_pieces; a structure is returned as its members are, so `aggregate` makes no difference here."""
    if any(field.kind == "x87" for field in fields):
        return _on_the_stack(size, fields)
    if len(fields) == 1 and fields[0].kind == "float" and fields[0].size == size > _EIGHTBYTE:
        return _vector(size)
    if size > 2 * _EIGHTBYTE:
        return None
    classes = [_classify(fields, start) for start in range(0, size, _EIGHTBYTE)]
    if _Class.MEMORY in classes:
        return None
    free = {_Class.INTEGER: iter(("rax", "rdx")), _Class.SSE: iter(("xmm0", "xmm1"))}
    names = [next(free.get(kind, free[_Class.SSE])) for kind in classes]
    return tuple(_cut(name, min(_EIGHTBYTE, size - start)) for name, start in zip(names, range(0, size, _EIGHTBYTE)))


def _classify(fields: Sequence[Field], start: int) -> _Class:
    """The class of the eightbyte at `start`: one integer in it makes it integer, an unaligned scalar anywhere makes it memory."""
    result = _Class.NONE
    for offset, size, kind in ((field.offset, field.size, field.kind) for field in fields):
        if offset % max(size, 1):
            return _Class.MEMORY
        if offset < start + _EIGHTBYTE and start < offset + size and result is not _Class.INTEGER:
            result = _Class.INTEGER if kind == "int" else _Class.SSE
    return result


def _on_the_stack(size: int, fields: Sequence[Field]) -> tuple[Register, ...] | None:
    """A long double, or a complex one; in any other company it goes to memory."""
    if any(field.kind != "x87" or field.offset not in (0, _LONG_DOUBLE) for field in fields):
        return None
    if size == _LONG_DOUBLE:
        return (_cut("st0", _LONG_DOUBLE),)
    if size == 2 * _LONG_DOUBLE and _is_complex(fields):
        return (_cut("st0", _LONG_DOUBLE), _cut("st1", _LONG_DOUBLE))
    return None


def _is_complex(fields: Sequence[Field]) -> bool:
    return len(fields) == 1 and fields[0].size == 2 * _LONG_DOUBLE


def _vector(size: int) -> tuple[Register, ...] | None:
    register = table().by_name.get({16: "xmm0", 32: "ymm0", 64: "zmm0"}.get(size, ""))
    return (register,) if register else None


@functools.cache
def _cut(name: str, size: int) -> Register:
    """The first `size` bytes of a register, with zeros above where it has fewer."""
    register = table()[name]
    bank, offset, whole = register.pieces[0]
    return Register(name, (Piece(bank, offset, min(size, whole)),), register.kind, register.groups, register.dwarf, width=size)
