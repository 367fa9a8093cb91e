"""Call frame information: where a function keeps what its caller needs back (DWARF 5, 6.4; LSB Core, "Exception Frames").

.eh_frame_hdr's sorted table leads to the one FDE of an address; .debug_frame and an .eh_frame without that table are walked once.
An FDE is executed once into rows that hold from an address on.  Addresses are file addresses.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from rdb.symbols.dies import DAMAGE
from rdb.symbols.elf import PT_GNU_EH_FRAME, Elf
from rdb.symbols.leb128 import sleb, uleb


class Rule(NamedTuple):
    """How to get a register back.  `how` is one of

    offset (saved at CFA + value), val_offset (is CFA + value), register (is in register number value), expression (saved where
    the expression value says), val_expression (is what it says), undefined, same.
    """

    how: str
    value: int | bytes = 0


class CfaRule(NamedTuple):
    """The CFA: a register's value plus an offset, or an expression."""

    register: int
    offset: int
    expression: bytes | None = None


class UnwindRow(NamedTuple):
    """What holds from `address` on."""

    address: int
    cfa: CfaRule
    rules: Mapping[int, Rule]


@dataclass(frozen=True)
class CommonEntry:
    """A CIE."""

    code_align: int
    data_align: int
    return_column: int
    pointer_encoding: int
    augmented: bool
    signal: bool
    instructions: bytes
    address_size: int


@dataclass(frozen=True)
class FrameEntry:
    """An FDE, executed: the function's stretch of code, and its rows in ascending order."""

    low: int
    high: int
    rows: tuple[UnwindRow, ...]
    signal: bool
    return_column: int

    def row_at(self, address: int) -> UnwindRow | None:
        """The row that holds `address`."""
        found = None
        for row in self.rows:
            if row.address > address:
                break
            found = row
        return found


@dataclass(frozen=True)
class _Frames:
    """A section of frame information: its bytes, the file address of its first byte, and which of the two formats it has."""

    raw: bytes
    address: int
    is_eh: bool


