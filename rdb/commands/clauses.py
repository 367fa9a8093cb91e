"""What may follow a location or an expression that is to stop the program: `if CONDITION` and `thread ID`, in either order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rdb.commands.thread_ids import thread_number
from rdb.errors import UsageError

if TYPE_CHECKING:
    from rdb.session import Session

IF = re.compile(r"(?:^|(?<=\s))if(?=[\s(]|$)")
THREAD = re.compile(r"(?:^|(?<=\s))thread\s+(\S+)(.*)$")


@dataclass(frozen=True)
class Clauses:
    """`subject` is the location or expression; `condition` is empty where `if` is followed by nothing, None without `if`."""

    subject: str
    condition: str | None
    thread: int | None


def split_condition(text: str) -> tuple[str, str | None]:
    """What stands in front of `if`, and the condition behind it; None if there is none."""
    match = IF.search(text)
    if match is None:
        return text.strip(), None
    return text[: match.start()].strip(), text[match.end() :].strip()


def split_clauses(session: Session, text: str) -> Clauses:
    """A user's wish in its parts; raises UsageError about a thread that does not exist."""
    subject, condition = split_condition(text)
    parts = [subject] if condition is None else [subject, condition]
    threads: list[int] = []
    for number, part in enumerate(parts):
        found = THREAD.search(part)
        if found is not None:
            if found[2].strip():
                raise UsageError("Junk at end of arguments.")
            threads.append(thread_number(session, found[1], anytime=True))
            parts[number] = part[: found.start()].strip()
    if len(threads) > 1:
        raise UsageError("You can specify only one thread.")
    return Clauses(parts[0], parts[1] if len(parts) > 1 else None, threads[0] if threads else None)
