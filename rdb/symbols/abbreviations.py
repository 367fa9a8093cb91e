"""Abbreviations (DWARF 5, 7.5.3), compiled: how to read, or to skip, the attributes of an entry of a given shape.

Forms go by pyelftools' names.  A run of forms of fixed size becomes one struct format.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from rdb.symbols.leb128 import Bytes, sleb, uleb

Reader = Callable[[Bytes, int], tuple[Any, int]]

_FIXED = {
    "DW_FORM_data1": "B", "DW_FORM_data2": "H", "DW_FORM_data4": "I", "DW_FORM_data8": "Q", "DW_FORM_data16": "16s",
    "DW_FORM_flag": "B", "DW_FORM_ref1": "B", "DW_FORM_ref2": "H", "DW_FORM_ref4": "I", "DW_FORM_ref8": "Q",
    "DW_FORM_ref_sig8": "Q", "DW_FORM_ref_sup4": "I", "DW_FORM_ref_sup8": "Q",
    "DW_FORM_strx1": "B", "DW_FORM_strx2": "H", "DW_FORM_strx3": "3s", "DW_FORM_strx4": "I",
    "DW_FORM_addrx1": "B", "DW_FORM_addrx2": "H", "DW_FORM_addrx3": "3s", "DW_FORM_addrx4": "I",
    "DW_FORM_flag_present": "", "DW_FORM_implicit_const": "",
}  # fmt: skip
_OFFSETS = {"DW_FORM_strp", "DW_FORM_line_strp", "DW_FORM_sec_offset", "DW_FORM_strp_sup", "DW_FORM_GNU_ref_alt",
            "DW_FORM_GNU_strp_alt", "DW_FORM_ref_addr"}  # fmt: skip
_ULEB = {"DW_FORM_udata", "DW_FORM_ref_udata", "DW_FORM_strx", "DW_FORM_addrx", "DW_FORM_loclistx", "DW_FORM_rnglistx",
         "DW_FORM_GNU_addr_index", "DW_FORM_GNU_str_index"}  # fmt: skip
_BLOCKS = {"DW_FORM_block1": "B", "DW_FORM_block2": "H", "DW_FORM_block4": "I"}


class Shape(NamedTuple):
    """What the sizes of forms depend on: byte order, struct codes of an address and of an offset, DWARF version."""

    order: str
    address_code: str
    offset_code: str
    version: int

    def fixed(self, form: str) -> str | None:
        """The struct code of a form of fixed size ("" for no bytes at all), or None."""
        if form == "DW_FORM_addr" or (form == "DW_FORM_ref_addr" and self.version == 2):
            return self.address_code
        return self.offset_code if form in _OFFSETS else _FIXED.get(form)

    def reader(self, form: str) -> Reader:
        """What reads a value of a form of varying size."""
        if form in _ULEB:
            return uleb
        if form in _BLOCKS:
            return _block_reader(struct.Struct(self.order + _BLOCKS[form]))
        return {"DW_FORM_sdata": sleb, "DW_FORM_string": read_string, "DW_FORM_exprloc": _block, "DW_FORM_block": _block}[form]


class Abbreviation:
    """The shape of an entry, compiled.

    `parts` is a list of (struct, names) for runs of fixed-size forms and (reader, name) for others.  `size` is the size of all
    attributes, or None if it varies.
    """

    __slots__ = ("constants", "forms", "has_children", "parts", "sibling", "size", "tag")

    def __init__(self, tag: str, has_children: bool, forms: dict[str, str], constants: dict[str, int], shape: Shape) -> None:
        self.tag, self.has_children, self.forms, self.constants = tag, has_children, forms, constants
        self.parts: list[tuple[struct.Struct, list[str]] | tuple[Reader, str]] = []
        run = ""
        names: list[str] = []
        for name, form in forms.items():
            code = shape.fixed(form)
            if code is None:
                if run:
                    self.parts.append((struct.Struct(shape.order + run), names))
                    run, names = "", []
                self.parts.append((shape.reader(form), name))
            elif code:
                run += code
                names.append(name)
        if run:
            self.parts.append((struct.Struct(shape.order + run), names))
        fixed = [part[0] for part in self.parts if isinstance(part[0], struct.Struct)]
        self.size = sum(part.size for part in fixed) if len(fixed) == len(self.parts) else None
        self.sibling = "DW_AT_sibling" in forms

    def values(self, data: Bytes, position: int) -> tuple[dict[str, Any], int]:
        """The undecoded attribute values at `position`, and the position after them."""
        found: dict[str, Any] = {}
        for part, names in self.parts:
            if isinstance(part, struct.Struct):
                found.update(zip(names, part.unpack_from(data, position)))
                position += part.size
            else:
                found[names], position = part(data, position)  # type: ignore[index]
        return found, position


def read_string(data: Bytes, position: int) -> tuple[str, int]:
    """A zero-terminated string, and the position after it."""
    end = data.index(b"\0", position)
    return data[position:end].decode("utf-8", "replace"), end + 1


def _block(data: Bytes, position: int) -> tuple[bytes, int]:
    size, position = uleb(data, position)
    return bytes(data[position : position + size]), position + size


def _block_reader(size_of: struct.Struct) -> Reader:
    def read(data: Bytes, position: int) -> tuple[bytes, int]:
        (size,) = size_of.unpack_from(data, position)
        position += size_of.size
        return bytes(data[position : position + size]), position + size

    return read
