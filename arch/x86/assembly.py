"""Disassembly in GDB's look, from capstone."""

from __future__ import annotations

import functools
from collections.abc import Callable

from rdb.arch.base import Assembly


def disassembler(bits: int) -> Callable[[bytes, int, str], list[Assembly]]:
    """Arch.disassemble for code of 64 or 32 `bits`."""
    return functools.partial(disassemble, bits)


def disassemble(bits: int, code: bytes, address: int, flavor: str) -> list[Assembly]:
    """Decode all of `code`, which stands at `address`, in the "att" or the "intel" flavor."""
    import capstone

    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64 if bits == 64 else capstone.CS_MODE_32)
    engine.syntax = capstone.CS_OPT_SYNTAX_ATT if flavor == "att" else capstone.CS_OPT_SYNTAX_INTEL
    return [Assembly(i.address, bytes(i.bytes), i.mnemonic, i.op_str) for i in engine.disasm(code, address)]
