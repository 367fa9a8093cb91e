"""gdb as the reference: what it says about a program, and what it sees where the program stops."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from rdb.errors import CannotAccessMemory
from rdb.symbols.table import SymbolTable

HERE = Path(__file__).resolve().parent


@functools.lru_cache(maxsize=1)
def has_gdb() -> bool:
    """Whether there is a gdb 13 or later with Python."""
    if shutil.which("gdb") is None:
        return False
    command = ["gdb", "-q", "-nx", "-batch", "-ex", "python print(gdb.BreakpointLocation)"]
    probe = subprocess.run(command, capture_output=True, text=True, check=False)
    return "class" in probe.stdout


needs_gdb = pytest.mark.skipif(not has_gdb(), reason="needs gdb 13 with Python as the reference")


def _ask(script: str, program: Path, request: dict[str, Any]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        exchange = Path(folder) / "exchange.json"
        exchange.write_text(json.dumps(request))
        environment = {name: value for name, value in os.environ.items() if name != "DEBUGINFOD_URLS"} | {
            "RDB_ORACLE": str(exchange)
        }
        command = ["gdb", "-q", "-nx", "-batch", "-x", str(HERE / script), str(program)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        answer = json.loads(exchange.read_text())
        assert answer != request, done.stderr
        return answer


def gdb_commands(program: Path, commands: list[str]) -> list[str]:
    """What gdb prints for each command, without starting the program."""
    return list(_ask("gdb_says.py", program, {"commands": commands})["commands"])


def gdb_breakpoints(program: Path, specs: list[str]) -> list[list[int] | None]:
    """Where gdb puts a breakpoint on each linespec: addresses, or None if it would be pending."""
    return list(_ask("gdb_says.py", program, {"breakpoints": specs})["breakpoints"])


def gdb_stops(program: Path, stops: list[str], count: int, resume: str = "continue", arguments: str = "") -> list[dict[str, Any]]:
    """What gdb sees at the first `count` stops: registers, memory, mappings, frames with their variables."""
    request = {"stops": stops, "count": count, "resume": resume, "arguments": arguments}
    return list(_ask("gdb_stops.py", program, request)["stops"])


class Snapshot:
    """A stopped program as gdb_stops saw it: memory to read, and the symbol table of what was mapped."""

    def __init__(self, stop: dict[str, Any], program: Path) -> None:
        self.registers: dict[str, int] = {name: value for name, value in stop["registers"].items() if value is not None}
        self._memory = [(start, bytes.fromhex(text)) for start, text in stop["memory"]]
        self.table = SymbolTable()
        first: dict[str, int] = {}
        for start, _, offset, name, _ in stop["mappings"]:
            if offset == 0 and name.startswith("/"):
                first.setdefault(name, start)
        for name in sorted(first, key=lambda name: name != str(program)):
            added = self.table.add(name, first[name])
            added.move(first[name] - added.elf.low_address)
        for start, end, _, name, _ in stop["mappings"]:
            if name == "[vdso]":
                self.table.add("system-supplied DSO at 0x0", start, self.read(start, end - start))

    def read(self, address: int, size: int) -> bytes:
        for start, data in self._memory:
            if start <= address and address + size <= start + len(data):
                return data[address - start : address - start + size]
        owner = self.table.object_at(address)
        data = owner.code(address, size) if owner is not None else b""
        if len(data) < size:
            raise CannotAccessMemory(address, size)
        return data
