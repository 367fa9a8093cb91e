"""How DWARF numbers the registers of each machine, and which of them unwinding is about.

Sources: System V ABI AMD64 3.6.2 (figure 3.36); i386 psABI 2.4.2; DWARF for the Arm 64-bit Architecture 4.1; RISC-V ELF psABI,
"DWARF Register Numbers".  Keys are ELF e_machine numbers; register names are GDB's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class MachineRegisters:
    """`names` by DWARF number; the return address stands `return_offset` bytes from the CFA, or in `link`."""

    names: Mapping[int, str]
    pc: str
    sp: str
    fp: str
    pointer_size: int = 8
    return_offset: int | None = None
    link: str | None = None
    thread_pointer: str | None = None


def _numbered(*groups: tuple[int, str]) -> dict[int, str]:
    """Names from (first number, "name name …")."""
    return {first + index: name for first, names in groups for index, name in enumerate(names.split())}


def _row(prefix: str, count: int, start: int = 0) -> str:
    return " ".join(f"{prefix}{index}" for index in range(start, start + count))


X86_64 = MachineRegisters(
    _numbered(
        (0, "rax rdx rcx rbx rsi rdi rbp rsp"), (8, _row("r", 8, 8)), (16, "rip"), (17, _row("xmm", 16)), (33, _row("st", 8)),
        (49, "eflags es cs ss ds fs gs"), (58, "fs_base gs_base"), (64, "mxcsr fctrl fstat"), (67, _row("xmm", 16, 16)),
        (118, _row("k", 8)),
    ),
    pc="rip", sp="rsp", fp="rbp", return_offset=-8, thread_pointer="fs_base",
)  # fmt: skip
I386 = MachineRegisters(
    _numbered((0, "eax ecx edx ebx esp ebp esi edi eip eflags"), (11, _row("st", 8)), (21, _row("xmm", 8))),
    pc="eip", sp="esp", fp="ebp", pointer_size=4, return_offset=-4, thread_pointer="gs_base",
)  # fmt: skip
AARCH64 = MachineRegisters(
    _numbered((0, _row("x", 31)), (31, "sp pc"), (64, _row("v", 32))),
    pc="pc",
    sp="sp",
    fp="x29",
    link="x30",
    thread_pointer="tpidr",
)
RISCV = MachineRegisters(
    _numbered(
        (0, "zero ra sp gp tp t0 t1 t2 fp s1"), (10, _row("a", 8)), (18, _row("s", 10, 2)), (28, _row("t", 4, 3)),
        (32, _row("ft", 8)),
    ),
    pc="pc", sp="sp", fp="fp", link="ra", thread_pointer="tp",
)  # fmt: skip

MACHINES: dict[int, MachineRegisters] = {3: I386, 62: X86_64, 183: AARCH64, 243: RISCV}
