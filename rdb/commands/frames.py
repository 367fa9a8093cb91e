"""Frames as data: what a backtrace or a stop tells about one, with the arguments of the call in that frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.commands.answers import FrameLine
from rdb.commands.program import main_object
from rdb.errors import RdbError
from rdb.symbols.types import strip

if TYPE_CHECKING:
    from rdb.arch.base import Arch
    from rdb.expr.scope import Scope
    from rdb.expr.value import Value
    from rdb.session import Session
    from rdb.settings import Settings
    from rdb.symbols.table import SymbolTable
    from rdb.symbols.unwind import Frame
    from rdb.symbols.variables import Variable


class FrameScope:
    """The session's scope as seen from a frame that need not be the selected one."""

    def __init__(self, scope: Scope, frame: Frame) -> None:
        self._scope, self.frame = scope, frame
        self.table: SymbolTable = scope.table
        self.arch: Arch = scope.arch
        self.settings: Settings = scope.settings
        self.convenience: dict[str, Value] = scope.convenience
        self.history: list[Value] = scope.history
        self.read_memory, self.write_memory, self.write_register = scope.read_memory, scope.write_memory, scope.write_register
        self.frames = scope.frames

    def read_register(self, name: str) -> bytes:
        """The register's bytes in this frame."""
        register = self.arch.registers.by_name.get(name)
        if register is None or register.size > 8:
            return self._scope.read_register(name)
        return self.frame.register(name).to_bytes(register.size, "little")


def variable_text(session: Session, variable: Variable, frame: Frame, scalars_only: bool = False) -> str:
    """The value of a variable in a frame, as text; errors are part of the text, as in GDB."""
    from rdb.expr.format import format_value
    from rdb.expr.lookup import variable_value
    from rdb.expr.scope import Context
    from rdb.symbols.types import ArrayType, StructType

    if scalars_only and isinstance(strip(variable.type), (StructType, ArrayType)):
        return "..."
    scope = FrameScope(session, frame)
    try:
        return format_value(variable_value(variable, Context(scope), frame), scope, top=False)
    except RdbError as error:
        return f"<error: {error}>"


def arguments_of(session: Session, frame: Frame) -> list[Variable]:
    """The parameters of the function (or inlined function) that runs in a frame."""
    return [variable for block in frame_blocks(session, frame) if block.is_function
            for variable in block.variables if variable.is_argument]


def frame_blocks(session: Session, frame: Frame) -> list:  # type: ignore[type-arg]
    """The blocks of a frame, innermost first."""
    return session.table.locals_at(frame.lookup_pc, frame.inlined_out)


def frame_line(session: Session, frame: Frame, level: int | None = None) -> FrameLine:
    """What is told about a frame."""
    settings = session.settings
    how = settings.text("print frame-arguments")
    arguments: list[str] = []
    if frame.function is not None and not frame.is_signal_trampoline:
        found = arguments_of(session, frame)
        if how == "presence":
            arguments = ["..."] if found else []
        else:
            arguments = [f"{each.name}=" + ("..." if how == "none" else variable_text(session, each, frame, how == "scalars"))
                         for each in found]
    shown = settings.flag("print address") and (frame.shows_address or frame.line is None)
    library = frame.object.path if frame.object is not None and frame.object is not main_object(session) else None
    return FrameLine(frame.name, arguments, level, frame.pc if shown else None, frame.line.path if frame.line else None,
                     frame.line.line if frame.line else None, library, frame.is_signal_trampoline)


def walk(session: Session, limit: int | None = None) -> Iterator[Frame]:
    """The frames, innermost first, as many as the user wants to see."""
    most = session.settings.limit("backtrace limit")
    for frame in session.frames():
        if most is not None and frame.level >= most:
            return
        if limit is not None and frame.level >= limit:
            return
        yield frame
