"""Commands that are about commands: define, document, if, while, source, echo, printf's kin, shell, quit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rdb.commands.answers import Raw
from rdb.commands.console import Leave, LoopBreak, LoopContinue
from rdb.commands.registry import Body, Declaration, Found, Repeat, command
from rdb.commands.script import Bodies, spell
from rdb.errors import RdbError, UsageError

if TYPE_CHECKING:
    from rdb.commands.answers import Raw
from rdb.commands.console import Console

# User-defined commands.


def _check_define(console: Console, arguments: str) -> None:
    if not arguments:
        raise UsageError("Argument required (name of command to define).")
    *stem, word = arguments.split()
    if bad := re.sub(r"[A-Za-z0-9_.-]", "", word):
        raise UsageError(f'Junk in argument list: "{bad[0]}"')
    if stem:
        prefix = console.registry.find(" ".join(stem)).node
        if not prefix.children:
            raise UsageError(f'"{" ".join(stem)}" is not a prefix command.')
    old = _existing(console, arguments)
    if old is not None and console.from_prompt:
        if old.node.declaration.group == "user-defined":
            console.demand(f'Redefine command "{old.node.name}"? ', f'Command "{old.node.name}" not redefined.')
        else:
            console.demand(f'Really redefine built-in command "{old.node.name}"? ', f'Command "{old.node.name}" not redefined.')


def _existing(console: Console, name: str) -> Found | None:
    """The command that has exactly this name."""
    try:
        node = console.registry.exact(" ".join(name.split()))
    except KeyError:
        return None
    return None if console.registry.is_topic(node) else Found(node, "")


@command("define", group="support", arguments="NAME", repeat=Repeat.NEVER, body=Body.COMMANDS, check=_check_define)
def define(console: Console, arguments: str, bodies: Bodies) -> None:
    """Define a new command.
    The commands that follow, up to a line saying just "end", are its definition; $argc, $arg0, $arg1 ... stand for the
    number and the text of its arguments.  A command called hook-NAME runs before the command NAME, hookpost-NAME after it."""
    name = " ".join(arguments.split())
    old = _existing(console, name)
    meaning = old.node.declaration.help if old is not None and old.node.script is not None else "User-defined."
    node = console.registry.add(Declaration(name, (), None, "user-defined", "", meaning))
    node.script = bodies[0]


def _check_document(console: Console, arguments: str) -> None:
    if not arguments:
        raise UsageError("Argument required (name of command to define).")
    found = _existing(console, arguments)
    if found is None:
        raise UsageError(f'Undefined command: "{arguments}".')
    if found.node.script is None:
        raise UsageError(f'Command "{arguments}" is built-in.')


@command("document", group="support", arguments="NAME", repeat=Repeat.NEVER, body=Body.TEXT, check=_check_document)
def document(console: Console, arguments: str, bodies: Bodies) -> None:
    """Document a user-defined command.
    The lines that follow, up to a line saying just "end", are what `help` prints about it."""
    node = console.registry.exact(arguments)
    node.declaration = replace(node.declaration, help="\n".join(statement.line for statement in bodies[0]))


@command("show user", group="status", arguments="[NAME]")
def show_user(console: Console, arguments: str) -> str | None:
    """Show the definitions of user-defined commands."""
    nodes = [node for node in console.registry.walk() if node.script is not None]
    if arguments:
        nodes = [node for node in nodes if node.name == console.registry.find(arguments).node.name]
        if not nodes:
            raise UsageError("Not a user command.")
    return "\n\n".join(f'User command "{node.name}":\n{spell(node.script or ())}' for node in nodes) + "\n" if nodes else None


@command("dont-repeat", group="support")
def dont_repeat(console: Console, arguments: str) -> None:
    """Keep an empty line from repeating the user-defined command in which this stands."""
    console.forget_repeat()


# Control.


def truth(console: Console, condition: str) -> bool:
    """Whether an expression is not zero."""
    from rdb.commands.arguments import number_of

    return number_of(console.session, condition) != 0


def _check_condition(name: str) -> Callable[[Console, str], None]:
    def check(console: Console, arguments: str) -> None:
        if not arguments:
            raise UsageError(f"{name} command requires an argument.")

    return check


@command("if", group="support", arguments="EXPRESSION", body=Body.BRANCHES, check=_check_condition("if"))
def if_(console: Console, arguments: str, bodies: Bodies) -> None:
    """Run the commands that follow if an expression is not zero.
    They end with a line saying "end"; a line saying "else" may separate those to run otherwise."""
    branch = 0 if truth(console, arguments) else 1
    if branch < len(bodies):
        console.run_statements(bodies[branch])


@command("while", group="support", arguments="EXPRESSION", body=Body.COMMANDS, check=_check_condition("while"))
def while_(console: Console, arguments: str, bodies: Bodies) -> None:
    """Run the commands that follow as long as an expression is not zero.
    They end with a line saying "end"; loop_break and loop_continue work as in C."""
    while truth(console, arguments):
        try:
            console.run_statements(bodies[0])
        except LoopContinue:
            continue
        except LoopBreak:
            break


@command("loop_break", group="support")
def loop_break(console: Console, arguments: str) -> None:
    """Leave the innermost while."""
    raise LoopBreak()


@command("loop_continue", group="support")
def loop_continue(console: Console, arguments: str) -> None:
    """Go on with the next turn of the innermost while."""
    raise LoopContinue()


def _out_of_place(console: Console, arguments: str) -> None:
    """Belongs to if, while, define and commands."""
    raise UsageError("This command cannot be used at the top level.")


for _word in ("end", "else"):
    command(_word, group="support")(_out_of_place)


@command("source", group="support", arguments="[-v] FILE", completes="file", repeat=Repeat.NEVER)
def source(console: Console, arguments: str) -> None:
    """Run the commands of a file.
    With -v, each command is printed before it runs."""
    verbose, _, rest = arguments.partition(" ")
    path = rest.strip() if verbose == "-v" else arguments
    if not path or path == "-v":
        raise UsageError("source command requires file name of file to source.")
    settings = console.session.settings
    before = settings["trace-commands"]
    if verbose == "-v":
        settings["trace-commands"] = True
    try:
        console.run_file(path)
    finally:
        settings["trace-commands"] = before


@command("alias", group="support", arguments="NAME = COMMAND", repeat=Repeat.NEVER)
def alias(console: Console, arguments: str) -> None:
    """Give a command a further name."""
    name, equals, target = (part.strip() for part in arguments.partition("="))
    if not (name and equals and target):
        raise UsageError("Usage: alias [-a] [--] NAME = COMMAND [DEFAULT-ARGS...]")
    found = console.registry.find(target)
    if _existing(console, name) is not None:
        raise UsageError(f"Alias already exists: {name}")
    console.registry.root.children[name] = found.node


# Printing and leaving.

ESCAPES = {"a": "\a", "b": "\b", "e": "\033", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def unescape(text: str) -> str:
    """The text with C escapes resolved; a backslash before a blank or newline keeps what it guards."""

    def resolve(match: re.Match[str]) -> str:
        what = match[1]
        return chr(int(what, 8) & 0xFF) if what[:1].isdigit() else ESCAPES.get(what, what)

    return re.sub(r"\\([0-7]{1,3}|.|$)", resolve, text, flags=re.DOTALL)


@command("echo", group="support", arguments="TEXT")
def echo(console: Console, arguments: str) -> Raw:
    """Print a text.
    C escapes are understood; no newline is added.  A backslash at the end of the text keeps the blanks before it."""
    return Raw(unescape(arguments))


@command("shell", "!", group="support", arguments="[COMMAND]", completes="file")
def shell(console: Console, arguments: str) -> None:
    """Run a command of the shell, or a shell."""
    sys.stdout.flush()
    words = [os.environ.get("SHELL", "/bin/sh"), *(["-c", arguments] if arguments else [])]
    status = subprocess.run(words, check=False).returncode
    name = "_shell_exitcode" if status >= 0 else "_shell_exitsignal"
    console.session.set_convenience(name, abs(status))


@command("python", "py", group="obscure", arguments="[CODE]", body=Body.CODE)
def python(console: Console, arguments: str, bodies: Bodies) -> None:
    """Not available: rdb is itself a Python library (see rdb.session)."""
    raise RdbError('Scripting in the "Python" language is not supported in this copy of GDB.')


@command("quit", "exit", "q", group="support", arguments="[STATUS]", repeat=Repeat.NEVER)
def quit_(console: Console, arguments: str) -> Iterator[None]:
    """Leave rdb; a process that rdb started is killed, one that it attached to is let go.
    With an expression, that is rdb's exit status."""
    from rdb.commands.arguments import number_of

    status = number_of(console.session, arguments) & 0xFF if arguments else 0
    if console.from_prompt:
        confirm_leaving(console)
    raise Leave(status)
    yield


def confirm_leaving(console: Console) -> None:
    """Ask whether a live process may be given up; raises UsageError if not."""
    fates = [
        f"\tInferior {each.number} [process {each.pid}] will be {'detached' if each.process.attached else 'killed'}.\n"
        for each in console.session.debuggees
        if each.process is not None
    ]
    if fates:
        console.demand(f"A debugging session is active.\n\n{''.join(fates)}\nQuit anyway? ")
