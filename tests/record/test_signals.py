"""Signals under recording: every manner of handler, fault, waiting and interrupted call, brought back to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.build import program
from tests.i386.build import program32
from tests.oracle import snapshot

PROGRAMS = {
    "signal_handlers.c": "ordinary nested deferred reset alternate disarmed returned exhausted jumps informed extended",
    "signal_faults.c": "protection strings division illegal breakpoint truncated nested wide",
    "signal_waiting.c": "pending suspended waited descriptor queued timers interrupted restarted slept partial children stopped "
    "storm",
}
# One of each kind is always run; all of them are run by `make test-long`.
QUICK = {"nested", "alternate", "exhausted", "strings", "breakpoint", "suspended", "restarted", "slept"}
CPU_FLAGS = frozenset(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())


def _cases() -> Iterator[object]:
    for source, names in PROGRAMS.items():
        for name in names.split():
            for bits in (64, 32):
                marks = () if name in QUICK else pytest.mark.long
                yield pytest.param(source, name, bits, id=f"{source[7:-2]}-{name}-{bits}", marks=marks)


def _flags(bits: int) -> tuple[str, ...]:
    """Static, so that most of what is recorded is the program; the widest stores that the CPU has."""
    if bits == 32:
        return ("-O1", "-g", "-static")
    wide = next((flag for flag in ("avx512f", "avx") if flag in CPU_FLAGS), None)
    return ("-O1", "-g", "-static", *((f"-m{wide}",) if wide else ()))


@pytest.mark.parametrize(("source", "name", "bits"), list(_cases()))
def test_brought_back(source: str, name: str, bits: int) -> None:
    """Backwards, forwards and at random through the whole run; and the program itself is content with what it saw."""
    build = program32 if bits == 32 else program
    report = snapshot.check(build(source, *_flags(bits)), [name], moments=12)
    assert report.misses == []
    assert report.status == 0
    assert report.comparisons > 60