class CallFrames:
    """The call frame information of one object; `debug` is where its .debug_frame is, if elsewhere."""

    def __init__(self, elf: Elf, debug: Elf | None = None) -> None:
        self._elf, self._debug, self._order = elf, debug, elf.order
        self._entries: dict[tuple[bool, int], FrameEntry | None] = {}
        self._common: dict[tuple[bool, int], CommonEntry] = {}

    def find(self, address: int) -> FrameEntry | None:
        """The FDE that covers `address`, or None if there is none that can be read."""
        for frames, position in self._candidates(address):
            key = (frames.is_eh, position)
            if key not in self._entries:
                try:
                    self._entries[key] = self._read_entry(frames, position)
                except DAMAGE:
                    self._entries[key] = None
            entry = self._entries[key]
            if entry is not None and entry.low <= address < entry.high:
                return entry
        return None

    def _candidates(self, address: int) -> list[tuple[_Frames, int]]:
        found = []
        for starts, positions, frames in (self._search_table, self._walked_debug):
            index = bisect_right(starts, address) - 1
            if index >= 0 and frames is not None:
                found.append((frames, positions[index]))
        return found

    @cached_property
    def _search_table(self) -> tuple[list[int], list[int], _Frames | None]:
        """Starts of functions and positions of their FDEs in .eh_frame, from .eh_frame_hdr or by a walk."""
        try:
            table = self._read_search_table()
        except DAMAGE:
            table = None
        if table is not None:
            return table
        section = self._elf.sections.get(".eh_frame")
        return self._walk(_Frames(self._elf.contents(section), section.address, True)) if section is not None else ([], [], None)

    def _read_search_table(self) -> tuple[list[int], list[int], _Frames | None] | None:
        """LSB Core, "The .eh_frame_hdr section": a version, three encodings, the address of .eh_frame, a count, and the table."""
        segment = self._elf.segment(PT_GNU_EH_FRAME)
        raw = self._elf.segment_data(segment.address, segment.memory_size) if segment is not None else b""
        if segment is None or len(raw) < 12 or raw[0] != 1 or raw[3] != 0x3B:
            return None
        start, position = self._pointer(raw, 4, raw[1], segment.address, segment.address)
        count, position = self._pointer(raw, position, raw[2], segment.address, segment.address)
        pairs = struct.Struct(self._order + "ii")
        count = min(count, (len(raw) - position) // pairs.size)
        rows = [pairs.unpack_from(raw, position + 8 * index) for index in range(count)]
        frames = _Frames(self._elf.segment_data(start, 1 << 31), start, True)
        starts = [segment.address + low for low, _ in rows]
        return starts, [segment.address + entry - start for _, entry in rows], frames

    @cached_property
    def _walked_debug(self) -> tuple[list[int], list[int], _Frames | None]:
        for elf in (self._elf, self._debug):
            if elf is not None and ".debug_frame" in elf.sections:
                return self._walk(_Frames(elf.section_data(".debug_frame"), 0, False))
        return [], [], None

    def _walk(self, frames: _Frames) -> tuple[list[int], list[int], _Frames]:
        found: list[tuple[int, int]] = []
        position = 0
        while position + 4 <= len(frames.raw):
            try:
                _, end, identifier, _ = self._head(frames, position)
                if identifier is not None:
                    found.append((self._extent(frames, position)[0], position))
            except DAMAGE:
                break
            if end <= position:
                break
            position = end
        found.sort()
        return [low for low, _ in found], [position for _, position in found], frames

    def _head(self, frames: _Frames, position: int) -> tuple[int, int, int | None, str]:
        """Of the entry at `position`: where its contents start and end, its CIE's position (None for a CIE), and its offset
        code."""
        (length,) = struct.unpack_from(self._order + "I", frames.raw, position)
        start, code = position + 4, "I"
        if length == 0xFFFFFFFF:
            (length,) = struct.unpack_from(self._order + "Q", frames.raw, start)
            start, code = start + 8, "Q"
        if length == 0:
            return start, start, None, code
        (identifier,) = struct.unpack_from(self._order + code, frames.raw, start)
        contents, end = start + (4 if code == "I" else 8), min(start + length, len(frames.raw))
        if frames.is_eh:
            return contents, end, None if identifier == 0 else start - identifier, code
        none = 0xFFFFFFFF if code == "I" else 0xFFFFFFFFFFFFFFFF
        return contents, end, None if identifier == none else identifier, code

    def _common_entry(self, frames: _Frames, position: int) -> CommonEntry:
        key = (frames.is_eh, position)
        if key not in self._common:
            self._common[key] = self._read_common(frames, position)
        return self._common[key]

    def _read_common(self, frames: _Frames, position: int) -> CommonEntry:
        raw = frames.raw
        position, end, _, _ = self._head(frames, position)
        version, position = raw[position], position + 1
        stop = raw.index(b"\0", position)
        augmentation, position = raw[position:stop].decode("ascii", "replace"), stop + 1
        address_size = self._elf.pointer_size
        if version >= 4:
            address_size, position = raw[position], position + 2
        code_align, position = uleb(raw, position)
        data_align, position = sleb(raw, position)
        return_column, position = (raw[position], position + 1) if version == 1 else uleb(raw, position)
        encoding = 0
        if augmentation.startswith("z"):
            size, position = uleb(raw, position)
            following = position + size
            for letter in augmentation[1:]:
                if letter == "R":
                    encoding, position = raw[position], position + 1
                elif letter == "L":
                    position += 1
                elif letter == "P":
                    _, position = self._pointer(raw, position + 1, raw[position], frames.address, 0)
            position = following
        return CommonEntry(code_align, data_align, return_column, encoding, "z" in augmentation, "S" in augmentation,
                           raw[position:end], address_size)  # fmt: skip

    def _extent(self, frames: _Frames, position: int) -> tuple[int, int, CommonEntry, bytes]:
        """The code that the FDE at `position` covers, its CIE and its instructions."""
        position, end, identifier, _ = self._head(frames, position)
        if identifier is None:
            raise ValueError("not an FDE")
        common, raw = self._common_entry(frames, identifier), frames.raw
        low, position = self._pointer(raw, position, common.pointer_encoding, frames.address, 0)
        size, position = self._pointer(raw, position, common.pointer_encoding & 0x0F, frames.address, 0)
        if common.augmented:
            skipped, position = uleb(raw, position)
            position += skipped
        return low, low + size, common, raw[position:end]

    def _read_entry(self, frames: _Frames, position: int) -> FrameEntry:
        low, high, common, instructions = self._extent(frames, position)
        initial = _Execution(self, common, low)
        initial.run(common.instructions)
        execution = _Execution(self, common, low, initial)
        execution.run(instructions)
        return FrameEntry(low, high, tuple(execution.finished()), common.signal, common.return_column)

    def _pointer(self, raw: bytes, position: int, encoding: int, section: int, data: int) -> tuple[int, int]:
        """An encoded pointer (LSB Core, "DWARF Exception Header Encoding"); `section` and `data` are what it may be relative
        to."""
        if encoding == 0xFF:  # DW_EH_PE_omit
            return 0, position
        start, kind = position, encoding & 0x0F
        if kind in (1, 9):
            value, position = uleb(raw, position) if kind == 1 else sleb(raw, position)
        else:
            code = {0: "Q" if self._elf.pointer_size == 8 else "I", 2: "H", 3: "I", 4: "Q", 10: "h", 11: "i", 12: "q"}[kind]
            reader = struct.Struct(self._order + code)
            (value,) = reader.unpack_from(raw, position)
            position += reader.size
        relative = encoding & 0x70
        value += section + start if relative == 0x10 else data if relative == 0x30 else 0
        return value & ((1 << 8 * self._elf.pointer_size) - 1), position


class _Execution:
    """Running the instructions of DWARF 5, 6.4.2 into rows."""

    def __init__(self, frames: CallFrames, common: CommonEntry, address: int, before: _Execution | None = None) -> None:
        self.common, self.address = common, address
        self.cfa: CfaRule = before.cfa if before is not None else CfaRule(0, 0)
        self.initial: dict[int, Rule] = dict(before.rules) if before is not None else {}
        self.rules: dict[int, Rule] = dict(self.initial)
        self.order = frames._order
        self.rows: list[UnwindRow] = []
        self._kept: list[tuple[CfaRule, dict[int, Rule]]] = []

    def finished(self) -> list[UnwindRow]:
        self._advance(0)
        return self.rows

    def _advance(self, delta: int) -> None:
        if self.rows and self.rows[-1].address == self.address:
            self.rows.pop()
        self.rows.append(UnwindRow(self.address, self.cfa, dict(self.rules)))
        self.address += delta * self.common.code_align

    def run(self, code: bytes) -> None:
        position = 0
        while position < len(code):
            opcode = code[position]
            position += 1
            low = opcode & 0x3F
            if opcode >= 0xC0:  # DW_CFA_restore
                self._restore(low)
            elif opcode >= 0x80:  # DW_CFA_offset
                value, position = uleb(code, position)
                self.rules[low] = Rule("offset", value * self.common.data_align)
            elif opcode >= 0x40:  # DW_CFA_advance_loc
                self._advance(low)
            else:
                position = self._other(opcode, code, position)

    def _restore(self, register: int) -> None:
        if register in self.initial:
            self.rules[register] = self.initial[register]
        else:
            self.rules.pop(register, None)

    def _other(self, opcode: int, code: bytes, position: int) -> int:
        if opcode in _ADVANCES:
            advance = struct.Struct(self.order + _ADVANCES[opcode])
            self._advance(advance.unpack_from(code, position)[0])
            return position + advance.size
        if opcode == 0x01:  # DW_CFA_set_loc
            size = self.common.address_size
            self._advance(0)
            self.address = int.from_bytes(code[position : position + size], "little" if self.order == "<" else "big")
            return position + size
        if opcode == 0x0A:  # DW_CFA_remember_state
            self._kept.append((self.cfa, dict(self.rules)))
            return position
        if opcode == 0x0B:  # DW_CFA_restore_state
            self.cfa, self.rules = self._kept.pop()
            return position
        if opcode in _CFA_RULES:
            return self._define_cfa(opcode, code, position)
        if opcode == 0x2E:  # DW_CFA_GNU_args_size
            return uleb(code, position)[1]
        return self._register_rule(opcode, code, position)

    def _define_cfa(self, opcode: int, code: bytes, position: int) -> int:
        register, offset = self.cfa.register, self.cfa.offset
        if opcode == 0x0F:  # DW_CFA_def_cfa_expression
            size, position = uleb(code, position)
            self.cfa = CfaRule(0, 0, code[position : position + size])
            return position + size
        if opcode in (0x0C, 0x0D, 0x12):  # def_cfa, def_cfa_register, def_cfa_sf
            register, position = uleb(code, position)
        if opcode in (0x0C, 0x0E):  # def_cfa, def_cfa_offset
            offset, position = uleb(code, position)
        elif opcode in (0x12, 0x13):  # def_cfa_sf, def_cfa_offset_sf
            offset, position = sleb(code, position)
            offset *= self.common.data_align
        self.cfa = CfaRule(register, offset)
        return position

    def _register_rule(self, opcode: int, code: bytes, position: int) -> int:
        how, operand = _REGISTER_RULES.get(opcode, ("", ""))
        if opcode == 0x00 or opcode == 0x2D:  # DW_CFA_nop, DW_CFA_GNU_window_save
            return position
        register, position = uleb(code, position)
        if opcode == 0x06:  # DW_CFA_restore_extended
            self._restore(register)
            return position
        if not how:
            raise ValueError("call frame instruction")
        value: int | bytes = 0
        if operand == "block":
            size, position = uleb(code, position)
            value, position = code[position : position + size], position + size
        elif operand == "sleb":
            value, position = sleb(code, position)
        elif operand:
            value, position = uleb(code, position)
        if how in ("offset", "val_offset") and isinstance(value, int):
            value *= self.common.data_align
        self.rules[register] = Rule(how, value)
        return position


_ADVANCES = {0x02: "B", 0x03: "H", 0x04: "I"}
_CFA_RULES = {0x0C, 0x0D, 0x0E, 0x0F, 0x12, 0x13}
_REGISTER_RULES = {
    0x05: ("offset", "uleb"), 0x07: ("undefined", ""), 0x08: ("same", ""), 0x09: ("register", "uleb"),
    0x10: ("expression", "block"),
    0x11: ("offset", "sleb"), 0x14: ("val_offset", "uleb"), 0x15: ("val_offset", "sleb"), 0x16: ("val_expression", "block"),
}  # fmt: skip
