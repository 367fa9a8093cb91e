"""Thread-local variables of a program and of a library that was opened later, read without libthread_db."""

from __future__ import annotations

import pytest

from rdb.symbols.locations import InMemory, locate
from rdb.symbols.table import SymbolTable
from rdb.symbols.thread_storage import NoThreadStorage, thread_address
from rdb.symbols.unwind import Frame, frames
from tests.build import program
from tests.symbols.oracle import Snapshot, gdb_stops, needs_gdb


def read(name: str, table: SymbolTable, frame: Frame, snapshot: Snapshot) -> int:
    variable = table.variable(name, frame.pc)
    assert variable is not None
    place = locate(variable, frame)
    assert isinstance(place, InMemory)
    return int.from_bytes(snapshot.read(place.address, variable.type.size), "little")


@needs_gdb
@pytest.mark.parametrize("flags", [("-O0", "-g"), ("-O0", "-g", "-gdwarf-4", "-no-pie")], ids=" ".join)
def test_program_and_library(flags: tuple[str, ...]) -> None:
    library = program("sym_library.c", "-g", "-DLIBRARY", "-shared", "-fPIC")
    path = program("sym_library.c", *flags)
    early, *_, late = gdb_stops(path, ["library_call"], 4, "next", str(library))
    snapshot = Snapshot(early, path)
    frame = next(frames(snapshot.registers, snapshot.read, snapshot.table))
    assert frame.name == "library_call"
    with pytest.raises(NoThreadStorage, match="has not yet allocated storage"):
        read("in_library", snapshot.table, frame, snapshot)
    snapshot = Snapshot(late, path)
    table = snapshot.table
    frame = next(frames(snapshot.registers, snapshot.read, table))
    assert read("in_program", table, frame, snapshot) == 21
    assert read("in_library", table, frame, snapshot) == 12
    assert read("hidden_in_library", table, frame, snapshot) == 13
    aligned = table.variable("aligned", frame.pc)
    assert aligned is not None
    place = locate(aligned, frame)
    assert isinstance(place, InMemory) and place.address % 64 == 0
    assert int.from_bytes(snapshot.read(place.address + 8, 8), "little") == 23


def test_before_there_is_a_thread() -> None:
    table = SymbolTable()
    loaded = table.add(str(program("sym_frames.c")))
    with pytest.raises(NoThreadStorage):
        thread_address(loaded, 0, 0, table, lambda address, size: bytes(size))
