"""Which addresses a breakpoint on FILE:LINE gets.

A line's code can be scattered: one place for each copy of the function, and several in one function where the optimizer moved
things about.  GDB's choice, which users know: exact matches in all units that were compiled from the file, else those of the
next line that has code; of several in one block the first; after the prologue if it would be within one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdb.symbols.prologue import past_prologue

if TYPE_CHECKING:
    from rdb.symbols.lines import Row
    from rdb.symbols.objects import LoadedObject


def addresses_of(objects: list[LoadedObject], file: str, line: int) -> tuple[int, list[int]]:
    """See SymbolTable.addresses_of."""
    actual, places = _places(objects, file, line)
    return actual, list(dict.fromkeys(past_prologue(owner, address) for owner, address in places))


def stretches_of(objects: list[LoadedObject], file: str, line: int) -> list[tuple[int, int]]:
    """See SymbolTable.stretches_of."""
    tables = [(owner, owner.rows_of(unit, index)) for owner in objects for unit, index in owner.files_named(file)]
    actual = min((row.line for _, rows in tables for row in rows if row.line >= line), default=None)
    found = []
    for owner, rows in tables:
        first = next((row for row in rows if row.line == actual), None)
        held = owner.line_at(first.address + owner.bias) if first is not None else None
        if held is not None:
            found.append((held.start, held.end if held.line == line else held.start))
    return found


def _places(objects: list[LoadedObject], file: str, line: int) -> tuple[int, list[tuple[LoadedObject, int]]]:
    """The line that stands in for `line`, and one address for each block that has code of it."""
    rows: list[tuple[LoadedObject, Row]] = [
        (owner, row) for owner in objects for unit, index in owner.files_named(file) for row in owner.rows_of(unit, index)
    ]
    actual = min((row.line for _, row in rows if row.line >= line), default=None)
    if actual is None:
        return line, []
    found: list[tuple[LoadedObject, int]] = []
    blocks: set[int] = set()
    for owner, row in rows:
        if row.line != actual:
            continue
        address = row.address + owner.bias
        function = owner.function_at(address)
        if function is not None:
            block = id(function.scope.chain(address)[0])
            if block in blocks:
                continue
            blocks.add(block)
        found.append((owner, address))
    return actual, found
