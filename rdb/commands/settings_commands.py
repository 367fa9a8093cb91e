"""set and show: one pair of commands for each row of the table of settings, and those that are no rows (var, environment)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.commands.registry import Node, Repeat, command, prefix
from rdb.errors import UsageError
from rdb.settings import TABLE, Setting, Text

if TYPE_CHECKING:
    from rdb.commands.console import Console

PREFIXES = {
    "backtrace": "backtraces", "breakpoint": "breakpoints", "history": "the command history", "logging": "the copy of the output",
    "print": "how values are printed", "record": "recording", "record full": "recording by single steps",
}
PREFIX_ALIASES = {"print": ("p", "pr"), "record": ("rec",)}

UNSET_CWD = ("You have not set the inferior's current working directory.\n"
             "The inferior will inherit GDB's cwd if native debugging, or the remote\n"
             "server's cwd if remote debugging.")


@command("set", group="data", arguments="EXPRESSION", any_argument=True, completes="expression", verbatim=True)
def set_(console: Console, arguments: str) -> None:
    """Change a setting, or evaluate an expression that assigns to a variable.
    `set NAME VALUE` changes a setting of rdb; see "help set NAME".  Anything else is evaluated as by "set variable"."""
    set_variable(console, arguments)


@command("set variable", "var", group="data", arguments="VARIABLE = EXPRESSION", completes="expression")
def set_variable(console: Console, arguments: str) -> None:
    """Evaluate an expression, without printing its value, for the assignment in it."""
    if not arguments.strip():
        raise UsageError("Argument required (expression to compute).")
    console.session.evaluate(arguments)


@command("show", group="status", arguments="[NAME]")
def show(console: Console, arguments: str) -> Iterator[str]:
    """Show the settings of rdb."""
    yield from show_below(console, console.registry.exact("show"), "")


for _name, _what in PREFIXES.items():
    prefix(f"set {_name}", *PREFIX_ALIASES.get(_name, ()), group="support", help=f"Change settings about {_what}.")


def _show_prefix(name: str, what: str) -> None:
    def handler(console: Console, arguments: str) -> Iterator[str]:
        yield from show_below(console, console.registry.exact(f"show {name}"), name)

    handler.__doc__ = f"Show the settings about {what}."
    command(f"show {name}", *PREFIX_ALIASES.get(name, ()), group="status")(handler)


for _name, _what in PREFIXES.items():
    _show_prefix(_name, _what)


def show_below(console: Console, node: Node, stem: str) -> Iterator[str]:
    """All settings below a prefix, each with its name before its sentence."""
    for setting in sorted(TABLE, key=lambda each: each.name):
        if not stem or setting.name.startswith(stem + " "):
            yield f"{setting.name}:  {sentence(console, setting)}"


def sentence(console: Console, setting: Setting) -> str:
    """What `show` says about a setting."""
    if setting.name == "cwd" and not console.session.settings.text("cwd"):
        return UNSET_CWD
    text = console.session.settings.show(setting.name)
    return text.capitalize() if setting.name == "exec-direction" else text


def _declare(setting: Setting) -> None:
    def change(console: Console, arguments: str) -> None:
        text = arguments if isinstance(setting.kind, Text) else arguments.strip()
        console.session.settings.set_text(setting.name, text, lambda each: _number(console, each))

    def tell(console: Console, arguments: str) -> str:
        return sentence(console, setting)

    change.__doc__ = f"Set: {setting.meaning}."
    tell.__doc__ = f"Show: {setting.meaning}."
    command(f"set {setting.name}", group="support", arguments=setting.kind.takes, completes=f"setting {setting.name}",
            verbatim=isinstance(setting.kind, Text))(change)
    command(f"show {setting.name}", group="status")(tell)


def _number(console: Console, text: str) -> int:
    from rdb.commands.arguments import number_of

    return number_of(console.session, text)


for _setting in TABLE:
    _declare(_setting)


# The program's environment and rdb's directory.


@command("set environment", group="running", arguments="NAME [= VALUE]")
def set_environment(console: Console, arguments: str) -> str | None:
    """Set a variable in the environment of the program for its next start."""
    name, equals, value = arguments.partition("=")
    if not equals:
        name, _, value = arguments.partition(" ")
    if not arguments:
        raise UsageError("Argument required (environment variable and value).")
    if not name.strip():
        raise UsageError("Argument required (environment variable to set).")
    console.session.environment[name.strip()] = value.strip()
    return None if value.strip() else f'Setting environment variable "{name.strip()}" to null value.'


@command("unset environment", group="running", arguments="[NAME]")
def unset_environment(console: Console, arguments: str) -> None:
    """Take a variable out of the environment of the program; without NAME, all of them."""
    environment = console.session.environment
    if arguments:
        environment.pop(arguments, None)
    elif not console.from_prompt or console.confirm("Delete all environment variables? "):
        environment.clear()


prefix("unset", group="support", help="Undo some `set` commands.")


@command("show environment", group="running", arguments="[NAME]")
def show_environment(console: Console, arguments: str) -> Iterator[str]:
    """Show the environment that the program is given, or one variable of it."""
    environment = console.session.environment
    if not arguments:
        yield from (f"{name}={value}" for name, value in environment.items())
    elif arguments in environment:
        yield f"{arguments} = {environment[arguments]}"
    else:
        yield f'Environment variable "{arguments}" not defined.'


@command("show version", group="status")
def show_version(console: Console, arguments: str) -> str:
    """Show what version of rdb this is."""
    from rdb import __version__

    return f"rdb {__version__}"


@command("pwd", group="files")
def pwd(console: Console, arguments: str) -> str:
    """Print the working directory of rdb, where programs start unless `set cwd` says otherwise."""
    return f"Working directory {os.getcwd()}."


@command("cd", group="files", arguments="[DIRECTORY]", completes="file", repeat=Repeat.NEVER)
def cd(console: Console, arguments: str) -> str | None:
    """Change the working directory of rdb; without an argument, to the home directory."""
    try:
        os.chdir(os.path.expanduser(arguments or "~"))
    except OSError as error:
        raise UsageError(f"{arguments}: {os.strerror(error.errno or 0)}.") from None
    return pwd(console, "") if console.from_prompt else None

