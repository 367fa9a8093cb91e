"""A terminal without any art: a prompt, lines read as they are, no escape sequence ever.

It serves pipes, files, pseudo-terminals driven by programs, and TERM=dumb.  Input is read line by line where it comes in lines,
else byte by byte: what follows a line may be meant for the debugged program, which shares the descriptor.
"""

from __future__ import annotations

import os
import sys
import termios
from typing import TYPE_CHECKING

from rdb.errors import RdbError
from rdb.interruption import breakable, whole
from rdb.linux.doorbell import wait_for_input
from rdb.render import render
from rdb.repl.output import Output
from rdb.settings import Settings

if TYPE_CHECKING:
    from rdb.commands.console import Console

# The longest line that a terminal gives (termios(3), MAX_CANON is less than Linux gives).
_LINE = 4096


class PlainTerminal:
    """See rdb.commands.console.Terminal.  `batch` means that nobody is there to be asked."""

    def __init__(self, output: Output, settings: Settings, batch: bool = False) -> None:
        self.output, self.settings, self.batch = output, settings, batch
        self.interactive = not batch and os.isatty(sys.stdin.fileno())
        self._typed = b""

    def show(self, datum: object) -> None:
        """Print one piece of data."""
        self.output.write(render(datum, self.settings))

    def passing(self, datum: object) -> None:
        """Show what is of interest for the moment; here nobody watches."""

    def complain(self, error: RdbError | str) -> None:
        """Print an error."""
        self.output.complain(f"{error}\n")

    def attach(self, console: Console) -> None:
        """Learn whose commands are typed here."""

    def read(self, prompt: str) -> str | None:
        """One line from the standard input, without its newline; None at its end.

        Ctrl-C breaks off the waiting.  A terminal forgets then what has been typed, and so do we; from elsewhere it is kept.
        """
        self.output.write(prompt)
        terminal = self._reads_lines
        try:
            ended = self._read_line(_LINE if terminal else 1)
        except KeyboardInterrupt:
            if terminal:
                self._typed = b""
            raise
        line, self._typed = self._typed, b""
        return None if ended and not line else line.decode("utf-8", "surrogateescape").removesuffix("\n").rstrip("\r")

    def _read_line(self, size: int) -> bool:
        """Read to the end of a line, at most `size` bytes at a time; whether the input has ended."""
        file, ended = sys.stdin.fileno(), False
        while not ended and not self._typed.endswith(b"\n"):
            with breakable():
                wait_for_input(file)
            with whole():
                piece = os.read(file, size)
                ended = not piece
                self._typed += piece
        return ended

    @property
    def _reads_lines(self) -> bool:
        """Whether a read gives one line at the most: a terminal that edits lines itself (termios(3), ICANON)."""
        try:
            return bool(termios.tcgetattr(sys.stdin.fileno())[3] & termios.ICANON)
        except termios.error:
            return False

    def ask(self, question: str, default: bool | None = None) -> bool:
        """A yes-or-no question.  Without a user the answer is the default, or yes; a user who just presses return takes it."""
        choice = {None: "(y or n)", True: "([y] or n)", False: "(y or [n])"}[default]
        assumed = default is not False
        if not self.settings.flag("confirm"):
            return assumed
        letter = "Y" if assumed else "N"
        if not self.interactive:
            self.output.write(f"{question}{choice} [answered {letter}; input not from terminal]\n")
            return assumed
        while True:
            answer = PlainTerminal.read(self, f"{question}{choice} ")
            if answer is None:
                self.output.write(f"EOF [assumed {letter}]\n")
                return assumed
            word = answer.strip()[:1].lower()
            if word in ("y", "n"):
                return word == "y"
            if not word and default is not None:
                return default
            self.output.write("Please answer y or n.\n")
