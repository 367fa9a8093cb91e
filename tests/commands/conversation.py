"""A console without a terminal: what is shown is kept, questions are answered from a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rdb.commands.console import Console
from rdb.errors import RdbError
from rdb.render import render
from rdb.session import Session


class Conversation:
    """Stands in for the user's side, and drives the console: `say` gives a line and returns what was printed."""

    interactive = False

    def __init__(self, session: Session | None = None) -> None:
        self.session = session or Session()
        self.console = Console(self.session, self)
        self.printed: list[str] = []
        self.questions: list[str] = []
        self.answers: list[bool] = []
        self._input: Iterator[str] = iter(())

    def show(self, datum: object) -> None:
        self.printed.append(render(datum, self.session.settings))

    def complain(self, error: RdbError | str) -> None:
        self.printed.append(f"{error}\n")

    def read(self, prompt: str) -> str | None:
        return next(self._input, None)

    def ask(self, question: str, default: bool | None = None) -> bool:
        self.questions.append(question)
        return self.answers.pop(0) if self.answers else default is not False

    def say(self, text: str) -> str:
        """The answer to a line typed at the prompt; further lines of `text` are what its body reads, or further commands."""
        self.printed.clear()
        self._input = iter(text.split("\n"))
        while (line := next(self._input, None)) is not None:
            try:
                self.console.command_line(line)
            except RdbError as error:
                self.complain(error)
        return "".join(self.printed)

    def talk(self, lines: Iterable[str]) -> list[str]:
        """The answers to lines given one after the other."""
        return [self.say(line) for line in lines]
