"""An instruction as the translator sees it: its effects, which registers it touches, and whether it can be translated at all.

What must be saved comes from the effects alone.  Here is added what they do not say because a single-stepping recorder has no
need of it: which general registers are read (the others are free for the translation's own use), and where the instruction's
bytes depend on where they stand.

Translated are instructions whose effects are exact and bounded, and whose memory operands can be computed by lea.  Everything
else is left to the single-step recorder, and so is whatever touches the gs segment, which translated code uses itself, or flags
that are not arithmetic.

*Alone* is an instruction that might not do the same when it is executed again (rdtsc), or of which a single step executes but a
part (rep cmps): its block has no other instruction, so nobody ever has to execute it again to get into the middle of the block.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

from iced_x86 import (
    Code,
    Decoder,
    Instruction,
    InstructionInfoFactory,
    Mnemonic,
    OpKind,
    Register,
    RegisterExt,
    RflagsBits,
)

from rdb.arch.base import Effects, Flow, MemoryOperand
from rdb.arch.x86 import cpuid, xstate
from rdb.arch.x86 import effects as x86
from rdb.arch.x86.corrections import MNEMONICS, X87_STATE, saved_state
from rdb.arch.x86_64.effects import MODE
from rdb.arch.x86_64.translation.encoding import NUMBERS
from rdb.arch.x86_64.translation.spreading import Refusal

_ARITHMETIC = RflagsBits.OF | RflagsBits.SF | RflagsBits.ZF | RflagsBits.AF | RflagsBits.PF | RflagsBits.CF
# iced counts x87's condition codes, which are no flags, among them.
_FLAGS = _ARITHMETIC | RflagsBits.IF | RflagsBits.DF | RflagsBits.AC
_ALONE_NAMES = "RDTSC RDTSCP RDRAND RDSEED RDPID RDPMC XGETBV CPUID LSL LAR VERR VERW UMWAIT TPAUSE"
_UNFIT_NAMES = "RDGSBASE SWAPGS ENQCMD ENQCMDS SENDUIPI STUI CLUI TESTUI UIRET IN OUT"
_ALONE, _UNFIT = (frozenset(MNEMONICS[name] for name in names.split()) for names in (_ALONE_NAMES, _UNFIT_NAMES))
# The branches that are translated; all others (far ones, 16-bit ones) are not.
_CODES = {name: value for name, value in vars(Code).items() if isinstance(value, int)}
CONDITIONAL = frozenset(value for name, value in _CODES.items() if name[0] == "J" and name.endswith(("REL8_64", "REL32_64")))
_BRANCHES = CONDITIONAL | {
    Code.JMP_REL8_64,
    Code.JMP_REL32_64,
    Code.CALL_REL32_64,
    Code.JMP_RM64,
    Code.CALL_RM64,
    Code.RETNQ,
    Code.RETNQ_IMM16,
    *(value for name, value in _CODES.items() if name.startswith("LOOP") and name.endswith("RCX")),
}
_MOST_WRITES = 2
_RESTORING = frozenset(MNEMONICS[name] for name in ("XRSTOR", "XRSTOR64"))
# What is more than can be saved is refused.
_BOUNDED = _RESTORING | {Mnemonic.POPFQ}
_SAVING = frozenset(MNEMONICS[name] for name in ("XSAVE", "XSAVE64", "XSAVEOPT", "XSAVEOPT64", "XSAVEC", "XSAVEC64"))
_VECTORS = frozenset({xstate.SSE, xstate.AVX, xstate.MASKS, xstate.ZMM_HIGH, xstate.HIGH_ZMM})
# The state that programs use without asking for it.
_USUAL = (1 << xstate.TILE_CONFIG) - 1
# What POPF must not set: all but the arithmetic flags, those that it leaves alone, and one that is always set.
_FLAGS_REFUSED = 0xFFFFFFFF & ~(0x8D5 | 0x10202)
# Where these work on a register, it makes no difference to what they touch what an immediate operand is.
_WITH_ANY_NUMBER_NAMES = "MOV ADD ADC SUB SBB AND OR XOR CMP TEST IMUL"
_WITH_ANY_NUMBER = frozenset(MNEMONICS[name] for name in _WITH_ANY_NUMBER_NAMES.split())
_LARGEST = 64
_DIRECT = frozenset({OpKind.NEAR_BRANCH16, OpKind.NEAR_BRANCH32, OpKind.NEAR_BRANCH64})
_info = InstructionInfoFactory().info
# The number of the general register that an iced register is part of.
_REGISTERS: list[Any] = [value for value in vars(Register).values() if isinstance(value, int)]
_GENERAL: Mapping[int, int] = {
    register: RegisterExt.number(RegisterExt.full_register(register)) for register in _REGISTERS if RegisterExt.is_gpr(register)
}
NUMBER: Mapping[str, int] = {name: number for number, name in enumerate(NUMBERS)}

Unit = tuple[str, int, int]


def general_number(register: int) -> int:
    """The number of the general register that an iced register is part of."""
    return _GENERAL[register]


class Known(NamedTuple):
    """What the translator knows of an instruction.

    used       the general registers read or written, one bit each
    saved      the general registers written, one bit each
    units      the parts of the extended state written: kind, number, size
    relative   where in `raw` the displacement of a pc-relative memory operand is (0: there is none), and the operand's address
    target     where a direct branch goes, 0 for others
    writes     to memory, saved in the record; `long` is one that is saved in pieces
    refusals   when it is not executed here
    saves      whether scratch registers are needed in front of it
    fit        whether it can be translated
    alone      told in the head of the file
    """

    raw: bytes
    effects: Effects
    used: int
    saved: int
    units: tuple[Unit, ...]
    relative: int
    address: int
    target: int
    fit: bool
    alone: bool
    instruction: Instruction
    writes: tuple[MemoryOperand, ...] = ()
    long: MemoryOperand | None = None
    refusals: tuple[Refusal, ...] = ()
    saves: bool = False


class Reader:
    """Decodes instructions, remembering what it found out about them.

    Of a direct branch, and of instructions that differ in a displacement or an immediate operand alone, what they have in common
    is remembered, their *form*: in its effects the memory operands have the displacement of the first one that was met.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}
        self._branches: dict[int, Known] = {}
        self._forms: dict[tuple[bytes, bytes], Known] = {}

    def decoder(self, code: bytes, address: int) -> Decoder:
        return x86.decoder(code, address, MODE)

    def next(self, decoder: Decoder, code: bytes, at: int) -> Known | None:
        """The next instruction of a decoder, which stands at offset `at` of `code`.  None if there is none."""
        instruction = decoder.decode()
        raw = code[at : at + instruction.len]
        known = self._known.get(raw)
        if known is not None:
            return known
        if instruction.is_invalid:
            return None
        if instruction.op0_kind in _DIRECT:
            return self._branch(instruction, raw)
        if instruction.is_ip_rel_memory_operand:
            return self._relative(instruction, raw, decoder)
        known = self._known[raw] = self._of_form(instruction, raw, decoder)
        return known

    def _branch(self, instruction: Instruction, raw: bytes) -> Known:
        if instruction.segment_prefix:
            return _look_at(instruction, raw, 0)
        known = self._branches.get(instruction.code)
        if known is None:
            known = self._branches[instruction.code] = _look_at(instruction, raw, 0)
        return _like(known, raw, known.address, instruction.near_branch_target, instruction)

    def _relative(self, instruction: Instruction, raw: bytes, decoder: Decoder) -> Known:
        at = decoder.get_constant_offsets(instruction).displacement_offset
        form = raw[:at], raw[at + 4 :]
        known = self._forms.get(form)
        if known is None:
            known = _look_at(instruction, raw, at)
            if known.effects.writes or known.effects.flow is not Flow.NEXT:
                return known
            self._forms[form] = known
        return _like(known, raw, instruction.ip_rel_memory_address, known.target, known.instruction)

    def _of_form(self, instruction: Instruction, raw: bytes, decoder: Decoder) -> Known:
        places = decoder.get_constant_offsets(instruction)
        at, end = places.displacement_offset, len(raw)
        if instruction.op0_kind == OpKind.REGISTER and instruction.mnemonic in _WITH_ANY_NUMBER:
            end -= places.immediate_size
        if at == 0 and end == len(raw):
            return _look_at(instruction, raw, 0)
        form = raw[: at or end], raw[at + places.displacement_size : end] if at else b""
        known = self._forms.get(form)
        if known is None:
            known = _look_at(instruction, raw, 0)
            if _has_form(known):
                self._forms[form] = known
            return known
        return _displaced(known, raw, instruction.memory_displacement)


