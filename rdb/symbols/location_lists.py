"""Location lists: where a variable is depends on pc (DWARF 5, 2.6.2 and 7.29; DWARF 4, 2.6.2).  File addresses."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from rdb.symbols.dies import Unit
from rdb.symbols.leb128 import uleb
from rdb.symbols.ranges import indexed_list

Entry = tuple[int, int, bytes]


def expression_at(unit: Unit, form: str, value: int, address: int) -> bytes | None:
    """The expression that a location list has for `address`; None where it has none."""
    default: bytes | None = None
    for start, end, expression in entries(unit, form, value):
        if start <= address < end:
            return expression
        if end < 0:
            default = expression
    return default


def entries(unit: Unit, form: str, value: int) -> Iterator[Entry]:
    """The entries (start, end, expression) of a list; the default entry has the stretch [0, -1)."""
    if unit.version < 5:
        return _old_list(unit, value)
    return _list(unit, indexed_list(unit, "loclists", value) if form == "DW_FORM_loclistx" else value)


def _old_list(unit: Unit, position: int) -> Iterator[Entry]:
    pair = struct.Struct(unit.data.order + unit.address_code * 2)
    length = struct.Struct(unit.data.order + "H")
    raw, base, largest = unit.data.section("loc"), unit.low, (1 << 8 * unit.address_size) - 1
    while True:
        start, end = pair.unpack_from(raw, position)
        position += pair.size
        if start == largest:
            base = end
            continue
        if start == end == 0:
            return
        (size,) = length.unpack_from(raw, position)
        position += length.size
        yield base + start, base + end, raw[position : position + size]
        position += size


def _list(unit: Unit, position: int) -> Iterator[Entry]:
    raw, base = unit.data.section("loclists"), unit.low
    address = struct.Struct(unit.data.order + unit.address_code)
    while True:
        kind = raw[position]
        position += 1
        start = end = 0
        if kind == 0x00:  # DW_LLE_end_of_list
            return
        if kind in (0x01, 0x02, 0x03, 0x04):  # base_addressx, startx_endx, startx_length, offset_pair
            start, position = uleb(raw, position)
        elif kind in (0x06, 0x07, 0x08):  # base_address, start_end, start_length
            (start,) = address.unpack_from(raw, position)
            position += address.size
        elif kind == 0x09:  # DW_LLE_GNU_view_pair
            _, position = uleb(raw, position)
            _, position = uleb(raw, position)
            continue
        elif kind != 0x05:  # DW_LLE_default_location
            raise ValueError("location list entry")
        if kind in (0x01, 0x06):
            base = unit.indexed_address(start) if kind == 0x01 else start
            continue
        if kind in (0x02, 0x03, 0x04, 0x08):
            end, position = uleb(raw, position)
        elif kind == 0x07:
            (end,) = address.unpack_from(raw, position)
            position += address.size
        if kind in (0x02, 0x03):
            start = unit.indexed_address(start)
            end = unit.indexed_address(end) if kind == 0x02 else start + end
        elif kind == 0x04:
            start, end = base + start, base + end
        elif kind == 0x08:
            end += start
        elif kind == 0x05:
            start, end = 0, -1
        size, position = uleb(raw, position)
        yield start, end, raw[position : position + size]
        position += size
