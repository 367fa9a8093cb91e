"""Calls that wait for events, and asynchronous input and output."""

from __future__ import annotations

import functools

from rdb.arch.linux.memory import DETACHES
from rdb.arch.linux.terms import (
    MAPPING,
    NOTHING,
    UNKNOWN,
    Call,
    Depends,
    Effect,
    Multiplexed,
    Table,
    arg,
    bitmap,
    by,
    count,
    fixed,
    load,
    out,
    pointer,
    rows,
    vector,
)

_AIO_RING_HEAD, _IO_EVENT = 32, 32
_PREAD, _PREADV = 0, 7  # IOCB_CMD_*, include/uapi/linux/aio_abi.h

# The three sets of select, each as long as the first argument says.
_SETS = out(1, bitmap(count(0))) + out(2, bitmap(count(0))) + out(3, bitmap(count(0)))
_SELECT = _SETS + out(4, "timeval")


def _old_select(call: Call) -> tuple[Effect, Call]:
    """i386's first select: its five arguments stand in memory."""
    return _SELECT, Call.of(call.words(call.arguments[0], 5), call.cpu, call.abi)


def _submitted(call: Call) -> Effect:
    """io_submit takes control blocks one by one, until a pointer is bad."""
    return tuple(Depends(functools.partial(_control_block, index)) for index in range(min(call.arguments[1], 1024)))


def _control_block(index: int, call: Call) -> Effect:
    """A struct iocb reads into its buffer, mostly before io_submit returns.

    Its opcode is 16 bits at 16, its buffer 64 bits at 24, the length 64 bits at 32.
    """
    block = pointer(2, index).of(call)
    opcode, buffer, length = call.load(block + 16, 2), call.load(block + 24, 8), call.load(block + 32, 8)
    return {_PREAD: out(fixed(buffer), fixed(length)), _PREADV: vector(fixed(buffer), fixed(length))}.get(opcode, NOTHING)


# The context is the address of a ring in the program's memory, its number of slots at 4; events are put and taken there.
_RING = out(0, load(0, 4, offset=4) * _IO_EVENT + _AIO_RING_HEAD)

EVENTS: Table = {
    "select": _SELECT,
    "pselect6": _SETS + out(4, "timespec"),
    "pselect6_time64": _SETS + out(4, "timespec64"),
    "poll": out(0, count(1) * "pollfd"),
    "ppoll": out(0, count(1) * "pollfd") + out(2, "timespec"),
    "ppoll_time64": out(0, count(1) * "pollfd") + out(2, "timespec64"),
    **rows("epoll_wait epoll_pwait epoll_pwait2", out(1, count(2) * "epoll_event")),
    "io_setup": out(1, "word") + MAPPING,
    "io_destroy": DETACHES,
    "io_submit": (Depends(_submitted),) + _RING,
    "io_cancel": out(2, "io_event") + _RING,
    **rows("io_getevents io_pgetevents io_pgetevents_time64", out(3, arg(2) * "io_event") + _RING),
    # io_uring works behind the program's back, through rings mapped into it: what has changed can only be found by looking.
    "io_uring_setup": out(1, "io_uring_params"),
    "io_uring_enter": UNKNOWN,
    "io_uring_register": by(count(1), {8: out(2, count(3) * 16 + 16)}, otherwise=UNKNOWN),  # IORING_REGISTER_PROBE
    **rows("epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait_old"),
}

I386_EVENTS: Table = {
    "select": (Multiplexed(_old_select),),
    "_newselect": _SELECT,
}
