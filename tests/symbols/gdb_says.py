"""Run inside gdb's own Python: answer a list of commands with what gdb prints for each.  $RDB_ORACLE names the exchange file."""

from __future__ import annotations

import json
import os
from typing import Any

import gdb  # type: ignore[import-untyped,import-not-found,unused-ignore]


def say(command: str) -> str:
    try:
        return str(gdb.execute(command, to_string=True)).rstrip("\n")
    except gdb.error as error:
        return str(error)


def locations(spec: str) -> Any:
    """The addresses of a breakpoint; None if it would be pending."""
    try:
        breakpoint = gdb.Breakpoint(spec)
    except gdb.error as error:
        return str(error)
    found = sorted(location.address for location in breakpoint.locations)
    pending = breakpoint.pending
    breakpoint.delete()
    return None if pending else found


def main() -> None:
    path = os.environ["RDB_ORACLE"]
    with open(path) as file:
        request = json.load(file)
    for setting in ("pagination off", "confirm off", "width 0", "breakpoint pending off"):
        gdb.execute("set " + setting)
    answers = {
        "commands": [say(command) for command in request.get("commands", [])],
        "breakpoints": [locations(spec) for spec in request.get("breakpoints", [])],
    }
    with open(path, "w") as file:
        json.dump(answers, file)


main()
