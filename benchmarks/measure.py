"""What the benchmarks share: compiling, timing a debugger's answers, and the table they print.

rdb and gdb are driven in the same way, through a pipe, so that both are measured as their users meet them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from examples.play import BUILD, Debugger

HERE = Path(__file__).resolve().parent
# Users have rdb's modules compiled, also where the environment keeps Python from it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(BUILD.resolve() / "pycache"))
RDB = (sys.executable, "-m", "rdb")
STEPPING_RDB = (*RDB, "-ex", "set record full engine step")
# Freestanding: no instruction that gdb cannot record, and no libc that chooses its code by the CPU.
FREESTANDING = ("-O1", "-g", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-mgeneral-regs-only", "-no-pie")


class Figure(NamedTuple):
    """One line of a table."""

    name: str
    value: float
    unit: str


def compile_program(source: str, *flags: str) -> Path:
    """The executable of benchmarks/`source`, compiled anew."""
    BUILD.mkdir(exist_ok=True)
    out = BUILD / f"bench-{Path(source).stem}"
    subprocess.run(["gcc", *flags, source, "-o", str(out)], cwd=HERE, check=True)
    return out


def gdb() -> str | None:
    """The path of gdb, if the machine has one."""
    return shutil.which("gdb")


def timed(debugger: Debugger, line: str) -> float:
    """How many seconds the debugger takes to answer `line`."""
    start = time.perf_counter()
    debugger.ask(line)
    return time.perf_counter() - start


def recorded(debugger: Debugger) -> int:
    """How many instructions the debugger has in its record, by its own word."""
    text = debugger.ask("info record")
    found = re.search(r"Log contains (\d+) instructions", text)
    if found is None:
        raise RuntimeError(f"no instructions were recorded:\n{text}")
    return int(found[1])


def resident(debugger: Debugger) -> int:
    """The debugger's resident memory in bytes (proc(5), VmRSS)."""
    status = Path(f"/proc/{debugger.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def start_recording(command: Sequence[str], program: Path) -> Debugger:
    """A debugger that records `program` without limit, stopped at its first line of work."""
    debugger = Debugger([*command, "-q", "-nx", str(program)])
    for line in ("set record full insn-number-max unlimited", "break warm", "run", "record", "break measured", "continue"):
        debugger.ask(line)
    debugger.ask("break done")
    return debugger


def table(title: str, figures: Sequence[Figure], reference: Figure) -> None:
    """Print the figures, each beside its ratio to the reference."""
    print(title)
    for name, value, unit in figures:
        shown = f"{value:,.4f}" if value < 10 else f"{value:,.0f}"
        print(f"  {name:<44} {shown:>12} {unit:<8} {value / reference.value:10.4f} x {reference.name}")
    print(flush=True)
