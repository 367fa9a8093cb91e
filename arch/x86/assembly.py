"""Disassembly in the look of GDB 13, which is GNU binutils', by iced-x86's formatters and a few tables of differences.

iced's GNU syntax agrees with binutils on 99.6 of 100 distinct instructions of libc and libm; the tables below are the rest.
(Capstone's agrees on 39: it decorates mnemonics with sizes and writes small numbers in decimal.)
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from iced_x86 import (
    Code,
    CodeSize,
    Decoder,
    FlowControl,
    Formatter,
    FormatterSyntax,
    Instruction,
    MandatoryPrefix,
    MemorySizeOptions,
    Mnemonic,
    OpKind,
    Register,
)

from rdb.arch.base import Assembly

_BRANCHES = frozenset({OpKind.NEAR_BRANCH16, OpKind.NEAR_BRANCH32, OpKind.NEAR_BRANCH64})
_BAD = "(bad)"

# binutils spells out what these leave unsaid.
_UNSAID = {name: {"att": "%st,%st(1)", "intel": "st(1),st"} for name in ("faddp", "fmulp", "fsubp", "fsubrp", "fdivp", "fdivrp")}
_UNSAID |= {name: {"att": "%st(1)", "intel": "st(1)"} for name in ("fxch", "fucom", "fucomp", "fcom", "fcomp")}
# Instructions whose operand has the usual size: binutils does not say it.
_USUAL = ("call", "jmp", "push", "pop", "lcall", "ljmp", "lret", "iret")
_ATT_NAMES = {f"{name}{size}": name for name in _USUAL for size in "lq" if f"{name}{size}" not in ("iretq", "lretq")}
_ATT_NAMES |= {f"sal{size}": f"shl{size}" for size in ("", "b", "w", "l", "q")}
_ATT_PORT = re.compile(r"%dx")
_INTEL_NAMES = {"wait": "fwait", "sal": "shl"}
_STRING_SIZES = {"b": ("BYTE", "al"), "w": ("WORD", "ax"), "d": ("DWORD", "eax"), "q": ("QWORD", "rax")}
# Operands of string instructions in Intel's order: source, destination, accumulator, port.
_STRING_OPERANDS = {"movs": "DS", "stos": "DA", "lods": "AS", "scas": "AD", "cmps": "SD", "ins": "DP", "outs": "PS"}
_SPELLED_SEGMENTS = {getattr(Register, name.upper()): name for name in ("cs", "ss", "ds", "es", "fs", "gs")}
_SHIFTS_BY_ONE = frozenset(
    value for name, value in vars(Code).items() if re.fullmatch(r"(ROL|ROR|RCL|RCR|SHL|SHR|SAL|SAR)_RM\d+_1", name)
)
_MOVABS = frozenset({Code.MOV_R64_IMM64, Code.MOV_AL_MOFFS8, Code.MOV_AX_MOFFS16, Code.MOV_EAX_MOFFS32, Code.MOV_RAX_MOFFS64})
_MOVABS |= {Code.MOV_MOFFS8_AL, Code.MOV_MOFFS16_AX, Code.MOV_MOFFS32_EAX, Code.MOV_MOFFS64_RAX}
_EXCHANGES_ACCUMULATOR = frozenset({Code.XCHG_R16_AX, Code.XCHG_R32_EAX, Code.XCHG_R64_RAX})
# fwait in front of these is written as one instruction, without the n of "no wait".
_WAITED = frozenset({Mnemonic.FNSTCW, Mnemonic.FNSTSW, Mnemonic.FNSTENV, Mnemonic.FNSAVE, Mnemonic.FNCLEX, Mnemonic.FNINIT})
_SEGMENT_PREFIXES = {0x2E: "cs", 0x36: "ss", 0x3E: "ds", 0x26: "es", 0x64: "fs", 0x65: "gs"}
_FLAT = {"cs", "ss", "ds", "es"}
# Here a ds prefix means "notrack".
_NOTRACK = frozenset({FlowControl.INDIRECT_BRANCH, FlowControl.INDIRECT_CALL})
_REX_W = 0x48
_LEGACY_PREFIXES = frozenset({*_SEGMENT_PREFIXES, 0x66, 0x67, 0xF0, 0xF2, 0xF3})


def disassemble(bits: int, code: bytes, address: int, flavor: str) -> list[Assembly]:
    """Decode all of `code`, which stands at `address`, in the "att" or the "intel" flavor; what is no instruction is "(bad)"."""
    lines: list[Assembly] = []
    decoder = Decoder(bits, code, ip=address)
    position = 0
    while position < len(code):
        decoder.position = position
        decoder.ip = address + position
        instruction = decoder.decode()
        size = instruction.len
        name, operands = _text(instruction, code[position : position + size], bits, flavor)
        if instruction.mnemonic == Mnemonic.WAIT and decoder.can_decode:
            following = decoder.decode()
            if following.mnemonic in _WAITED:
                size += following.len
                name, operands = _text(following, code[position + 1 : position + size], bits, flavor)
                name = name.replace("fn", "f", 1)
        if instruction.is_invalid:
            size, name, operands = 1, _BAD, ""
        reference, comment = _reference(instruction)
        lines.append(Assembly(address + position, code[position : position + size], name, operands, reference, comment))
        position += size
    return lines


def _reference(instruction: Instruction) -> tuple[int | None, bool]:
    """The address that the operands name, and whether it stands behind them as a comment."""
    if instruction.op0_kind in _BRANCHES:
        return instruction.near_branch_target, False
    if instruction.is_ip_rel_memory_operand:
        return instruction.ip_rel_memory_address, True
    return None, False


def _text(instruction: Instruction, raw: bytes, bits: int, flavor: str) -> tuple[str, str]:
    """Mnemonic with its prefixes, and operands."""
    formatter = _formatter(flavor)
    name = formatter.format_mnemonic(instruction).strip()
    operands = formatter.format_all_operands(instruction)
    name, operands = _FLAVORS[flavor](instruction, name, operands)
    name = name.replace("rep ret", "repz ret")
    if not operands and name in _UNSAID:
        operands = _UNSAID[name][flavor]
    if instruction.mnemonic == Mnemonic.LEA and bits == 32 and _is_padding(instruction, raw):
        operands = re.sub(r"\((%\w+)\)", r"(\1,%eiz,1)", operands)
        operands = re.sub(r"\[(\w+)\+", r"[\1+eiz*1+", operands)
    return " ".join([*_idle_prefixes(instruction, raw, bits), name]), operands


def _is_padding(instruction: Instruction, raw: bytes) -> bool:
    """Whether the address has an index byte that it does not need, as compilers make it to fill up space."""
    start = next(i for i, byte in enumerate(raw) if byte not in _LEGACY_PREFIXES)
    modrm, sib = raw[start + 1], raw[start + 2] if len(raw) > start + 2 else 0
    return modrm & 7 == 4 and sib & 7 != 4 and bool(instruction.memory_base) and not instruction.memory_index


def _att(instruction: Instruction, name: str, operands: str) -> tuple[str, str]:
    """What differs in the AT&T flavor."""
    name = _ATT_NAMES.get(name, name)
    if instruction.code in _SHIFTS_BY_ONE:
        operands = operands.removeprefix("$0x1,")
    operands = re.sub(r"(\([^,()]*,%\w+)\)", r"\1,1)", operands)
    if instruction.is_string_instruction:
        operands = re.sub(r"(?<!:)\((%[er]?di\))", r"%es:(\1", operands)
        operands = re.sub(r"(?<!:)\((%[er]?si\))", r"%ds:(\1", operands)
    elif _has_silent_operand(instruction, operands):
        operands += "," + operands.split(",")[1]
    return name, _ATT_PORT.sub("(%dx)", operands) if instruction.op_code().is_input_output else operands


def _intel(instruction: Instruction, name: str, operands: str) -> tuple[str, str]:
    """What differs in the Intel flavor."""
    if instruction.is_string_instruction:
        return _intel_string(instruction, name)
    if instruction.code in _MOVABS:
        name = "movabs" if instruction.code_size == CodeSize.CODE64 else name
        operands = re.sub(r"\w+ PTR ", "", operands)
    operands = re.sub(r"(\w+):\[(0x[0-9a-f]+)\]", r"\1:\2", operands)
    operands = re.sub(r"(?:(?<=[ ,])|^)\[(0x[0-9a-f]+)\]", r"ds:\1", operands)
    operands = re.sub(r"\[rip-0x([0-9a-f]+)\]", lambda found: f"[rip+{(1 << 64) - int(found[1], 16):#x}]", operands)
    first, _, rest = operands.partition(",")
    if instruction.mnemonic == Mnemonic.XCHG and instruction.code not in _EXCHANGES_ACCUMULATOR:
        operands = f"{rest},{first}"
    elif _has_silent_operand(instruction, operands):
        operands = f"{first},{operands}"
    elif instruction.code in _SHIFTS_BY_ONE:
        operands = f"{first},1"
    return _INTEL_NAMES.get(name, name), operands


def _intel_string(instruction: Instruction, name: str) -> tuple[str, str]:
    """String instructions, which binutils writes with all their operands and no size in the name."""
    *prefixes, verb = name.split()
    size, accumulator = _STRING_SIZES[verb[-1]]
    letter = {16: "", 32: "e", 64: "r"}[_address_bits(instruction)]
    segment = _SPELLED_SEGMENTS.get(instruction.segment_prefix, "ds")
    texts = {
        "A": accumulator,
        "P": "dx",
        "S": f"{size} PTR {segment}:[{letter}si]",
        "D": f"{size} PTR es:[{letter}di]",
    }
    return " ".join([*prefixes, verb[:-1]]), ",".join(texts[operand] for operand in _STRING_OPERANDS[verb[:-1]])


def _address_bits(instruction: Instruction) -> int:
    kinds = {instruction.op_kind(number) for number in range(instruction.op_count)}
    if kinds & {OpKind.MEMORY_SEG_RSI, OpKind.MEMORY_ESRDI}:
        return 64
    return 32 if kinds & {OpKind.MEMORY_SEG_ESI, OpKind.MEMORY_ESEDI} else 16


def _has_silent_operand(instruction: Instruction, operands: str) -> bool:
    """Whether this is imul of a register by a constant into itself, whose source the formatter leaves out."""
    return instruction.mnemonic == Mnemonic.IMUL and instruction.op_count == 3 and operands.count(",") == 1


_FLAVORS: dict[str, Callable[[Instruction, str, str], tuple[str, str]]] = {"att": _att, "intel": _intel}


def _idle_prefixes(instruction: Instruction, raw: bytes, bits: int) -> list[str]:
    """Prefixes that have no effect, which binutils writes as words in front."""
    prefixes = raw[: next((i for i, byte in enumerate(raw) if byte not in _LEGACY_PREFIXES), 0)]
    idle = prefixes.count(0x66)
    if idle:
        info = instruction.op_code()
        idle -= info.operand_size == 16 or info.mandatory_prefix == MandatoryPrefix.P66
    words = ["data16"] * idle
    if bits == 64 and instruction.flow_control not in _NOTRACK:
        words += [_SEGMENT_PREFIXES[byte] for byte in prefixes if _SEGMENT_PREFIXES.get(byte) in _FLAT]
        if instruction.op0_kind in _BRANCHES and raw[len(prefixes)] & 0xF8 == _REX_W:
            words.append("rex.W")
    return words


@functools.cache
def _formatter(flavor: str) -> Formatter:
    formatter = Formatter(FormatterSyntax.GAS if flavor == "att" else FormatterSyntax.MASM)
    formatter.hex_prefix = "0x"
    formatter.hex_suffix = ""
    formatter.uppercase_hex = False
    formatter.small_hex_numbers_in_decimal = False
    formatter.space_after_operand_separator = False
    formatter.branch_leading_zeros = False
    formatter.leading_zeros = False
    formatter.displacement_leading_zeros = False
    formatter.signed_immediate_operands = False
    formatter.show_branch_size = False
    formatter.rip_relative_addresses = True
    formatter.show_zero_displacements = True
    if flavor == "intel":
        formatter.memory_size_options = MemorySizeOptions.ALWAYS
        formatter.uppercase_keywords = True
        formatter.always_show_scale = True
    return formatter