def _like(known: Known, raw: bytes, address: int, target: int, instruction: Instruction) -> Known:
    """What is known, for other bytes of the same form; `_replace` would do it at many times the cost."""
    _, effects, used, saved, units, relative, _, _, fit, alone, _, writes, long, refusals, saves = known
    return Known(
        raw, effects, used, saved, units, relative, address, target, fit, alone, instruction, writes, long, refusals, saves
    )


def _has_form(known: Known) -> bool:
    """Whether the displacement of an instruction says nothing but where its first operand is, if it is written at all."""
    effects, instruction = known.effects, known.instruction
    if effects.flow is not Flow.NEXT or effects.extents is not None or known.long is not None or effects.slow:
        return False
    return not effects.writes or instruction.op0_kind == OpKind.MEMORY and not instruction.is_stack_instruction


def _displaced(known: Known, raw: bytes, displacement: int) -> Known:
    """What is known, for an instruction of the same form with another displacement, modulo 2**64."""
    like = _like(known, raw, 0, 0, known.instruction)
    if not known.writes:
        return like
    (written,) = known.writes
    return like._replace(writes=(written._replace(displacement=x86.signed(displacement, MODE.bits)),))


def _look_at(instruction: Instruction, raw: bytes, relative: int) -> Known:
    info = _info(instruction)
    effects = x86.declared(instruction, info, raw, MODE)
    used = saved = 0
    for use in info.used_registers():
        if use.register in _GENERAL:
            used |= 1 << _GENERAL[use.register]
    fit = True
    for name in effects.registers:
        number = NUMBER.get(name)
        if number is None:
            fit = False
        else:
            saved |= 1 << number
    long = _long(effects) if not relative else None
    writes = effects.writes if long is None else ()
    refusals = _refusals().get(instruction.mnemonic, ())
    units = extended_units(_restored() if instruction.mnemonic in _RESTORING else effects.extended)
    return Known(
        raw,
        effects,
        used | saved,
        saved,
        units or (),
        relative,
        instruction.ip_rel_memory_address if relative else 0,
        effects.target or 0,
        fit and units is not None and _is_fit(instruction, effects, writes, long),
        effects.repeated or bool(long or refusals) or effects.saves_flags or instruction.mnemonic in _ALONE,
        instruction,
        writes,
        long,
        refusals,
        bool(writes or long or refusals),
    )


