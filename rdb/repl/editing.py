"""The prompt on a real terminal: prompt_toolkit's line editing, history and completion.

Only reading commands differs from the plain terminal; what is printed goes the same way, as text.  Completion asks
rdb.commands.completion.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.shortcuts import CompleteStyle

from rdb.render import render
from rdb.repl.output import Output
from rdb.repl.plain import PlainTerminal
from rdb.settings import Settings

if TYPE_CHECKING:
    from rdb.commands.console import Console

HISTORY = "~/.local/state/rdb/history"


class CommandCompleter(Completer):
    """Completes command lines."""

    def __init__(self) -> None:
        self.console: Console | None = None

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        from rdb.commands.completion import complete_line

        if self.console is None:
            return
        line = document.text_before_cursor
        stem, words = complete_line(self.console, line)
        for word in words:
            yield Completion(word, start_position=len(stem) - len(line))


class EditingTerminal(PlainTerminal):
    """A person at a terminal."""

    def __init__(self, output: Output, settings: Settings) -> None:
        super().__init__(output, settings)
        self.completer = CommandCompleter()
        self._session: PromptSession[str] | None = None

    def passing(self, datum: object) -> None:
        """Show one line until something else is shown; nothing is shown for None."""
        width = (os.get_terminal_size(sys.stdout.fileno()).columns or 80) - 1
        self.output.passing("" if datum is None else render(datum, self.settings)[:width])

    def attach(self, console: Console) -> None:
        """Learn whose commands are completed."""
        self.completer.console = console

    def read(self, prompt: str) -> str | None:
        """One edited line; None for Ctrl-D on an empty line."""
        self.passing(None)
        if self._session is None:
            self._session = PromptSession(history=self._history(), completer=self.completer, complete_while_typing=False,
                                          complete_style=CompleteStyle.READLINE_LIKE, reserve_space_for_menu=0)
        try:
            return self._session.prompt(prompt)
        except EOFError:
            return None

    def _history(self) -> History:
        path = os.path.expanduser(self.settings.text("history filename") or HISTORY)
        if not self.settings.flag("history save"):
            return InMemoryHistory()
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            with open(path, "ab"):
                return FileHistory(path)
        except OSError:
            return InMemoryHistory()
