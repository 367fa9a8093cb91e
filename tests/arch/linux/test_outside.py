"""The table of what calls do outside the program: its names are system calls, and the states it names can be put back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rdb.arch import find
from rdb.arch.linux.outside import OUTSIDE, Changes, Chooses, Item, Row
from rdb.arch.linux.structures import I386, X86_64, Abi
from rdb.arch.linux.terms import Call
from rdb.errors import CannotAccessMemory
from rdb.record.kernel_state import STATES

NAMES = {name for arch in (find(62, 64), find(3, 32)) if arch is not None for name in arch.syscall.names.values()}


class Ones:
    """A processor all of whose memory holds ones."""

    def register(self, name: str) -> int:
        return 1

    def memory(self, address: int, size: int) -> bytes:
        return (1).to_bytes(size, "little")


def items(row: Row, call: Call) -> Iterator[Item]:
    for item in row:
        if isinstance(item, Chooses):
            yield from items(item.row(call), call)
        else:
            yield item


def test_the_names_are_system_calls() -> None:
    """Save two that exist as socketcall(2) only."""
    assert sorted(OUTSIDE.keys() - NAMES) == ["recv", "send"]


@pytest.mark.parametrize("abi", (X86_64, I386), ids=lambda abi: abi.name)
@pytest.mark.parametrize("command", (0, 1, 2, 4, 6, 15, 1030, 0x5403, 0x5421))
def test_every_row_can_be_worked_out(abi: Abi, command: int) -> None:
    call = Call.of([command] * 6, Ones(), abi)
    for name, row in OUTSIDE.items():
        for item in items(row, call):
            if isinstance(item, Changes) and item.state != "descriptors":
                assert item.state in STATES, name
                STATES[item.state](item.which.of(call))


def test_pointers_that_cannot_be_read_are_met_by_whoever_works_a_row_out() -> None:
    class Nothing(Ones):
        def memory(self, address: int, size: int) -> bytes:
            raise CannotAccessMemory(address, size)

    call = Call.of([0] * 6, Nothing(), X86_64)
    failed = []
    for name, row in OUTSIDE.items():
        try:
            list(items(row, call))
        except CannotAccessMemory:
            failed.append(name)
    assert sorted(failed) == ["clone3", "recvmsg"]
