"""$_siginfo: what the kernel tells of a signal (sigaction(2), siginfo_t), as the C structure that GDB makes of it.

The kernel's layout is <asm-generic/siginfo.h>: three ints, then, aligned to a pointer, a union.  ptrace gives it as a program of
our own kind has it; for one with smaller pointers and longs the member that counts, which signal and code tell, is laid out anew.
"""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable, Iterator

from rdb.errors import ExpressionError
from rdb.expr.value import ComputedLvalue, Value
from rdb.symbols.types import (
    INT,
    SHORT,
    UNSIGNED_INT,
    VOID,
    ArrayType,
    Member,
    StructType,
    Type,
    TypedefType,
    basic_types,
    pointer_to,
)

_SIZE, _HEAD, _OURS = 128, 12, 8
# So much of it the kernel keeps: struct kernel_siginfo, include/linux/signal_types.h.
_KEPT = 48
# <asm-generic/siginfo.h>: SI_TIMER and SI_SIGIO; from SI_KERNEL on nothing is known but the signal.
_SI_TIMER, _SI_SIGIO, _SI_KERNEL = -2, -5, 128
_FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP)
_MEMBERS: dict[int, str] = {
    **dict.fromkeys(_FAULTS, "_sigfault"), signal.SIGCHLD: "_sigchld", signal.SIGPOLL: "_sigpoll", signal.SIGSYS: "_sigsys",
}  # fmt: skip


def siginfo(read: Callable[[], bytes], pointer_size: int, write: Callable[[bytes], None] | None = None) -> Value:
    """The value of $_siginfo in a program with such pointers; `read` gives the kernel's siginfo_t, b"" where there is none.

    `write` changes that, if it may be changed.
    """

    def fetch() -> bytes:
        info = read()
        if not info:
            raise ExpressionError("Unable to read siginfo")
        return info if pointer_size == _OURS else _narrowed(info, pointer_size)

    def store(info: bytes) -> None:
        assert write is not None
        whole = info if pointer_size == _OURS else _widened(info, pointer_size, read())
        write(whole[:_KEPT].ljust(_SIZE, b"\0"))

    return Value(_type(pointer_size), fetch, ComputedLvalue(fetch, store) if write is not None else None)


def _structure(keyword: str, members: dict[str, Type], tag: str | None = None, size: int = 0) -> StructType:
    """A struct or union with the members where C has them."""
    laid: list[Member] = []
    end = widest = 0
    for name, type in members.items():
        alignment = _alignment(type)
        offset = 0 if keyword == "union" else -(-end // alignment) * alignment
        laid.append(Member(name, type, offset))
        end, widest = max(end, offset + type.size), max(widest, alignment)
    whole = size or -(-end // widest) * widest
    return StructType(name=tag, tag=tag, size=whole, keyword=keyword, read_members=lambda: tuple(laid))


def _alignment(type: Type) -> int:
    if isinstance(type, StructType):
        return max(_alignment(member.type) for member in type.members)
    return _alignment(type.element) if isinstance(type, ArrayType) else type.size


@functools.cache
def _type(pointer_size: int) -> StructType:
    pointer, long = pointer_to(VOID, pointer_size), basic_types(pointer_size)["long"]
    process, user, clock = (
        TypedefType(name=name, size=target.size, target=target)
        for name, target in (("__pid_t", INT), ("__uid_t", UNSIGNED_INT), ("__clock_t", long))
    )
    value = _structure("union", {"sival_int": INT, "sival_ptr": pointer}, "sigval_t")
    sender: dict[str, Type] = {"si_pid": process, "si_uid": user}
    times: dict[str, Type] = {"si_status": INT, "si_utime": clock, "si_stime": clock}
    bounds = _structure("struct", {"_lower": pointer, "_upper": pointer})
    kinds: dict[str, dict[str, Type]] = {
        "_kill": sender,
        "_timer": {"si_tid": INT, "si_overrun": INT, "si_sigval": value},
        "_rt": {**sender, "si_sigval": value},
        "_sigchld": {**sender, **times},
        "_sigfault": {"si_addr": pointer, "_addr_lsb": SHORT, "_addr_bnd": bounds},
        "_sigpoll": {"si_band": long, "si_fd": INT},
        "_sigsys": {"_call_addr": pointer, "_syscall": INT, "_arch": UNSIGNED_INT},
    }
    rest = _SIZE - max(_HEAD, 2 * pointer_size)
    pad = ArrayType(element=INT, count=rest // INT.size, vector=True, size=rest)
    fields = _structure("union", {"_pad": pad, **{name: _structure("struct", members) for name, members in kinds.items()}})
    head: dict[str, Type] = {"si_signo": INT, "si_errno": INT, "si_code": INT}
    return _structure("struct", {**head, "_sifields": fields}, "siginfo", _SIZE)


def _narrowed(info: bytes, pointer_size: int) -> bytes:
    """A siginfo_t of ours as a program with smaller pointers has it."""
    number, code = (int.from_bytes(info[at : at + 4], "little", signed=True) for at in (0, 8))
    result = bytearray(info[:_HEAD].ljust(_SIZE, b"\0"))
    for (wide, _), (narrow, size) in zip(*(_pieces(width, _member(number, code)) for width in (_OURS, pointer_size))):
        result[narrow : narrow + size] = info[wide : wide + size]
    return bytes(result)


def _widened(info: bytes, pointer_size: int, whole: bytes) -> bytes:
    """The siginfo_t `whole` of ours, with what a program with smaller pointers has of it as in `info`."""
    number, code = (int.from_bytes(info[at : at + 4], "little", signed=True) for at in (0, 8))
    result = bytearray(info[:_HEAD] + whole[_HEAD:])
    for (wide, size), (narrow, given) in zip(*(_pieces(width, _member(number, code)) for width in (_OURS, pointer_size))):
        result[wide : wide + size] = info[narrow : narrow + given].ljust(size, b"\0")
    return bytes(result)


def _member(number: int, code: int) -> str:
    """The member of the union that the kernel fills in for such a signal."""
    if code <= 0:
        return {_SI_TIMER: "_timer", _SI_SIGIO: "_sigpoll"}.get(code, "_rt")
    return _MEMBERS.get(number, "_kill") if code < _SI_KERNEL else "_kill"


def _pieces(pointer_size: int, member: str) -> list[tuple[int, int]]:
    """Offset and size of the parts of a member of the union, in the whole structure."""
    fields = next(each for each in _type(pointer_size).members if each.name == "_sifields")
    assert isinstance(fields.type, StructType)
    return list(_parts(next(each.type for each in fields.type.members if each.name == member), fields.offset))


def _parts(type: Type, offset: int) -> Iterator[tuple[int, int]]:
    if isinstance(type, StructType) and type.keyword == "struct":
        for member in type.members:
            yield from _parts(member.type, offset + member.offset)
    else:
        yield offset, type.size
