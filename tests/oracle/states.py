"""Random states of a CPU: general registers that point into the arena or nowhere, extended state of every kind of number."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

from rdb.arch.base import RegisterTable
from rdb.arch.x86 import xstate
from rdb.arch.x86.registers import SLOT
from tests.oracle.cpu import ARENA, ARENA_SIZE, ENTRY, Cpu

_MIDDLE = ARENA + ARENA_SIZE // 2
_SELECTORS = {64: {"cs": 0x33, "ss": 0x2B}, 32: {"cs": 0x23, "ss": 0x2B, "ds": 0x2B, "es": 0x2B}}
_INTEGERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", *(f"r{number}" for number in range(8, 16)))
# Palette 1, eight tiles of sixteen rows of 64 bytes (Intel SDM volume 1, 18.2).
TILE_CONFIG = bytes((1, 0)).ljust(16, b"\0") + struct.pack("<8H", *[64] * 8).ljust(32, b"\0") + bytes([16] * 8).ljust(16, b"\0")
# Where in the arena particular things are: XSAVE images, what far returns pop (by the width of a word), far pointers.
IMAGES, IMAGE_DISTANCE = ARENA, 0x2000
FRAMES = {
    width: range(start, start + 240, 40) for width, start in (("W", ARENA + 0x1000), ("D", ARENA + 0x1100), ("Q", ARENA + 0x1200))
}
POINTERS = ARENA + 0x1300
TILE_CONFIGURATION = ARENA + 0x1400
_LETTERS = {"W": "H", "D": "I", "Q": "Q"}
_MASKS = {"W": 0xFFFF, "D": 0xFFFFFFFF, "Q": 0xFFFFFFFFFFFFFFFF}
_CARRY_PARITY_AUXILIARY_ZERO_SIGN_OVERFLOW = 0x8D5
_DIRECTION, _ALIGNMENT, _IDENTIFICATION = 0x400, 0x40000, 0x200000
_SPECIAL = (0.0, -0.0, 1.0, -1.5, float("inf"), float("-inf"), float("nan"), 1e-310, 1e308, 2.0**31, -(2.0**63), 3e38, 1e-44)


@dataclass(frozen=True)
class State:
    """Both banks as the kernel reports them once they are set, and what to set for them."""

    general: bytes
    raw: bytes
    extended: bytes
    indices: bool = False


def states(bits: int, table: RegisterTable, cpu: Cpu, chance: random.Random, count: int) -> list[State]:
    """`count` states that the kernel accepts; the extended bank is in its normal form, of RegisterTable.leading bytes."""
    inherited, area = cpu.get()
    made = []
    for _ in range(count):
        general = _general(bits, inherited, chance)
        fill = chance.choice((_bytes, _floats, _doubles, _indices, _halves))
        raw = _extended(bytes(area), fill, chance)
        cpu.set(general, raw)
        seen_general, seen = cpu.get()
        made.append(State(seen_general, raw, bytes(xstate.normal(seen[: table.leading])), fill is _indices))
    return made


def tiled(bits: int, table: RegisterTable, cpu: Cpu, chance: random.Random, count: int = 8) -> list[State]:
    """States with configured and filled AMX tiles, of the whole bank; none if the CPU or the kernel does not grant them."""
    layout = xstate.layout()
    if bits == 32 or xstate.TILE_DATA not in layout.components:
        return []
    made = []
    ordinary = states(bits, table, cpu, chance, count)
    _use_tiles(cpu, ordinary[0])
    for state in ordinary:
        raw = bytearray(state.raw)
        start = layout.components[xstate.TILE_CONFIG].offset
        raw[start : start + 64] = TILE_CONFIG
        start, size, _ = layout.components[xstate.TILE_DATA]
        raw[start : start + size] = _halves(chance, size)
        raw[xstate.XSTATE_BV + 2] |= 6
        try:
            cpu.set(state.general, bytes(raw))
        except OSError:
            return []
        general, seen = cpu.get()
        made.append(State(general, bytes(raw), bytes(xstate.normal(seen))))
    return made


def _use_tiles(cpu: Cpu, state: State) -> None:
    """Let the child use a tile, for only then the kernel keeps room for them."""
    cpu.arena[TILE_CONFIGURATION - ARENA :][:64] = TILE_CONFIG
    cpu.place(bytes.fromhex("c4e2784900 c4e27b49c0"))  # ldtilecfg (%rax); tilezero %tmm0
    general = bytearray(state.general)
    struct.pack_into("<Q", general, SLOT["rax"], TILE_CONFIGURATION)
    cpu.set(bytes(general), state.raw)
    cpu.run()


def pristine(chance: random.Random, area: bytes) -> bytes:
    """The arena's contents: random bytes, numbers, selectors, pointers, and here and there an image that XRSTOR accepts."""
    out = bytearray(chance.randbytes(ARENA_SIZE))
    for start in range(0, ARENA_SIZE, 256):
        kind = chance.randrange(6)
        if kind == 0:
            out[start : start + 256] = b"".join(struct.pack("<d", _number(chance)) for _ in range(32))
        elif kind == 1:
            out[start : start + 256] = b"".join(struct.pack("<f", _small(chance)) for _ in range(64))
        elif kind == 2:
            out[start : start + 256] = b"".join(
                struct.pack("<IHH", ENTRY, chance.choice((0x33, 0x23, 0x2B)), 0) for _ in range(32)
            )
        elif kind == 3:
            out[start : start + 256] = b"".join(struct.pack("<Q", ARENA + chance.randrange(ARENA_SIZE)) for _ in range(32))
    end = xstate.layout().leading
    for start in range(0, ARENA_SIZE, IMAGE_DISTANCE):
        out[start : start + end] = area[:end]
    for width, addresses in FRAMES.items():
        for address in addresses:
            _pack(out, address, f"<5{_LETTERS[width]}", *(value & _MASKS[width] for value in _frame(chance)))
    for number in range(16):
        width = "WDQ"[number % 3]
        selector = chance.choice((0x33, 0x23, 0x2B, 0x2B, 0))
        _pack(out, POINTERS + 16 * number, f"<{_LETTERS[width]}H", ENTRY + 32 & _MASKS[width], selector)
    _pack(out, TILE_CONFIGURATION, "64s", TILE_CONFIG)
    return bytes(out)


