"""A translation tells all that depends on where it stands: corrected by its fixes it is what is made for another place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rdb.arch.translation import Holds, Translation
from rdb.arch.x86_64.translation.translator import X86Translator
from rdb.symbols.elf import open_elf

PLACES = ((0x7FFFF7C00000, 0x7FFFF5000000, 7), (0x555555554000, 0x555575000000, 0x12345678), (0x200000000000, 0x200010000000, 0))


def _moved(translation: Translation, pc: int, here: int, number: int) -> bytes:
    """The code as block `number`, if all of the program lay `pc`, and the translation `here`, bytes higher."""
    code = bytearray(translation.code)

    def add(at: int, size: int, what: int) -> None:
        value = int.from_bytes(code[at : at + size], "little") + what
        code[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    def halves(at: int) -> None:
        both = int.from_bytes(code[at : at + 4], "little") | int.from_bytes(code[at + 8 : at + 12], "little") << 32
        for part, number in ((at, both + pc & 0xFFFFFFFF), (at + 8, both + pc >> 32)):
            code[part : part + 4] = number.to_bytes(4, "little")

    correct: dict[Holds, Callable[[int], None]] = {
        Holds.NUMBER: lambda at: add(at, 4, number),
        Holds.DISTANCE: lambda at: add(at, 4, pc - here),
        Holds.ADDRESS: lambda at: add(at, 8, pc),
        Holds.HALVES: halves,
    }
    for holds, at in translation.fixes:
        correct[holds](at)
    return bytes(code)


@pytest.mark.parametrize("place", PLACES[1:])
def test_fixes(place: tuple[int, int, int]) -> None:
    """Thousands of blocks of libc."""
    translator, (base, here, number) = X86Translator(), PLACES[0]
    elf = open_elf(str(next(Path("/lib").glob("x86_64-linux-gnu/libc.so.6"))))
    text = elf.section_data(".text")
    found: set[Holds] = set()
    compared = 0
    for at in range(0, min(len(text), 1 << 17) - 512, 64):
        code = text[at : at + 512]
        block = translator.translate(code, base + at, here + 2 * at, number)
        if block is not None:
            other = translator.translate(code, place[0] + at, place[1] + 2 * at, place[2])
            assert other is not None
            if other.addresses[-1] - place[0] != block.addresses[-1] - base:
                continue  # a pc-relative operand is out of reach at one of the places: the block ends in front of it
            compared += 1
            assert _moved(block, place[0] - base, place[1] - here, place[2] - number) == other.code, f"at {at:#x}"
            assert block.fixes == other.fixes
            found.update(holds for holds, _ in block.fixes)
    assert found >= set(Holds) - {Holds.ADDRESS}
    assert compared > 1000


@pytest.mark.parametrize("code", ["ff2500100000", "ff1500100000", "890500100000", "c70500100000efbeadde", "8f0500100000"])
def test_operands_at_pc(code: str) -> None:
    """Branches through, and writes to, memory at a pc-relative address."""
    (base, here, number), (other_base, other_here, other_number) = PLACES[:2]
    translator, source = X86Translator(), bytes.fromhex(code) + b"\xc3"
    block = translator.translate(source, base, here, number)
    other = translator.translate(source, other_base, other_here, other_number)
    assert block is not None and other is not None
    assert Holds.ADDRESS in {holds for holds, _ in block.fixes}
    assert _moved(block, other_base - base, other_here - here, other_number - number) == other.code
