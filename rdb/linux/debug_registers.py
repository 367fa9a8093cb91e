"""The x86 debug registers: four addresses that the CPU itself watches.

Each watches 1, 2, 4 or 8 bytes at an address aligned to its length, on writes or on reads and writes (there is no read-only
kind).  DR7 enables them, DR6 tells which have triggered (Intel SDM volume 3, 18.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rdb.events import Watch, WatchKind
from rdb.linux import ptrace

COUNT = 4
_STATUS, _CONTROL = 6, 7
_ON_WRITE, _ON_ACCESS = 0b01, 0b11
_LENGTH_CODE = {1: 0b00, 2: 0b01, 4: 0b11, 8: 0b10}


class Slot(NamedTuple):
    """What one debug register watches, and for which watch."""

    address: int
    length: int
    condition: int
    watch: Watch


def slots(watches: Iterable[Watch]) -> list[Slot]:
    """Cover each watch by aligned pieces; the result may need more registers than there are."""
    result = []
    for watch in watches:
        address, end = watch.address, watch.address + watch.length
        condition = _ON_WRITE if watch.kind is WatchKind.WRITE else _ON_ACCESS
        while address < end:
            length = next(size for size in (8, 4, 2, 1) if address % size == 0 and address + size <= end)
            result.append(Slot(address, length, condition, watch))
            address += length
    return result


def load(pid: int, wanted: list[Slot]) -> None:
    """Put the slots into the debug registers of a thread; an empty list disables them all."""
    ptrace.set_debug_register(pid, _CONTROL, 0)
    control = 0
    for number, slot in enumerate(wanted):
        ptrace.set_debug_register(pid, number, slot.address)
        control |= 1 << 2 * number | (slot.condition | _LENGTH_CODE[slot.length] << 2) << 16 + 4 * number
    if control:
        ptrace.set_debug_register(pid, _CONTROL, control)


def triggered(pid: int, loaded: list[Slot]) -> list[Watch]:
    """Which watches the last trap of a thread was for; clears the status."""
    status = ptrace.get_debug_register(pid, _STATUS)
    if status & 0xF:
        ptrace.set_debug_register(pid, _STATUS, 0)
    hit = [slot.watch for number, slot in enumerate(loaded) if status >> number & 1]
    return list(dict.fromkeys(hit))
