"""list, info line, info source: the program's text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.commands.arguments import address_of, regexp
from rdb.commands.listing import Listing
from rdb.commands.program import source_file
from rdb.commands.registry import Repeat, command
from rdb.errors import NoLocation, NoSymbolTable, RdbError, UsageError

if TYPE_CHECKING:
    from rdb.commands.answers import SourceLines
    from rdb.commands.console import Console

Place = tuple[str, str, int]            # path, directory of the compiler, line

# DW_LANG codes (DWARF 5, 7.12) by GDB's name of the language.
LANGUAGES = {
    **dict.fromkeys((0x01, 0x02, 0x0C, 0x1D, 0x2C), "c"), **dict.fromkeys((0x04, 0x1A, 0x21, 0x2B), "c++"),
    **dict.fromkeys((0x07, 0x08, 0x0E, 0x22, 0x23), "fortran"), 0x0D: "ada", 0x13: "d", 0x16: "go", 0x1C: "rust", 0x8001: "asm",
}


def default_place(console: Console) -> Place:
    """The current source line: where the last listing ended, or around main before there was any."""
    listing: Listing = console.state(Listing)
    if listing.path is None:
        path, directory, line = _main_place(console)
        listing.path, listing.directory = path, directory
        listing.line = max(line - listing.size(console.session) + 1, 1)
    return listing.path or "", listing.directory, listing.line


def _main_place(console: Console) -> Place:
    table = console.session.table
    if not table.has_symbols:
        raise NoSymbolTable()
    for function in table.functions_named("main"):
        line = table.line_at(table.after_prologue(function))
        if line is not None:
            return line.path, line.directory, line.line
    raise NoSymbolTable()


def place_of(console: Console, spec: str) -> Place:
    """The line that a linespec names: for a function its opening line, for a line number that very line."""
    spec = spec.strip()
    table = console.session.table
    if spec.startswith("*"):
        address = address_of(console.session, spec[1:])
        line = table.line_at(address)
        if line is None:
            raise UsageError(f"No line number information available for address {address:#x}")
        return line.path, line.directory, line.line
    match = re.match(r"(?:(?P<file>[^:]+):)?(?P<sign>[+-]?)(?P<number>\d+)$", spec)
    if match is None:
        return _function_place(console, spec)
    number = int(match["number"])
    if match["file"]:
        return (*_file(console, match["file"]), number)
    path, directory, current = default_place(console)
    steps = {"+": current + number, "-": current - number}
    return path, directory, steps.get(match["sign"], number)


def _file(console: Console, name: str) -> tuple[str, str]:
    """The path and the directory of a source file as the program knows it."""
    for path, directory in console.session.table.sources():
        if path == name or os.path.join(directory, path).endswith("/" + name) or os.path.join(directory, path) == name:
            return path, directory
    raise NoLocation(f"No source file named {name}.", name)


def _function_place(console: Console, spec: str) -> Place:
    file, _, name = spec.rpartition(":")
    if " " in name.strip():
        raise UsageError(f'malformed linespec error: unexpected {"number" if name.split()[1].isdigit() else "string"}, '
                         f'"{name.split(None, 1)[1]}"')
    table = console.session.table
    if not table.has_symbols:
        raise NoSymbolTable()
    for function in table.functions_named(name):
        line = table.line_at(function.low)
        if line is not None and (not file or line.path == file or line.path.endswith("/" + file)):
            return line.path, line.directory, line.line
    if table.minimal(name):
        raise UsageError(f'Function "{name}" has no line number information.')
    raise NoLocation(f'Function "{name}" not defined.', spec)


@command("list", "l", group="files", arguments="[LINE|FUNCTION|FILE:LINE|*ADDRESS][,LAST]", repeat=Repeat.BARE,
         completes="location")
def list_(console: Console, arguments: str) -> Iterator[object]:
    """List source lines.
    Without an argument, ten more lines after those listed last; "list -" the ten before them.  A single place is shown in
    the middle of ten lines; "FIRST,LAST" shows a range, of which one end may be left out."""
    session, listing = console.session, console.state(Listing)
    size = listing.size(session)
    if arguments in ("", "+", "-"):
        yield _next_lines(console, arguments)
        if arguments == "-":
            console.repeat_as("list -")
        return
    first, comma, last = arguments.partition(",")
    if not comma:
        if first.strip().startswith("*"):
            yield from _announce_address(console, first.strip())
        path, directory, line = place_of(console, first)
        start = max(line - size // 2, 1)
        yield listing.show(session, path, directory, start, start + size)
    elif not first.strip():
        path, directory, line = place_of(console, last)
        yield listing.show(session, path, directory, max(line + 1 - size, 1), line + 1)
    else:
        path, directory, line = place_of(console, first)
        end = line + size
        if last.strip():
            listing.path, listing.directory, listing.line = path, directory, line
            end = place_of(console, last)[2] + 1
        yield listing.show(session, path, directory, line, end)


def _next_lines(console: Console, arguments: str) -> SourceLines:
    session, listing = console.session, console.state(Listing)
    size = listing.size(session)
    path, directory, line = default_place(console)
    if listing.first is None:
        start = max(line - size // 2, 1)
        return listing.show(session, path, directory, start, start + size)  # type: ignore[no-any-return]
    if arguments != "-":
        return listing.show(session, path, directory, line, line + size)  # type: ignore[no-any-return]
    first: int = listing.first
    if first == 1:
        raise RdbError(f"Already at the start of {path}.")
    shown: SourceLines = listing.show(session, path, directory, max(first - size, 1), first)
    return shown


def _announce_address(console: Console, spec: str) -> Iterator[str]:
    address = address_of(console.session, spec[1:])
    line = console.session.table.line_at(address)
    found = console.session.table.minimal_at(address)
    if line is not None:
        name = found[0].name if found else "??"
        yield f"{address:#x} is in {name} ({line.path}:{line.line})."


@command("info line", group="status", arguments="[LINE|FUNCTION|FILE:LINE|*ADDRESS]", completes="location", repeat=Repeat.BARE)
def info_line(console: Console, arguments: str) -> Iterator[str]:
    """Tell at what addresses the code of a source line begins and ends.
    `x/i` then begins there."""
    listing: Listing = console.state(Listing)
    table = console.session.table
    if arguments.startswith("*"):
        yield _line_of_address(console, address_of(console.session, arguments[1:]))
        return
    if arguments:
        try:
            path, directory, line = place_of(console, arguments)
        except UsageError as error:
            yield from _function_without_lines(console, arguments, error)
            return
    else:
        path, directory, line = default_place(console)
        line = listing.described or line
    listing.described = line + 1
    stretches = table.stretches_of(path, line)
    if not stretches:
        yield f'Line number {line} is out of range for "{path}".'
    for start, end in stretches:
        console.examiner.address, console.examiner.letter = start, "i"
        yield _extent(console, path, line, start, end)


def _extent(console: Console, path: str, line: int, start: int, end: int) -> str:
    lead = f'Line {line} of "{path}"'
    if start == end:
        return f"{lead} is at address {_place(console, start)} but contains no code."
    return f"{lead} starts at address {_place(console, start)} and ends at {_place(console, end)}."


def _line_of_address(console: Console, address: int) -> str:
    line = console.session.table.line_at(address)
    if line is None:
        return f"No line number information available for address {_place(console, address)}"
    lead = f'Line {line.line} of "{line.path}"'
    return f"{lead} starts at address {_place(console, line.start)} and ends at {_place(console, line.end)}."


def _function_without_lines(console: Console, name: str, error: UsageError) -> Iterator[str]:
    symbols = console.session.table.minimal(name)
    if not symbols:
        raise error
    yield f"No line number information available for address {_place(console, symbols[0].address)}"


def _place(console: Console, address: int) -> str:
    from rdb.expr.format import symbolic

    return f"{address:#x}{symbolic(address, console.session)}"


@command("info source", group="status")
def info_source(console: Console, arguments: str) -> Iterator[str]:
    """Tell about the current source file."""
    listing: Listing = console.state(Listing)
    if listing.path is None:
        yield "No current source file."
        return
    yield f"Current source file is {listing.path}\nCompilation directory is {listing.directory}"
    source = source_file(listing.path, listing.directory, listing.directories)
    if source is not None:
        yield f"Located in {source.path}\nContains {len(source)} line{'' if len(source) == 1 else 's'}."
    unit = next((unit for each in console.session.table.objects for unit, _ in each.files_named(listing.path)), None)
    if unit is not None:
        top = unit.unit.top
        yield f"Source language is {LANGUAGES.get(top.get('DW_AT_language'), 'unknown')}."
        if producer := top.get("DW_AT_producer"):
            yield f"Producer is {producer}."
        yield f"Compiled with DWARF {unit.unit.version} debugging format.\nDoes not include preprocessor macro info."


@command("info sources", group="status", arguments="[REGEXP]")
def info_sources(console: Console, arguments: str) -> Iterator[str]:
    """List the source files of the program, or those whose names match."""
    pattern = regexp(arguments)
    for path, directory in console.session.table.sources():
        full = os.path.normpath(os.path.join(directory, path))
        if pattern.search(full):
            yield full


@command("directory", "dir", group="files", arguments="[DIRECTORY]", completes="file", repeat=Repeat.NEVER)
def directory(console: Console, arguments: str) -> str:
    """Look for source files in a directory first; without an argument, forget all that were named."""
    path = console.state(Listing).directories
    if arguments:
        path[:0] = [os.path.abspath(os.path.expanduser(each)) for each in re.split(r"[:\s]+", arguments) if each]
    else:
        path.clear()
    return show_directories(console, "")


@command("show directories", group="status")
def show_directories(console: Console, arguments: str) -> str:
    """Show where source files are looked for."""
    return f"Source directories searched: {':'.join([*console.state(Listing).directories, '$cdir', '$cwd'])}"
