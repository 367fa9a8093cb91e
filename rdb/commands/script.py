"""Where command lines come from, and the structure of those that have bodies.

A *line source* gives raw lines: a script file, the lines of a list, the user's prompt.  A *statement* is one command line with
the bodies that follow it (`if` has one or two, `define` one); `read_bodies` reads up to the matching `end`, whatever is
nested in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rdb.commands.registry import Body
from rdb.errors import RdbError


class LineSource:
    """Lines of a script, counted; `name` is None when errors are not to be located."""

    def __init__(self, lines: Iterator[str], name: str | None = None) -> None:
        self._lines = lines
        self.name = name
        self.line = 0

    def read(self, prompt: str = "") -> str | None:
        """The next raw line without its newline, None at the end; `prompt` is for sources that ask a user."""
        text = next(self._lines, None)
        if text is not None:
            self.line += 1
        return None if text is None else text.rstrip("\r\n")


class PromptSource(LineSource):
    """Lines asked of the user, one prompt each."""

    def __init__(self, ask: Callable[[str], str | None]) -> None:
        super().__init__(iter(()))
        self._ask = ask

    def read(self, prompt: str = "") -> str | None:
        return self._ask(prompt)


class ScriptError(RdbError):
    """An error inside a script, told with its place; `cause` is the error itself."""

    def __init__(self, name: str, line: int, cause: RdbError) -> None:
        self.name, self.line, self.cause = name, line, cause
        super().__init__(f"{name}:{line}: Error in sourced command file:\n{cause}")


Bodies = tuple[tuple["Statement", ...], ...]


@dataclass(frozen=True)
class Statement:
    """A command line and the bodies that belong to it; a body of text is a tuple of lines."""

    line: str
    bodies: Bodies = ()


def read_bodies(source: LineSource, kind: Body, opens: Callable[[str], Body], depth: int = 0) -> Bodies:
    """The bodies of a command whose line was just read, up to its `end` (or the end of the source).

    `opens` tells what body a line inside a body begins.
    """
    bodies: list[tuple[Statement, ...]] = []
    current: list[Statement] = []
    prompt = " " * depth + ">"
    while (raw := source.read(prompt)) is not None:
        line = raw.strip()
        if line == "end":
            break
        if line == "else" and kind is Body.BRANCHES and not bodies:
            bodies.append(tuple(current))
            current = []
        elif kind is Body.TEXT:
            current.append(Statement(raw))
        elif line and not line.startswith("#"):
            inner = opens(line)
            nested = read_bodies(source, inner, opens, depth + 1) if inner is not Body.NONE else ()
            current.append(Statement(line, nested))
    return (*bodies, tuple(current))


def spell(statements: tuple[Statement, ...], indent: int = 2) -> str:
    """The statements as `show user` and `info breakpoints` print them, one line each."""
    lines: list[str] = []
    for statement in statements:
        lines.append(" " * indent + statement.line)
        for number, body in enumerate(statement.bodies):
            if number:
                lines.append(" " * indent + "else")
            lines.extend(filter(None, [spell(body, indent + 2)]))
        if statement.bodies:
            lines.append(" " * indent + "end")
    return "\n".join(lines)
