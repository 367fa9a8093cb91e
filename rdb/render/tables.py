"""Tables: breakpoints, shared libraries, mappings, and the state of the recording."""

from __future__ import annotations

from rdb.commands.answers import (
    BreakpointRow,
    BreakpointTable,
    LibraryTable,
    MappingTable,
    RecordStatus,
)
from rdb.render.table import renders
from rdb.settings import Settings

TYPE_WIDTH = 14                 # at least
NARROW = 10                     # the address column when no row has an address


@renders(BreakpointTable)
def breakpoints(datum: BreakpointTable, settings: Settings) -> str:
    kind_width = max([TYPE_WIDTH, *(len(row.kind) for row in datum.rows)])
    software = all(row.kind == "watchpoint" or row.address == "<PENDING>" for row in datum.rows)
    address_width = NARROW if software else 18
    with_address = settings.flag("print address")
    address = "Address".ljust(address_width) + " " if with_address else ""
    lines = [f"{'Num':7} {'Type'.ljust(kind_width)} Disp Enb {address}What"]
    for row in datum.rows:
        place = _address(row, address_width) + " " if with_address else ""
        head = f"{row.number:7} {row.kind.ljust(kind_width)} {row.disposition:4} {row.enabled:3} {place}{row.what}"
        lines += [head, *row.notes]
    return "\n".join(lines) + "\n"


def _address(row: BreakpointRow, width: int) -> str:
    if isinstance(row.address, int):
        return f"{row.address:#018x}"
    return (row.address or "").ljust(width)


@renders(LibraryTable)
def libraries(datum: LibraryTable, settings: Settings) -> str:
    missing = any("*" in row[2] for row in datum.rows)
    lines = ["From                To                  Syms Read   Shared Object Library"]
    lines += [f"{low:#018x}  {high:#018x}  {state:11} {path}" for low, high, state, path in datum.rows]
    return "\n".join(lines) + "\n" + ("(*): Shared library is missing debugging information.\n" if missing else "")


@renders(MappingTable)
def mappings(datum: MappingTable, settings: Settings) -> str:
    lines = ["Mapped address spaces:", "", "          Start Addr           End Addr       Size     Offset  Perms  objfile"]
    lines += [f"{each.start:#20x} {each.end:#18x} {each.size:#10x} {each.offset:#10x}  {each.protection:5}  {each.name}"
              for each in datum.mappings]
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
    return "\n".join([*lines, f"Max logged instructions is {limit}."]) + "\n"