def _is_fit(instruction: Instruction, effects: Effects, writes: tuple[MemoryOperand, ...], long: MemoryOperand | None) -> bool:
    if instruction.mnemonic not in _BOUNDED:
        if effects.slow or effects.extents and long is None or effects.unknown_memory or effects.overruns:
            return False
        if instruction.rflags_modified & _FLAGS & ~_ARITHMETIC or instruction.mnemonic in _UNFIT:
            return False
    if Register.GS in (instruction.memory_segment, instruction.segment_prefix):
        return False
    if effects.flow is not Flow.NEXT and not (instruction.code in _BRANCHES and all(map(_can_save, effects.reads))):
        return False
    if long is not None and (long.segment is not None or not _can_address(long)):
        return False
    return len(writes) <= _MOST_WRITES and all(map(_can_save, writes))


def _long(effects: Effects) -> MemoryOperand | None:
    """What an instruction writes, if that is one long stretch; at most, where registers say which state is saved."""
    if isinstance(effects.extents, functools.partial) and effects.extents.func is saved_state:
        operand: MemoryOperand = effects.extents.args[0]
        compacted: bool = effects.extents.args[2]
        return operand._replace(size=xstate.layout().extent(_USUAL, compacted))
    writes = effects.writes
    return writes[0] if len(writes) == 1 and (writes[0].count or writes[0].size > _LARGEST) else None


