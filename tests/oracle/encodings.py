"""Random instructions: for any opcode that iced-x86 knows, bytes that encode it, with the choices left open made at random."""

from __future__ import annotations

import random
from typing import Any

from iced_x86 import (
    Code,
    Decoder,
    Instruction,
    Mnemonic,
    OpCodeInfo,
    OpCodeOperandKind,
    OpKind,
    Register,
)

from tests.oracle.cpu import ARENA, ARENA_SIZE, ENTRY

LEGACY, VEX, EVEX = 0, 1, 2
_ESCAPES = {0: b"", 1: b"\x0f", 2: b"\x0f\x38", 3: b"\x0f\x3a"}
_MANDATORY = {0: b"", 1: b"", 2: b"\x66", 3: b"\xf3", 4: b"\xf2"}
_PP = {0: 0, 1: 0, 2: 1, 3: 2, 4: 3}
_MAPS = {1: 1, 2: 2, 3: 3, 4: 5, 5: 6}
_OPCODE_REGISTERS = frozenset(
    value for name, value in vars(OpCodeOperandKind).items() if isinstance(value, int) and name.endswith("_OPCODE")
)
_VECTOR_INDEXED = frozenset(value for name, value in vars(OpCodeOperandKind).items() if "VSIB" in name or name == "SIBMEM")
CODES: dict[Any, str] = {value: name for name, value in vars(Code).items() if isinstance(value, int)}
REGISTERS: dict[Any, str] = {value: name.lower() for name, value in vars(Register).items() if isinstance(value, int)}


def opcodes(bits: int) -> list[Any]:
    """The opcodes (iced Code) of a mode whose encodings can be made: legacy, VEX and EVEX, without KNC's."""
    found = []
    for code, name in CODES.items():
        info = OpCodeInfo(code)
        in_mode = info.mode64 if bits == 64 else info.mode32
        if in_mode and info.is_instruction and info.encoding in (LEGACY, VEX, EVEX) and "KNC" not in name:
            found.append(code)
    return found


