"""Capstone and iced-x86 agree on where each instruction ends: in libc, and in random bytes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from rdb.arch import find
from rdb.arch.base import Arch
from rdb.symbols.elf import open_elf

LIBC = Path("/lib/x86_64-linux-gnu/libc.so.6")


def disagreements(arch: Arch, code: bytes, places: Sequence[int]) -> tuple[int, list[str]]:
    """How many places both decoders know, and those where they differ."""
    known, found = 0, []
    for place in places:
        window = code[place : place + arch.max_instruction]
        first, second = arch.effects(window, 0x400000).length, arch.second_length(window, 0x400000)
        known += bool(first and second)
        if first and second and first != second:
            found.append(f"{window.hex(' ')}: {first} and {second}")
    return known, found


@pytest.mark.parametrize("elf_class", [64, 32])
def test_random_bytes(elf_class: int) -> None:
    arch = find(62 if elf_class == 64 else 3, elf_class)
    assert arch is not None
    known, differing = disagreements(arch, random.Random(6).randbytes(20_000), range(19_980))
    assert not differing
    assert known > 15_000


@pytest.mark.skipif(not LIBC.exists(), reason="no x86-64 libc at Debian's place")
def test_libc() -> None:
    arch = find(62, 64)
    assert arch is not None
    code = open_elf(str(LIBC)).section_data(".text")
    known, differing = disagreements(arch, code, random.Random(5).sample(range(len(code) - 16), 20_000))
    assert not differing
    assert known > 15_000
