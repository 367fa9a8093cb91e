"""Effects of an x86 instruction, from iced-x86's decoder and instruction database and from corrections.py.

One function serves both modes: a Mode tells what differs.  Nothing here is cached by instruction: a caller that meets one again
remembers what it got.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iced_x86 import (
    Code,
    CodeSize,
    Decoder,
    DecoderOptions,
    FlowControl,
    Instruction,
    InstructionInfo,
    InstructionInfoFactory,
    MemorySizeExt,
    Mnemonic,
    OpAccess,
    OpKind,
    Register,
    RegisterExt,
    UsedMemory,
    UsedRegister,
)

from rdb.arch.base import CpuView, Effects, Flow, MemoryOperand
from rdb.arch.x86 import corrections as known
from rdb.arch.x86 import cpuid, xstate
from rdb.arch.x86.corrections import Correction, Stretch

if TYPE_CHECKING:
    from iced_x86._iced_x86_py import DecoderOptions as Options

Extents = Callable[[CpuView], list[tuple[int, int]]]


@dataclass(frozen=True)
class Mode:
    """64 or 32 `bits`; `names` spells the full registers that the mode has, by their 64-bit names."""

    bits: int
    names: Mapping[str, str]


_WRITES = frozenset({OpAccess.WRITE, OpAccess.COND_WRITE, OpAccess.READ_WRITE, OpAccess.READ_COND_WRITE})
_READS = frozenset({OpAccess.READ, OpAccess.COND_READ, OpAccess.READ_WRITE, OpAccess.READ_COND_WRITE})
# iced counts x87's condition codes among the flags; these are the ones in eflags.
_FLAGS = 0x3FF
_ADDRESS_BITS = {CodeSize.UNKNOWN: 64, CodeSize.CODE16: 16, CodeSize.CODE32: 32, CodeSize.CODE64: 64}
_SEGMENTS = {Register.FS: "fs_base", Register.GS: "gs_base"}
_FLOWS = {
    FlowControl.NEXT: Flow.NEXT,
    FlowControl.UNCONDITIONAL_BRANCH: Flow.JUMP,
    FlowControl.INDIRECT_BRANCH: Flow.INDIRECT_JUMP,
    FlowControl.CONDITIONAL_BRANCH: Flow.BRANCH,
    FlowControl.RETURN: Flow.RETURN,
    FlowControl.CALL: Flow.CALL,
    FlowControl.INDIRECT_CALL: Flow.INDIRECT_CALL,
    FlowControl.INTERRUPT: Flow.TRAP,
    FlowControl.XBEGIN_XABORT_XEND: Flow.BRANCH,
    FlowControl.EXCEPTION: Flow.TRAP,
}
_DIRECT = frozenset({OpKind.NEAR_BRANCH16, OpKind.NEAR_BRANCH32, OpKind.NEAR_BRANCH64})
_BIT_STRINGS = frozenset({Mnemonic.BT, Mnemonic.BTS, Mnemonic.BTR, Mnemonic.BTC})
_XSAVES = frozenset({Mnemonic.XSAVE, Mnemonic.XSAVE64, Mnemonic.XSAVEOPT, Mnemonic.XSAVEOPT64})
_XSAVES_COMPACTED = frozenset({Mnemonic.XSAVEC, Mnemonic.XSAVEC64, Mnemonic.XSAVES, Mnemonic.XSAVES64})
# Stores masked by a vector operand, and the size of their elements.
_MASKED_BY_VECTOR = {
    Mnemonic.VMASKMOVPS: 4,
    Mnemonic.VMASKMOVPD: 8,
    Mnemonic.VPMASKMOVD: 4,
    Mnemonic.VPMASKMOVQ: 8,
    Mnemonic.MASKMOVDQU: 1,
    Mnemonic.VMASKMOVDQU: 1,
}
_FAR = frozenset(value for name, value in vars(Code).items() if name.startswith(("CALL_M16", "CALL_PTR", "JMP_M16", "JMP_PTR")))
# Loading ss holds back the trap of a single step until the next instruction is done (Intel SDM volume 3, 6.8.3).
_POPS_SS = frozenset(value for name, value in vars(Code).items() if name.startswith("POP") and name.endswith("_SS"))
_ENTER_WIDTHS = {Code.ENTERQ_IMM16_IMM8: 8, Code.ENTERD_IMM16_IMM8: 4, Code.ENTERW_IMM16_IMM8: 2}
_SYSTEM_CALL_GATE = 0x80
_MM = frozenset(getattr(Register, f"MM{number}") for number in range(8))
_BASES = {"fs": "fs_base", "gs": "gs_base"}
_DIRECTION = ("eflags", 10)
_EMPTY = Correction()

_info = InstructionInfoFactory().info
# iced's enumerations are classes of plain integers.
_SPELLED: Mapping[Any, str] = {value: name.lower() for name, value in vars(Register).items() if isinstance(value, int)}


@functools.cache
def _options() -> Options:
    """AMD's CPUs read operand-size prefixes of branches differently."""
    return DecoderOptions.AMD if cpuid.vendor() in ("AuthenticAMD", "HygonGenuine") else DecoderOptions.NONE


