"""info: registers, symbols, shared libraries, signals, and the process."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.address import address_text
from rdb.commands.answers import LibraryTable, MappingTable
from rdb.commands.arguments import address_of, regexp
from rdb.commands.program import libraries, main_object, process_id
from rdb.commands.registry import command, prefix
from rdb.errors import NoProcess, RdbError, UsageError

if TYPE_CHECKING:
    from rdb.commands.console import Console

prefix("info", "i", "inf", group="status", help="Tell about the program being debugged.")

NO_PROCESS = "No current process: you must name one."


def _registers(console: Console, arguments: str, everything: bool) -> Iterator[str]:
    from rdb.expr.registers import rows

    session = console.session
    if process_id(session) is None:
        raise RdbError("The program has no registers now.")
    yield from rows(re.findall(r"[^\s,]+", arguments), session, everything)


@command("info registers", "r", group="status", arguments="[NAME ...]", completes="register")
def info_registers(console: Console, arguments: str) -> Iterator[str]:
    """Print the general registers in the selected frame, or those that are named (a group such as `vector` is a name too)."""
    yield from _registers(console, arguments, False)


@command("info all-registers", group="status", arguments="[NAME ...]", completes="register")
def info_all_registers(console: Console, arguments: str) -> Iterator[str]:
    """Print all registers, vector and floating-point ones too."""
    yield from _registers(console, arguments, True)


@command("info symbol", group="status", arguments="ADDRESS", completes="expression")
def info_symbol(console: Console, arguments: str) -> str:
    """Tell what symbol is at an address."""
    if not arguments:
        raise UsageError("Argument required (address).")
    session = console.session
    address = address_of(session, arguments)
    owner, found = session.table.object_at(address), session.table.minimal_at(address)
    section = owner.section_name_at(address) if owner is not None else None
    if owner is None or found is None or section is None:
        raise RdbError(f"No symbol matches {arguments}.")
    symbol, offset = found
    text = f"{symbol.name} + {offset}" if offset else symbol.name
    of = f" of {owner.path}" if process_id(session) is not None else ""
    return f"{text} in section {section}{of}"


@command("info address", group="status", arguments="SYMBOL", completes="symbol")
def info_address(console: Console, arguments: str) -> str:
    """Tell where a symbol is stored."""
    from rdb.expr.value import MemoryLvalue, RegisterLvalue

    if not arguments:
        raise UsageError("Argument required.")
    session, table = console.session, console.session.table
    lead = f'Symbol "{arguments}" is '
    if table.variable(arguments, session.frame.lookup_pc if session.frame is not None else None) is not None:
        place = session.evaluate(arguments).lvalue
        if isinstance(place, RegisterLvalue):
            return f"{lead}a variable in ${place.name}."
        if isinstance(place, MemoryLvalue):
            kind = "static storage" if table.variable(arguments, None) is not None else "a variable"
            return f"{lead}{kind} at address {place.address:#x}."
        return f"{lead}optimized out."
    functions = table.functions_named(arguments)
    if functions:
        return f'{lead}a function at address {functions[0].low:#x}.'
    symbols = table.minimal(arguments)
    if symbols:
        return f'{lead}at {symbols[0].address:#x} in a file compiled without debugging.'
    raise RdbError(f'No symbol "{arguments}" in current context.')


@command("info sharedlibrary", "dll", group="status", arguments="[REGEXP]")
def info_sharedlibrary(console: Console, arguments: str) -> object:
    """List the shared libraries that are loaded: the addresses of their code, and whether their symbols are read."""
    session = console.session
    rows, pattern = [], regexp(arguments)
    for each in libraries(session):
        if pattern.search(each.path):
            section = each.elf.sections.get(".text")
            low = section.address + each.bias if section is not None else each.bias
            high = low + section.size if section is not None else low
            rows.append((low, high, "Yes" if each.dwarf is not None else "Yes (*)", each.path))
    if rows:
        return LibraryTable(tuple(rows), session.arch.pointer_size)
    return "No shared libraries matched." if arguments else "No shared libraries loaded at this time."


# The process, as /proc tells.


def _process(console: Console, arguments: str) -> int:
    if arguments.isdigit():
        return int(arguments)
    process: int | None = process_id(console.session)
    if process is None:
        raise NoProcess(NO_PROCESS)
    return process


def _link(process: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{process}/{name}")
    except OSError as error:
        raise RdbError(f"/proc/{process}/{name}: {os.strerror(error.errno or 0)}.") from None


def _command_line(process: int) -> str:
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return file.read().rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "surrogateescape")
    except OSError as error:
        raise RdbError(f"/proc/{process}/cmdline: {os.strerror(error.errno or 0)}.") from None


@command("info proc", group="status", arguments="[PROCESS]", any_argument=True)
def info_proc(console: Console, arguments: str) -> Iterator[str]:
    """Tell about the process: its number, command line, working directory and executable."""
    process = _process(console, arguments)
    yield f"process {process}"
    yield f"cmdline = '{_command_line(process)}'"
    yield f"cwd = '{_link(process, 'cwd')}'"
    yield f"exe = '{_link(process, 'exe')}'"


@command("info proc mappings", group="status", arguments="[PROCESS]")
def info_proc_mappings(console: Console, arguments: str) -> Iterator[object]:
    """List the stretches of memory that the process has mapped."""
    from rdb.linux.procfs import mappings

    process = _process(console, arguments)
    yield f"process {process}"
    yield MappingTable(tuple(mappings(process)), console.session.arch.pointer_size)


@command("info proc cmdline", group="status", arguments="[PROCESS]")
def info_proc_cmdline(console: Console, arguments: str) -> str:
    """Tell the command line of the process."""
    process = _process(console, arguments)
    return f"process {process}\ncmdline = '{_command_line(process)}'"


@command("info proc cwd", group="status", arguments="[PROCESS]")
def info_proc_cwd(console: Console, arguments: str) -> str:
    """Tell the working directory of the process."""
    process = _process(console, arguments)
    return f"process {process}\ncwd = '{_link(process, 'cwd')}'"


@command("info proc exe", group="status", arguments="[PROCESS]")
def info_proc_exe(console: Console, arguments: str) -> str:
    """Tell the executable of the process."""
    process = _process(console, arguments)
    return f"process {process}\nexe = '{_link(process, 'exe')}'"


@command("info proc status", group="status", arguments="[PROCESS]")
def info_proc_status(console: Console, arguments: str) -> str:
    """Print what the kernel keeps about the process."""
    process = _process(console, arguments)
    try:
        with open(f"/proc/{process}/status", encoding="utf-8", errors="surrogateescape") as file:
            return f"process {process}\n{file.read().rstrip()}"
    except OSError as error:
        raise RdbError(f"/proc/{process}/status: {os.strerror(error.errno or 0)}.") from None


@command("info program", group="status")
def info_program(console: Console, arguments: str) -> Iterator[str]:
    """Tell in what state the program is."""
    session = console.session
    if process_id(session) is None:
        yield "The program being debugged is not being run."
        return
    yield f"\tUsing the running image of child process {process_id(session)}.\nProgram stopped at {session.need_frame().pc:#x}."




# Lists of symbols.


def _matching(console: Console, arguments: str, code: bool) -> Iterator[str]:
    pattern = regexp(arguments)
    word = console.session.arch.pointer_size
    for each in console.session.table.objects:
        for name in each.minimal_names():
            if pattern.search(name):
                found = (symbol for symbol in each.minimal(name) if symbol.is_code is code)
                yield from (f"{address_text(symbol.address, word)}  {symbol.name}" for symbol in found)


def _listed(console: Console, arguments: str, what: str, code: bool) -> Iterator[str]:
    yield f'All {what}s matching regular expression "{arguments}":' if arguments else f"All defined {what}s:"
    yield ""
    yield from sorted(set(_matching(console, arguments, code)))


@command("info functions", "fu", group="status", arguments="[REGEXP]")
def info_functions(console: Console, arguments: str) -> Iterator[str]:
    """List the functions in the symbol tables, or those whose names match."""
    yield from _listed(console, arguments, "function", True)


@command("info variables", group="status", arguments="[REGEXP]")
def info_variables(console: Console, arguments: str) -> Iterator[str]:
    """List the global and static variables in the symbol tables, or those whose names match."""
    yield from _listed(console, arguments, "variable", False)


@command("info files", "target", group="status")
def info_files(console: Console, arguments: str) -> Iterator[str]:
    """Tell what files are being debugged, and where their sections are."""
    session = console.session
    owner = main_object(session)
    if owner is None:
        return
    word = session.arch.pointer_size
    yield f'Symbols from "{owner.path}".'
    if process_id(session) is not None:
        yield f"Native process:\n\tUsing the running image of child process {process_id(session)}."
    yield f"Local exec file:\n\t`{owner.path}', file type {session.arch.object_format}."
    yield f"\tEntry point: {owner.elf.entry + owner.bias:#x}"
    for section in owner.elf.section_list:
        if section.flags & 2:
            low = section.address + owner.bias
            yield f"\t{address_text(low, word)} - {address_text(low + section.size, word)} is {section.name}"
