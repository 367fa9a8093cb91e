"""gdb as the reference: the same commands to gdb and to rdb's expressions, and what each answers."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from rdb.errors import RdbError
from rdb.expr.evaluate import evaluate, type_of
from rdb.expr.examine import examined_address
from rdb.expr.format import format_value
from rdb.expr.format_spec import check_print_format, parse_format
from rdb.expr.registers import rows
from rdb.expr.value import void
from rdb.settings import BY_NAME
from rdb.symbols.types import TypedefType, describe, spell
from tests.expr.live_scope import LiveScope
from tests.expr.static_scope import StaticScope

TestScope = StaticScope | LiveScope

_MARK = "@@@"
_COMMAND = re.compile(r"(\w+)(/\S*)?\s*(.*)")
_NUMBERED = re.compile(r"\$\d+ = ")


def gdb_major() -> int | None:
    """The major version of the gdb on this machine, or None if there is none."""
    path = shutil.which("gdb")
    if path is None:
        return None
    found = re.search(r" (\d+)\.\d+", subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout)
    return int(found[1]) if found else None


def gdb_answers(program: Path, commands: list[str], before: tuple[str, ...] = ()) -> list[str]:
    """What gdb prints for each command, after `before`."""
    lines = ["set prompt", "set width 0", "set height 0", "set confirm off", *before]
    for command in commands:
        lines += [f"echo {_MARK}\\n", command]
    process = subprocess.run(
        ["gdb", "-q", "-nx", str(program)], input="\n".join(lines) + "\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", timeout=60,
    )  # fmt: skip
    return [answer.rstrip("\n") for answer in process.stdout.split(f"{_MARK}\n")[1:]]


def rdb_answer(scope: TestScope, command: str) -> str:
    """What rdb answers to print, output, x, info registers, whatis, ptype and set print."""
    match = _COMMAND.match(command)
    assert match is not None
    verb, letters, text = match[1], match[2] or "", match[3]
    try:
        if verb == "set":
            return _set(scope, text)
        if verb in ("whatis", "ptype"):
            type, named = type_of(text, scope)
            if verb == "ptype":
                return f"type = {describe(type)}"
            return f"type = {spell(type.target if named and isinstance(type, TypedefType) else type)}"
        if verb == "info":
            return _registers(scope, text.split()[1:])
        if verb == "x":
            return _examine(scope, letters, text)
        return _print(scope, verb, letters, text)
    except RdbError as error:
        return str(error)


def _set(scope: TestScope, text: str) -> str:
    name = max((name for name in BY_NAME if text.startswith(name + " ")), key=len)
    scope.settings.set_text(name, text[len(name) :].strip())
    return ""


def _examine(scope: TestScope, letters: str, text: str) -> str:
    pieces: list[str] = []
    start = examined_address(evaluate(text, scope), scope) if text else None
    try:
        for piece in scope.examiner.examine(parse_format(letters), scope, _no_instructions, start):
            pieces.append(piece)
    except RdbError as error:
        pieces.append(str(error))
    return "".join(pieces).rstrip("\n")


def _registers(scope: TestScope, names: list[str]) -> str:
    lines: list[str] = []
    try:
        lines.extend(rows(names, scope))
    except RdbError as error:
        lines.append(str(error))
    return "\n".join(lines)


def _no_instructions(address: int) -> tuple[str, int]:
    raise NotImplementedError


def _print(scope: TestScope, verb: str, letters: str, text: str) -> str:
    form = parse_format(letters)
    check_print_format(form)
    value = evaluate(text, scope).snapshot()
    if verb == "output":
        return format_value(value, scope, form.letter)
    scope.history.append(value)
    return f"${len(scope.history)} = {format_value(value, scope, form.letter)}"


def differences(scope: TestScope, program: Path, commands: list[str], before: tuple[str, ...] = ()) -> list[str]:
    """The commands to which rdb, in `scope`, answers other than gdb after `before`, with both answers."""
    found = []
    for command, expected in zip(commands, gdb_answers(program, commands, before)):
        recorded = len(scope.history)
        answer = rdb_answer(scope, command)
        if _NUMBERED.sub("$ = ", expected) != _NUMBERED.sub("$ = ", answer):
            found.append(f"{command}\n  gdb: {expected}\n  rdb: {answer}")
        # Histories stay in step, whatever one of the two would not record.
        if _NUMBERED.match(expected) and len(scope.history) == recorded:
            scope.history.append(void())
        elif not _NUMBERED.match(expected):
            del scope.history[recorded:]
    return found
