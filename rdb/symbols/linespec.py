"""Linespecs: what a user writes to name a place in the code (GDB manual, "Linespec Locations").

FUNCTION, FILE:LINE, LINE, +OFFSET, -OFFSET, FILE:FUNCTION, and *ADDRESS with the address already evaluated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rdb.errors import NoLocation, NoSymbolTable
from rdb.symbols.minimal import MinimalSymbol
from rdb.symbols.objects import LoadedObject

if TYPE_CHECKING:
    from rdb.symbols.table import SymbolTable

_NUMBER = re.compile(r"(?P<sign>[-+]?)(?P<number>\d+)$")
_ADDRESS = re.compile(r"\*\s*(?P<address>0[xX][0-9a-fA-F]+|\d+)$")


@dataclass(frozen=True)
class CodeLocation:
    """A place in the code; `path` and `line` are None without debug info, `function` without any symbol."""

    address: int
    path: str | None = None
    line: int | None = None
    function: str | None = None


def resolve(table: SymbolTable, spec: str, default: tuple[str, int] | None = None, pc: int | None = None) -> list[CodeLocation]:
    """The places that `spec` names, at least one.

    `default` is the current source line, for LINE and offsets; without one it is the file of main.  An empty spec means `pc`.
    Raises NoLocation in GDB's words, NoSymbolTable if nothing is loaded.
    """
    spec = spec.strip()
    address = _ADDRESS.match(spec)
    if address is not None:
        return [describe(table, int(address["address"], 0))]
    if not spec:
        if pc is None:
            raise NoLocation("No default breakpoint location now", spec)
        return [describe(table, pc)]
    if not table.has_symbols:
        raise NoSymbolTable()
    number = _NUMBER.match(spec)
    if number is not None:
        return _at_line(table, spec, number, default)
    file, rest = _split(spec)
    if file is None:
        return _at_function(table, spec, rest, None)
    if not table.has_source(file):
        if table.functions_named(file):
            raise NoLocation(f'No label "{rest}" defined in function "{file}".', spec)
        raise NoLocation(f"No source file named {file}.", spec)
    number = _NUMBER.match(rest)
    if number is not None and not number["sign"]:
        return _in_file(table, spec, file, int(number["number"]), f'No line {number["number"]} in file "{file}".')
    return _at_function(table, spec, rest, file)


def describe(table: SymbolTable, address: int) -> CodeLocation:
    """The location at an address."""
    line, function = table.line_at(address), table.function_at(address)
    name = function.name if function is not None else None
    if name is None and (symbol := table.minimal_at(address)) is not None:
        name = symbol[0].name
    return CodeLocation(address, line.path if line else None, line.line if line else None, name)


def _split(spec: str) -> tuple[str | None, str]:
    """FILE:REST, where quotes may surround either and `::` is no separator."""
    match = re.match(r"""('[^']*'|"[^"]*"|(?:[^:'"]|::)+):(?!:)(.*)$""", spec, re.DOTALL)
    if match is None:
        return None, _unquoted(spec)
    return _unquoted(match[1]), _unquoted(match[2])


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _at_line(table: SymbolTable, spec: str, number: re.Match[str], default: tuple[str, int] | None) -> list[CodeLocation]:
    if default is None:
        default = main_line(table)
    if default is None:
        raise NoSymbolTable()
    path, current = default
    line = int(number["number"])
    line = current + line if number["sign"] == "+" else current - line if number["sign"] == "-" else line
    return _in_file(table, spec, path, line, f"No line {line} in the current file.")


def main_line(table: SymbolTable) -> tuple[str, int] | None:
    """The file and line of main, which stand in for the current ones before the program runs."""
    for function in table.functions_named("main"):
        if function.path is not None:
            return function.path, function.line or 1
    return None


def _in_file(table: SymbolTable, spec: str, file: str, line: int, complaint: str) -> list[CodeLocation]:
    _, addresses = table.addresses_of(file, line)
    if not addresses:
        raise NoLocation(complaint, spec)
    return [describe(table, address) for address in sorted(addresses)]


def _at_function(table: SymbolTable, spec: str, name: str, file: str | None) -> list[CodeLocation]:
    functions = table.functions_named(name)
    inlined = table.inlined_copies(name)
    if file is not None:
        wanted = {unit.unit.offset for owner in table.objects for unit, _ in owner.files_named(file)}
        functions = [function for function in functions if function.die.unit.offset in wanted]
        inlined = [(owner, scope) for owner, scope in inlined if scope.die.unit.offset in wanted]
    addresses = {table.after_prologue(function) for function in functions}
    addresses |= {scope.entry for _, scope in inlined}
    if file is None:
        addresses |= set(_minimal_addresses(table, name, {function.low for function in functions}))
    if not addresses:
        where = f' in "{file}"' if file is not None else ""
        raise NoLocation(f'Function "{name}" not defined{where}.', spec)
    return [describe(table, address) for address in sorted(addresses)]


def _minimal_addresses(table: SymbolTable, name: str, known: set[int]) -> list[int]:
    """Where functions without debug info begin their work; linkage stubs count only if there is nothing else."""
    symbols = [symbol for symbol in table.minimal(name) if symbol.is_code]
    places = {symbol.address: symbol for symbol in symbols if symbol.address not in known}
    wanted = [symbol for symbol in places.values() if symbol.is_global] or list(places.values())
    if not wanted and not known:
        wanted = [symbol for symbol in table.minimal(name + "@plt") if isinstance(symbol.object, LoadedObject)]
    return [_function_or_symbol_start(table, symbol) for symbol in wanted]


def _function_or_symbol_start(table: SymbolTable, symbol: MinimalSymbol) -> int:
    """Where a breakpoint on a symbol belongs; the symbol may be another name of a function that has debug info."""
    function = table.function_at(symbol.address)
    return table.after_prologue(function if function is not None and function.low == symbol.address else symbol)
