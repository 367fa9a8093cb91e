"""Where images are kept from one run to the next: a directory of the user's own, ~/.cache/rdb/translations.

(XDG_CACHE_HOME instead of ~/.cache where it is set, as the XDG Base Directory Specification says.)  It holds one file per
program or library, named by what identifies that, and may be deleted at any time: nothing in it is needed.

What is read is executed, in a way, so nothing is read that somebody else could have written: directory and file must be ours,
and writable by us only.  A file is used if it was made by the same rdb and Python on the same kind of CPU, and its digest is
right; otherwise it is as if it was not there.  It is written under another name and then renamed, so a reader sees the old one
or the new one, whole; of two who write at once the last one stays.  When all files together become too big, those go first that
have not been used for the longest time.  No failure of any of this is an error: it only means translating again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import rdb.arch
from rdb.arch.translation import Translator

_MAGIC = b"rdb translations\n"
_DIGEST = 20
# So many bytes for all files together, and the most for one of them.
MOST = 256 << 20
MOST_EACH = 32 << 20
# Whose sources decide what a translation is like.
_SOURCES = (Path(rdb.arch.__path__[0]), Path(__file__).parent)


class ImageFiles:
    """The images of all files in `folder`, for one translator."""

    def __init__(self, translator: Translator, folder: Path | None = None) -> None:
        self.folder = folder or _folder()
        self._head = _MAGIC + _digest(_sources(), sys.version.encode(), repr(translator.identity).encode())

    def read(self, key: str) -> bytes | None:
        """What was written last under a name, if it is to be trusted and fits."""
        try:
            if not _is_ours(os.lstat(self.folder), stat.S_ISDIR):
                return None
            file = os.open(self.folder / key, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        with os.fdopen(file, "rb") as stream:
            found = os.fstat(file)
            if not _is_ours(found, stat.S_ISREG) or found.st_size > MOST_EACH:
                return None
            data = stream.read(MOST_EACH)
            with contextlib.suppress(OSError):
                os.utime(file)
        head, digest, content = data[: len(self._head)], data[len(self._head) :][:_DIGEST], data[len(self._head) + _DIGEST :]
        return content if head == self._head and digest == _digest(content) else None

    def write(self, key: str, content: bytes) -> None:
        """Keep something under a name, if that is possible."""
        if len(content) > MOST_EACH - len(self._head) - _DIGEST:
            return
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours(os.lstat(self.folder), stat.S_ISDIR):
                return
            file, name = tempfile.mkstemp(dir=self.folder, prefix="new-")
            try:
                with os.fdopen(file, "wb") as stream:
                    stream.write(self._head + _digest(content) + content)
                os.rename(name, self.folder / key)
            except OSError:
                os.unlink(name)
                raise
            self._prune()

    def _prune(self) -> None:
        """Delete the files that have not been used for the longest time, as far as there are too many."""
        found = []
        for entry in os.scandir(self.folder):
            with contextlib.suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                found.append((status.st_mtime_ns, status.st_size, entry.path))
        left = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if left <= MOST:
                break
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            left -= size


def _folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "rdb" / "translations"


def _is_ours(status: os.stat_result, is_kind: object) -> bool:
    """Whether nobody else can have written what has this status."""
    assert callable(is_kind)
    return bool(is_kind(status.st_mode)) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _digest(*parts: bytes) -> bytes:
    result = hashlib.sha1(usedforsecurity=False)
    for part in parts:
        result.update(part)
    return result.digest()


@functools.cache
def _sources() -> bytes:
    """A digest of all code that has a say in what a translation is like."""
    return _digest(*(path.read_bytes() for folder in _SOURCES for path in sorted(folder.rglob("*.py"))))


def key_of(parts: Iterable[object]) -> str:
    """A name for what these parts identify."""
    return _digest(repr(tuple(parts)).encode()).hex()