class Encoder:
    """Makes random encodings for code of 64 or 32 `bits`."""

    def __init__(self, bits: int, chance: random.Random) -> None:
        self.bits = bits
        self.chance = chance

    def make(self, code: Any) -> tuple[bytes, Instruction] | None:
        """Bytes that ought to encode `code` (prefixes may turn them into another instruction), or None if nothing valid."""
        info = OpCodeInfo(code)
        raw = (self._legacy if info.encoding == LEGACY else self._vector)(info) + self._tail(info)
        raw = raw[:15].ljust(15, b"\x11")
        decoder = Decoder(self.bits, raw, ip=ENTRY)
        instruction = decoder.decode()
        if instruction.is_invalid:
            return None
        offsets = decoder.get_constant_offsets(instruction)
        if instruction.mnemonic == Mnemonic.XBEGIN:
            size = offsets.immediate_size
            raw = (
                raw[: offsets.immediate_offset]
                + self.chance.randrange(16, 256).to_bytes(size, "little")
                + raw[offsets.immediate_offset + size :]
            )
            return raw[: instruction.len], Decoder(self.bits, raw, ip=ENTRY).decode()
        if offsets.has_displacement and offsets.displacement_size >= 4 and self._is_absolute(instruction):
            raw = self._aim(raw, instruction, offsets.displacement_offset, offsets.displacement_size)
            instruction = Decoder(self.bits, raw, ip=ENTRY).decode()
        return raw[: instruction.len], instruction

    def _legacy(self, info: OpCodeInfo) -> bytes:
        chance = self.chance
        prefixes = b""
        if chance.random() < 0.12:
            prefixes += chance.choice((b"\x64", b"\x65", b"\x64", b"\x65", b"\x2e", b"\x36"))
        if (chance.random() < 0.12) != (info.address_size not in (0, self.bits)):
            prefixes += b"\x67"
        if chance.random() < (0.5 if info.can_use_lock_prefix else 0.02):
            prefixes += b"\xf0"
        if chance.random() < (0.5 if info.can_use_rep_prefix else 0.03):
            prefixes += chance.choice((b"\xf2", b"\xf3"))
        if info.operand_size == 16 or chance.random() < 0.05:
            prefixes += b"\x66"
        prefixes += _MANDATORY[info.mandatory_prefix]
        rex = chance.randrange(8) if chance.random() < 0.5 else 0
        if info.operand_size == 64 and not info.default_op_size64:
            rex |= 8
        elif chance.random() < 0.1:
            rex |= chance.choice((0, 8))
        if self.bits == 64 and (rex or chance.random() < 0.2):
            prefixes += bytes((0x40 | rex,))
        opcode = info.op_code
        if any(kind in _OPCODE_REGISTERS for kind in info.op_kinds()):
            opcode |= chance.randrange(8)
        return prefixes + _ESCAPES[info.table] + opcode.to_bytes(info.op_code_len, "big")

    def _vector(self, info: OpCodeInfo) -> bytes:
        chance = self.chance
        prefix = b"\x67" if chance.random() < 0.1 else b""
        prefix += chance.choice((b"\x64", b"\x65")) if chance.random() < 0.1 else b""
        inverted = chance.randrange(8) if self.bits == 64 else 7
        wide = chance.randrange(2) if info.is_wig else info.w
        vvvv = 15 if chance.random() < 0.4 else chance.randrange(16)
        length = chance.randrange(3) if info.is_lig else info.l
        pp = _PP[info.mandatory_prefix]
        opcode = bytes((info.op_code,)) if info.op_code_len == 1 else info.op_code.to_bytes(2, "big")
        if "TMM" in CODES[info.code]:
            inverted, vvvv = 7, vvvv | 8
        if info.encoding == VEX:
            second = inverted << 5 | _MAPS[info.table]
            return prefix + bytes((0xC4, second, wide << 7 | vvvv << 3 | (length & 1) << 2 | pp)) + opcode
        mask = chance.randrange(info.require_op_mask_register, 8) if info.can_use_op_mask_register else 0
        zero = 1 if info.can_use_zeroing_masking and mask and chance.random() < 0.4 else 0
        broadcast = 1 if chance.random() < 0.3 else 0
        high = chance.randrange(2) if self.bits == 64 else 1
        second = inverted << 5 | high << 4 | _MAPS[info.table]
        fourth = zero << 7 | length << 5 | broadcast << 4 | (chance.randrange(2) if self.bits == 64 else 1) << 3 | mask
        return prefix + bytes((0x62, second, wide << 7 | vvvv << 3 | 4 | pp, fourth)) + opcode

    def _tail(self, info: OpCodeInfo) -> bytes:
        """ModRM, SIB, displacement and immediates; the decoder takes of it what the opcode has."""
        chance = self.chance
        mode = chance.choice((0, 0, 1, 1, 2, 3, 3, 3))
        register = info.group_index if info.is_group else chance.randrange(8)
        rm = chance.randrange(8)
        if _VECTOR_INDEXED.intersection(info.op_kinds()):
            mode, rm = mode % 3, 4
        if info.is_rm_group:
            mode, rm = 3, info.rm_group_index
        tail = bytes((mode << 6 | register << 3 | rm,))
        if mode != 3 and rm == 4:
            tail += bytes((chance.randrange(256),))
        if mode == 1:
            tail += bytes((chance.randrange(256),))
        elif mode == 2:
            tail += chance.randrange(-0x1000, 0x1000).to_bytes(4, "little", signed=True)
        if chance.random() < 0.3:
            tail += bytes((chance.choice((0, 1, 8, 16, 0x33, 0x2B, 0xFF)),))
        return tail + chance.randbytes(10)

    def _is_absolute(self, instruction: Instruction) -> bool:
        if instruction.is_ip_rel_memory_operand:
            return True
        has_memory = any(instruction.op_kind(number) == OpKind.MEMORY for number in range(instruction.op_count))
        return has_memory and instruction.memory_base == 0 and not instruction.is_vsib

    def _aim(self, raw: bytes, instruction: Instruction, offset: int, size: int) -> bytes:
        """Let an absolute or pc-relative displacement point into the arena."""
        target = ARENA + self.chance.randrange(64, ARENA_SIZE // 2)
        if self.chance.random() < 0.6 or is_locked(instruction):
            target &= ~63
        if instruction.is_ip_rel_memory_operand:
            target -= ENTRY + instruction.len
        return raw[:offset] + target.to_bytes(8, "little", signed=True)[:size] + raw[offset + size :]


def is_locked(instruction: Instruction) -> bool:
    """Whether it locks the bus if its operand crosses a cache line, which systems punish with long waits."""
    return instruction.has_lock_prefix or instruction.mnemonic == Mnemonic.XCHG


def is_call_to_the_kernel(raw: bytes) -> bool:
    """Whether the bytes hold anything that a CPU might take for a system call."""
    return any(gate in raw for gate in (b"\x0f\x05", b"\x0f\x34", b"\xcd\x80"))
