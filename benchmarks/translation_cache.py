"""Recording a small program from its first instruction to its exit: with nothing translated yet, and with what was kept.

Each is run three times, in turns; the best time counts.  Native is the whole program, without a debugger; single steps, being
slow, are run once.

    python -m benchmarks.translation_cache [PROGRAM [ARGUMENT...]]
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Figure
from examples.play import Debugger

TIMES = 3
# So long nothing must have been written for all to be there.
QUIET = 0.5


def native(command: Sequence[str]) -> float:
    """Seconds that the program takes by itself."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def recording(command: Sequence[str], engine: str, cache: Path) -> float:
    """Seconds from the first instruction to the exit, under recording; what is translated is kept below `cache`."""
    os.environ["XDG_CACHE_HOME"] = str(cache)
    with Debugger([*measure.RDB, "-q", "-nx", command[0]]) as debugger:
        for line in (
            "set pagination off",
            "set confirm off",
            f"set record full engine {engine}",
            "set record full insn-number-max unlimited",
            f"set args {shlex.join(command[1:])} > /dev/null",
            "starti",
            "record",
        ):
            debugger.ask(line)
        seconds = measure.timed(debugger, "continue")
        assert measure.recorded(debugger) > 10000
    settle(cache)
    return seconds


def settle(cache: Path) -> None:
    """Wait until nothing is being written below `cache`."""
    before: list[tuple[str, int]] = []
    while (now := sorted((str(path), path.stat().st_mtime_ns) for path in cache.rglob("*"))) != before:
        before = now
        time.sleep(QUIET)


def main(command: Sequence[str] = ("/bin/ls", "/")) -> None:
    results: dict[str, list[float]] = {"cold": [], "warm": [], "native": []}
    for _ in range(TIMES):
        with tempfile.TemporaryDirectory() as folder:
            results["cold"].append(recording(command, "compiled", Path(folder)))
            results["warm"].append(recording(command, "compiled", Path(folder)))
        results["native"].append(native(command))
    with tempfile.TemporaryDirectory() as folder:
        results["single steps"] = [recording(command, "step", Path(folder))]
    figures = [Figure(name, min(each), "s") for name, each in results.items()]
    measure.table(f"{shlex.join(command)}, recorded from its first instruction to its exit", figures, figures[0])


if __name__ == "__main__":
    main(sys.argv[1:] or ("/bin/ls", "/"))
