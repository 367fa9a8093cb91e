"""Debugging information entries (DWARF 5, chapter 2 and 7.5), read one at a time.

A DebugData is the DWARF of one file; it holds Units; a unit's entries are Die objects, made on demand and not kept.  Tags,
attributes and forms go by the names that pyelftools gives them.  pyelftools itself parses about twenty thousand entries a
second, which is minutes for a big program, so entries are decoded here: an abbreviation is compiled once into struct formats
for its runs of fixed-size forms, and most entries cost one unpack, or none at all where they are only skipped.

All addresses here are file addresses.  Damaged data raises one of DAMAGE; the callers at the border (rdb.symbols.objects) take
that as "no debug info".
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from elftools.common.exceptions import DWARFError, ELFError
from elftools.dwarf.enums import ENUM_DW_AT, ENUM_DW_FORM, ENUM_DW_TAG

from rdb.symbols.abbreviations import Abbreviation, Shape, read_string
from rdb.symbols.elf import Contents, Elf
from rdb.symbols.leb128 import sleb, uleb

DAMAGE = (
    struct.error, IndexError, KeyError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, MemoryError,
    DWARFError, ELFError,
)  # fmt: skip
_TAGS: dict[int, str] = {code: name for name, code in ENUM_DW_TAG.items() if isinstance(code, int)}
_ATTRIBUTES: dict[int, str] = {code: name for name, code in ENUM_DW_AT.items() if isinstance(code, int)}
_FORMS: dict[int, str] = {code: name for name, code in ENUM_DW_FORM.items() if isinstance(code, int)}

_UNIT_REFERENCES = {"DW_FORM_ref1", "DW_FORM_ref2", "DW_FORM_ref4", "DW_FORM_ref8", "DW_FORM_ref_udata"}
_STRING_INDEXES = {"DW_FORM_strx", "DW_FORM_strx1", "DW_FORM_strx2", "DW_FORM_strx3", "DW_FORM_strx4", "DW_FORM_GNU_str_index"}
_ADDRESS_INDEXES = {"DW_FORM_addrx", "DW_FORM_addrx1", "DW_FORM_addrx2", "DW_FORM_addrx3", "DW_FORM_addrx4",
                    "DW_FORM_GNU_addr_index"}  # fmt: skip
_ELSEWHERE = {"DW_FORM_ref_sig8", "DW_FORM_ref_sup4", "DW_FORM_ref_sup8", "DW_FORM_GNU_ref_alt", "DW_FORM_GNU_strp_alt",
              "DW_FORM_strp_sup"}  # fmt: skip
_SKELETONS = (4, 5)
_TYPE_UNITS = (2, 6)
_DEEPEST_ORIGIN = 16
_LONGEST_HEADER = 40


class Die:
    """One entry.  `offset` is its place in .debug_info; `tag` its DW_TAG name."""

    __slots__ = ("_end", "_start", "_values", "abbreviation", "offset", "tag", "unit")

    def __init__(self, unit: Unit, offset: int, start: int, abbreviation: Abbreviation) -> None:
        self.unit, self.offset, self.abbreviation = unit, offset, abbreviation
        self.tag = abbreviation.tag
        self._start = start
        self._values: dict[str, Any] | None = None
        self._end = -1 if abbreviation.size is None else start + abbreviation.size

    def _load(self) -> dict[str, Any]:
        self._values, self._end = self.abbreviation.values(self.unit.info, self._start)
        return self._values

    def __contains__(self, name: str) -> bool:
        return name in self.abbreviation.forms

    def form(self, name: str) -> str | None:
        """The form of an attribute, or None if it is absent."""
        return self.abbreviation.forms.get(name)

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute's value: str, int (constants, addresses, section offsets, offsets of entries), bool or bytes.

        An attribute that cannot be decoded counts as absent.
        """
        form = self.abbreviation.forms.get(name)
        if form is None:
            return default
        if form == "DW_FORM_flag_present":
            return True
        if form == "DW_FORM_implicit_const":
            return self.abbreviation.constants[name]
        try:
            value = self.unit.decode(form, (self._values or self._load())[name])
        except DAMAGE:
            return default
        return default if value is None else value

    @property
    def name(self) -> str | None:
        """DW_AT_name, its own or that of what it specifies or is an instance of."""
        name = self.inherited("DW_AT_name")
        return name if isinstance(name, str) else None

    def inherited(self, name: str) -> Any:
        """An attribute, looked up through DW_AT_abstract_origin and DW_AT_specification (DWARF 5, 3.3.8.2 and 2.13.2)."""
        die: Die | None = self
        for _ in range(_DEEPEST_ORIGIN):
            if die is None:
                return None
            if name in die.abbreviation.forms:
                return die.get(name)
            die = die.origin
        return None

    @property
    def origin(self) -> Die | None:
        """The entry that this one is an instance or the completion of."""
        return self.follow("DW_AT_abstract_origin") or self.follow("DW_AT_specification")

    def follow(self, name: str) -> Die | None:
        """The entry that an attribute refers to."""
        offset = self.get(name)
        if not isinstance(offset, int):
            return None
        return self.unit.die(offset) if self.unit.offset <= offset < self.unit.end else self.unit.data.die_at(offset)

    @property
    def end(self) -> int:
        """Where its attributes end: its first child, or what follows it."""
        if self._end < 0:
            self._load()
        return self._end

    def children(self) -> Iterator[Die]:
        """Its children, in order."""
        if not self.abbreviation.has_children:
            return
        unit, position = self.unit, self.end
        while position < unit.end:
            child = unit.die(position)
            if child is None:
                return
            yield child
            position = child.next_position()

    def next_position(self) -> int:
        """Where its sibling starts."""
        if not self.abbreviation.has_children:
            return self.end
        if self.abbreviation.sibling:
            sibling = self.get("DW_AT_sibling")
            if isinstance(sibling, int) and sibling > self.offset:
                return sibling
        position, depth = self.end, 1
        while depth:
            die = self.unit.die(position)
            if die is None:
                depth -= 1
                position += 1
            else:
                depth += die.abbreviation.has_children
                position = die.end
        return position


