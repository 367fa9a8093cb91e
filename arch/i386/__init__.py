"""i386 under Linux, also as a 32-bit program on x86-64."""

from __future__ import annotations

from rdb.arch.base import Arch, Assembly, Effects, SignalFrame, SyscallConvention
from rdb.arch.i386 import calling
from rdb.arch.i386.registers import table
from rdb.arch.i386.syscalls import NUMBERS
from rdb.arch.x86 import xstate

EM_386 = 3
_INT_80 = b"\xcd\x80"
# Sysenter (Intel) and syscall (AMD) overwrite registers, so the vdso puts arguments elsewhere
# (linux, arch/x86/entry/entry_64_compat.S).
_FAST_CALLS = {
    b"\x0f\x34": ("ebx", "ecx", "edx", "esi", "edi", "(ebp)"),
    b"\x0f\x05": ("ebx", "ebp", "edx", "esi", "edi", "(esp)"),
}


def _effects(code: bytes, address: int) -> Effects:
    # iced-x86 is loaded when the first instruction is decoded.
    from rdb.arch.i386.effects import effects

    return effects(code, address)


def _disassemble(code: bytes, address: int, flavor: str) -> list[Assembly]:
    from rdb.arch.x86.assembly import disassemble

    return disassemble(32, code, address, flavor)


def _second_length(code: bytes, address: int) -> int | None:
    from rdb.arch.x86.second_opinion import length

    return length(32, code, address)


ARCH = Arch(
    name="i386",
    object_format="elf32-i386",
    machine=EM_386,
    elf_class=32,
    pointer_size=4,
    registers=table(),
    pc="eip",
    sp="esp",
    fp="ebp",
    flags="eflags",
    breakpoint=b"\xcc",
    max_instruction=15,
    effects=_effects,
    disassemble=_disassemble,
    second_length=_second_length,
    return_pieces=calling.return_pieces,
    flag_names=table()["eflags"].flag_names,
    syscall=SyscallConvention(
        number="eax",
        arguments=("ebx", "ecx", "edx", "esi", "edi", "ebp"),
        result="eax",
        instruction=_INT_80,
        names=NUMBERS,
        abi="i386",
        others=_FAST_CALLS,
        map_call="mmap2",
        map_unit=4096,
    ),
    # linux, arch/x86/kernel/signal.c: no red zone; the XSAVE area lies at a multiple of 64.
    signal_frame=SignalFrame(red_zone=0, largest=1 << 14, alignment=128),
    arguments=calling.ARGUMENTS,
    trap_flag=1 << 8,
    fault_flag=1 << 16,
    normal=xstate.normal,
    marked_as=xstate.marked_as,
)
