"""What the decoder's instruction database leaves out or gets wrong, by mnemonic.

iced-x86 is exact about integer registers and plain operands.  It says nothing about MXCSR, the x87 environment, the bases of
segments, PKRU or the kernel's part in a system call, gives no size for the memory of XSAVE and tiles, and takes the operand of
`bts mem,reg` for its address though the bit offset moves it.  Each of these is told here; tests/oracle/instructions.py executes
random instructions to show that nothing is missing.

Facts: Intel SDM volume 2; AMD APM volume 3 (CLZERO); Linux, arch/x86/entry (registers that system calls change).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from iced_x86 import Mnemonic

from rdb.arch.base import CpuView, MemoryOperand
from rdb.arch.x86 import xstate

Stretch = tuple[int, int]

X87_STATE: tuple[Stretch, ...] = ((0, xstate.MXCSR), (xstate.ST, xstate.XMM - xstate.ST))
MXCSR_STATE: tuple[Stretch, ...] = ((xstate.MXCSR, xstate.MXCSR_SIZE),)
FXSAVE_STATE: tuple[Stretch, ...] = ((0, xstate.MXCSR + xstate.MXCSR_SIZE), (xstate.ST, 416 - xstate.ST))

MNEMONICS: Mapping[str, int] = {name: value for name, value in vars(Mnemonic).items() if isinstance(value, int)}

# Instructions that compute in floating point set the exception flags of MXCSR.
_FLOATING = re.compile(
    r"^V?(ADD|SUB|MUL|DIV|SQRT|MAX|MIN|CMP|U?COMI|ROUND|RNDSCALE|DP|HADD|HSUB|ADDSUB|FN?M|FC?M|4FN?M|RANGE|REDUCE|FIXUPIMM|SCALEF"
    r"|GETEXP|GETMANT|EXP2|RCP28|RSQRT28).*(PS|PD|SS|SD|PH|SH)$|^V?CVT|^V?LDMXCSR$"
)
# Everything named F... is x87 but for these; 3DNow! works in the x87 registers, as MMX does.
_NOT_X87 = re.compile(r"^FXSAVE(64)?$")
_SEGMENTS = ("cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base")
_3DNOW = re.compile(r"^(PF(2I|ACC|ADD|CMP|MAX|MIN|MUL|NACC|PNACC|RCP|RSQ|SUB)|PI2F|PMULHRW|PSWAPD|PAVGUSB)")


@dataclass(frozen=True)
class Correction:
    """What to declare beyond the decoder's word for one mnemonic."""

    registers: tuple[str, ...] = ()
    extended: tuple[Stretch, ...] = ()
    slow: str | None = None
    partial: bool = False
    overruns: bool = False
    saves_flags: bool = False


def _component(number: int) -> tuple[Stretch, ...]:
    found = xstate.layout().components.get(number)
    return ((found.offset, found.size),) if found else ()


def _whole() -> tuple[Stretch, ...]:
    return ((0, xstate.layout().size),)


def _tiles() -> tuple[Stretch, ...]:
    return ((xstate.XSTATE_BV, 8), *_component(xstate.TILE_CONFIG), *_component(xstate.TILE_DATA))


def _named(names: str, correction: Correction) -> dict[int, Correction]:
    return {MNEMONICS[name]: correction for name in names.split()}


