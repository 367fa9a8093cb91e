"""What a program has written to its file descriptors, told from its system calls.

The rows of this table are the stretches that a call *reads*, in the words of the other tables.  What goes from descriptor to
descriptor (sendfile, splice, copy_file_range) never passes through memory and is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
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
