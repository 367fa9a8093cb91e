"""Enumerators by name: `p RED`.

They are read, all at once, out of the debug info of an object whose strings hold the name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from rdb.symbols.types import EnumType, strip

if TYPE_CHECKING:
    from rdb.symbols.objects import LoadedObject
    from rdb.symbols.table import SymbolTable

_KNOWN: WeakKeyDictionary[LoadedObject, dict[str, tuple[EnumType, int]]] = WeakKeyDictionary()


def enumerator(table: SymbolTable, name: str) -> tuple[EnumType, int] | None:
    """The enum that an enumerator belongs to and its value, or None if there is none of that name."""
    for candidate in table.objects:
        if candidate.dwarf is not None and candidate.names.may_hold(name):
            found = _enumerators(candidate).get(name)
            if found is not None:
                return found
    return None


def _enumerators(object: LoadedObject) -> dict[str, tuple[EnumType, int]]:
    known = _KNOWN.get(object)
    if known is None:
        known = {}
        for unit in object.units():
            for die in unit.declarations():
                if die.tag == "DW_TAG_enumeration_type":
                    type = strip(object.types.at(die))
                    if isinstance(type, EnumType):
                        for name, value in type.enumerators:
                            known.setdefault(name, (type, value))
        _KNOWN[object] = known
    return known