@functools.cache
def _full_names() -> Mapping[int, str]:
    """The full general or segment register that an iced register is part of, by its 64-bit name."""
    names = {number: _SPELLED[RegisterExt.full_register(number)] for number in _SPELLED if RegisterExt.is_gpr(number)}
    names |= {getattr(Register, name.upper()): name for name in ("cs", "ss", "ds", "es", "fs", "gs")}
    return names


@functools.cache
def _places() -> Mapping[int, tuple[Stretch, ...]]:
    """Where the registers of the extended state lie, by iced register; those that the CPU lacks are left out."""
    layout = xstate.layout()
    places: dict[int, tuple[Stretch, ...]] = {}
    parts = {"XMM": [(xstate.XMM, 16)]}
    parts["YMM"] = parts["XMM"] + [(start, 16) for start in [layout.offset(xstate.AVX)] if start is not None]
    parts["ZMM"] = parts["YMM"] + [(start, 32) for start in [layout.offset(xstate.ZMM_HIGH)] if start is not None]
    high = layout.offset(xstate.HIGH_ZMM)
    for prefix, pieces in parts.items():
        for number in range(16):
            places[getattr(Register, f"{prefix}{number}")] = tuple((start + size * number, size) for start, size in pieces)
            if high is not None:
                places[getattr(Register, f"{prefix}{number + 16}")] = ((high + 64 * number, 64),)
    for number in range(8):
        places[getattr(Register, f"MM{number}")] = places[getattr(Register, f"ST{number}")] = known.X87_STATE
        masks = layout.offset(xstate.MASKS)
        if masks is not None:
            places[getattr(Register, f"K{number}")] = ((masks + 8 * number, 8),)
    return places


