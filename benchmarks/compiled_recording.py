"""Recording by translated code: real programs from their first instruction to their end, and all the way back.

For each program: how long it takes by itself, how many instructions it executes, how fast they are recorded (translating them
included, nothing is kept from one run to the next), how many bytes each takes in the log, and how fast the whole run is undone.
Beside it, from the same run: recording by single steps, gdb, and the bare single-step loop that is their limit.

    python -m benchmarks.compiled_recording [NAME...]
"""

from __future__ import annotations

import contextlib
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import measure
from benchmarks.measure import Figure
from benchmarks.step_recording import bare_loop, recording
from rdb.session import Session

_QUERY = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000) select sum(i * i % 7) from n"
_PYTHON = "s = 0\nfor n in range(600000): s += n * n % 7"
COMMANDS = {
    "gzip of 1 MB": "gzip -c text",
    "xz -1 of 1 MB": "xz -1 -c text",
    "sort of 1 MB": "sort text",
    "sqlite3": f"sqlite3 :memory: {shlex.quote(_QUERY)}",
    "CPython": f"python3 -I -S -c {shlex.quote(_PYTHON)}",
    "ls": "ls /",
}
_SIZE = 1 << 20


class Result(NamedTuple):
    """One program: seconds by itself, instructions, seconds to record them, bytes of log, seconds to undo all."""

    native: float
    instructions: int
    recorded: float
    size: int
    undone: float


def write_text(path: Path) -> None:
    """A megabyte of words, the same each time."""
    chance = random.Random(1)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randrange(2, 10))) for _ in range(4000)]
    lines, size = [], 0
    while size < _SIZE:
        lines.append(" ".join(chance.choices(words, k=10)) + "\n")
        size += len(lines[-1])
    path.write_text("".join(lines)[:_SIZE])


def program_of(command: str) -> tuple[Path, str] | None:
    """The executable and the arguments of a command; None if the machine does not have it."""
    name, _, arguments = command.partition(" ")
    path = sys.executable if name == "python3" else shutil.which(name)
    return (Path(path).resolve(), arguments) if path else None


def by_itself(program: Path, arguments: str) -> float:
    """Seconds of the fastest of three runs."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(f"{shlex.quote(str(program))} {arguments} > output", shell=True, check=True)
        times.append(time.perf_counter() - start)
    return min(times)


@contextlib.contextmanager
def session(program: Path, arguments: str) -> Iterator[Session]:
    """A session that stands at the first instruction and records from there, up to the exit."""
    debugging = Session(query=lambda question: "program exit" in question)
    try:
        debugging.load(str(program))
        debugging.arguments = f"{arguments} > output"
        for name, value in (("engine", "compiled"), ("insn-number-max", None)):
            debugging.settings[f"record full {name}"] = value
        debugging.run(stop_at="first instruction")
        debugging.record()
        yield debugging
    finally:
        debugging.close()


def measured(program: Path, arguments: str) -> Result:
    native = by_itself(program, arguments)
    with session(program, arguments) as debugging:
        target = debugging.need_recording()
        start = time.perf_counter()
        debugging.cont()
        recorded = time.perf_counter() - start
        status = target.status()
        start = time.perf_counter()
        target.goto(status.low)
        undone = time.perf_counter() - start
    return Result(native, status.high - status.low, recorded, status.bytes_used, undone)


def peers() -> Iterator[Figure]:
    """What others reach, in millions of instructions a second."""
    program = measure.compile_program("work.c", *measure.FREESTANDING, "-DROUNDS=100")
    cpu = min(os.sched_getaffinity(0))
    ways = {"the same by single steps": partial(recording, measure.RDB, program)}
    if gdb := measure.gdb():
        ways["gdb record full"] = partial(recording, [gdb], program)
    for name, way in ways.items():
        yield Figure(name, way()[0] / 1e6, "M insn/s")
    yield Figure("bare single-step loop in C, pinned", bare_loop(program, cpu) / 1e6, "M insn/s")


def main(names: list[str]) -> None:
    """Measure all programs, or those whose first word is among `names`."""
    here = os.getcwd()
    figures = list(peers())
    print("recording by translated code")
    print(f"  {'':<16}{'native s':>10}{'M insn':>10}{'recorded s':>12}{'M insn/s':>10}{'bytes/insn':>12}{'undo M insn/s':>15}")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_text(Path("text"))
        for name, command in COMMANDS.items():
            found = program_of(command)
            if found is None or names and name.split()[0] not in names:
                continue
            native, instructions, recorded, size, undone = measured(*found)
            millions = instructions / 1e6
            print(
                f"  {name:<16}{native:>10.3f}{millions:>10.1f}{recorded:>12.2f}{millions / recorded:>10.1f}"
                f"{size / instructions:>12.1f}{millions / undone:>15.0f}",
                flush=True,
            )
        os.chdir(here)
    measure.table("beside it", figures, figures[-1])


if __name__ == "__main__":
    main(sys.argv[1:])