@functools.cache
def corrections() -> Mapping[int, Correction]:
    """Corrections by iced mnemonic."""
    # An exception that is not masked raises SIGFPE, with its flag set.
    floating = Correction(extended=MXCSR_STATE, partial=True)
    table = {value: floating for name, value in MNEMONICS.items() if _FLOATING.match(name)}
    table |= {value: Correction(extended=X87_STATE) for name, value in MNEMONICS.items() if _is_x87(name)}
    table |= _named("FXRSTOR FXRSTOR64", Correction(extended=FXSAVE_STATE))
    table |= _named("XRSTOR XRSTOR64 XRSTORS XRSTORS64", Correction(extended=_whole(), slow="restores extended state"))
    table |= _named("WRPKRU", Correction(extended=_component(xstate.PKRU)))
    tiles = "LDTILECFG TILERELEASE TILELOADD TILELOADDT1 TILESTORED TILEZERO"
    tiles += " TDPBF16PS TDPFP16PS TDPBSSD TDPBSUD TDPBUSD TDPBUUD TCMMIMFP16PS TCMMRLFP16PS"
    table |= _named(tiles, Correction(extended=_tiles(), slow="works on tiles", partial=True))
    table |= _named("SYSCALL", Correction(registers=("rax", "rcx", "r11")))
    table |= _named("SYSENTER", Correction(registers=("rax", "rcx", "rdx", "rbp", "rsp")))
    # Its pushes precede the fault that a bad frame pointer raises.
    table |= _named("ENTER", Correction(partial=True))
    # Kernels before 4.17 clear r8 to r11 in a 32-bit system call.
    table |= _named("INT", Correction(registers=("rax", "r8", "r9", "r10", "r11")))
    table |= _named("WRFSBASE", Correction(registers=("fs_base",)))
    table |= _named("WRGSBASE", Correction(registers=("gs_base",)))
    table |= _named("RETF", Correction(registers=_SEGMENTS))
    table |= _named("IRET IRETD IRETQ", Correction(registers=_SEGMENTS))
    # Stepped over one, the kernel takes the trap flag of all further steps for the program's own (arch/x86/kernel/step.c).
    table |= _named("POPF POPFD POPFQ", Correction(overruns=True))
    # The kernel emulates these where the CPU forbids them (UMIP); the trap flag takes effect one instruction late.
    table |= _named("SGDT SIDT SLDT SMSW STR", Correction(overruns=True))
    table |= _named("PUSHF PUSHFD PUSHFQ", Correction(saves_flags=True))
    # A hypervisor answers these even to a program, with an error code.
    table |= _named("VMCALL VMMCALL", Correction(registers=("rax",)))
    # A transaction cannot be single-stepped: it ends at once, and the step goes on at its fallback.
    table |= _named("XBEGIN", Correction(overruns=True))
    return table


def _is_x87(name: str) -> bool:
    return (name[0] == "F" and not _NOT_X87.match(name)) or bool(_3DNOW.match(name)) or name in ("EMMS", "FEMMS")


def bit_string(operand: MemoryOperand, register: str, cpu: CpuView) -> list[Stretch]:
    """The unit that `bts mem,reg` changes: a signed bit offset of the operand's width counts from the operand."""
    bits = 8 * operand.size
    offset = cpu.register(register) & (1 << bits) - 1
    if offset >> bits - 1:
        offset -= 1 << bits
    address, size = _moved(operand, offset // bits * operand.size).extent(cpu)
    return [(address, size)]


def _moved(operand: MemoryOperand, distance: int) -> MemoryOperand:
    return MemoryOperand(
        operand.base,
        operand.index,
        operand.scale,
        operand.displacement + distance,
        operand.size,
        operand.segment,
        operand.address_bits,
        operand.linear_bits,
    )


def scattered(
    operand: MemoryOperand, vector: str, scale: int, index_size: int, count: int, mask: str, cpu: CpuView
) -> list[Stretch]:
    """The elements that a scatter stores: one for each bit of `mask`, at a signed index out of `vector`."""
    indices = cpu.register(vector)
    selected = cpu.register(mask)
    bits = 8 * index_size
    stretches = []
    for number in range(count):
        if selected >> number & 1:
            index = indices >> bits * number & (1 << bits) - 1
            index -= (index >> bits - 1) << bits
            stretches.append(_moved(operand, index * scale).extent(cpu))
    return stretches


def saved_state(operand: MemoryOperand, pair: tuple[str, str], compacted: bool, cpu: CpuView) -> list[Stretch]:
    """What XSAVE writes at most: the area up to the last component asked for in a pair of registers, edx:eax."""
    high, low = (cpu.register(name) & 0xFFFFFFFF for name in pair)
    wanted = high << 32 | low
    return [(operand.extent(cpu)[0], xstate.layout().extent(wanted, compacted))]


def tile_rows(operand: MemoryOperand, scale: int, stride: str | None, cpu: CpuView) -> list[Stretch]:
    """What TILESTORED writes at most: sixteen rows of 64 bytes, `stride` * `scale` apart."""
    distance = cpu.register(stride) * scale if stride else 0
    return [(_moved(operand, row * distance).extent(cpu)[0], 64) for row in range(16)]


def cache_line(operand: MemoryOperand, cpu: CpuView) -> list[Stretch]:
    """The line that CLZERO clears."""
    return [(operand.extent(cpu)[0] & ~63, 64)]