def _restored() -> tuple[tuple[int, int], ...]:
    """The parts of the extended state that XRSTOR may change here: vectors and masks."""
    layout = xstate.layout()
    parts = [layout.components[number] for number in sorted(_VECTORS) if number in layout.components]
    return ((xstate.MXCSR, xstate.MXCSR_SIZE), *((part.offset, part.size) for part in parts))


def _asked_for(*components: int) -> tuple[Refusal, ...]:
    """Refuse what asks, by edx:eax, for any of these components that the CPU has."""
    mask = sum(1 << number for number in components if number in xstate.layout().components)
    halves = ("rax", mask & 0xFFFFFFFF), ("rdx", mask >> 32)
    return tuple(Refusal(name, bits) for name, bits in halves if bits)


@functools.cache
def _refusals() -> dict[int, tuple[Refusal, ...]]:
    """Which instructions are refused at times, by iced mnemonic, and when."""
    tiles = _asked_for(xstate.TILE_CONFIG, xstate.TILE_DATA)
    others = _asked_for(*(number for number in xstate.layout().components if number not in _VECTORS))
    table: dict[int, tuple[Refusal, ...]] = {Mnemonic.POPFQ: (Refusal("(rsp)", _FLAGS_REFUSED),)}
    return table | dict.fromkeys(_RESTORING, others) | dict.fromkeys(_SAVING, tiles)


def _can_save(operand: MemoryOperand) -> bool:
    return 0 < operand.size <= _LARGEST and operand.count is None and _can_address(operand)


def _can_address(operand: MemoryOperand) -> bool:
    registers = (operand.base, operand.index)
    return (
        operand.address_bits == 64
        and (operand.segment is None or operand.segment == "fs_base" and cpuid.reads_segment_bases())
        and all(name is None or name in NUMBER for name in registers)
    )


@functools.lru_cache(maxsize=4096)
def extended_units(stretches: tuple[tuple[int, int], ...]) -> tuple[Unit, ...] | None:
    """The units that cover stretches of the extended bank, or None if these are no whole units."""
    table, units = _unit_table(), []
    for start, size in stretches:
        end = start + size
        while start < end:
            if start not in table:
                return None
            unit, width = table[start]
            units.append(unit)
            start += width
        if start != end:
            return None
    return tuple(units)


@functools.cache
def _unit_table() -> Mapping[int, tuple[Unit, int]]:
    """By offset in the extended bank: the unit of which a part begins there, and how many bytes that part has."""
    layout = xstate.layout()
    table: dict[int, tuple[Unit, int]] = {xstate.MXCSR: (("mxcsr", 0, xstate.MXCSR_SIZE), xstate.MXCSR_SIZE)}
    table |= {start: (("x87", 0, 0), size) for start, size in X87_STATE}
    for kind, component, count, step, first, size in (
        ("vector", xstate.SSE, 16, 16, 0, 16),
        ("vector", xstate.AVX, 16, 16, 0, 32),
        ("vector", xstate.ZMM_HIGH, 16, 32, 0, 64),
        ("vector", xstate.HIGH_ZMM, 16, 64, 16, 64),
        ("mask", xstate.MASKS, 8, 8, 0, 8),
    ):
        start = layout.offset(component)
        if start is not None:
            table.update({start + step * number: ((kind, first + number, size), step) for number in range(count)})
    return table


def pieces(unit: Unit) -> tuple[tuple[int, int], ...]:
    """Where the parts of a unit lie in the extended bank, in the order in which an instruction stores them."""
    kind, number, size = unit
    layout = xstate.layout()
    if kind == "x87":
        return X87_STATE
    if kind == "mxcsr":
        return ((xstate.MXCSR, xstate.MXCSR_SIZE),)
    if kind == "mask":
        return (((layout.offset(xstate.MASKS) or 0) + 8 * number, 8),)
    if number >= 16:
        return (((layout.offset(xstate.HIGH_ZMM) or 0) + 64 * (number - 16), 64),)
    parts = ((xstate.SSE, 16), (xstate.AVX, 16), (xstate.ZMM_HIGH, 32))
    return tuple(((layout.offset(component) or 0) + step * number, step) for component, step in parts[: size.bit_length() - 4])

