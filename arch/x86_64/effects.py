"""Effects of an x86-64 instruction."""

from __future__ import annotations

from rdb.arch.base import Effects
from rdb.arch.x86 import effects as x86
from rdb.arch.x86_64.registers import INTEGERS

_NAMES = (*INTEGERS, "cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base")
MODE = x86.Mode(64, {name: name for name in _NAMES})


def effects(code: bytes, address: int) -> Effects:
    """What the instruction at the beginning of `code` (up to 15 bytes matter), which stands at `address`, can change."""
    return x86.effects(code, address, MODE)
