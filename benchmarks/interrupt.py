"""From Ctrl-C to the prompt, while a program without an end runs: natively, and recorded by each engine.

Each is interrupted TIMES times, at moments spread over a second; the median and the worst are told.  The reference is the native
program under rdb, which has nothing to finish before it stops.  The first stop of a session reads symbols and is left out.

    python -m benchmarks.interrupt [TIMES]
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Sequence

from benchmarks import measure
from benchmarks.measure import Figure
from examples.play import Debugger

# The first interrupt comes when there has been something to translate.
EARLIEST, SPREAD = 0.3, 1.0
LOOP = ("/usr/bin/perl", "-e", "while (1) { $n = sprintf('%d', ++$n) . 'x'; }")


def latencies(settings: Sequence[str], times: int) -> list[float]:
    """Milliseconds from each interrupt to the prompt."""
    choice, found = random.Random(3), []
    with Debugger([*measure.RDB, "-q", "-nx", "--args", *LOOP]) as debugger:
        for line in ("set confirm off", "starti", *settings):
            debugger.ask(line)
        for _ in range(times + 1):
            assert debugger.process.stdin
            debugger.process.stdin.write(b"continue\n")
            time.sleep(EARLIEST + SPREAD * choice.random())
            start = time.perf_counter()
            os.kill(debugger.process.pid, signal.SIGINT)
            answer = debugger.answer()
            found.append((time.perf_counter() - start) * 1000)
            assert "SIGINT" in answer or "stopped" in answer, answer
    return found[1:]


def main(times: int = 20) -> None:
    ways: dict[str, Sequence[str]] = {"native": ()}
    for engine in ("compiled", "step"):
        ways[engine] = (f"set record full engine {engine}", "record")
    figures = []
    for name, settings in ways.items():
        found = latencies(settings, times)
        figures.append(Figure(f"{name}, median", statistics.median(found), "ms"))
        figures.append(Figure(f"{name}, worst of {times}", max(found), "ms"))
    measure.table("Ctrl-C while perl runs in a loop", figures, figures[0])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
