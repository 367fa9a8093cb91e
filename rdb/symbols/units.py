"""What is known about one compilation unit, each part read when first asked for and then kept.

Addresses are file addresses.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

from rdb.address import Range
from rdb.symbols.dies import DAMAGE, Die, Unit
from rdb.symbols.lines import LineTable, read_header, read_table
from rdb.symbols.ranges import ranges_of

_CONTAINERS = {"DW_TAG_namespace", "DW_TAG_module", "DW_TAG_structure_type", "DW_TAG_class_type", "DW_TAG_union_type"}
_LOCATION_LISTS = {"DW_FORM_sec_offset", "DW_FORM_loclistx", "DW_FORM_data4", "DW_FORM_data8"}
_VARIABLES = {"DW_TAG_variable", "DW_TAG_formal_parameter"}


class CompilationUnit:
    """A unit's lines, functions and other top-level entries."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.directory = unit.directory

    @cached_property
    def lines(self) -> LineTable:
        return read_table(self.unit)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The paths of the source files, as compiled, without running the line-number program."""
        header = read_header(self.unit)
        return header.files if header is not None else ()

    def file(self, index: object) -> str | None:
        """The path of file number `index` of the unit, as DW_AT_decl_file and DW_AT_call_file count."""
        if not isinstance(index, int) or not 0 <= index < len(self.files) or (index == 0 and self.unit.version < 5):
            return None
        return self.files[index]

    def declarations(self) -> Iterator[Die]:
        """The entries at file level, and those in namespaces and classes."""
        return self._within(self.unit.top, 0)

    def _within(self, die: Die, depth: int) -> Iterator[Die]:
        for child in die.children():
            yield child
            if child.tag in _CONTAINERS and depth < 20 and (child.tag == "DW_TAG_namespace" or self.unit.is_cplus):
                yield from self._within(child, depth + 1)

    @cached_property
    def _functions(self) -> tuple[list[int], list[tuple[Range, Die]]]:
        stretches = []
        for die in self.declarations():
            if die.tag == "DW_TAG_subprogram" and ("DW_AT_low_pc" in die or "DW_AT_ranges" in die):
                stretches += [(stretch, die) for stretch in ranges_of(die)]
        stretches.sort(key=lambda pair: pair[0])
        return [stretch.start for stretch, _ in stretches], stretches

    def function_at(self, address: int) -> Die | None:
        """The subprogram that holds an address."""
        starts, stretches = self._functions
        index = bisect_right(starts, address) - 1
        if index >= 0 and address in stretches[index][0]:
            return stretches[index][1]
        return None

    @cached_property
    def trusts_locations(self) -> bool:
        """Whether variables can be found at a function's first instruction already.

        So it is in code that GCC 4.5 or later has optimized: it writes location lists, which hold in prologues too.
        """
        producer = str(self.unit.top.get("DW_AT_producer", ""))
        if not producer.startswith("GNU "):
            return False
        try:
            shapes = list(self.unit.abbreviations.values())
        except DAMAGE:
            return False
        return any(shape.tag in _VARIABLES and shape.forms.get("DW_AT_location") in _LOCATION_LISTS for shape in shapes)

    @cached_property
    def is_clang(self) -> bool:
        return "clang" in str(self.unit.top.get("DW_AT_producer", ""))
