"""Back to a watchpoint that lies 400,000 recorded instructions ago.

The limit is one pass over as many eight-byte addresses in memory: any search of the record that leaves nothing out must at least
do that.

    python -m benchmarks.reverse_continue [ROUNDS]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Figure

# gdb passes over hardware watchpoints in reverse, so it is asked for the kind that it honours.
GDB_S_WAY = ("set can-use-hw-watchpoints 0",)


def going_back(command: Sequence[str], program: Path, settings: Sequence[str] = ()) -> tuple[int, float]:
    """How many instructions lay in between, and the seconds that reverse-continue took."""
    with measure.start_recording(command, program) as debugger:
        debugger.ask("continue")
        instructions = measure.recorded(debugger)
        for line in ("delete", *settings, "watch first"):
            debugger.ask(line)
        seconds = measure.timed(debugger, "reverse-continue")
        value = debugger.ask("print first")
        if "= 0" not in value:
            raise RuntimeError(f"{command[0]} did not go back to the write: {value}")
        return instructions, seconds


def one_pass(count: int) -> float:
    """Seconds for comparing `count` addresses with one."""
    import numpy

    addresses = numpy.arange(count, dtype=numpy.uint64)
    start = time.perf_counter()
    numpy.flatnonzero(addresses == 1)
    return time.perf_counter() - start


def main(rounds: int = 390) -> None:
    program = measure.compile_program("work.c", *measure.FREESTANDING, f"-DROUNDS={rounds}")
    instructions, seconds = going_back(measure.RDB, program)
    rdb = Figure("rdb", seconds, "s")
    figures = [rdb]
    if gdb := measure.gdb():
        figures.append(Figure("gdb record full", going_back([gdb], program, GDB_S_WAY)[1], "s"))
    figures.append(Figure("one pass over as many addresses (numpy)", one_pass(instructions), "s"))
    measure.table(f"reverse-continue to a watchpoint over {instructions:,} instructions", figures, rdb)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