def _pack(out: bytearray, address: int, layout: str, *values: int | bytes) -> None:
    struct.pack_into(layout, out, address - ARENA, *values)


def _frame(chance: random.Random) -> tuple[int, ...]:
    """What a far return or an interrupt return pops: pc, cs, flags, stack pointer, ss."""
    return ENTRY + 32, chance.choice((0x33, 0x23)), 0x202, _MIDDLE, 0x2B


def _general(bits: int, inherited: bytes, chance: random.Random) -> bytes:
    out = bytearray(inherited)

    def put(name: str, value: int) -> None:
        struct.pack_into("<Q", out, SLOT[name], value & 0xFFFFFFFFFFFFFFFF)

    for name in _INTEGERS:
        value = _integer(chance)
        put(name, value if bits == 64 else value & 0xFFFFFFFF)
    put("rsp", _MIDDLE + 8 * chance.randrange(-512, 512))
    put("rip", ENTRY)
    flags = 0x202 | chance.getrandbits(12) & _CARRY_PARITY_AUXILIARY_ZERO_SIGN_OVERFLOW
    for bit, share in ((_DIRECTION, 0.3), (_ALIGNMENT, 0.05), (_IDENTIFICATION, 0.1)):
        flags |= bit if chance.random() < share else 0
    put("eflags", flags)
    put("orig_rax", -1)
    for name, selector in _SELECTORS[bits].items():
        put(name, selector)
    if bits == 64:
        put("fs_base", chance.choice((0, 0x40, 0x1000)))
        put("gs_base", chance.choice((0, 0x40, 0x1000)))
    return bytes(out)


