"""disassemble."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from rdb.commands.answers import CodeLine, SourceLines
from rdb.commands.arguments import address_of, number_of, split_format
from rdb.commands.formatting import split_top_level
from rdb.commands.listing import Listing
from rdb.commands.program import instruction, source_file
from rdb.commands.registry import Repeat, command
from rdb.errors import UsageError

if TYPE_CHECKING:
    from rdb.commands.console import Console
    from rdb.symbols.table import SymbolTable

MODIFIERS = "mrs"
Place = tuple[str, int, str]            # path, line, directory of the compiler


@command("disassemble", "disas", group="data", arguments="[/MODIFIERS] [ADDRESS|START,END|START,+LENGTH]", completes="expression",
         repeat=Repeat.NEVER)
def disassemble(console: Console, arguments: str) -> Iterator[object]:
    """Show the instructions of a function, or of a stretch of memory.
    Without an address, the function in which the selected frame stands.  Modifiers: r shows the bytes too, s and m the source
    lines (m in the order of lines, s in the order of addresses)."""
    letters, rest = split_format(arguments)
    for letter in letters:
        if letter not in MODIFIERS:
            raise UsageError("Invalid disassembly modifier.")
    if "m" in letters and "s" in letters:
        raise UsageError("Cannot specify both /m and /s.")
    start, end, name = _stretch(console, rest)
    if name is None:
        yield f"Dump of assembler code from {start:#x} to {end:#x}:"
    else:
        yield f"Dump of assembler code for function {name}:"
    lines = code_lines(console, start, end, "r" in letters, named=name is None)
    if "s" in letters or "m" in letters:
        yield from _with_source(console, lines, "m" in letters)
    else:
        yield from lines
    yield "End of assembler dump."


def _stretch(console: Console, text: str) -> tuple[int, int, str | None]:
    """What to disassemble: [start, end), and the function's name if it is a whole function."""
    session = console.session
    if not text:
        if session.frame is None:
            raise UsageError("No frame selected.")
        return _function(console, session.frame.lookup_pc, "No function contains program counter for selected frame.")
    parts = split_top_level(text)
    if len(parts) == 1:
        return _function(console, address_of(session, text), "No function contains specified address.")
    start = address_of(session, parts[0])
    last = parts[1].strip()
    end = start + number_of(session, last[1:]) if last.startswith("+") else address_of(session, last)
    return start, end, None


def _function(console: Console, address: int, refusal: str) -> tuple[int, int, str]:
    table = console.session.table
    function = table.function_at(address)
    if function is not None:
        low, high = next(((low, high) for low, high in function.ranges if low <= address < high), function.ranges[0])
        return low, high, function.name
    found = table.minimal_at(address)
    if found is None:
        raise UsageError(refusal)
    symbol, _ = found
    return symbol.address, symbol.address + max(symbol.size, 1), symbol.name


def code_lines(console: Console, start: int, end: int, raw: bool, named: bool) -> Iterator[CodeLine]:
    """The instructions in [start, end), read one after the other; `named` tells the function with each offset."""
    session = console.session
    pc = session.frame.pc if session.frame is not None else None
    address = start
    while address < end:
        text, length = instruction(session, address)
        found = session.table.minimal_at(address)
        function = found[0].name if named and found is not None else None
        code = session.read_memory(address, length) if raw else None
        offset = found[1] if found is not None else None
        yield CodeLine(address, offset, text, address == pc, code, function, session.arch.pointer_size)
        address += length


def _with_source(console: Console, lines: Iterator[CodeLine], by_line: bool) -> Iterator[object]:
    """The instructions beneath their source lines."""
    table = console.session.table
    groups = [(line, list(group)) for line, group in groupby(lines, lambda each: _source_line(table, each.address))]
    if by_line:
        merged: dict[Place | None, list[CodeLine]] = {}
        for line, group in groups:
            merged.setdefault(line, []).extend(group)
        groups = sorted(merged.items(), key=lambda each: each[0][1] if each[0] else 0)
    shown, previous = 0, None
    for line, group in groups:
        if line is not None:
            path, number, directory = line
            if not by_line and path != previous:
                yield f"{path}:"
            first = number if by_line or path != previous or number <= shown else shown + 1
            yield from _source(console, path, directory, first, number)
            shown, previous = max(number, shown) if path == previous else number, path
        yield from group
        if by_line or (line, group) != groups[-1]:
            yield ""


def _source_line(table: SymbolTable, address: int) -> Place | None:
    line = table.line_at(address)
    return (line.path, line.line, line.directory) if line is not None else None


def _source(console: Console, path: str, directory: str, first: int, last: int) -> Iterator[object]:
    source = source_file(path, directory, console.state(Listing).directories)
    if source is None:
        yield f"{last}\tin {path}"
        return
    yield SourceLines(source.lines(first, last))
