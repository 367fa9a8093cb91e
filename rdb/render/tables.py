"""Tables: breakpoints, shared libraries, mappings, and the state of the recording."""

from __future__ import annotations

from rdb.address import address_text
from rdb.commands.answers import (
    BreakpointRow,
    BreakpointTable,
    InferiorTable,
    LibraryTable,
    MappingTable,
    RecordStatus,
    ThreadTable,
)
from rdb.render.frames import frame_text
from rdb.render.messages import size_text
from rdb.render.table import renders
from rdb.settings import Settings

TYPE_WIDTH = 14                 # at least
NARROW = 10                     # the address column when no row has an address


@renders(BreakpointTable)
def breakpoints(datum: BreakpointTable, settings: Settings) -> str:
    kind_width = max([TYPE_WIDTH, *(len(row.kind) for row in datum.rows)])
    software = all(row.kind in ("watchpoint", "catchpoint") or row.address == "<PENDING>" for row in datum.rows)
    address_width = NARROW if software else 2 + 2 * datum.word
    with_address = settings.flag("print address")
    address = "Address".ljust(address_width) + " " if with_address else ""
    lines = [f"{'Num':7} {'Type'.ljust(kind_width)} Disp Enb {address}What"]
    for row in datum.rows:
        place = _address(row, address_width, datum.word) + " " if with_address else ""
        head = f"{row.number:7} {row.kind.ljust(kind_width)} {row.disposition:4} {row.enabled:3} {place}{row.what}"
        lines += [head, *row.notes]
    return "\n".join(lines) + "\n"


def _address(row: BreakpointRow, width: int, word: int) -> str:
    if isinstance(row.address, int):
        return address_text(row.address, word)
    return (row.address or "").ljust(width)


@renders(LibraryTable)
def libraries(datum: LibraryTable, settings: Settings) -> str:
    missing = any("*" in row[2] for row in datum.rows)
    width = 2 + 2 * datum.word
    lines = [f"{'From'.ljust(width)}  {'To'.ljust(width)}  Syms Read   Shared Object Library"]
    for low, high, state, path in datum.rows:
        lines.append(f"{address_text(low, datum.word)}  {address_text(high, datum.word)}  {state:11} {path}")
    return "\n".join(lines) + "\n" + ("(*): Shared library is missing debugging information.\n" if missing else "")


@renders(MappingTable)
def mappings(datum: MappingTable, settings: Settings) -> str:
    width = 2 + 2 * datum.word
    head = f"{'Start Addr':>{width + 2}} {'End Addr':>{width}}       Size     Offset  Perms  objfile"
    lines = ["Mapped address spaces:", "", head]
    for each in datum.mappings:
        extent = f"{each.start:#{width + 2}x} {each.end:#{width}x} {each.size:#10x} {each.offset:#10x}"
        lines.append(f"{extent}  {each.protection:5}  {each.name}")
    return "\n".join(lines) + "\n"


@renders(RecordStatus)
def record_status(datum: RecordStatus, settings: Settings) -> str:
    count = datum.high - datum.low
    lines = ["Active record target: record-full", "Replay mode:" if datum.replaying else "Record mode:"]
    if count:
        lines.append(f"Lowest recorded instruction number is {datum.low + 1}.")
        if datum.replaying:
            lines.append(f"Current instruction number is {datum.current}.")
        lines += [f"Highest recorded instruction number is {datum.high}.", f"Log contains {count} instructions."]
    else:
        lines.append("No instructions have been logged.")
    limit = "unlimited" if datum.limit is None else datum.limit
    lines.append(f"Max logged instructions is {limit}.")
    if count:
        most = "" if datum.size_limit is None else f" of at most {size_text(datum.size_limit)}"
        lines.append(f"Log takes {size_text(datum.size)}{most}, {datum.size / count:.1f} bytes per instruction.")
        back = datum.current - datum.low
        lines.append(f"History reaches back {back} instructions, {datum.seconds:.2f} seconds of recording.")
    if datum.gaps:
        lines.append(f"Recorded by comparing memory, because their effect is not known: {datum.gaps} instructions.")
    if datum.verified:
        lines.append(f"Verified: {datum.verified} instructions, {datum.missed} of which changed more than was declared.")
    return "\n".join(lines) + "\n"


@renders(ThreadTable)
def threads(datum: ThreadTable, settings: Settings) -> str:
    width = max(len("Target Id"), *(len(row.title) for row in datum.rows))
    heading = "GId  " if datum.global_numbers else ""
    lines = [f"  Id   {heading}{'Target Id'.ljust(width)} Frame "]
    for row in datum.rows:
        numbers = f"{row.id:<4} " + (f"{row.number:<4} " if datum.global_numbers else "")
        frame = frame_text(row.frame, settings) if row.frame is not None else "(running)"
        lines.append(f"{'*' if row.current else ' '} {numbers}{row.title.ljust(width)} {frame}")
    return "\n".join(lines) + "\n"


@renders(InferiorTable)
def inferiors(datum: InferiorTable, settings: Settings) -> str:
    lines = [f"  {'Num':4} {'Description':17} {'Connection':20} {'Executable':17} "]
    for row in datum.rows:
        mark = "*" if row.current else " "
        lines.append(f"{mark} {row.number:<4} {row.description:17} {row.connection:20} {row.program:17} ")
        lines += [f"\t{note}" for note in row.notes]
    return "\n".join(lines) + "\n"
