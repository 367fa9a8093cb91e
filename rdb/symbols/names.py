"""What stands at file level in an object's debug info, by name: functions, variables and types.

The index is one pass over the top levels of all units, half a second for ten megabytes; so the table asks only objects that are
small, or whose string section holds the name, for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from rdb.symbols.dies import DAMAGE, Die

if TYPE_CHECKING:
    from rdb.symbols.objects import LoadedObject

_TYPES = {
    "DW_TAG_structure_type": "struct", "DW_TAG_class_type": "struct", "DW_TAG_union_type": "union",
    "DW_TAG_enumeration_type": "enum", "DW_TAG_typedef": "plain", "DW_TAG_base_type": "plain",
}  # fmt: skip
_INLINE_NAME = 4


class NameIndex:
    """Offsets of entries by kind and name.  The kinds are function, variable, struct, union, enum and plain (types)."""

    def __init__(self, object: LoadedObject) -> None:
        self._object = object

    @cached_property
    def _offsets(self) -> dict[str, dict[str, list[int]]]:
        found: dict[str, dict[str, list[int]]] = {
            kind: {} for kind in ("function", "variable", "declared", "struct", "union", "enum", "plain")
        }
        for unit in self._object.units():
            try:
                for die in unit.declarations():
                    kind = _kind(die)
                    name = die.name if kind is not None else None
                    if kind is not None and name is not None:
                        found[kind].setdefault(name, []).append(die.offset)
            except DAMAGE:
                continue
        return found

    def find(self, kind: str, name: str) -> Iterator[Die]:
        """The entries of that kind and name, in file order."""
        data = self._object.dwarf
        for offset in self._offsets[kind].get(name, ()):
            die = data.die_at(offset) if data is not None else None
            if die is not None:
                yield die

    def names(self, kind: str) -> list[str]:
        return list(self._offsets[kind])

    def may_hold(self, name: str) -> bool:
        """Whether the name occurs at all.  Compilers put short names into the entries, all others into .debug_str."""
        data = self._object.dwarf
        text = name.encode(errors="surrogateescape") + b"\0"
        return data is not None and (text in data.section("str") or (len(text) <= _INLINE_NAME and text in data.info.whole()))


def _kind(die: Die) -> str | None:
    if die.tag == "DW_TAG_subprogram":
        return "declared" if "DW_AT_declaration" in die else "function"
    if die.tag == "DW_TAG_variable":
        return "declared" if "DW_AT_declaration" in die and "DW_AT_location" not in die else "variable"
    kind = _TYPES.get(die.tag)
    return None if kind is None or "DW_AT_declaration" in die else kind
