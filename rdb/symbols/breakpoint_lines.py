"""Which addresses a breakpoint on FILE:LINE gets.

A line's code can be scattered: one place for each copy of the function, and several in one function where the optimizer moved things
about.  GDB's choice, which users know: exact matches in all units that were compiled from the file, else those of the next line that
has code; of several in one block the first; after the prologue if it would be within one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdb.symbols.prologue import past_prologue

if TYPE_CHECKING:
    from rdb.symbols.lines import Row
    from rdb.symbols.objects import LoadedObject


def addresses_of(objects: list[LoadedObject], file: str, line: int) -> tuple[int, list[int]]:
    """See SymbolTable.addresses_of."""
    rows: list[tuple[LoadedObject, Row]] = [
        (owner, row) for owner in objects for unit, index in owner.files_named(file) for row in owner.rows_of(unit, index)
    ]
    actual = min((row.line for _, row in rows if row.line >= line), default=None)
    if actual is None:
        return line, []
    found: list[int] = []
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
        address = past_prologue(owner, address)
        if address not in found:
            found.append(address)
    return actual, found