@functools.lru_cache(maxsize=4096)
def _merged(stretches: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
    """Disjoint and ascending stretches that cover the same bytes."""
    merged: list[Stretch] = []
    for start, size in sorted(set(stretches)):
        if merged and start <= sum(merged[-1]):
            begin, extent = merged.pop()
            start, size = begin, max(begin + extent, start + size) - begin
        merged.append((start, size))
    return tuple(merged)


def effects(code: bytes, address: int, mode: Mode) -> Effects:
    """What the instruction at the beginning of `code`, which stands at `address`, can change."""
    instruction = decoder(code, address, mode).decode()
    if instruction.is_invalid:
        return _unknown(mode)
    return declared(instruction, _info(instruction), code, mode)


def decoder(code: bytes, address: int, mode: Mode) -> Decoder:
    """A decoder of this machine's dialect, for `code` that stands at `address`."""
    return Decoder(mode.bits, code, _options(), ip=address)


def declared(instruction: Instruction, info: InstructionInfo, code: bytes, mode: Mode) -> Effects:
    """The effects of a valid instruction, decoded from the beginning of `code`; `info` is what iced knows about it."""
    correction = known.corrections().get(instruction.mnemonic, _EMPTY)
    registers, extended = _registers(instruction, info.used_registers(), correction)
    if instruction.mnemonic == Mnemonic.PAUSE and _exchanges(code, instruction.len):
        registers |= {"rax": None, "r8": None}
    writes, reads, extents = _memory(instruction, info.used_memory(), mode)
    flow, target = _flow(instruction)
    return Effects(
        length=instruction.len,
        registers=tuple(mode.names[name] for name in registers if name in mode.names),
        flags=bool(instruction.rflags_modified & _FLAGS),
        extended=_merged(tuple(extended)) if extended else (),
        writes=writes,
        reads=reads,
        extents=extents,
        flow=flow,
        target=target,
        repeated=instruction.is_string_instruction and (instruction.has_rep_prefix or instruction.has_repne_prefix),
        partial=correction.partial or instruction.is_vsib or _is_half_done(flow, extended),
        overruns=correction.overruns or _loads_ss(instruction),
        saves_flags=correction.saves_flags,
        slow=correction.slow,
    )


def _unknown(mode: Mode) -> Effects:
    """An encoding that the decoder does not know: the CPU refuses it, or else anything may change."""
    return Effects(
        length=0,
        registers=tuple(mode.names.values()),
        flags=True,
        extended=((0, xstate.layout().size),),
        flow=Flow.TRAP,
        slow="unknown encoding",
        unknown_memory=True,
    )


def _registers(
    instruction: Instruction, used: list[UsedRegister], correction: Correction
) -> tuple[dict[str, None], list[Stretch]]:
    """The GENERAL registers written, by 64-bit name (a dict for its order), and the stretches of EXTENDED."""
    names, places = _full_names(), _places()
    registers = dict.fromkeys(correction.registers)
    extended = list(correction.extended)
    for use in used:
        register = use.register
        if use.access in _WRITES:
            if register in names:
                registers[names[register]] = None
            else:
                extended += places.get(register, ())
        elif register in _MM:
            # Reading an MMX register makes the x87 stack empty or full too.
            extended += known.X87_STATE
    if instruction.code in _FAR:
        registers["cs"] = None
    for segment, base in _BASES.items():
        if segment in registers:
            registers[base] = None
    return registers, extended


def _memory(
    instruction: Instruction, used: list[UsedMemory], mode: Mode
) -> tuple[tuple[MemoryOperand, ...], tuple[MemoryOperand, ...], Extents | None]:
    """What is written and read, and a function for what operands cannot say."""
    writes: list[MemoryOperand] = []
    reads: list[MemoryOperand] = []
    extents = None
    if instruction.mnemonic == Mnemonic.ENTER:
        return _frame(instruction, mode), (), None
    for memory in used:
        operand = _operand(instruction, memory, mode)
        irregular = _irregular(instruction, memory, operand, mode)
        if memory.access in _WRITES:
            if irregular is None:
                writes.append(operand)
            else:
                extents = irregular
        if memory.access in _READS and irregular is None and operand.size:
            reads.append(operand)
    return tuple(writes), tuple(reads), extents


def _frame(instruction: Instruction, mode: Mode) -> tuple[MemoryOperand, ...]:
    """What ENTER pushes: the frame pointer, and one more pointer for each level of nesting."""
    width = _ENTER_WIDTHS[instruction.code]
    size = width * (1 + instruction.immediate8_2nd % 32)
    return (MemoryOperand(mode.names["rsp"], displacement=-size, size=size, address_bits=mode.bits, linear_bits=mode.bits),)


def _operand(instruction: Instruction, memory: UsedMemory, mode: Mode) -> MemoryOperand:
    address_bits = _ADDRESS_BITS[memory.address_size]
    size = MemorySizeExt.size(memory.memory_size) or MemorySizeExt.size(instruction.memory_size)
    count = mask = backwards = None
    element = 0
    if instruction.is_string_instruction:
        backwards = _DIRECTION
        if instruction.has_rep_prefix or instruction.has_repne_prefix:
            count = mode.names["rcx"]
    elif instruction.op_mask != Register.NONE:
        mask = _SPELLED[instruction.op_mask]
        element = MemorySizeExt.element_size(memory.memory_size)
    elif instruction.mnemonic in _MASKED_BY_VECTOR:
        mask = _SPELLED[instruction.op1_register if instruction.op0_kind == OpKind.MEMORY else instruction.op2_register]
        element = _MASKED_BY_VECTOR[instruction.mnemonic]
    return MemoryOperand(
        base=_address_register(memory.base, mode),
        index=_address_register(memory.index, mode),
        scale=memory.scale,
        displacement=signed(memory.displacement, mode.bits),
        size=size,
        segment=mode.names.get(_SEGMENTS.get(memory.segment, "")),
        address_bits=address_bits,
        linear_bits=mode.bits,
        count=count,
        backwards=backwards,
        mask=mask,
        element=element,
    )


def _address_register(register: int, mode: Mode) -> str | None:
    if register == Register.NONE:
        return None
    if register == Register.AL:
        return "al"
    full = _full_names().get(register)
    return _SPELLED[register] if full is None else mode.names[full]


def signed(displacement: int, bits: int) -> int:
    """A displacement that iced gives modulo a power of two, as the negative number that it may be."""
    displacement &= (1 << bits) - 1
    return displacement - (displacement >> bits - 1 << bits)


def _irregular(instruction: Instruction, memory: UsedMemory, operand: MemoryOperand, mode: Mode) -> Extents | None:
    """A function for the extents of memory that no operand can express."""
    mnemonic = instruction.mnemonic
    if mnemonic in _BIT_STRINGS and instruction.op1_kind == OpKind.REGISTER:
        offset = mode.names[_full_names()[instruction.op1_register]]
        return functools.partial(known.bit_string, operand, offset)
    if memory.vsib_size:
        vector = _SPELLED[memory.index]
        count = min(
            RegisterExt.size(memory.index) // memory.vsib_size,
            RegisterExt.size(instruction.op1_register or instruction.op0_register) // max(operand.size, 1),
        )
        base = MemoryOperand(
            operand.base, None, 1, operand.displacement, operand.size, operand.segment, operand.address_bits, operand.linear_bits
        )
        return functools.partial(known.scattered, base, vector, memory.scale, memory.vsib_size, count, operand.mask or "")
    if mnemonic in _XSAVES or mnemonic in _XSAVES_COMPACTED:
        pair = mode.names["rdx"], mode.names["rax"]
        return functools.partial(known.saved_state, operand, pair, mnemonic in _XSAVES_COMPACTED)
    if mnemonic == Mnemonic.TILESTORED:
        stride = _address_register(instruction.memory_index, mode)
        return functools.partial(known.tile_rows, operand, instruction.memory_index_scale, stride)
    if mnemonic == Mnemonic.CLZERO:
        return functools.partial(known.cache_line, operand)
    return None


def _flow(instruction: Instruction) -> tuple[Flow, int | None]:
    """How control leaves, and where a direct branch goes."""
    code = instruction.code
    if code in (Code.SYSCALL, Code.SYSENTER) or code == Code.INT_IMM8 and instruction.immediate8 == _SYSTEM_CALL_GATE:
        return Flow.SYSTEM_CALL, None
    flow = _FLOWS[instruction.flow_control]
    return flow, instruction.near_branch_target if instruction.op0_kind in _DIRECT else None


def _is_half_done(flow: Flow, extended: list[Stretch]) -> bool:
    """A call to an address that is none has pushed the return address when it faults; an MMX store has emptied the x87 stack."""
    return flow is Flow.INDIRECT_CALL or known.X87_STATE[0] in extended


def _loads_ss(instruction: Instruction) -> bool:
    if instruction.mnemonic == Mnemonic.MOV:
        return bool(instruction.op0_kind == OpKind.REGISTER and instruction.op0_register == Register.SS)
    return instruction.code in _POPS_SS


def _exchanges(code: bytes, length: int) -> bool:
    """f3 REX.B 90 is listed as pause, but CPUs execute it as xchg r8,rax."""
    return code[length - 2] & 0xF1 == 0x41
