"""A conversation with a session: lines of the command language go in, data comes out.

The console owns what belongs to the conversation and not to the debugged program: the command tree with its user-defined
commands, what an empty line repeats, the scripts being read, what `list` and `x` show next.  It prints nothing: all that a
command yields goes to `terminal.show`, errors travel as RdbError to whoever gave the line.

The order of a command: its hook, its handler, the commands of the breakpoints at which it stopped, its post-hook.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Protocol

from rdb.commands.registry import Body, Found, Registry, Repeat
from rdb.commands.script import (
    LineSource,
    PromptSource,
    ScriptError,
    Statement,
    read_bodies,
)
from rdb.errors import RdbError, UsageError
from rdb.settings import SettingValue

if TYPE_CHECKING:
    from rdb.expr.examine import Examiner
    from rdb.session import Session

MAX_DEPTH = 1024


class Terminal(Protocol):
    """What a console needs of the user's side."""

    interactive: bool

    def show(self, datum: object) -> None:
        """Print one piece of data."""

    def read(self, prompt: str) -> str | None:
        """One line from the user; None at the end of input."""

    def complain(self, error: RdbError | str) -> None:
        """Print an error that does not end the command."""

    def ask(self, question: str, default: bool | None = None) -> bool:
        """The user's answer to a yes-or-no question; the default, else yes, when nobody can answer."""


class _Kept:
    """A terminal that prints nothing: it keeps what is shown, and passes all else on."""

    def __init__(self, behind: Terminal) -> None:
        self.interactive, self.read, self.ask, self.complain = behind.interactive, behind.read, behind.ask, behind.complain
        self.shown: list[object] = []

    def show(self, datum: object) -> None:
        self.shown.append(datum)


class LoopBreak(RdbError):
    def __init__(self) -> None:
        super().__init__("This command cannot be used at the top level.")


class LoopContinue(LoopBreak):
    pass


