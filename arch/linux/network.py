"""Calls on sockets."""

from __future__ import annotations

from rdb.arch.linux.terms import (
    MAPPING,
    UNKNOWN,
    Call,
    Depends,
    Effect,
    Multiplexed,
    Number,
    Place,
    Table,
    arg,
    by,
    count,
    counted,
    fixed,
    load,
    names,
    out,
    pointer,
    rows,
    vector,
)


def message(place: Place, header: str = "msghdr") -> Effect:
    """A struct msghdr is received into: name, buffers, control data, and the header itself.

    Seven words: name, its length (an int), buffers, their number, control data, its length, flags (an int).
    """
    name = out(pointer(place, 0), load(place, 4, offset=Number(lambda call: call.abi.word)))
    control = out(pointer(place, 4), pointer(place, 5))
    return name + vector(pointer(place, 2), pointer(place, 3)) + control + out(place, header)


def _messages(call: Call) -> Effect:
    """recvmmsg: an array of struct mmsghdr."""
    first, size = call.arguments[1], call.abi.sizes["mmsghdr"]
    number = min(call.arguments[2] & 0xFFFFFFFF, 1024)
    return tuple(item for i in range(number) for item in message(fixed(first + i * size), "mmsghdr"))


# The options whose value is not simply a buffer and its length.  Sources: asm-generic/socket.h, linux/tcp.h.
_SOCKET_OPTIONS = {26: out(3, load(4) * 8) + out(4, 4)}  # SO_GET_FILTER: the length counts instructions
_TCP_OPTIONS = {35: UNKNOWN + MAPPING}  # TCP_ZEROCOPY_RECEIVE maps what it received
_OPTION = counted(3, 4)

NETWORK: Table = {
    "socketpair": out(3, "fd_pair"),
    **rows("accept accept4 getsockname getpeername", counted(1, 2)),
    "recv": out(1, arg(2)),
    "recvfrom": out(1, arg(2)) + counted(4, 5),
    "recvmsg": message(1),
    "recvmmsg": (Depends(_messages),) + out(4, "timespec"),
    "recvmmsg_time64": (Depends(_messages),) + out(4, "timespec64"),
    "sendmmsg": out(1, count(2) * "mmsghdr"),  # the number of bytes sent of each
    "getsockopt": by(count(1), {1: by(count(2), _SOCKET_OPTIONS, _OPTION), 6: by(count(2), _TCP_OPTIONS, _OPTION)}, _OPTION),
    **rows("socket bind connect listen shutdown send sendto sendmsg setsockopt"),
}

# socketcall's first argument, counted from 1.  Source: include/uapi/linux/net.h.
SOCKETCALLS = names(
    "socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown setsockopt "
    "getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg"
)


_ARGUMENTS = {
    **dict.fromkeys(names("listen shutdown"), 2),
    **dict.fromkeys(names("socketpair send recv accept4 sendmmsg"), 4),
    **dict.fromkeys(names("getsockopt setsockopt recvmmsg"), 5),
    **dict.fromkeys(names("sendto recvfrom"), 6),
}


def socket_call(call: Call) -> tuple[str, Call] | None:
    """The name of the call that a socketcall stands for, and that call; its arguments stand in memory, as many as it has."""
    number = call.arguments[0] & 0xFFFFFFFF
    if not 1 <= number <= len(SOCKETCALLS):
        return None
    name = SOCKETCALLS[number - 1]
    return name, Call.of(call.words(call.arguments[1], _ARGUMENTS.get(name, 3)), call.cpu, call.abi)


def _socketcall(call: Call) -> tuple[Effect, Call] | None:
    target = socket_call(call)
    return target and (NETWORK[target[0]], target[1])


I386_NETWORK: Table = {
    "socketcall": (Multiplexed(_socketcall),),
}
