"""Run inside gdb's own Python: carry out commands and write, as JSON, where each has come to.

$RDB_WALK names the file with the commands; [function, line, pc, what gdb said] of each is appended to it, a line for each, so
that a walk in which gdb hangs is known up to there.
"""

from __future__ import annotations

import json
import os
from typing import Any

import gdb  # type: ignore[import-untyped,import-not-found,unused-ignore]


def walked(command: str) -> list[Any]:
    """One command, and the innermost frame after it."""
    try:
        said = gdb.execute(command, to_string=True)
    except gdb.error as error:
        said = f"error: {error}"
    try:
        frame = gdb.newest_frame()
    except gdb.error:
        return [None, None, 0, said]
    place = frame.find_sal()
    return [frame.name(), place.line if place.symtab else None, frame.pc(), said]


with open(os.environ["RDB_WALK"], "r+", encoding="ascii") as file:
    for command in json.loads(file.readline()):
        file.seek(0, os.SEEK_END)
        file.write(json.dumps(walked(command)) + "\n")
        file.flush()
