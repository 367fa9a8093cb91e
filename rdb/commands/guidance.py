"""help, apropos and complete: what the command tree says about itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.commands.registry import GROUPS, Node, Registry, Repeat, command
from rdb.errors import UsageError

if TYPE_CHECKING:
    from rdb.commands.console import Console

CLOSING = (
    'Type "apropos word" to search for commands related to "word".',
    "Command name abbreviations are allowed if unambiguous.",
)


@command("help", "h", group="support", arguments="[COMMAND|CLASS]", completes="command")
def help_(console: Console, arguments: str) -> str:
    """Print what a command does, or list the commands of a class.
    Without an argument, list the classes of commands."""
    registry = console.registry
    if not arguments:
        return list_classes()
    if arguments == "all":
        return "\n".join(f"{', '.join(node.names())} -- {node.declaration.summary}" for node in registry.walk() if runs(node))
    if arguments in GROUPS and registry.is_topic(registry.root.children[arguments]):
        return list_class(registry, arguments)
    found = registry.find(arguments, topics=True)
    return list_class(registry, found.node.name) if registry.is_topic(found.node) else describe(found.node)


@command("apropos", group="support", arguments="REGEXP")
def apropos(console: Console, arguments: str) -> str | None:
    """List the commands whose names or descriptions match a regular expression."""
    if not arguments:
        raise UsageError("REGEXP string is empty")
    try:
        pattern = re.compile(arguments, re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"{error.msg[:1].upper()}{error.msg[1:]}") from None
    hits = [node for node in console.registry.walk()
            if runs(node) and (pattern.search(node.declaration.help) or any(map(pattern.search, node.names())))]
    return "\n".join(one_line(node) for node in hits) or None


@command("complete", group="support", arguments="TEXT", repeat=Repeat.NEVER)
def complete(console: Console, arguments: str) -> Iterator[str]:
    """List the words that could stand where TEXT ends."""
    from rdb.commands.completion import complete_line

    stem, words = complete_line(console, arguments)
    for word in words:
        yield stem + word


def runs(node: Node) -> bool:
    """Whether the node is a command and not a help topic."""
    return node.declaration.handler is not None or node.script is not None or bool(node.children)


def one_line(node: Node) -> str:
    """The node as a line of a list."""
    return f"{', '.join(node.names())} -- {node.declaration.summary}"


def list_classes() -> str:
    """What `help` alone prints."""
    classes = [f"{name} -- {meaning}" for name, meaning in GROUPS.items()]
    return "\n".join(["List of classes of commands:", "", *classes, "",
                      'Type "help" followed by a class name for a list of commands in that class.',
                      'Type "help all" for the list of all commands.',
                      'Type "help" followed by command name for full documentation.', *CLOSING])


def list_class(registry: Registry, group: str) -> str:
    """What `help CLASS` prints."""
    nodes = [node for node in registry.walk() if node.declaration.group == group and runs(node)]
    return "\n".join([GROUPS[group], "", "List of commands:", "", *map(one_line, nodes), "",
                      'Type "help" followed by command name for full documentation.', *CLOSING])


def list_children(node: Node) -> str:
    """The children of a prefix command, as it prints them when it is given alone."""
    name = node.name
    return "\n".join([f"List of {name} subcommands:", "", *(one_line(child) for child in node.offspring()), "",
                      f'Type "help {name}" followed by {name} subcommand name for full documentation.', *CLOSING])


def describe(node: Node) -> str:
    """What `help COMMAND` prints."""
    declaration = node.declaration
    head = [", ".join(node.names())] if declaration.aliases else []
    summary, _, rest = declaration.help.partition("\n")
    usage = [f"Usage: {node.name} {declaration.arguments}"] if declaration.arguments else []
    text = [*head, *filter(None, [summary or "User-defined."]), *usage, *filter(None, [rest])]
    return "\n".join([*text, *(["", list_children(node)] if node.children else [])])
