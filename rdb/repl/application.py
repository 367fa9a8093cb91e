"""One run of rdb: load, initial commands, prompt, and leaving with nothing left behind.

The exit status in batch mode is 1 when the last of (loading the program, the initial commands in their order) failed, else 0.
"""

from __future__ import annotations

import gc
import os
import shlex
import signal
import sys
import types
from collections.abc import Callable

from rdb import __version__
from rdb.commands.console import Console, Leave
from rdb.commands.listing import Listing
from rdb.commands.script import LineSource
from rdb.commands.telling import tell_reason
from rdb.errors import RdbError
from rdb.events import Exited, Progress, ProgressHidden
from rdb.interruption import break_off, breakable
from rdb.repl.options import Options
from rdb.repl.output import Output
from rdb.repl.plain import PlainTerminal
from rdb.session import Session
from rdb.settings import Settings

BANNER = f"""\
rdb {__version__}, a reverse debugger.  Free software (GPL-2.0-or-later), without any warranty.
Type "help" for the commands; "record" after "start" lets you go back in time.
"""
# The end of the questions to which "yes" is the cautious answer.
_WANTS_TO_STOP = "Do you want to stop the program?"


def run(options: Options) -> int:
    """Run rdb as `options` say; the exit status is returned."""
    application = Application(options)
    # What a session makes lives long: to look for garbage among it every 700 objects takes a sixth of the time of translating.
    gc.set_threshold(100_000, 20, 20)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, application.terminate)
    try:
        return application.run()
    finally:
        application.close()


def make_terminal(output: Output, settings: Settings, batch: bool) -> PlainTerminal:
    """The terminal that fits: an editing one if a person sits there, else a plain one."""
    dumb = os.environ.get("TERM", "dumb") in ("", "dumb")
    if batch or dumb or not (os.isatty(0) and os.isatty(1)):
        return PlainTerminal(output, settings, batch)
    from rdb.repl.editing import EditingTerminal

    return EditingTerminal(output, settings)