def _integer(chance: random.Random) -> int:
    kind = chance.random()
    if kind < 0.4:
        return ARENA + chance.randrange(0x1000, ARENA_SIZE - 0x1000)
    if kind < 0.7:
        return chance.choice((0, 1, 2, 3, 7, 8, 31, 63, 64, 100, -1, -2, -8))
    return chance.getrandbits(chance.choice((8, 16, 32, 63, 64)))


def _extended(area: bytes, fill: Callable[[random.Random, int], bytes], chance: random.Random) -> bytes:
    """An XSAVE area with every component filled, save some that are left in their initial state."""
    out = bytearray(area)
    layout = xstate.layout()
    for number, (offset, size, _) in layout.components.items():
        if number in (xstate.SSE, xstate.AVX, xstate.ZMM_HIGH, xstate.HIGH_ZMM):
            out[offset : offset + size] = fill(chance, size)
    masks = layout.components.get(xstate.MASKS)
    if masks:
        patterns = (0, 0xFFFFFFFFFFFFFFFF, 0x5555, chance.getrandbits(64), chance.getrandbits(8), 1)
        out[masks.offset : masks.offset + 64] = struct.pack("<8Q", *(chance.choice(patterns) for _ in range(8)))
    out[: xstate.MXCSR] = _x87_environment(chance)
    out[xstate.ST : xstate.XMM] = b"".join(_x87_register(chance) + bytes(6) for _ in range(8))
    exceptions = 0x1F80 if chance.random() < 0.9 else chance.getrandbits(6) << 7
    rest = chance.choice((0, 0x3F, 0x6000, 0x8000, 0x0040, 0x2001, 0x4004))
    struct.pack_into("<I", out, xstate.MXCSR, exceptions | rest)
    present = sum(1 << number for number in layout.components if number < xstate.TILE_CONFIG)
    if chance.random() < 0.25:
        present &= chance.getrandbits(9) | 1 << xstate.PKRU
        if not present >> xstate.SSE & 1:
            out[xstate.MXCSR : xstate.MXCSR + xstate.MXCSR_SIZE] = xstate.INITIAL_MXCSR
    struct.pack_into("<Q", out, xstate.XSTATE_BV, present)
    return bytes(out)


def _x87_environment(chance: random.Random) -> bytes:
    control = 0x37F if chance.random() < 0.8 else 0x40 | chance.getrandbits(12) & 0xF3F
    status = chance.getrandbits(16) & (0xFF7F if control & 0x3F != 0x3F else 0x7F7F)
    if control & 0x3F != 0x3F:
        status &= ~0x80FF
    return struct.pack("<HHBxHQQ", control, status, chance.choice((0, 0xFF, chance.getrandbits(8))), 0, 0, 0)


def _x87_register(chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.3:
        return chance.randbytes(10)
    exponent = 0x3FFF + chance.randrange(-70, 70) if kind < 0.9 else chance.choice((0, 0x7FFF))
    return struct.pack("<QH", chance.getrandbits(63) | 1 << 63, exponent | chance.getrandbits(1) << 15)


def _small(chance: random.Random) -> float:
    number = _number(chance)
    return 1.0 if 3.4e38 < abs(number) < float("inf") else number


def _number(chance: random.Random) -> float:
    return chance.choice(_SPECIAL) if chance.random() < 0.4 else chance.uniform(-100, 100)


def _bytes(chance: random.Random, size: int) -> bytes:
    return chance.randbytes(size)


def _floats(chance: random.Random, size: int) -> bytes:
    return b"".join(struct.pack("<f", _small(chance)) for _ in range(size // 4))


def _doubles(chance: random.Random, size: int) -> bytes:
    return b"".join(struct.pack("<d", _number(chance)) for _ in range(size // 8))


def _halves(chance: random.Random, size: int) -> bytes:
    return b"".join(
        struct.pack("<e", chance.choice((0.0, 1.0, -2.5, 6e-8, 65504.0, float("inf"), float("nan")))) for _ in range(size // 2)
    )


def _indices(chance: random.Random, size: int) -> bytes:
    width = chance.choice((4, 8))
    return b"".join(chance.randrange(-1000, 1000).to_bytes(width, "little", signed=True) for _ in range(size // width))
