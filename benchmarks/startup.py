"""How long it takes until something can be typed.

The limit for rdb is an interpreter that does nothing.

    python -m benchmarks.startup [TIMES]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Figure
from examples.play import Debugger


def median(times: int, action: Callable[[], object]) -> float:
    """The median of the seconds that `action` takes; one more run before warms the page cache."""
    seconds = []
    for _ in range(times + 1):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def run(command: Sequence[str]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def prompt(command: Sequence[str], program: Path, times: int) -> float:
    """Seconds until the first prompt on `program`; ending the debugger is not counted."""
    seconds = []
    for _ in range(times + 1):
        start = time.perf_counter()
        with Debugger([*command, "-q", "-nx", str(program)]):
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def main(times: int = 10) -> None:
    program = measure.compile_program("work.c", *measure.FREESTANDING)
    limit = Figure("python -c pass", median(times, partial(run, [sys.executable, "-c", "pass"])), "s")
    peers: list[tuple[str, Sequence[str]]] = [("rdb", measure.RDB)]
    if gdb := measure.gdb():
        peers.append(("gdb", [gdb]))
    figures = [limit]
    for name, command in peers:
        figures.append(Figure(f"{name} --version", median(times, partial(run, [*command, "--version"])), "s"))
    for name, command in peers:
        figures.append(Figure(f"{name}, first prompt on a small program", prompt(command, program, times), "s"))
    measure.table("starting up", figures, limit)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
