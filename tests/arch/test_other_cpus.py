"""CPUs with less (or other) extended state than the one at hand: everything follows the layout."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rdb.arch.base import RegisterTable
from rdb.arch.i386 import registers as i386
from rdb.arch.x86 import effects, xstate
from rdb.arch.x86.xstate import Component, Layout
from rdb.arch.x86_64 import effects as x86_64_effects
from rdb.arch.x86_64 import registers as x86_64

LEGACY = {xstate.X87: Component(0, 160), xstate.SSE: Component(160, 256)}
AVX = {**LEGACY, xstate.AVX: Component(576, 256)}
AVX512 = {
    **AVX,
    xstate.MASKS: Component(832, 64),
    xstate.ZMM_HIGH: Component(896, 512),
    xstate.HIGH_ZMM: Component(1408, 1024),
    xstate.PKRU: Component(2432, 8),
}
LAYOUTS = {
    "without XSAVE": Layout(LEGACY, 512, 512),
    "with AVX": Layout(AVX, 832, 832),
    "with AVX-512": Layout(AVX512, 2440, 2440),
}


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Layout]:
    found = LAYOUTS[request.param]
    caches = (x86_64.table, i386.table, effects._places, xstate._marked)
    monkeypatch.setattr(xstate, "layout", lambda: found)
    for cache in caches:
        cache.cache_clear()
    yield found
    for cache in caches:
        cache.cache_clear()


def widest(table: RegisterTable) -> set[str]:
    return {register.name[:3] for register in table.registers if "vector" in register.groups} & {"xmm", "ymm", "zmm"}


def test_tables_have_what_the_cpu_has(layout: Layout) -> None:
    expected = {512: "xmm", 832: "ymm", 2440: "zmm"}[layout.size]
    for table in (x86_64.table(), i386.table()):
        assert widest(table) == {expected}
        assert ("k1" in table.by_name) == ("pkru" in table.by_name) == (expected == "zmm")
        assert table.sizes[1] == layout.size
        for register in table.registers:
            assert all(offset + size <= table.sizes[bank] for bank, offset, size in register.pieces)


def test_effects_stay_within_the_area(layout: Layout) -> None:
    for code in ("660fefc1", "c5f9efc1", "c5f877", "62f17c482805 00000000", "d9c0", "0f0ae1"):
        for start, size in x86_64_effects.effects(bytes.fromhex(code), 0).extended:
            assert start + size <= layout.size


def test_normal_form_of_an_area_without_header(layout: Layout) -> None:
    area = bytes(range(256)) * 2
    assert xstate.normal(area) == area


def test_normal_form_sets_a_bit_for_each_component(layout: Layout) -> None:
    if layout.size > 512:
        bits = int.from_bytes(xstate.normal(bytes(layout.size))[xstate.XSTATE_BV : xstate.XSTATE_BV + 8], "little")
        assert bits == sum(1 << number for number in layout.components)
