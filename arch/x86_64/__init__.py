"""x86-64 under Linux."""

from __future__ import annotations

from rdb.arch.base import Arch, Assembly, Effects, SignalFrame, SyscallConvention
from rdb.arch.translation import Translator
from rdb.arch.x86 import cpuid, xstate
from rdb.arch.x86_64 import calling
from rdb.arch.x86_64.registers import table
from rdb.arch.x86_64.syscalls import NUMBERS

EM_X86_64 = 62


def _effects(code: bytes, address: int) -> Effects:
    # iced-x86 is loaded when the first instruction is decoded.
    from rdb.arch.x86_64.effects import effects

    return effects(code, address)


def _disassemble(code: bytes, address: int, flavor: str) -> list[Assembly]:
    from rdb.arch.x86.assembly import disassemble

    return disassemble(64, code, address, flavor)


def _second_length(code: bytes, address: int) -> int | None:
    from rdb.arch.x86.second_opinion import length

    return length(64, code, address)


def _translator() -> Translator | None:
    if not cpuid.keeps_flags_in_ah():
        return None
    from rdb.arch.x86_64.translation.translator import X86Translator

    return X86Translator()


ARCH = Arch(
    name="i386:x86-64",
    object_format="elf64-x86-64",
    machine=EM_X86_64,
    elf_class=64,
    pointer_size=8,
    registers=table(),
    pc="rip",
    sp="rsp",
    fp="rbp",
    flags="eflags",
    breakpoint=b"\xcc",
    max_instruction=15,
    effects=_effects,
    disassemble=_disassemble,
    second_length=_second_length,
    return_pieces=calling.return_pieces,
    flag_names=table()["eflags"].flag_names,
    syscall=SyscallConvention(
        number="rax",
        arguments=("rdi", "rsi", "rdx", "r10", "r8", "r9"),
        result="rax",
        instruction=b"\x0f\x05",
        names=NUMBERS,
        abi="x86_64",
    ),
    # linux, arch/x86/kernel/signal.c: the red zone of the System V ABI is respected; the XSAVE area lies at a multiple of 64.
    signal_frame=SignalFrame(red_zone=128, largest=1 << 14, alignment=128),
    arguments=calling.ARGUMENTS,
    trap_flag=1 << 8,
    fault_flag=1 << 16,
    normal=xstate.normal,
    marked_as=xstate.marked_as,
    translator=_translator,
)
