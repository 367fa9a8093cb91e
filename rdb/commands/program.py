"""What many commands ask about the debugged program, in terms of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdb.errors import CannotAccessMemory, NoProcess
from rdb.symbols import source as sources

if TYPE_CHECKING:
    from rdb.arch.base import Assembly
    from rdb.session import Session
    from rdb.symbols.objects import LoadedObject


def process_id(session: Session) -> int | None:
    """The number of the process, None when nothing runs."""
    process = session.process
    return process.pid if process is not None else None


def live(session: Session) -> int:
    """The number of the process; raises NoProcess."""
    number = process_id(session)
    if number is None:
        raise NoProcess()
    return number


def main_object(session: Session) -> LoadedObject | None:
    """The program itself among the loaded objects."""
    return next(iter(session.table.objects), None)


def libraries(session: Session) -> list[LoadedObject]:
    """The shared libraries that are mapped, the dynamic linker too, the kernel's own object not."""
    return [each for each in session.table.objects[1:] if each.path.startswith("/")]


def source_file(path: str, directory: str, directories: list[str]) -> sources.SourceFile | None:
    """The lines of a source file, if it is on this machine; `directories` are searched first."""
    place = sources.find(path, directory, [*directories, *sources.DEFAULT_PATH])
    return sources.open_source(place) if place is not None else None


def instruction(session: Session, address: int) -> tuple[str, int]:
    """The instruction at an address: its text as GDB prints it, and its length.  Raises CannotAccessMemory."""
    arch = session.arch
    found: list[Assembly] = arch.disassemble(_code(session, address, arch.max_instruction), address,
                                             session.settings.text("disassembly-flavor"))
    return assembly_text(session, found[0]), len(found[0].code)


def _code(session: Session, address: int, size: int) -> bytes:
    """Up to `size` bytes of code, fewer at the end of what is mapped; at least one or CannotAccessMemory."""
    for length in range(size, 1, -1):
        try:
            return session.read_memory(address, length)
        except CannotAccessMemory:
            continue
    return session.read_memory(address, 1)


def assembly_text(session: Session, line: Assembly) -> str:
    """One disassembled instruction, with the symbol of the address that it refers to."""
    from rdb.expr.format import symbolic

    text = f"{line.mnemonic.ljust(6)} {line.operands}" if line.operands else line.mnemonic
    if line.reference is None:
        return text
    place = f"{line.reference:#x}{symbolic(line.reference, session)}"
    return f"{text}        # {place}" if line.comment else text + symbolic(line.reference, session)
