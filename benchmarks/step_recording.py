"""Recording by single steps: instructions per second and bytes per instruction.

The limit is a C program that single-steps the same program and does nothing else, with both processes on one CPU.  Each is run
three times, in turns; the best speed counts, for what slows a run down is the rest of the machine.

    python -m benchmarks.step_recording [ROUNDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Figure

TIMES = 3
LIMIT = "bare C loop, pinned"


def bare_loop(program: Path, cpu: int) -> float:
    """Steps per second of the C loop; `cpu` -1 for unpinned."""
    loop = measure.compile_program("bare_loop.c", "-O2")
    steps, seconds = subprocess.run([loop, str(cpu), program], capture_output=True, text=True, check=True).stdout.split()
    return int(steps) / float(seconds)


def recording(command: Sequence[str], program: Path) -> tuple[float, float]:
    """Instructions per second, and bytes of resident memory per instruction, of a debugger that records."""
    with measure.start_recording(command, program) as debugger:
        instructions, memory = measure.recorded(debugger), measure.resident(debugger)
        seconds = measure.timed(debugger, "continue")
        instructions = measure.recorded(debugger) - instructions
        return instructions / seconds, (measure.resident(debugger) - memory) / instructions


def main(rounds: int = 100) -> None:
    program = measure.compile_program("work.c", *measure.FREESTANDING, f"-DROUNDS={rounds}")
    cpu = min(os.sched_getaffinity(0))
    runs: dict[str, Callable[[], tuple[float, float]]] = {
        LIMIT: lambda: (bare_loop(program, cpu), 0),
        "bare C loop, unpinned": lambda: (bare_loop(program, -1), 0),
        "rdb in single steps": partial(recording, measure.STEPPING_RDB, program),
    }
    if gdb := measure.gdb():
        runs["gdb record full, as it is"] = partial(recording, [gdb], program)
        runs["gdb record full, pinned by us"] = partial(recording, ["taskset", "-c", str(cpu), gdb], program)
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(TIMES):
        for name, run in runs.items():
            results[name].append(run())
    speeds = [Figure(name, max(speed for speed, _ in each), "insn/s") for name, each in results.items()]
    sizes = [Figure(name, min(size for _, size in each), "bytes") for name, each in results.items() if each[0][1]]
    measure.table("recording by single steps", speeds, speeds[0])
    measure.table("resident memory per recorded instruction", sizes, sizes[0])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