class Application:
    """Ties a session, a console and a terminal together."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.output = Output(silent="batch_silent" in options.flags)
        self.session = Session(self._query, self._notify)
        self.settings: Settings = self.session.settings
        self.terminal = make_terminal(self.output, self.settings, options.batch)
        self.console = Console(self.session, self.terminal)
        self.terminal.attach(self.console)
        self.failed = False
        self.settings.on_change("logging enabled", lambda value: self._log(bool(value)))
        signal.signal(signal.SIGINT, self._interrupt)

    def run(self) -> int:
        """Everything from the banner to the exit status."""
        status = 0
        try:
            self._start()
            if not self.options.batch:
                self._converse()
        except Leave as leave:
            return leave.status
        if self.options.batch and self.failed:
            status = 1
        if "child_result" in self.options.flags:
            status = self._child_status(status)
        return status

    def _child_status(self, otherwise: int) -> int:
        report = self.session.last_report
        exited = report.stop.reason(Exited) if report is not None else None
        return exited.status if exited is not None else otherwise

    def close(self) -> None:
        """Kill or release the process, and forgive a reader that has gone; nothing breaks that off."""
        self.session.close()
        if self.output.closed:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _query(self, question: str) -> bool:
        """A question of the session's; writing to the past is the only one without a default.

        It is asked in the midst of something.  Who answers by Ctrl-C wants that to stop, in an orderly way.
        """
        try:
            return self.console.ask(question, None if question.startswith("Because") else True)
        except KeyboardInterrupt:
            self.session.interrupt()
            return question.endswith(_WANTS_TO_STOP)

    def _notify(self, remark: object) -> None:
        """A remark of the session's, or a reason that ended no command.  How recording goes on is not for scripts."""
        if isinstance(remark, (Progress, ProgressHidden)):
            if self.console.from_prompt:
                self.terminal.passing(remark if isinstance(remark, Progress) else None)
            return
        for datum in tell_reason(self.console, remark):
            self.terminal.show(datum)

    def _interrupt(self, number: int, frame: types.FrameType | None) -> None:
        """Ctrl-C: stop the program if it may run, else give up what rdb is doing."""
        if self.console.moving:
            self.session.interrupt()
        else:
            break_off(KeyboardInterrupt())

    def terminate(self, number: int, frame: types.FrameType | None) -> None:
        """We are told to end.  A program that moves is brought to a stand first, so that it can be let go unharmed."""
        if self.console.moving and self.console.leaving is None:
            self.console.leaving = 128 + number
            self.session.interrupt()
        else:
            break_off(SystemExit(128 + number))

    # Starting.

    def _start(self) -> None:
        options, settings = self.options, self.settings
        if not options.quiet:
            self.output.write(BANNER)
        if options.directory is not None:
            self.attempt(lambda: os.chdir(options.directory or "."), options.directory)
        self._initial(options.early)
        if not options.flags & {"no_init", "no_home"}:
            self._init_file(os.path.expanduser("~/.rdbinit"))
        if options.tty is not None:
            settings["inferior-tty"] = options.tty
        for folder in options.sources:
            self.console.state(Listing).directories.insert(0, os.path.abspath(folder))
        self._load()
        if "no_init" not in options.flags and os.path.abspath(".rdbinit") != os.path.expanduser("~/.rdbinit"):
            self._init_file("./.rdbinit")
        self._initial(options.initial)

    def _load(self) -> None:
        options = self.options
        if options.program is not None:
            self.attempt(lambda: self._command(f"file {shlex.quote(options.program or '')}"))
        if options.arguments is not None:
            self.settings["args"] = " ".join(map(quote, options.arguments))
        if options.excess:
            self.output.complain(f"Excess command line arguments ignored. ({options.excess[0]}"
                                 f"{' ...' if len(options.excess) > 1 else ''})\n")
        if options.process is not None:
            self.attempt(lambda: self._command(f"attach {options.process}"))

    def _init_file(self, path: str) -> None:
        """Run an init file; one that another user could have written is not trusted."""
        try:
            facts = os.stat(path)
        except OSError:
            return
        if facts.st_uid not in (os.getuid(), 0) or facts.st_mode & 0o002:
            self.output.complain(f"warning: not using untrusted file \"{path}\"\n")
            return
        self.attempt(lambda: self.console.run_file(path))

    def _initial(self, commands: list[tuple[str, str]]) -> None:
        for kind, text in commands:
            self.attempt((lambda path: lambda: self._script(path))(text) if kind == "x" else
                         (lambda line: lambda: self._command(line))(text))

    def _script(self, path: str) -> None:
        if not os.path.exists(os.path.expanduser(path)):
            raise RdbError(f"{path}: No such file or directory.")
        self.console.run_file(path)

    def _command(self, line: str) -> None:
        """One command of the command line; in batch mode it counts as coming from a script."""
        if self.options.batch:
            self.console.run_lines(LineSource(iter([line])))
        else:
            self.console.command_line(line)
            self.console.forget_repeat()

    # The prompt.

    def _converse(self) -> None:
        while not self.output.closed:
            try:
                with breakable():
                    line = self.terminal.read(self.settings.text("prompt"))
            except KeyboardInterrupt:
                self.output.write("Quit\n")
                continue
            if line is None:
                if self.terminal.interactive:
                    self.output.write("quit\n")
                self.attempt(lambda: self.console.command_line("quit"))
                if not self.terminal.interactive:
                    return
            else:
                self._typed(line)

    def _typed(self, line: str) -> None:
        self.attempt(lambda: self.console.command_line(line))

    def attempt(self, action: Callable[[], object], name: str = "") -> bool:
        """Do something that a user asked for, telling its error; whether it succeeded."""
        self.failed = True
        try:
            with breakable():
                action()
            self.failed = False
        except RdbError as error:
            self.terminal.complain(error)
        except KeyboardInterrupt:
            self.output.complain("Quit\n")
        except RecursionError:
            self.output.complain("Too deeply nested.\n")
        except OSError as error:
            place = f"{error.filename or name}: " if error.filename or name else ""
            self.output.complain(f"{place}{os.strerror(error.errno or 0)}.\n")
        except Exception as error:
            if os.environ.get("RDB_TRACEBACK"):
                raise
            self.output.complain(f"rdb has a fault here: {type(error).__name__}: {error} (RDB_TRACEBACK=1 shows where).\n")
        return not self.failed

    def _log(self, enabled: bool) -> None:
        settings = self.settings
        try:
            self.output.log_to(settings.text("logging file") if enabled else None, settings.flag("logging overwrite"),
                               settings.flag("logging redirect"))
        except OSError as error:
            raise RdbError(f"set logging: {os.strerror(error.errno or 0)}") from None


def quote(argument: str) -> str:
    """An argument of the program as the shell must see it, quoted as GDB shows it: a backslash before each special character."""
    special = "\\!\"#$&*()|[]{}<>?'`~^; \t"
    return "".join("\\" + letter if letter in special else letter for letter in argument) or "''"
