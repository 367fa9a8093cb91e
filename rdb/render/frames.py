"""Frames, source lines and instructions."""

from __future__ import annotations

from rdb.address import address_text
from rdb.commands.answers import CodeLine, FrameLine, RunTill, SourceLines
from rdb.render.table import renders
from rdb.settings import Settings

CODE_WIDTH = 19                 # of the bytes, which longer instructions exceed
SIGNAL = "<signal handler called>"


def frame_text(datum: FrameLine, settings: Settings) -> str:
    """A frame without its newline."""
    level = f"#{datum.level}".ljust(4) if datum.level is not None else ""
    if datum.is_signal:
        return f"{level}{SIGNAL}"
    address = f"{address_text(datum.address, datum.word)} in " if datum.address is not None else ""
    text = f"{level}{address}{datum.function or '??'} ({', '.join(datum.arguments)})"
    if datum.path is not None:
        return f"{text} at {datum.path}:{datum.line}"
    return f"{text} from {datum.library}" if datum.library is not None else text


@renders(FrameLine)
def frame(datum: FrameLine, settings: Settings) -> str:
    return frame_text(datum, settings) + "\n"


@renders(RunTill)
def run_till(datum: RunTill, settings: Settings) -> str:
    return f"Run {'back to call of' if datum.reverse else 'till exit from'} {frame_text(datum.frame, settings)}\n"


@renders(SourceLines)
def source_lines(datum: SourceLines, settings: Settings) -> str:
    lead = f"{address_text(datum.address, datum.word)}\t" if datum.address is not None else ""
    return lead + "".join(f"{number}\t{text}\n" for number, text in datum.lines)


@renders(CodeLine)
def code_line(datum: CodeLine, settings: Settings) -> str:
    mark = "=> " if datum.current else "   "
    if datum.function is not None:
        place = f" <{datum.function}+{datum.offset}>"
    else:
        place = f" <+{datum.offset}>" if datum.offset is not None else ""
    code = datum.code.hex(" ").ljust(CODE_WIDTH) + "\t" if datum.code is not None else ""
    return f"{mark}{address_text(datum.address, datum.word)}{place}:\t{code}{datum.text}\n"
