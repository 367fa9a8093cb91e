"""What could stand where a line ends: commands, settings, symbols, files, registers."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from rdb.commands.registry import NAME, Node
from rdb.errors import RdbError
from rdb.linux import signals

if TYPE_CHECKING:
    from rdb.commands.console import Console

LIMIT = 200


def complete_line(console: Console, line: str) -> tuple[str, list[str]]:
    """The part of the line that stays, and the words (sorted, each once) that can follow it."""
    registry = console.registry
    node, start = registry.root, 0
    while node.children:
        at = start + len(line[start:]) - len(line[start:].lstrip())
        match = NAME.match(line, at)
        word = match[0] if match else ""
        end = at + len(word)
        if end == len(line):
            words = [] if not word and node.declaration.any_argument and node.declaration.completes else _names(node, word)
            return line[:at], words or _arguments(console, node, line, at)[1]
        found = _child(node, word)
        if found is None:
            return _arguments(console, node, line, at) if node is not registry.root else (line, [])
        node, start = found, end
    return _arguments(console, node, line, start + len(line[start:]) - len(line[start:].lstrip()))


def _names(node: Node, word: str) -> list[str]:
    return sorted(key for key, child in node.children.items()
                  if key.startswith(word) and (child.declaration.handler or child.children or child.script is not None))


def _child(node: Node, word: str) -> Node | None:
    if word in node.children:
        return node.children[word]
    fits = {id(child): child for key, child in node.children.items() if word and key.startswith(word)}
    return next(iter(fits.values())) if len(fits) == 1 else None


def _arguments(console: Console, node: Node, line: str, at: int) -> tuple[str, list[str]]:
    kind, _, detail = node.declaration.completes.partition(" ")
    completer = COMPLETERS.get(kind)
    if completer is None:
        return line, []
    match = WORDS.get(kind, re.compile(r"\S*$")).search(line, at)
    begin = match.start() if match else len(line)
    word = line[begin:]
    try:
        candidates = sorted({each for each in completer(console, word, detail) if each.startswith(word)})
    except RdbError:
        candidates = []
    return line[:begin], candidates[:LIMIT]


def _symbols(console: Console, word: str, detail: str) -> Iterable[str]:
    """Names of variables in scope, of functions and of global data; registers behind a dollar."""
    session = console.session
    if word.startswith("$"):
        registers = [f"${register.name}" for register in session.arch.registers.registers]
        return [*registers, *(f"${name}" for name in session.convenience)]
    names: set[str] = set()
    if session.frame is not None:
        from rdb.commands.frames import frame_blocks

        names.update(variable.name for block in frame_blocks(session, session.frame) for variable in block.variables)
    for each in session.table.objects[:1] if len(word) < 3 else session.table.objects:
        names.update(name for name in each.minimal_names() if name.startswith(word))
    return names


def _locations(console: Console, word: str, detail: str) -> Iterable[str]:
    files = {os.path.basename(path) for each in console.session.table.objects[:1] for path, _ in each.source_paths()}
    return [*_symbols(console, word, detail), *(f"{file}:" for file in files)]


def _files(console: Console, word: str, detail: str) -> Iterable[str]:
    expanded = os.path.expanduser(word)
    for path in glob.glob(glob.escape(expanded) + "*"):
        shown = word + path[len(expanded):]
        yield shown + "/" if os.path.isdir(path) else shown


def _registers(console: Console, word: str, detail: str) -> Iterable[str]:
    return [register.name for register in console.session.arch.registers.registers]


def _setting(console: Console, word: str, detail: str) -> Iterable[str]:
    from rdb.settings import BY_NAME

    return BY_NAME[detail].kind.words()


def _system_calls(console: Console, word: str, detail: str) -> Iterable[str]:
    from rdb.arch.linux.call_groups import GROUPS

    return [*console.session.arch.syscall.names.values(), *(f"group:{group}" for group in GROUPS)]


def _signals(console: Console, word: str, detail: str) -> Iterable[str]:
    return [signals.name(number) for number in signals.listed()]


def _handled(console: Console, word: str, detail: str) -> Iterable[str]:
    """The signals, and what may be done about them."""
    from rdb.commands.signals import ACTIONS

    return ["all", *_signals(console, word, detail), *(name for name, *_ in ACTIONS)]


def _commands(console: Console, word: str, detail: str) -> Iterable[str]:
    stem, words = complete_line(console, word)
    return [stem + each for each in words]


def _applied(console: Console, word: str, detail: str) -> Iterable[str]:
    """A command behind the threads or frames in which it is to be carried out, and behind switches."""
    match = APPLIED.match(word)
    lead = match[0] if match else ""
    return [lead + each for each in _commands(console, word[len(lead) :], detail)]


APPLIED = re.compile(r"(?:[-*$\d]\S*\s+)*")
WORDS = {
    "applied": re.compile(r".*$"), "command": re.compile(r".*$"), "expression": re.compile(r"[$\w]*$"),
    "location": re.compile(r"[^\s]*$"),
}
COMPLETERS: dict[str, Callable[..., Iterable[str]]] = {
    "applied": _applied, "command": _commands, "expression": _symbols, "file": _files, "location": _locations,
    "handled": _handled, "register": _registers, "setting": _setting, "signal": _signals, "symbol": _symbols,
    "syscall": _system_calls,
}
