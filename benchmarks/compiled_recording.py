"""Recording by translated code: real programs from their first instruction to their end, and all the way back.

For each program: how long it takes by itself, how many instructions it executes, how fast they are recorded when nothing has
been translated yet (`cold`), how many bytes each takes in the log, and how fast the whole run is undone.  Then it is recorded
again, with the translations that were kept and a log of 256 MB: how fast from when that is full to the end, while the log goes
round in memory that has been used before (`warm`; of what does not fill it, the whole).  Beside it, from the same run: recording
by single steps, gdb, and the bare single-step loop that is their limit.

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
from benchmarks.translation_cache import settle
from rdb.session import Session

_QUERY = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000) select sum(i * i % 7) from n"
_PYTHON = "s = 0\nfor n in range(600000): s += n * n % 7"
TIGHT = "tight loop"
COMMANDS = {
    TIGHT: "",
    "gzip of 1 MB": "gzip -c text",
    "xz -1 of 1 MB": "xz -1 -c text",
    "sort of 1 MB": "sort text",
    "sqlite3": f"sqlite3 :memory: {shlex.quote(_QUERY)}",
    "CPython": f"python3 -I -S -c {shlex.quote(_PYTHON)}",
    "ls": "ls /",
}
_SIZE = 1 << 20
_WARM_LOG = 256 << 20


class Result(NamedTuple):
    """One program: seconds by itself, instructions, seconds to record them, bytes of log, seconds to undo all; and a second
    recording: its instructions after the log was full, and the seconds that they took."""

    native: float
    instructions: int
    recorded: float
    size: int
    undone: float
    warm_instructions: int
    warm: float


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
    if not command:
        return measure.compile_program("tight_loop.c", "-O1"), ""
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
def session(program: Path, arguments: str, size: int | None = None) -> Iterator[Session]:
    """A session that stands at the first instruction and records from there, up to the exit, or until `size` bytes are full."""
    debugging = Session(query=lambda question: "auto delete" not in question)
    try:
        debugging.load(str(program))
        debugging.arguments = f"{arguments} > output"
        for name, value in (("engine", "compiled"), ("insn-number-max", None), ("log-size-max", size)):
            debugging.settings[f"record full {name}"] = value
        debugging.run(stop_at="first instruction")
        debugging.record()
        yield debugging
    finally:
        debugging.close()


def measured(program: Path, arguments: str) -> Result:
    native, cache = by_itself(program, arguments), Path(tempfile.mkdtemp(dir="."))
    os.environ["XDG_CACHE_HOME"] = str(cache.resolve())
    with session(program, arguments) as debugging:
        target = debugging.need_recording()
        start = time.perf_counter()
        debugging.cont()
        recorded = time.perf_counter() - start
        status = target.status()
        start = time.perf_counter()
        target.goto(status.low)
        undone = time.perf_counter() - start
    settle(cache)
    return Result(native, status.high - status.low, recorded, status.bytes_used, undone, *going_round(program, arguments))


def going_round(program: Path, arguments: str) -> tuple[int, float]:
    """Record into a log that is soon full: how many instructions came after that, and the seconds that they took."""
    with session(program, arguments, _WARM_LOG) as debugging:
        target, start = debugging.need_recording(), time.perf_counter()
        debugging.cont()
        full, at = target.status().high, time.perf_counter()
        debugging.settings["record full stop-at-limit"] = False
        debugging.cont()
        high = target.status().high
        return (high - full, time.perf_counter() - at) if high > full else (high, at - start)


def peers() -> Iterator[Figure]:
    """What others reach, in millions of instructions a second."""
    program = measure.compile_program("work.c", *measure.FREESTANDING, "-DROUNDS=100")
    cpu = min(os.sched_getaffinity(0))
    ways = {"the same by single steps": partial(recording, measure.STEPPING_RDB, program)}
    if gdb := measure.gdb():
        ways["gdb record full"] = partial(recording, [gdb], program)
    for name, way in ways.items():
        yield Figure(name, way()[0] / 1e6, "M insn/s")
    yield Figure("bare single-step loop in C, pinned", bare_loop(program, cpu) / 1e6, "M insn/s")


def row(result: Result) -> str:
    millions = result.instructions / 1e6
    figures = (
        f"{result.native:.3f}",
        f"{millions:.1f}",
        f"{result.recorded:.2f}",
        f"{millions / result.recorded:.1f}",
        f"{result.warm_instructions / 1e6 / result.warm:.1f}",
        f"{result.size / result.instructions:.1f}",
        f"{millions / result.undone:.0f}",
    )
    return "".join(f"{figure:>12}" for figure in figures)


def main(names: list[str]) -> None:
    """Measure all programs, or those whose first word is among `names`."""
    here = os.getcwd()
    figures = list(peers())
    print("recording by translated code")
    heads = ("native s", "M insn", "recorded s", "cold M/s", "warm M/s", "bytes/insn", "undo M/s")
    print(f"  {'':<16}" + "".join(f"{head:>12}" for head in heads))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_text(Path("text"))
        for name, command in COMMANDS.items():
            if names and name.split()[0] not in names:
                continue
            found = program_of(command)
            if found is None:
                print(f"  {name:<16}  this machine has no {command.split()[0]}", flush=True)
                continue
            print(f"  {name:<16}" + row(measured(*found)), flush=True)
        os.chdir(here)
    measure.table("beside it", figures, figures[-1])


if __name__ == "__main__":
    main(sys.argv[1:])
