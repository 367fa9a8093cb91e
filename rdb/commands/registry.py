"""The tree of commands and the rules by which a user's words find their way through it.

Every command is a node named by its words ("info line"); a node with children is a prefix command.  Declaring a handler with
`@command` adds a `Declaration` to one list; a `Registry` is a tree built from that list, so that each console has its own and
user-defined commands stay in it.

The rules are GDB's: an exact name wins; else an unambiguous prefix of the names and aliases at that level; else an error that
names the candidates.  A word ends at the first character that no name may hold, so `p/x` is `p` with the argument `/x`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rdb.errors import UsageError

Handler = Callable[..., object]
Check = Callable[[Any, str], None]
HandlerT = TypeVar("HandlerT", bound=Handler)
NAME = re.compile(r"[!|]|[A-Za-z0-9_.-]*")
CANDIDATES_WIDTH = 100          # GDB cuts the list of candidates so that it fits this many characters

GROUPS: dict[str, str] = {
    "aliases": "User-defined aliases of other commands.",
    "breakpoints": "Making program stop at certain points.",
    "data": "Examining data.",
    "files": "Specifying and examining files.",
    "internals": "Maintenance commands.",
    "obscure": "Obscure features.",
    "running": "Running the program.",
    "stack": "Examining the stack.",
    "status": "Status inquiries.",
    "support": "Support facilities.",
    "user-defined": "User-defined commands.",
}


class Repeat(enum.Enum):
    """What an empty line does after the command."""

    SAME = "the same line again"
    BARE = "the same command without its arguments"
    NEVER = "nothing"


class Body(enum.Enum):
    """What follows the command's line, up to a line saying `end`."""

    NONE = "nothing"
    COMMANDS = "commands"
    BRANCHES = "commands, perhaps with an else"
    TEXT = "text"
    CODE = "text, unless the line itself has an argument"


@dataclass(frozen=True)
class Declaration:
    """All that is known about a command; `name` is its words joined by single blanks."""

    name: str
    aliases: tuple[str, ...]
    handler: Handler | None
    group: str
    arguments: str
    help: str
    repeat: Repeat = Repeat.SAME
    body: Body = Body.NONE
    completes: str = ""
    any_argument: bool = False
    verbatim: bool = False
    check: Check | None = None

    @property
    def summary(self) -> str:
        """The first line of the help."""
        return self.help.partition("\n")[0]


DECLARED: list[Declaration] = []


def command(
    name: str,
    *aliases: str,
    group: str,
    arguments: str = "",
    repeat: Repeat = Repeat.SAME,
    body: Body = Body.NONE,
    completes: str = "",
    any_argument: bool = False,
    verbatim: bool = False,
    check: Check | None = None,
) -> Callable[[HandlerT], HandlerT]:
    """Declare the decorated function as the handler of `name`; its docstring is the help, first line the summary.

    A handler takes (console, argument text), and with a `body` a third argument: the bodies, as lists of statements.
    `check` (console, argument text) may refuse the arguments before a body is read.
    `any_argument` lets a prefix command take words that name none of its children; `verbatim` keeps trailing blanks.
    `completes` names what the argument is: "location", "expression", "file", "command", "setting-value", "program", ...
    """

    def declare(handler: HandlerT) -> HandlerT:
        text = _dedent(handler.__doc__ or "")
        DECLARED.append(
            Declaration(name, aliases, handler, group, arguments, text, repeat, body, completes, any_argument, verbatim, check)
        )
        return handler

    return declare


def prefix(name: str, *aliases: str, group: str, help: str) -> None:
    """Declare a prefix command that does nothing by itself but list its children."""
    DECLARED.append(Declaration(name, aliases, None, group, "", help))


def _dedent(text: str) -> str:
    first, _, rest = text.strip().partition("\n")
    lines = [line.strip() if not line.startswith("      ") else line[4:].rstrip() for line in rest.splitlines()]
    return "\n".join([first, *lines]).rstrip()


