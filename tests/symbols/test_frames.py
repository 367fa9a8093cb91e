"""Frames and variables at many stops of real programs, compared with what gdb sees there.

gdb supplies registers and memory; rdb must find the same frames with the same registers, and the same values in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rdb.errors import CannotAccessMemory
from rdb.symbols.locations import (
    Constant,
    InMemory,
    InPieces,
    InRegister,
    Location,
    Unavailable,
    locate,
    type_in,
)
from rdb.symbols.types import spell
from rdb.symbols.unwind import Frame, frames
from rdb.symbols.variables import Variable
from tests.build import program
from tests.symbols.oracle import Snapshot, gdb_stops, needs_gdb

FLAGS = [("-O0", "-g"), ("-O2", "-g"), ("-O2", "-g", "-gdwarf-4"), ("-O1", "-g", "-no-pie"), ("-O3", "-g", "-flto")]


def value_of(variable: Variable, frame: Frame, snapshot: Snapshot) -> bytes | None:
    """The bytes of a variable's value, None if it is lost, unreadable, or in a register that gdb_stops does not hand over."""

    def fetch(place: Location, size: int) -> bytes | None:
        if isinstance(place, InMemory):
            return snapshot.read(place.address, size)
        if isinstance(place, InRegister):
            return frame.register(place.name).to_bytes(16, "little")[:size]
        if isinstance(place, Constant):
            return place.data[:size].ljust(size, b"\0")
        if isinstance(place, InPieces):
            parts = [fetch(part.where, part.size) for part in place.parts]
            return b"".join(part for part in parts if part is not None) if None not in parts else None
        return None

    try:
        return fetch(locate(variable, frame), type_in(variable, frame).size)
    except (Unavailable, CannotAccessMemory):
        return None


def variable_rows(frame: Frame, snapshot: Snapshot) -> Iterator[tuple[Any, ...]]:
    for block in frame.table.locals_at(frame.lookup_pc, frame.inlined_out):
        for variable in block.variables:
            yield (
                variable.name,
                variable.is_argument,
                variable.line or 0,
                spell(variable.type),
                value_of(variable, frame, snapshot),
            )


def locate_named(frame: Frame, name: str) -> Location | None:
    variable = frame.table.variable(name, frame.lookup_pc, inlined_out=frame.inlined_out)
    return locate(variable, frame) if variable is not None else None


def compare(stop: dict[str, Any], path: Path, hidden: int | None = 0) -> None:
    snapshot = Snapshot(stop, path)
    found = list(frames(snapshot.registers, snapshot.read, snapshot.table, hidden))
    theirs = stop["frames"]
    assert [frame.name for frame in found] == [frame["name"] for frame in theirs], stop["backtrace"]
    for mine, expected in zip(found, theirs):
        line = mine.line
        place = (mine.pc, line.line if line else 0, line.path if line else None)
        assert place == (expected["pc"], expected["line"], expected["file"]), stop["backtrace"]
        registers = {name: value for name, value in expected["registers"].items() if name in mine.registers}
        assert {name: mine.registers[name] for name in registers} == registers, (mine.level, stop["backtrace"])
        if mine.name is not None and (mine.function is not None):
            rows = [(name, argument, number, type, value if value is None else value.hex())
                    for name, argument, number, type, value in variable_rows(mine, snapshot)]  # fmt: skip
            wanted = [(name, argument, number, type, value) for name, argument, number, value, type in expected["variables"]]
            # gdb's Python cannot hand out every kind of value; where it has none, there is nothing to compare.
            assert [row[:4] for row in rows] == [row[:4] for row in wanted], (mine.name, stop["backtrace"])
            for row, want in zip(rows, wanted):
                in_vector = row[4] is None and str(locate_named(mine, row[0])).startswith("InRegister(name='xmm")
                assert want[4] is None or in_vector or row == want, (mine.name, stop["backtrace"])


@needs_gdb
@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_callbacks_signals_and_recursion(flags: tuple[str, ...]) -> None:
    path = program("sym_frames.c", *flags)
    stops = gdb_stops(path, ["compare", "on_signal", "twice", "deep", "raise", "_dl_fini", "sym_frames.c:39"], 24)
    assert len(stops) > 9
    for stop in stops:
        compare(stop, path)


@needs_gdb
@pytest.mark.parametrize("flags", FLAGS[:3], ids=" ".join)
def test_every_step(flags: tuple[str, ...]) -> None:
    path = program("sym_blocks.c", *flags)
    for stop in gdb_stops(path, ["nested"], 30, "step"):
        compare(stop, path, None)


@needs_gdb
@pytest.mark.parametrize("flags", FLAGS[:2], ids=" ".join)
@pytest.mark.parametrize("start", ["mixed", "branchy", "variable_length"])
def test_other_functions(flags: tuple[str, ...], start: str) -> None:
    path = program("sym_blocks.c", *flags)
    for stop in gdb_stops(path, [start], 6, "next"):
        compare(stop, path, None if start != "branchy" else 0)


@needs_gdb
@pytest.mark.parametrize("flags", [("-O0", "-g"), ("-O2", "-g"), ("-O0", "-fno-asynchronous-unwind-tables", "-g")], ids=" ".join)
def test_every_instruction(flags: tuple[str, ...]) -> None:
    """Prologues, epilogues, stubs of the linkage table and the dynamic linker's own assembly, one instruction at a time."""
    path = program("sym_frames.c", *flags)
    # After a stepi no inlined call is hidden.
    for stop in gdb_stops(path, ["*main"], 60, "stepi"):
        compare(stop, path, 0)
