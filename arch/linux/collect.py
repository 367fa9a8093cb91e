"""Working out a row of the table for one call.

Items are independent: where one meets an unreadable pointer it yields nothing, and the others still count, because the kernel
may have got so far before it met the same pointer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rdb.arch.linux.terms import (
    Call,
    Depends,
    Discards,
    Effect,
    Item,
    Kind,
    Multiplexed,
    Number,
    Unknown,
    Writes,
)
from rdb.errors import CannotAccessMemory


@dataclass
class Collected:
    """What the items of a row have come to: stretches are (address, size)."""

    writes: list[tuple[int, int]] = field(default_factory=list)
    discards: list[tuple[int, int]] = field(default_factory=list)
    unknown: bool = False
    kind: Kind = Kind.NOTHING

    def add(self, effect: Effect, call: Call) -> None:
        for item in effect:
            try:
                self._add_item(item, call)
            except CannotAccessMemory:
                continue  # EFAULT: the kernel cannot follow the pointer either

    def _add_item(self, item: Item, call: Call) -> None:
        if isinstance(item, Writes):
            self.writes += _stretch(item.place, item.size, call)
        elif isinstance(item, Depends):
            self.add(item.on(call), call)
        elif isinstance(item, Kind):
            self.kind = item
        elif isinstance(item, Discards):
            self.discards += _stretch(item.place, item.size, call)
        elif isinstance(item, Unknown):
            self.unknown = True
        elif isinstance(item, Multiplexed):
            target = item.call(call)
            if target is None:
                self.unknown = True
            else:
                self.add(*target)


def _stretch(place: Number, size: Number, call: Call) -> list[tuple[int, int]]:
    """One stretch or none, cut at the end of the address space."""
    address = place.of(call) & call.abi.mask
    length = min(size.of(call), call.abi.mask + 1 - address)
    return [(address, length)] if address and length > 0 else []
