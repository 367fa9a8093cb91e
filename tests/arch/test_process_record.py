"""Where an operand lies, said in three ways that must agree: by the operand itself, by a function of words, as a sum of words."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from rdb.arch.base import MemoryOperand
from rdb.arch.process_record import Place, address_of, place, prepare
from rdb.arch.x86_64 import ARCH

WORDS = ARCH.registers.sizes[0] // 8
GENERAL = st.sampled_from([None, "rax", "rcx", "rsp", "r13"])

operands = st.builds(
    MemoryOperand,
    base=GENERAL,
    index=GENERAL,
    scale=st.sampled_from([1, 2, 4, 8]),
    displacement=st.one_of(st.integers(-(1 << 31), (1 << 31) - 1), st.integers(0, (1 << 64) - 1)),
    segment=st.sampled_from([None, "fs_base", "gs_base"]),
    address_bits=st.sampled_from([32, 64]),
    linear_bits=st.sampled_from([32, 64]),
    count=st.none(),
    backwards=st.none(),
    mask=st.none(),
)


class Cpu:
    """Registers out of words; no memory."""

    def __init__(self, words: list[int]) -> None:
        self._banks = (struct.pack(f"<{WORDS}Q", *words), b"")

    def register(self, name: str) -> int:
        return int.from_bytes(ARCH.registers.get(ARCH.registers[name], self._banks), "little")

    def memory(self, address: int, size: int) -> bytes:
        raise NotImplementedError


def added(where: Place, words: list[int]) -> int:
    """What the step loop works out."""
    base = words[where.base] if where.base >= 0 else 0
    scaled = words[where.scaled] if where.scaled >= 0 else 0
    return base + (scaled << where.shift) + where.displacement & where.mask


@given(operands, st.lists(st.integers(0, (1 << 64) - 1), min_size=WORDS, max_size=WORDS))
def test_three_ways_to_an_address(operand: MemoryOperand, words: list[int]) -> None:
    expected, _ = operand.extent(Cpu(words))
    view = memoryview(bytearray(struct.pack(f"<{WORDS}Q", *words))).cast("Q")
    assert address_of(ARCH, operand, view)() == expected
    where = place(ARCH, operand)
    if where is None:
        assert operand.segment is not None
    else:
        assert added(where, words) == expected


def test_an_instruction_that_steps_past_the_next_is_not_plain() -> None:
    """A plan is executed by one single step, which after a load of ss executes two instructions."""
    words = memoryview(bytearray(8 * WORDS)).cast("Q")
    assert not prepare(ARCH, bytes.fromhex("8ed0"), 0x1000, words).plain
    assert prepare(ARCH, bytes.fromhex("4889c8"), 0x1000, words).plain
