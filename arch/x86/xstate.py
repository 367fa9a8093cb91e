"""The XSAVE area: where each component of the extended state lies on this CPU, and its normal form.

The area begins with the legacy region of FXSAVE (512 bytes: x87, MXCSR, XMM) and a header of 64 bytes; what follows differs from
CPU to CPU and is asked of CPUID leaf 0xD.  ptrace hands it over in the standard (not compacted) form as NT_X86_XSTATE.

Bit i of the header's first word, XSTATE_BV, tells whether component i is in use.  Where it is clear, the component is in its
initial state whatever its bytes say, and writing bytes without setting the bit does nothing.  `normal` ends that distinction;
`marked_as` makes it again, for a program sees it in the frames of signals.
AMX tile registers (8 KiB, granted to a program on request) keep it: their bits stay as they are, so that neither reading nor
writing costs those who do not use them.  PKRU is the kernel's to switch, which always fills in its true value.

Facts: Intel SDM volume 1, chapter 13.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

from rdb.arch.x86 import cpuid

X87, SSE, AVX, MASKS, ZMM_HIGH, HIGH_ZMM, PKRU, TILE_CONFIG, TILE_DATA = 0, 1, 2, 5, 6, 7, 9, 17, 18

LEGACY_SIZE = 512
HEADER_SIZE = 64
XSTATE_BV = 512

FCW = 0
MXCSR = 24
MXCSR_SIZE = 4
ST = 32
XMM = 160
INITIAL_FCW = (0x37F).to_bytes(2, "little")
INITIAL_MXCSR = (0x1F80).to_bytes(4, "little")


class Component(NamedTuple):
    """A component of the extended state: where it lies in the standard form; `aligned` tells of the compacted form."""

    offset: int
    size: int
    aligned: bool = False


@dataclass(frozen=True)
class Layout:
    """The components that this CPU has enabled, by number; `size` of the whole area, `leading` without the AMX tiles."""

    components: dict[int, Component]
    size: int
    leading: int

    def offset(self, component: int) -> int | None:
        """Where a component begins, or None if the CPU does not have it."""
        found = self.components.get(component)
        return found.offset if found else None

    def extent(self, wanted: int, compacted: bool) -> int:
        """How many bytes an XSAVE of the components in the mask `wanted` writes at most."""
        end = LEGACY_SIZE + HEADER_SIZE
        for number, component in sorted(self.components.items()):
            if number < AVX or not wanted >> number & 1:
                continue
            if compacted:
                end = (end + 63 & ~63 if component.aligned else end) + component.size
            else:
                end = max(end, component.offset + component.size)
        return end


_LEGACY = {X87: Component(0, XMM), SSE: Component(XMM, 256)}


@functools.cache
def layout() -> Layout:
    """The layout of this machine's CPU."""
    components = dict(_LEGACY)
    enabled = cpuid.enabled_components()
    for number in range(AVX, 63):
        if enabled >> number & 1:
            size, offset, flags, _ = cpuid.cpuid(0xD, number)
            components[number] = Component(offset, size, bool(flags & 2))
    if not enabled:
        return Layout(components, LEGACY_SIZE, LEGACY_SIZE)
    ends = {number: component.offset + component.size for number, component in components.items()}
    leading = max(end for number, end in ends.items() if number not in (TILE_CONFIG, TILE_DATA))
    base = LEGACY_SIZE + HEADER_SIZE
    return Layout(components, max(base, *ends.values()), max(base, leading))


@functools.cache
def _marked() -> int:
    """The bits of XSTATE_BV that the normal form sets: every component but the tiles."""
    return sum(1 << number for number in layout().components if number not in (TILE_CONFIG, TILE_DATA))


def normal(extended: bytes | bytearray) -> bytearray:
    """A copy of an EXTENDED bank (or its beginning) with every component present, those in their initial state filled in."""
    area = bytearray(extended)
    if len(area) < XSTATE_BV + 8:
        return area
    present = int.from_bytes(area[XSTATE_BV : XSTATE_BV + 8], "little")
    absent = _marked() & ~present
    if absent:
        if absent >> SSE & absent >> AVX & 1 or (absent >> SSE & 1 and AVX not in layout().components):
            area[MXCSR : MXCSR + MXCSR_SIZE] = INITIAL_MXCSR
        for number, (offset, size, _) in layout().components.items():
            if absent >> number & 1 and number != PKRU:
                _clear(area, number, offset, min(size, len(area) - offset))
        area[XSTATE_BV : XSTATE_BV + 8] = (present | absent).to_bytes(8, "little")
    return area


def marked_as(extended: bytes | bytearray, like: bytes | bytearray) -> bytearray:
    """A bank in normal form, with components marked as initial that are so in `like`, if that is what all of them hold."""
    area = bytearray(extended)
    area[XSTATE_BV : XSTATE_BV + 8] = like[XSTATE_BV : XSTATE_BV + 8]
    return area if normal(area) == extended else bytearray(extended)


def _clear(area: bytearray, number: int, offset: int, size: int) -> None:
    if number == X87:
        area[:MXCSR] = INITIAL_FCW + bytes(MXCSR - len(INITIAL_FCW))
        area[ST:XMM] = bytes(XMM - ST)
    elif size > 0:
        area[offset : offset + size] = bytes(size)
