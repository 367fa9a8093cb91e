"""Source files: where they are on this machine, and their lines.

The search follows GDB's ("Specifying Source Directories"): the path as compiled, taken from each directory of the source path,
where $cdir stands for the compiler's directory and $cwd for the current one; then its last component in the same directories.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

DEFAULT_PATH = ("$cdir", "$cwd")


def find(path: str, compile_dir: str = "", directories: Sequence[str] = DEFAULT_PATH) -> Path | None:
    """The file that a unit was compiled from, or None if it is not on this machine."""
    return next((place for place in _places(path, compile_dir, directories) if place.is_file()), None)


def _places(path: str, compile_dir: str, directories: Sequence[str]) -> Iterator[Path]:
    if os.path.isabs(path):
        yield Path(path)
    named = {"$cdir": compile_dir, "$cwd": os.getcwd()}
    folders = [named.get(folder, folder) for folder in directories]
    for tail in (path.lstrip("/"), os.path.basename(path)):
        for folder in folders:
            if folder:
                yield Path(os.path.normpath(os.path.join(folder, tail)))


class SourceFile:
    """The lines of a file, counted from 1."""

    def __init__(self, path: Path, text: bytes) -> None:
        self.path = path
        self._lines = text.decode("utf-8", "replace").split("\n")
        if self._lines[-1] == "":
            self._lines.pop()

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, number: int) -> str | None:
        """One line without its end, or None outside of the file."""
        return self._lines[number - 1].removesuffix("\r") if 1 <= number <= len(self._lines) else None

    def lines(self, first: int, last: int) -> list[tuple[int, str]]:
        """The lines from `first` to `last`, both included, as far as the file has them."""
        numbers = range(max(first, 1), min(last, len(self._lines)) + 1)
        return [(number, self._lines[number - 1].removesuffix("\r")) for number in numbers]


def open_source(path: Path) -> SourceFile | None:
    """The file's lines, read anew when it has changed; None if it cannot be read."""
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size)
    except OSError:
        return None


@lru_cache(maxsize=64)
def _read(path: Path, changed: int, size: int) -> SourceFile:
    return SourceFile(path, path.read_bytes())
