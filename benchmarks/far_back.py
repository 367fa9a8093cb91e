"""In a log of hundreds of millions of instructions: how long a user waits for an answer.

A program writes to a variable and then works for so many instructions; what it worked is recorded by translated code.

*Far*: reverse-continue to the watchpoint on the variable, and to a breakpoint behind the write.  The limit is one pass over as
many eight-byte addresses in memory as the log has words: a search that leaves nothing out must at least do that.

*Near*: single commands at places all over the log.  What is told is the slowest answer and the middle one.

    python -m benchmarks.far_back [MILLIONS]
"""

from __future__ import annotations

import random
import statistics
import sys
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Figure, timed
from benchmarks.reverse_continue import one_pass
from examples.play import Debugger

# Instructions of a round of work.c.
ROUND = 1030
TIMES = 3
PLACES = 12
NEAR = ("reverse-stepi", "reverse-step", "reverse-next", "stepi", "step", "next")
SETTINGS = ("set pagination off", "set confirm off", "set record full engine compiled", "set record full log-size-max unlimited")


def recorded(program: Path) -> tuple[Debugger, float]:
    """A debugger that has recorded all of the work, and the seconds that it took."""
    debugger = Debugger([*measure.RDB, "-q", "-nx", str(program)])
    for line in (*SETTINGS, "set record full insn-number-max unlimited", "break warm", "run", "record", "break done"):
        debugger.ask(line)
    return debugger, timed(debugger, "continue")


def far(debugger: Debugger) -> dict[str, float]:
    """Seconds of the way from the end back to the beginning of the work, and forth again; the best of several times each."""
    found = {}
    for name, start, where, command, place in (
        ("to a watchpoint", "end", "watch -l first", "reverse-continue", "first = 1"),
        ("to a breakpoint", "end", "break measured", "reverse-continue", "measured"),
        ("forwards to a breakpoint", "begin", "break done", "continue", "done"),
    ):
        seconds = []
        for _ in range(TIMES):
            for line in ("delete", f"record goto {start}", where):
                debugger.ask(line)
            seconds.append(timed(debugger, command))
            text = debugger.ask("frame")
            if place not in text:
                raise RuntimeError(f"{command} did not come {name}: {text}")
        found[name] = min(seconds)
    return found


def near(debugger: Debugger, low: int, high: int) -> dict[str, list[float]]:
    """Seconds of each command at places that are chosen at random, each reached anew."""
    chance, found = random.Random(1), {name: list[float]() for name in NEAR}
    debugger.ask("delete")
    for _ in range(PLACES):
        place = chance.randrange(low + high // 100, high - high // 100)
        for name, seconds in found.items():
            debugger.ask(f"record goto {place}")
            seconds.append(timed(debugger, name))
    return found


def main(millions: int = 100) -> None:
    program = measure.compile_program("work.c", *measure.FREESTANDING, f"-DROUNDS={millions * 1_000_000 // ROUND}")
    debugger, seconds = recorded(program)
    with debugger:
        count = measure.recorded(debugger)
        rdb = Figure("recording it", seconds, "s")
        figures = [rdb, *(Figure(name, each, "s") for name, each in far(debugger).items())]
        figures.append(Figure("one pass over as many addresses (numpy)", one_pass(count), "s"))
        measure.table(f"a way of {count:,} instructions", figures, figures[1])
        rows = [
            Figure(f"{name}, {kind}", of(each), "s")
            for name, each in near(debugger, 0, count).items()
            for kind, of in (("slowest", max), ("middle", statistics.median))
        ]
        measure.table(f"one command somewhere in {count:,} instructions", rows, Figure("target", 0.05, "s"))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
