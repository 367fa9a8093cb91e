"""Plain pieces of text."""

from __future__ import annotations

import re

from rdb.commands.answers import ProgramOutput, Raw
from rdb.events import Progress
from rdb.render.table import renders
from rdb.settings import Settings


@renders(Raw)
def raw(datum: Raw, settings: Settings) -> str:
    return datum.text


@renders(Progress)
def progress(datum: Progress, settings: Settings) -> str:
    rate = f"{datum.rate / 1e6:.1f} M" if datum.rate >= 1e6 else f"{datum.rate:,.0f}"
    return f"{datum.instructions:,} instructions, {rate}/s, log {size_text(datum.size)} (Ctrl-C to stop)"


def size_text(count: int) -> str:
    """A number of bytes as people say it."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.1f} {unit}"
    return _bytes(count)


@renders(ProgramOutput)
def program_output(datum: ProgramOutput, settings: Settings) -> str:
    lead = f"{datum.what} since recording began"
    if not datum.size:
        return f"{lead}: nothing{f' yet; {_bytes(datum.later)} later' if datum.later else ''}.\n"
    amount = _bytes(datum.size) + (f" of {datum.size + datum.later}" if datum.later else "")
    lost = datum.size - len(datum.data)
    text = _printable(datum.data)
    newline = "" if text.endswith("\n") else "\n"
    return f"{lead}, {amount}{f', the first {lost} of which are not kept' if lost else ''}:\n{text}{newline}"


def _bytes(count: int) -> str:
    return "1 byte" if count == 1 else f"{count} bytes"


def _printable(data: bytes) -> str:
    """Text as it is; what would move the cursor, or is no text, as octal escapes."""
    return _UNUSUAL.sub(_escaped, data.decode("utf-8", "surrogateescape"))


def _escaped(match: re.Match[str]) -> str:
    letter = match[0]
    return letter if letter.isprintable() else "".join(f"\\{byte:03o}" for byte in letter.encode("utf-8", "surrogateescape"))


_UNUSUAL = re.compile(r"[^\n\t -~]")
