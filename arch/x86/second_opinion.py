"""How long an instruction is in the opinion of another decoder.

A wrong length makes a debugger look for the next instruction in the middle of this one.  Effects come from iced-x86; Capstone
shares no code with it, so verified recording and the tests ask it too.
"""

from __future__ import annotations

import functools

import capstone

# Capstone 5 does not read the ModRM byte of these, which the CPU does (Intel SDM volume 2, UD).
_WITHOUT_MODRM = ("ud0", "ud1")


@functools.cache
def _decoder(bits: int) -> capstone.Cs:
    return capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64 if bits == 64 else capstone.CS_MODE_32)


def length(bits: int, code: bytes, address: int) -> int | None:
    """The bytes of the instruction at the beginning of `code`, or None if Capstone does not know it."""
    found = next(_decoder(bits).disasm_lite(code, address, 1), None)
    return None if found is None or found[2] in _WITHOUT_MODRM else int(found[1])
