"""Recording by single steps: instructions per second and bytes per instruction.

The limit is a C program that single-steps the same program and does nothing else, with both processes on one CPU.

    python -m benchmarks.step_recording [ROUNDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Figure


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


def main(rounds: int = 150) -> None:
    program = measure.compile_program("work.c", *measure.FREESTANDING, f"-DROUNDS={rounds}")
    cpu = max(os.sched_getaffinity(0))
    limit = Figure("bare C loop, pinned", bare_loop(program, cpu), "insn/s")
    speeds = [limit, Figure("bare C loop, unpinned", bare_loop(program, -1), "insn/s")]
    sizes = []
    peers: list[tuple[str, Sequence[str]]] = [("rdb, as it is", measure.RDB)]
    if gdb := measure.gdb():
        peers += [("gdb record full, as it is", [gdb]), ("gdb record full, pinned by us", ["taskset", "-c", str(cpu), gdb])]
    for name, command in peers:
        speed, size = recording(command, program)
        speeds.append(Figure(name, speed, "insn/s"))
        sizes.append(Figure(name, size, "bytes"))
    measure.table("recording by single steps", speeds, limit)
    measure.table("resident memory per recorded instruction", sizes, sizes[0])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
