"""backtrace, frame, up, down, and what info tells about frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from rdb.commands.arguments import count_of, number_of, regexp
from rdb.commands.frames import (
    argument_texts,
    arguments_of,
    frame_blocks,
    frame_line,
    variable_text,
    walk,
)
from rdb.commands.registry import command
from rdb.commands.telling import tell_frame
from rdb.errors import NoFrame, RdbError, UsageError

if TYPE_CHECKING:
    from rdb.commands.console import Console
    from rdb.symbols.unwind import Frame
    from rdb.symbols.variables import Variable


def selected(console: Console, sentence: str = "No stack.") -> Frame:
    """The selected frame; raises NoFrame without a process."""
    frame: Frame | None = console.session.frame
    if frame is None:
        raise NoFrame(sentence)
    return frame


@command("backtrace", "bt", "where", group="stack", arguments="[-full] [COUNT]")
def backtrace(console: Console, arguments: str) -> Iterator[object]:
    """Print the frames of the stack, innermost first.
    With a COUNT, only so many; with a negative one, the outermost.  "full" or -full adds the locals of each frame."""
    selected(console)
    full, words = False, []
    for word in arguments.split():
        if word in ("full", "-full"):
            full = True
        else:
            words.append(word)
    count = count_of(console.session, " ".join(words), 0)
    if count < 0:
        frames = list(walk(console.session))[count:]
    else:
        frames = list(islice(walk(console.session), count)) if count else walk(console.session)  # type: ignore[assignment]
    last = None
    for last in frames:
        yield frame_line(console.session, last, last.level)
        if full:
            found = list(_locals(console, last, indent="        "))
            yield from found or ["No locals."]
    if last is None:
        return
    if count > 0 and last.level + 1 >= count and _has_more(console, count):
        yield "(More stack frames follow...)"
    elif last.stop_reason:
        yield f"Backtrace stopped: {last.stop_reason}"


def _has_more(console: Console, count: int) -> bool:
    return console.from_prompt and next(islice(walk(console.session), count, None), None) is not None


command("info stack", "s", group="status", arguments="[-full] [COUNT]")(backtrace)


def _frame_at(console: Console, level: int) -> Frame:
    for frame in console.session.frames():
        if frame.level == level:
            found: Frame = frame
            return found
    raise UsageError(f"No frame at level {level}.")


def _find(console: Console, arguments: str) -> Frame:
    """The frame that the argument of `frame` or `info frame` names."""
    kind, _, rest = arguments.partition(" ")
    frame = selected(console)
    if not arguments:
        return frame
    if kind == "function":
        return _in_function(console, rest.strip())
    if kind == "address":
        cfa = number_of(console.session, rest)
        for frame in console.session.frames():
            if frame.cfa == cfa:
                return frame
        raise UsageError(f"No frame at address {rest.strip()}.")
    return _frame_at(console, number_of(console.session, rest if kind == "level" else arguments))


def _in_function(console: Console, name: str) -> Frame:
    if not name:
        raise UsageError("Missing function name argument")
    for frame in console.session.frames():
        if frame.name == name:
            found: Frame = frame
            return found
    if not console.session.table.functions_named(name):
        raise UsageError(f'Function "{name}" not defined.')
    raise UsageError(f"No frame for function \"{name}\".")


@command("frame", "f", group="stack", arguments="[LEVEL]", any_argument=True)
def frame(console: Console, arguments: str) -> Iterator[object]:
    """Select a frame by its level and print it; without an argument, print the selected one.
    "level N", "function NAME" and "address CFA" name a frame in other ways."""
    found = _find(console, arguments)
    console.session.select(found.level)
    yield from tell_frame(console, found, level=True)


@command("select-frame", group="stack", arguments="LEVEL")
def select_frame(console: Console, arguments: str) -> None:
    """Select a frame without printing it."""
    console.session.select(_find(console, arguments).level)


def _move(console: Console, by: int) -> Frame:
    """The frame `by` levels further out (negative: further in), or the last one in that direction."""
    here = selected(console)
    if by >= 0:
        for found in islice(console.session.frames(), here.level, None):
            if found.level >= here.level + by:
                break
        if found.level == here.level and by:
            raise RdbError("Initial frame selected; you cannot go up.")
    else:
        if here.level == 0:
            raise RdbError("Bottom (innermost) frame selected; you cannot go down.")
        found = _frame_at(console, max(here.level + by, 0))
    console.session.select(found.level)
    return found


@command("up", group="stack", arguments="[N]")
def up(console: Console, arguments: str) -> Iterator[object]:
    """Select and print the frame that called this one, or the one N levels out."""
    yield from tell_frame(console, _move(console, count_of(console.session, arguments)), level=True)


@command("down", "dow", group="stack", arguments="[N]")
def down(console: Console, arguments: str) -> Iterator[object]:
    """Select and print the frame called by this one, or the one N levels in."""
    yield from tell_frame(console, _move(console, -count_of(console.session, arguments)), level=True)


@command("up-silently", group="support", arguments="[N]")
def up_silently(console: Console, arguments: str) -> None:
    """Like up, but print nothing."""
    _move(console, count_of(console.session, arguments))


@command("down-silently", group="support", arguments="[N]")
def down_silently(console: Console, arguments: str) -> None:
    """Like down, but print nothing."""
    _move(console, -count_of(console.session, arguments))


def _filter(arguments: str) -> Callable[[Variable], bool]:
    """The REGEXP of info locals and info args; -q is taken and has no effect."""
    text = arguments.removeprefix("-q").strip()
    pattern = regexp(text)
    return lambda variable: bool(pattern.search(variable.name))


def _locals(console: Console, frame: Frame, wanted: Callable[[Variable], bool] = lambda each: True,
            indent: str = "") -> Iterator[str]:
    for block in frame_blocks(console.session, frame):
        for variable in block.variables:
            if not variable.is_argument and wanted(variable):
                yield f"{indent}{variable.name} = {variable_text(console.session, variable, frame)}"


@command("info locals", group="status", arguments="[REGEXP]")
def info_locals(console: Console, arguments: str) -> Iterator[str]:
    """Print the local variables of the selected frame, innermost block first."""
    here = selected(console, "No frame selected.")
    _needs_symbols(here)
    found = list(_locals(console, here, _filter(arguments)))
    yield from found or ["No matching locals." if arguments else "No locals."]


@command("info args", group="status", arguments="[REGEXP]")
def info_args(console: Console, arguments: str) -> Iterator[str]:
    """Print the arguments of the selected frame."""
    here = selected(console, "No frame selected.")
    _needs_symbols(here)
    wanted = _filter(arguments)
    found = [variable for variable in arguments_of(console.session, here) if wanted(variable)]
    yield from (f"{variable.name} = {variable_text(console.session, variable, here)}" for variable in found)
    if not found:
        yield "No matching arguments." if arguments else "No arguments."


def _needs_symbols(frame: Frame) -> None:
    if frame.function is None:
        raise UsageError("No symbol table info available.")


@command("info frame", "f", group="status", arguments="[LEVEL]", any_argument=True)
def info_frame(console: Console, arguments: str) -> Iterator[str]:
    """Tell all about the selected frame, or another one: where it is, who called it, and where registers are saved."""
    here = _find(console, arguments)
    yield f"Stack level {here.level}, frame at {here.cfa:#x}:"
    place = f" in {here.name}" if here.name else ""
    place += f" ({here.line.path}:{here.line.line})" if here.line else ""
    older = here.older
    pc = console.session.arch.pc
    saved = f"; saved {pc} = {older.pc:#x}" if older is not None else ""
    yield f" {pc} = {here.pc:#x}{place}{saved}"
    if here.inlined:
        yield f" inlined into frame {here.level + 1}"
    relatives = []
    if not here.inlined and older is not None and next(islice(console.session.frames(), here.level + 1, None), None) is not None:
        relatives.append(f"called by frame at {older.cfa:#x}")
    if here.level:
        relatives.append(f"caller of frame at {_frame_at(console, here.level - 1).cfa:#x}")
    if relatives:
        yield f" {', '.join(relatives)}"
    yield from _frame_contents(console, here)


def _frame_contents(console: Console, here: Frame) -> Iterator[str]:
    base = here.cfa - 2 * console.session.arch.pointer_size
    if here.line is not None:
        yield " source language c."
    yield f" Arglist at {base:#x}, args: {', '.join(argument_texts(console.session, here))}"
    yield f" Locals at {base:#x}, Previous frame's sp is {here.cfa:#x}"
    saved = here.older.saved_at if here.older is not None else {}
    order = [register.name for register in console.session.arch.registers.registers]
    places = [f"{name} at {saved[name]:#x}" for name in order if name in saved]
    if places:
        yield " Saved registers:\n  " + ", ".join(places)