class Unit:
    """A unit of .debug_info (DWARF 5, 7.5.1): its header, its abbreviations, and the bases of its indexes."""

    def __init__(self, data: DebugData, offset: int) -> None:
        self.data, self.offset = data, offset
        contents, order = data.info, data.order
        contents.reach(offset + _LONGEST_HEADER)
        self.info = info = contents.data
        (length,) = struct.unpack_from(order + "I", info, offset)
        start, self.offset_size = offset + 4, 4
        if length == 0xFFFFFFFF:
            (length,) = struct.unpack_from(order + "Q", info, start)
            start, self.offset_size = start + 8, 8
        self.end = min(start + length, contents.size)
        contents.reach(self.end)
        (self.version,) = struct.unpack_from(order + "H", info, start)
        if not 2 <= self.version <= 5:
            raise ValueError("DWARF version")
        offset_code = self.offset_code = "I" if self.offset_size == 4 else "Q"
        if self.version >= 5:
            self.type, self.address_size, self._abbreviations_at = struct.unpack_from(order + "BB" + offset_code, info, start + 2)
            self.first = start + 4 + self.offset_size
            self.first += 8 if self.type in _SKELETONS else 8 + self.offset_size if self.type in _TYPE_UNITS else 0
        else:
            self._abbreviations_at, self.address_size = struct.unpack_from(order + offset_code + "B", info, start + 2)
            self.type, self.first = 1, start + 3 + self.offset_size
        if self.address_size not in (4, 8):
            raise ValueError("address size")
        self.address_code = "I" if self.address_size == 4 else "Q"
        self._shape = Shape(order, self.address_code, offset_code, self.version)

    @cached_property
    def abbreviations(self) -> dict[int, Abbreviation]:
        """The unit's abbreviation table by code (DWARF 5, 7.5.3)."""
        raw, position = self.data.abbrev, self._abbreviations_at
        found: dict[int, Abbreviation] = {}
        while True:
            code, position = uleb(raw, position)
            if code == 0:
                return found
            tag, position = uleb(raw, position)
            has_children, position = bool(raw[position]), position + 1
            forms: dict[str, str] = {}
            constants: dict[str, int] = {}
            while True:
                attribute, position = uleb(raw, position)
                form, position = uleb(raw, position)
                if attribute == form == 0:
                    break
                name, form_name = _ATTRIBUTES.get(attribute) or hex(attribute), _FORMS[form]
                if form_name == "DW_FORM_implicit_const":
                    constants[name], position = sleb(raw, position)
                forms[name] = form_name
            found[code] = Abbreviation(_TAGS.get(tag) or hex(tag), has_children, forms, constants, self._shape)

    @cached_property
    def top(self) -> Die:
        """The unit's own entry."""
        die = self.die(self.first)
        if die is None:
            raise ValueError("empty unit")
        return die

    def die(self, offset: int) -> Die | None:
        """The entry at `offset`, or None where a list of siblings ends."""
        code, position = uleb(self.info, offset)
        return Die(self, offset, position, self.abbreviations[code]) if code else None

    def decode(self, form: str, value: Any) -> Any:
        """The meaning of a raw value: strings and addresses looked up, references made offsets into .debug_info."""
        if form in _UNIT_REFERENCES:
            return self.offset + value
        if form == "DW_FORM_strp":
            return self.data.string("str", value)
        if form == "DW_FORM_line_strp":
            return self.data.string("line_str", value)
        if form in _STRING_INDEXES:
            return self._indexed_string(_number(value))
        if form in _ADDRESS_INDEXES:
            return self.indexed_address(_number(value))
        if form in _ELSEWHERE:
            return None
        return value

    def _indexed_string(self, index: int) -> str:
        base = self.top.get("DW_AT_str_offsets_base", 8 if self.version >= 5 else 0)
        place = base + index * self.offset_size
        (offset,) = struct.unpack_from(self.data.order + self.offset_code, self.data.section("str_offsets"), place)
        return self.data.string("str", offset)

    def indexed_address(self, index: int) -> int:
        """Address number `index` of the unit's part of .debug_addr (DWARF 5, 7.27)."""
        base = self.top.get("DW_AT_addr_base", self.top.get("DW_AT_GNU_addr_base", 8))
        place = base + index * self.address_size
        (address,) = struct.unpack_from(self.data.order + self.address_code, self.data.section("addr"), place)
        return int(address)

    @cached_property
    def low(self) -> int:
        """The base address of the unit's ranges and location lists."""
        low = self.top.get("DW_AT_low_pc", 0)
        return low if isinstance(low, int) else 0

    @cached_property
    def name(self) -> str:
        return str(self.top.get("DW_AT_name", ""))

    @cached_property
    def directory(self) -> str:
        """The directory in which the compiler ran."""
        return str(self.top.get("DW_AT_comp_dir", ""))

    @cached_property
    def language(self) -> int:
        return int(self.top.get("DW_AT_language", 0))

    @cached_property
    def is_cplus(self) -> bool:
        """Whether its language is a C++ (DWARF 5, 7.12)."""
        return self.language in (0x04, 0x1A, 0x21, 0x2B)