@dataclass
class Node:
    """A command in its place in the tree; `children` is keyed by name and by alias."""

    declaration: Declaration
    children: dict[str, Node] = field(default_factory=dict)
    script: tuple[Any, ...] | None = None        # the statements of a user-defined command

    @property
    def name(self) -> str:
        return self.declaration.name

    def names(self) -> tuple[str, ...]:
        """The full name, then the aliases with their prefix."""
        stem = self.name.rpartition(" ")[0]
        return (self.name, *(f"{stem} {alias}".strip() for alias in self.declaration.aliases))

    def offspring(self) -> list[Node]:
        """The children in alphabetical order, each once."""
        return [node for key, node in sorted(self.children.items()) if key == node.name.rpartition(" ")[2]]


@dataclass(frozen=True)
class Found:
    """A line understood: the command and its argument text."""

    node: Node
    arguments: str


class Registry:
    """The commands of one console."""

    def __init__(self, declarations: list[Declaration] | None = None) -> None:
        self.root = Node(Declaration("", (), None, "", "", ""))
        for group, meaning in GROUPS.items():
            self.root.children[group] = Node(Declaration(group, (), None, group, "", meaning))
        for declaration in sorted(DECLARED if declarations is None else declarations, key=lambda each: each.name.count(" ")):
            self.add(declaration)

    def add(self, declaration: Declaration) -> Node:
        """Put a command into the tree, replacing one of the same name (whose children it keeps)."""
        stem, _, word = declaration.name.rpartition(" ")
        parent = self.exact(stem) if stem else self.root
        old = parent.children.get(word)
        node = Node(declaration, old.children if old is not None and old.name == declaration.name else {})
        for key in (word, *declaration.aliases):
            parent.children[key] = node
        return node

    def exact(self, name: str) -> Node:
        """The command whose full name (or alias) is `name`; KeyError if there is none."""
        node = self.root
        for word in name.split():
            node = node.children[word]
        return node

    def is_topic(self, node: Node) -> bool:
        """Whether the node is a class of commands, known to `help` only."""
        return node.declaration.handler is None and not node.children and node.name in GROUPS

    def find(self, line: str, *, topics: bool = False) -> Found:
        """Follow the words of `line` down the tree; raises UsageError in GDB's words."""
        node, rest = self.root, line.lstrip()
        while node.children:
            match = NAME.match(rest)
            word = match[0] if match else ""
            child = self._child(node, word, rest) if word else None
            if child is not None and self.is_topic(child) and not topics:
                child = None
            if child is None:
                if node is not self.root and (node.declaration.any_argument or not rest):
                    break
                raise undefined(node, word or _unnamed(rest))
            node, rest = child, rest[len(word):].lstrip()
        return Found(node, rest if node.declaration.verbatim else rest.rstrip())

    def body_of(self, line: str) -> Body:
        """What body a line begins; none if the line is not understood."""
        try:
            found = self.find(line)
        except UsageError:
            return Body.NONE
        kind = found.node.declaration.body
        return Body.NONE if kind is Body.CODE and found.arguments else kind

    def _child(self, node: Node, word: str, rest: str) -> Node | None:
        fits = self.candidates(node, word)
        if word in fits:
            return node.children[word]
        if not fits:
            return None
        if len(fits) == 1:
            return node.children[fits[0]]
        raise UsageError(f'Ambiguous {_kind(node)}command "{rest}": {_shorten(fits)}.')

    def candidates(self, node: Node, word: str) -> list[str]:
        """The names and aliases at this level that begin with `word`."""
        return sorted(key for key in node.children if key.startswith(word))

    def walk(self, node: Node | None = None) -> Iterator[Node]:
        """Every command, parents before children, in alphabetical order."""
        for child in (node or self.root).offspring():
            yield child
            yield from self.walk(child)


def undefined(node: Node, word: str) -> UsageError:
    """GDB's sentence about a word that names no command below `node`."""
    hint = f'"help {node.name}"' if node.name else '"help"'
    return UsageError(f'Undefined {_kind(node)}command: "{word}".  Try {hint}.')


def _kind(node: Node) -> str:
    return f"{node.name} " if node.name else ""


def _unnamed(rest: str) -> str:
    match = re.match(r"\$[\w$]*", rest)
    return match[0] if match else ""


def _shorten(names: list[str]) -> str:
    text = ""
    for name in names:
        if len(text) + len(name) + 6 >= CANDIDATES_WIDTH:
            return text + ".."
        text += f", {name}" if text else name
    return text
