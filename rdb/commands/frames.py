"""Frames as data: what a backtrace or a stop tells about one, with the arguments of the call in that frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rdb.commands.answers import FrameLine
from rdb.commands.program import libraries
from rdb.errors import RdbError
from rdb.symbols.types import ArrayType, StructType, strip

if TYPE_CHECKING:
    from rdb.expr.value import Value
    from rdb.session import Session
    from rdb.symbols.unwind import Frame
    from rdb.symbols.variables import Variable


LOST = "<optimized out>"


def variable_text(session: Session, variable: Variable, frame: Frame, scalars_only: bool = False) -> str:
    """The value of a variable in a frame, as text; errors are part of the text, as in GDB."""
    from rdb.expr.located import value_of

    if scalars_only and isinstance(strip(variable.type), (StructType, ArrayType)):
        return "..."
    return _text(session, lambda: value_of(variable, session, frame)) or ""


def entry_text(session: Session, variable: Variable, frame: Frame) -> str | None:
    """The value that an argument had when its function was called, if that is known."""
    from rdb.expr.located import value_at_entry

    return _text(session, lambda: value_at_entry(variable, session, frame))


def _text(session: Session, compute: Callable[[], Value | None]) -> str | None:
    from rdb.expr.format import format_value

    try:
        value = compute()
        return format_value(value, session, top=False) if value is not None else None
    except RdbError as error:
        return f"<error: {error}>"


def argument_text(session: Session, variable: Variable, frame: Frame, how: str) -> str:
    """name=value, and the value at function entry as `set print entry-values` asks for it."""
    name, style = variable.name, session.settings.text("print entry-values")
    if how == "none":
        return f"{name}=..."
    value = variable_text(session, variable, frame, how == "scalars")
    entry = entry_text(session, variable, frame) if style != "no" and value != "..." else None
    at_entry = f"{name}@entry={LOST if entry is None else entry}"
    if style in ("default", "compact") and entry is not None:
        if entry == value:
            return f"{name}={at_entry}"
        return at_entry if style == "compact" and value == LOST else f"{name}={value}, {at_entry}"
    prefers_entry = style == "only" or entry is not None and (style == "preferred" or style == "if-needed" and value == LOST)
    if prefers_entry:
        return at_entry
    return f"{name}={value}, {at_entry}" if style == "both" else f"{name}={value}"


def arguments_of(session: Session, frame: Frame) -> list[Variable]:
    """The parameters of the function (or inlined function) that runs in a frame."""
    return [variable for block in frame_blocks(session, frame) if block.is_function
            for variable in block.variables if variable.is_argument]


def frame_blocks(session: Session, frame: Frame) -> list:  # type: ignore[type-arg]
    """The blocks of a frame, innermost first."""
    return session.table.locals_at(frame.lookup_pc, frame.inlined_out)


def argument_texts(session: Session, frame: Frame) -> list[str]:
    """The arguments of a frame as its line tells them."""
    how = session.settings.text("print frame-arguments")
    if frame.function is None or frame.is_signal_trampoline:
        return []
    found = arguments_of(session, frame)
    if how == "presence":
        return ["..."] if found else []
    return [argument_text(session, each, frame, how) for each in found]


def frame_line(session: Session, frame: Frame, level: int | None = None) -> FrameLine:
    """What is told about a frame."""
    settings = session.settings
    arguments = argument_texts(session, frame)
    shown = settings.flag("print address") and (frame.shows_address or frame.line is None)
    library = frame.object.path if frame.object is not None and frame.object in libraries(session) else None
    return FrameLine(frame.name, arguments, level, frame.pc if shown else None, frame.line.path if frame.line else None,
                     frame.line.line if frame.line else None, library, frame.is_signal_trampoline, session.arch.pointer_size)


def walk(session: Session, limit: int | None = None) -> Iterator[Frame]:
    """The frames, innermost first, as many as the user wants to see."""
    most = session.settings.limit("backtrace limit")
    for frame in session.frames():
        if most is not None and frame.level >= most:
            return
        if limit is not None and frame.level >= limit:
            return
        yield frame
