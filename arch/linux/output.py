"""What a program has written to its file descriptors, told from its system calls.

The rows of this table are the stretches that a call *reads*, in the words of the other tables.  What goes from descriptor to
descriptor never passes through memory; where it came from, `transfer` says, so that it can be read there again if that is a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rdb.arch.base import CpuView
from rdb.arch.linux.collect import Collected
from rdb.arch.linux.network import socket_call
from rdb.arch.linux.structures import Abi
from rdb.arch.linux.terms import (
    Call,
    Effect,
    Table,
    arg,
    names,
    out,
    pointer,
    rows,
    vector,
)
from rdb.errors import CannotAccessMemory


@dataclass(frozen=True)
class Transfer:
    """Bytes that a call has moved out of a descriptor, up to offset `end` of it; None: up to where the descriptor is now."""

    descriptor: int
    end: int | None


@dataclass(frozen=True)
class Output:
    """Bytes that went out through a descriptor."""

    descriptor: int
    data: bytes


# Those whose second argument points to the bytes: by far the most frequent, so they are told without a formula.
PLAIN = frozenset(names("write pwrite64 send sendto"))
OUTPUTS: Table = {
    **rows(" ".join(PLAIN), out(1, arg(2))),
    **rows("writev pwritev pwritev2 vmsplice", vector(1, arg(2))),
    "sendmsg": vector(pointer(1, 2), pointer(1, 3)),
}


# Which arguments are the descriptor that is read and the pointer to an offset, and the size of that; None: a word (off_t).
# The kernel leaves there the offset behind the last byte (sendfile(2), splice(2), copy_file_range(2)).
TRANSFERS: Mapping[str, tuple[int, int, int | None]] = {
    "sendfile": (1, 2, None),
    "sendfile64": (1, 2, 8),
    "splice": (0, 1, 8),
    "copy_file_range": (0, 1, 8),
}


def output(name: str | None, arguments: Sequence[int], result: int, cpu: CpuView, abi: Abi) -> Output | None:
    """What a call has written, asked at its exit; None if it has written nothing that can be told.

    `arguments` are the raw registers at the entry, `result` is the raw register or its signed value.
    """
    call = Call.of(arguments, cpu, abi)
    try:
        if name == "socketcall":
            name, call = socket_call(call) or (None, call)
        data = written(name, call, signed(result, abi))
    except CannotAccessMemory:
        return None
    return Output(call.arguments[0] & 0xFFFFFFFF, data) if data else None


def written(name: str | None, call: Call, result: int) -> bytes:
    """The bytes that a call, which stands for no other one, has written; `result` is signed.  Raises CannotAccessMemory."""
    if name in PLAIN:
        return call.cpu.memory(call.arguments[1], result) if result > 0 else b""
    return _messages(call, result) if name == "sendmmsg" else _bytes(OUTPUTS.get(name or "", ()), call, result)


def transfer(name: str, call: Call) -> Transfer | None:
    """Where a call, asked at its exit, has got its bytes from, if they went from descriptor to descriptor."""
    if name not in TRANSFERS:
        return None
    descriptor, place, size = TRANSFERS[name]
    offset = call.arguments[place]
    end = call.load(offset, call.abi.word if size is None else size) if offset else None
    return Transfer(call.arguments[descriptor] & 0xFFFFFFFF, end)


def signed(result: int, abi: Abi) -> int:
    """A raw result register as the C library sees it: negative for an error."""
    result &= abi.mask
    return result - (abi.mask + 1) if result > abi.mask >> 1 else result


def _bytes(effect: Effect, call: Call, length: int) -> bytes:
    """The first `length` bytes of the stretches of a row."""
    stretches = Collected()
    stretches.add(effect, call)
    data = b""
    for address, size in stretches.writes:
        data += call.cpu.memory(address, max(0, min(size, length - len(data))))
    return data


def _messages(call: Call, result: int) -> bytes:
    """sendmmsg: `result` messages have gone; each tells in its last int how many bytes of it."""
    size, header = call.abi.sizes["mmsghdr"], call.abi.sizes["msghdr"]
    data = b""
    for index in range(max(0, result)):
        start = call.arguments[1] + index * size
        message = Call.of((call.arguments[0], start), call.cpu, call.abi)
        data += _bytes(OUTPUTS["sendmsg"], message, call.load(start + header, 4))
    return data
