"""Effects of an i386 instruction."""

from __future__ import annotations

from rdb.arch.base import Effects
from rdb.arch.i386.registers import INTEGERS
from rdb.arch.x86 import effects as x86

_OTHERS = ("cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base")
_MODE = x86.Mode(32, {full: name for name, full in INTEGERS.items()} | {name: name for name in _OTHERS})


def effects(code: bytes, address: int) -> Effects:
    """What the instruction at the beginning of `code` (up to 15 bytes matter), which stands at `address`, can change."""
    return x86.effects(code, address, _MODE)
