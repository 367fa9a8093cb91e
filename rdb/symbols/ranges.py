"""Stretches of code: DW_AT_low_pc/high_pc, range lists and .debug_aranges (DWARF 5, 2.17, 6.1.2 and 7.25).

All addresses are file addresses; every range is half-open and not empty.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from rdb.address import Range
from rdb.symbols.dies import DebugData, Die, Unit
from rdb.symbols.leb128 import uleb


def ranges_of(die: Die) -> tuple[Range, ...]:
    """The code of an entry, in the order in which it is listed; the first range holds the entry point."""
    form = die.form("DW_AT_ranges")
    if form is not None:
        return tuple(_listed(die.unit, form, die.get("DW_AT_ranges")))
    low, high = die.get("DW_AT_low_pc"), die.get("DW_AT_high_pc")
    if not isinstance(low, int) or not isinstance(high, int):
        return ()
    if die.form("DW_AT_high_pc") != "DW_FORM_addr":
        high += low
    return (Range(low, high),) if high > low else ()


def _listed(unit: Unit, form: str, value: int) -> Iterator[Range]:
    if unit.version < 5:
        return _old_list(unit, value)
    if form == "DW_FORM_rnglistx":
        return _list(unit, indexed_list(unit, "rnglists", value))
    return _list(unit, value)


def indexed_list(unit: Unit, section: str, index: int) -> int:
    """The offset of list number `index` in .debug_rnglists or .debug_loclists (DWARF 5, 7.28 and 7.29)."""
    base: int = unit.top.get(f"DW_AT_{section}_base", 12 if unit.offset_size == 4 else 20)
    place = base + index * unit.offset_size
    (offset,) = struct.unpack_from(unit.data.order + unit.offset_code, unit.data.section(section), place)
    return base + int(offset)


def _old_list(unit: Unit, position: int) -> Iterator[Range]:
    """A list in .debug_ranges (DWARF 4, 2.17.3): pairs of offsets from a base, which a pair (-1, base) changes."""
    pair = struct.Struct(unit.data.order + unit.address_code * 2)
    raw, base, largest = unit.data.section("ranges"), unit.low, (1 << 8 * unit.address_size) - 1
    while True:
        start, end = pair.unpack_from(raw, position)
        position += pair.size
        if start == largest:
            base = end
        elif start == end == 0:
            return
        elif start < end:
            yield Range(base + start, base + end)


def _list(unit: Unit, position: int) -> Iterator[Range]:
    """A list in .debug_rnglists (DWARF 5, 7.25)."""
    raw, base = unit.data.section("rnglists"), unit.low
    address = struct.Struct(unit.data.order + unit.address_code)
    while True:
        kind = raw[position]
        position += 1
        if kind == 0x00:  # DW_RLE_end_of_list
            return
        if kind == 0x05:  # DW_RLE_base_address
            (base,) = address.unpack_from(raw, position)
            position += address.size
            continue
        if kind in (0x06, 0x07):  # DW_RLE_start_end, DW_RLE_start_length
            (start,) = address.unpack_from(raw, position)
            position += address.size
        else:
            start, position = uleb(raw, position)
        if kind == 0x01:  # DW_RLE_base_addressx
            base = unit.indexed_address(start)
            continue
        if kind == 0x06:
            (end,) = address.unpack_from(raw, position)
            position += address.size
        else:
            end, position = uleb(raw, position)
        if kind == 0x04:  # DW_RLE_offset_pair
            start, end = base + start, base + end
        elif kind == 0x02:  # DW_RLE_startx_endx
            start, end = unit.indexed_address(start), unit.indexed_address(end)
        elif kind == 0x03:  # DW_RLE_startx_length
            start = unit.indexed_address(start)
            end += start
        elif kind == 0x07:
            end += start
        elif kind != 0x06:
            raise ValueError("range list entry")
        if start < end:
            yield Range(start, end)


def address_table(data: DebugData) -> list[tuple[int, int, int]]:
    """.debug_aranges as (start, end, offset of the unit), sorted (DWARF 5, 6.1.2); empty if it is missing."""
    raw, order, position = data.section("aranges"), data.order, 0
    found: list[tuple[int, int, int]] = []
    while position + 12 <= len(raw):
        (length,) = struct.unpack_from(order + "I", raw, position)
        start, code, size = position + 4, "I", 4
        if length == 0xFFFFFFFF:
            (length,) = struct.unpack_from(order + "Q", raw, start)
            start, code, size = start + 8, "Q", 8
        end = min(start + length, len(raw))
        _, unit, address_size, _ = struct.unpack_from(order + "H" + code + "BB", raw, start)
        if address_size not in (4, 8) or end <= position:
            break
        # The tuples start at a multiple of their own size from the start of the set.
        header = start + 4 + size - position
        first = position + -(-header // (2 * address_size)) * 2 * address_size
        pair = struct.Struct(order + ("QQ" if address_size == 8 else "II"))
        whole = first + (max(0, end - first) // pair.size) * pair.size
        found += [(low, low + size, unit) for low, size in pair.iter_unpack(raw[first:whole]) if size and low]
        position = end
    return sorted(found)
