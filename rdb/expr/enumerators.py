"""Enumerators by name: `p RED`.

They are read, all at once, out of the debug info of an object whose strings hold the name.  That takes seconds for a library such
as libc, so big libraries are asked only while control is in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from rdb.symbols.types import EnumType, strip

if TYPE_CHECKING:
    from rdb.symbols.objects import LoadedObject
    from rdb.symbols.table import SymbolTable

_KNOWN: WeakKeyDictionary[LoadedObject, dict[str, tuple[EnumType, int]]] = WeakKeyDictionary()


def enumerator(table: SymbolTable, name: str, pc: int | None) -> tuple[EnumType, int] | None:
    """The enum that an enumerator belongs to and its value, or None if there is none of that name in sight of `pc`."""
    for number, candidate in enumerate(table.objects):
        near = number == 0 or candidate.is_small or (pc is not None and pc in candidate)
        if near and candidate.dwarf is not None and candidate.names.may_hold(name):
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