class DebugData:
    """The DWARF sections of one file; each is read when first asked for."""

    def __init__(self, elf: Elf) -> None:
        self.elf, self.order = elf, elf.order
        self._sections: dict[str, bytes] = {}
        self._strings: dict[tuple[str, int], str] = {}
        self._begun: dict[int, Unit] = {}

    def section(self, name: str) -> bytes:
        """The contents of .debug_`name`; empty if there is none."""
        if name not in self._sections:
            self._sections[name] = self.elf.section_data(".debug_" + name)
        return self._sections[name]

    @cached_property
    def info(self) -> Contents:
        """.debug_info, which is read as far as the unit that is wanted."""
        return self.elf.open(self.elf.sections.get(".debug_info"))

    @cached_property
    def abbrev(self) -> bytes:
        return self.section("abbrev")

    def string(self, section: str, offset: int) -> str:
        """The string at an offset of .debug_str or .debug_line_str."""
        key = (section, offset)
        text = self._strings.get(key)
        if text is None:
            text = self._strings[key] = read_string(self.section(section), offset)[0]
        return text

    def unit_from(self, offset: int) -> Unit:
        """The unit that begins at `offset`."""
        if offset not in self._begun:
            self._begun[offset] = Unit(self, offset)
        return self._begun[offset]

    @cached_property
    def units(self) -> list[Unit]:
        """The units in file order, up to the first that is damaged."""
        found: list[Unit] = []
        offset = 0
        while offset < self.info.size:
            try:
                unit = self.unit_from(offset)
            except DAMAGE:
                break
            found.append(unit)
            if unit.end <= offset:
                break
            offset = unit.end
        return found

    @cached_property
    def _unit_offsets(self) -> list[int]:
        return [unit.offset for unit in self.units]

    def unit_at(self, offset: int) -> Unit:
        """The unit that holds the entry at `offset`."""
        index = bisect_right(self._unit_offsets, offset) - 1
        if index < 0 or offset >= self.units[index].end:
            raise ValueError("offset outside of every unit")
        return self.units[index]

    def die_at(self, offset: int) -> Die | None:
        """The entry at an offset of .debug_info."""
        return self.unit_at(offset).die(offset)


def _number(value: int | bytes) -> int:
    return int.from_bytes(value, "little") if isinstance(value, bytes) else value
