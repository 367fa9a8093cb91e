"""Source lines on the screen: what was listed last, and what `list` shows next.

`line` is where the next listing begins, `first` the first line of the last one (None before any).  Where the program stops or a
frame is selected, its line counts as listed and the next listing is centred around it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rdb.commands.answers import SourceLines
from rdb.commands.program import source_file
from rdb.errors import RdbError

if TYPE_CHECKING:
    from rdb.session import Session

MANY = 1 << 30


class Listing:
    """The state of `list` in one conversation."""

    def __init__(self) -> None:
        self.path: str | None = None
        self.directory = ""
        self.line = 1
        self.first: int | None = None
        self.described: int | None = None
        self._missing: str | None = None
        self.directories: list[str] = []

    def size(self, session: Session) -> int:
        """How many lines a listing has."""
        limit = session.settings.limit("listsize")
        return MANY if limit is None else limit

    def stop_at(self, session: Session, path: str, directory: str, line: int, address: int | None = None) -> SourceLines:
        """The line at which a frame stands; the next listing is centred around it."""
        shown = replace(self.show(session, path, directory, line, line + 1, address), word=session.arch.pointer_size)
        self.line = max(line - self.size(session) // 2, 1)
        return shown

    def show(self, session: Session, path: str, directory: str, start: int, end: int, address: int | None = None) -> SourceLines:
        """Lines [start, end) of a file; raises RdbError if the file has no line `start`."""
        self.path, self.directory, self.line, self.first, self.described = path, directory, start, start, start
        if start >= end:
            return SourceLines((), address)
        source = source_file(path, directory, self.directories)
        if source is None:
            message = f"in {path}" if self._missing == path else f"{path}: No such file or directory."
            self._missing = path
            return SourceLines(((start, message),), address)
        if start > len(source):
            raise RdbError(f"Line number {start} out of range; {path} has {len(source)} lines.")
        self._missing = None
        lines = source.lines(start, end - 1)
        self.line = start + len(lines)
        return SourceLines(lines, address)