class Leave(BaseException):
    """The user wants to leave rdb with `status`."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        super().__init__(status)


class Console:
    """See the head of this file.  `moving` is true while a command may make the program run; with `leaving`, an exit status, the
    conversation ends as soon as it stands."""

    def __init__(self, session: Session, terminal: Terminal, registry: Registry | None = None) -> None:
        from rdb.commands import everything

        everything.load()
        self.session = session
        self.terminal = terminal
        self.registry = registry or Registry()
        session.settings.on_change("args", self._set_arguments)
        session.settings.on_change("exec-direction", self._check_direction)
        self.from_prompt = False
        self.moving = False
        self.leaving: int | None = None
        self._examiner: Examiner | None = None
        self.after_command: list[Callable[[], None]] = []
        self._state: dict[type, Any] = {}
        self._sources: list[LineSource] = []
        self._frames: list[tuple[str, ...]] = []
        self._repeat = ""

    def state(self, kind: type[Any]) -> Any:
        """The one object of `kind` that a group of commands keeps in this conversation; made at first use."""
        if kind not in self._state:
            self._state[kind] = kind()
        return self._state[kind]

    def _set_arguments(self, value: SettingValue) -> None:
        self.session.arguments = str(value)

    def _check_direction(self, value: SettingValue) -> None:
        if not self.session.target.can_reverse:
            raise UsageError("Target does not support this operation.")

    @property
    def examiner(self) -> Examiner:
        """Where x goes on."""
        if self._examiner is None:
            from rdb.expr.examine import Examiner

            self._examiner = Examiner()
        return self._examiner

    # Lines.

    def command_line(self, line: str) -> None:
        """Run one line typed at the prompt: an empty one repeats the last."""
        line = line if line.strip() else self._repeat
        if not line.strip():
            return
        self._repeat = ""
        previous, self.from_prompt = self.from_prompt, True
        try:
            found = self._find(line)
            self._repeat = _repetition(found, line)
            self._run(found, line)
        finally:
            self.from_prompt = previous

    def forget_repeat(self) -> None:
        """The running command is not to be repeated by an empty line."""
        self._repeat = ""

    def repeat_as(self, line: str) -> None:
        """An empty line after the running command runs `line`."""
        if self.from_prompt:
            self._repeat = line

    def execute(self, line: str) -> None:
        """Run one line of a script, reading its body from the script if it has one."""
        self._run(self._find(line), line)

    def _find(self, line: str) -> Found | None:
        text = line.lstrip()
        return self.registry.find(text) if text and not text.startswith("#") else None

    def _run(self, found: Found | None, line: str) -> None:
        if found is None:
            return
        declaration = found.node.declaration
        if self.registry.body_of(line) is Body.NONE:
            self.run_command(found, ())
            return
        if declaration.check is not None:
            declaration.check(self, found.arguments)
        depth = 1 if found.node.name in ("if", "while") else 0
        self.run_command(found, read_bodies(self.source, declaration.body, self.registry.body_of, depth))

    @property
    def source(self) -> LineSource:
        """Where the lines come from at the moment."""
        return self._sources[-1] if self._sources else PromptSource(self.terminal.read)

    def run_command(self, found: Found, bodies: tuple[tuple[Statement, ...], ...]) -> None:
        """Run a command that has been found, with its hooks."""
        node = found.node
        self._hook("hook-", node.name)
        if node.script is not None:
            self._run_user_command(node.script, found.arguments)
        elif node.declaration.handler is None:
            from rdb.commands import guidance

            self.terminal.show(guidance.list_children(node))
        else:
            takes_body = node.declaration.body is not Body.NONE
            with self._moving(node.declaration.group == "running"):
                self._show(node.declaration.handler(self, found.arguments, *([bodies] if takes_body else [])))
        self._after_stop()
        self._hook("hookpost-", node.name)

    @contextmanager
    def _moving(self, moves: bool) -> Iterator[None]:
        """While it lasts the program may move.  Ctrl-C that no stop has answered breaks off what comes afterwards."""
        previous, self.moving = self.moving, moves
        try:
            yield
        finally:
            self.moving = previous
            interrupted = self.session.take_interrupt()
            if self.leaving is not None:
                raise Leave(self.leaving)
        if interrupted:
            raise KeyboardInterrupt

    def _show(self, answer: object) -> None:
        if isinstance(answer, GeneratorType):
            for datum in answer:
                if datum is not None:
                    self.terminal.show(datum)
        elif answer is not None:
            self.terminal.show(answer)

    def _after_stop(self) -> None:
        while self.after_command:
            self.after_command.pop(0)()

    def _hook(self, kind: str, name: str) -> None:
        node = self.registry.root.children.get(kind + name)
        if node is not None and node.script is not None:
            self._run_user_command(node.script, "")

    # Scripts.

    def run_statements(self, statements: tuple[Statement, ...]) -> None:
        """Run the statements of a body one after the other."""
        for statement in statements:
            line = self._substitute(statement.line)
            found = self._find(line)
            if found is not None:
                self.run_command(found, statement.bodies)

    def run_lines(self, source: LineSource) -> None:
        """Run all lines of a script; an error is told with its place and ends the script."""
        self._sources.append(source)
        try:
            with self.not_from_prompt():
                while (line := source.read()) is not None:
                    self._trace(line)
                    self.execute(line)
        except RdbError as error:
            if source.name is None:
                raise
            raise ScriptError(source.name, source.line, error) from error
        finally:
            self._sources.remove(source)

    def run_file(self, path: str) -> None:
        """Run the script `path`; raises RdbError in GDB's words if it cannot be read."""
        try:
            with open(os.path.expanduser(path), encoding="utf-8", errors="surrogateescape") as file:
                lines = file.readlines()
        except OSError as error:
            raise RdbError(f"{path}: {os.strerror(error.errno or 0)}.") from None
        self.run_lines(LineSource(iter(lines), path))

    @contextmanager
    def not_from_prompt(self) -> Iterator[None]:
        """While it lasts, commands do not come from the user's own line."""
        previous, self.from_prompt = self.from_prompt, False
        try:
            yield
        finally:
            self.from_prompt = previous

    def _trace(self, line: str) -> None:
        if self.session.settings.flag("trace-commands") and line.strip():
            self.terminal.show("+" * len(self._sources) + line.strip())

    # User-defined commands.

    def _run_user_command(self, script: tuple[Statement, ...], arguments: str) -> None:
        if len(self._frames) >= MAX_DEPTH // 8:
            raise RdbError("Max user call depth exceeded -- command aborted.")
        self._frames.append(tuple(split_arguments(arguments)))
        try:
            with self.not_from_prompt():
                self.run_statements(script)
        finally:
            self._frames.pop()

    def _substitute(self, line: str) -> str:
        if not self._frames or "$arg" not in line:
            return line
        values = self._frames[-1]

        def replace(match: re.Match[str]) -> str:
            what = match[1]
            if what == "c":
                return str(len(values))
            if what == "*":
                return " ".join(values)
            if int(what) >= len(values):
                raise RdbError(f"Missing argument {what} in user function.")
            return values[int(what)]

        return re.sub(r"\$arg(c(?!\w)|\*|\d+)", replace, line)

    @contextmanager
    def kept_back(self) -> Iterator[list[object]]:
        """While it lasts, what commands print is gathered in a list instead."""
        previous, kept = self.terminal, _Kept(self.terminal)
        self.terminal = kept
        try:
            yield kept.shown
        finally:
            self.terminal = previous

    # Questions.

    def confirm(self, question: str) -> bool:
        """Ask unless the user does not want to be asked."""
        return not self.session.settings.flag("confirm") or self.ask(question)

    def ask(self, question: str, default: bool | None = None) -> bool:
        """Ask the user yes or no.  Nothing moves meanwhile: Ctrl-C at the question is a KeyboardInterrupt."""
        previous, self.moving = self.moving, False
        try:
            return self.terminal.ask(question, default)
        finally:
            self.moving = previous

    def demand(self, question: str, refusal: str = "Not confirmed.") -> None:
        """Ask, and give up when the answer is no."""
        if not self.confirm(question):
            raise UsageError(refusal)


def _repetition(found: Found | None, line: str) -> str:
    if found is None:
        return ""
    choice = {Repeat.SAME: line, Repeat.BARE: found.node.name, Repeat.NEVER: ""}
    return choice[found.node.declaration.repeat]


def split_arguments(text: str) -> list[str]:
    """The arguments of a user-defined command: split at blanks that are not inside quotes."""
    return re.findall(r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\.|[^\s"'])+""", text)
