"""file and dump: programs and memory as files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.commands.arguments import number_of
from rdb.commands.formatting import split_top_level
from rdb.commands.program import main_object
from rdb.commands.registry import Repeat, command, prefix
from rdb.errors import RdbError, UsageError

if TYPE_CHECKING:
    from rdb.commands.console import Console


def unquoted(text: str) -> str:
    """A file name that may stand in quotes."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


@command("file", group="files", arguments="FILE", completes="file", repeat=Repeat.NEVER)
def file(console: Console, arguments: str) -> Iterator[str]:
    """Debug a program: its code, its symbols."""
    path = unquoted(arguments)
    if not path:
        raise UsageError("Argument required (the program to debug).")
    place = os.path.expanduser(path)
    console.session.load(os.path.join(os.getcwd(), place) if os.path.exists(place) else place)
    if console.from_prompt:
        yield f"Reading symbols from {path}..."
        loaded = main_object(console.session)
        if loaded is not None and loaded.dwarf is None:
            yield f"(No debugging symbols found in {path})"


command("exec-file", group="files", arguments="[FILE]", completes="file", repeat=Repeat.NEVER)(file)
command("symbol-file", group="files", arguments="[FILE]", completes="file", repeat=Repeat.NEVER)(file)

prefix("dump", group="data", help="Write memory or a value to a file.")
prefix("dump binary", group="data", help="Write memory or a value to a file, byte by byte.")
prefix("append", group="data", help="Add memory or a value to the end of a file.")
prefix("append binary", group="data", help="Add memory or a value to the end of a file, byte by byte.")


def _memory(console: Console, arguments: str, mode: str) -> None:
    words = arguments.split(None, 1)
    if not words:
        raise UsageError("Missing filename.")
    places = _places(words[1] if len(words) > 1 else "")
    if not places:
        raise UsageError("Missing start address.")
    if len(places) < 2:
        raise UsageError("Missing stop address.")
    start, stop = (number_of(console.session, place) for place in places)
    if start >= stop:
        raise UsageError("Invalid memory address range (start >= end).")
    _write(words[0], mode, console.session.read_memory(start, stop - start))


def _places(text: str) -> list[str]:
    """START and STOP: each an expression, the first one without blanks unless a comma ends it."""
    parts = [part.strip() for part in split_top_level(text)]
    if len(parts) == 2:
        return parts
    return text.split(None, 1)


def _value(console: Console, arguments: str, mode: str) -> None:
    words = arguments.split(None, 1)
    if not words:
        raise UsageError("Missing filename.")
    if len(words) < 2:
        raise UsageError("No value to dump.")
    _write(words[0], mode, console.session.evaluate(words[1]).data)


def _write(path: str, mode: str, data: bytes) -> None:
    path = os.path.expanduser(unquoted(path))
    try:
        with open(path, mode) as out:
            out.write(data)
    except OSError as error:
        raise RdbError(f"{path}: {os.strerror(error.errno or 0)}.") from None


def _declare(verb: str, mode: str) -> None:
    def memory(console: Console, arguments: str) -> None:
        _memory(console, arguments, mode)

    def value(console: Console, arguments: str) -> None:
        _value(console, arguments, mode)

    what = "Write" if verb == "dump" else "Add"
    memory.__doc__ = f"{what} the memory from START up to STOP to a file."
    value.__doc__ = f"{what} the bytes of the value of an expression to a file."
    for name in (verb, f"{verb} binary"):
        command(f"{name} memory", group="data", arguments="FILE START STOP", completes="file", repeat=Repeat.NEVER)(memory)
        command(f"{name} value", group="data", arguments="FILE EXPRESSION", completes="file", repeat=Repeat.NEVER)(value)


_declare("dump", "wb")
_declare("append", "ab")


@command("restore", group="data", arguments="FILE binary ADDRESS", completes="file", repeat=Repeat.NEVER)
def restore(console: Console, arguments: str) -> str:
    """Write the bytes of a file into memory at an address."""
    match = re.match(r"(\S+)\s+binary\s+(.+)", arguments)
    if match is None:
        raise UsageError("Usage: restore FILE binary ADDRESS")
    path, address = os.path.expanduser(unquoted(match[1])), number_of(console.session, match[2])
    try:
        with open(path, "rb") as source:
            data = source.read()
    except OSError as error:
        raise RdbError(f"Failed to open {path}: {os.strerror(error.errno or 0)}") from None
    console.session.write_memory(address, data)
    return f"Restoring binary file {path} into memory ({address:#x} to {address + len(data):#x})"
