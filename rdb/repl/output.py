"""The one place that prints: bytes to the standard output, and to the log file while there is one.

A reader that goes away (a closed pipe) ends the output silently; `closed` tells the application to leave.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO


def encode(text: str) -> bytes:
    """The text as bytes; bytes that were no UTF-8 when read come out as they were."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


class Output:
    """Standard output and standard error, in step with each other."""

    def __init__(self, silent: bool = False) -> None:
        self.silent = silent
        self.closed = False
        self._passing = False
        self._log: BinaryIO | None = None
        self._redirect = False

    def passing(self, text: str) -> None:
        """Show one line on the terminal until something else is printed, or (an empty one) no longer; it is not logged."""
        if self._passing or text:
            self._passing = False
            self._put(sys.stdout.fileno(), b"\r\x1b[K" + encode(text))
        self._passing = bool(text)

    def write(self, text: str) -> None:
        """Print to the standard output at once."""
        if not self.silent and not self._redirect:
            self._put(sys.stdout.fileno(), encode(text))
        if self._log is not None:
            self._log.write(encode(text))
            self._log.flush()

    def complain(self, text: str) -> None:
        """Print to the standard error at once."""
        self._put(sys.stderr.fileno(), encode(text))
        if self._log is not None:
            self._log.write(encode(text))
            self._log.flush()

    def log_to(self, path: str | None, overwrite: bool = False, redirect: bool = False) -> None:
        """Copy all output to a file from now on, or (None) no longer; raises OSError."""
        if self._log is not None:
            self._log.close()
        self._log = open(path, "wb" if overwrite else "ab") if path is not None else None  # noqa: SIM115
        self._redirect = redirect and path is not None

    def _put(self, descriptor: int, data: bytes) -> None:
        if self._passing:
            self.passing("")
        try:
            while data and not self.closed:
                data = data[os.write(descriptor, data):]
        except BrokenPipeError:
            self.closed = True
