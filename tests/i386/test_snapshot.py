"""32-bit programs brought back to their past, byte for byte: the snapshot oracle of tests/oracle, and their kernel state."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdb.arch.x86 import cpuid
from rdb.events import Exited
from tests.i386.build import program32
from tests.oracle import snapshot
from tests.oracle.recording import ENGINES, Recording

PROGRAMS = {
    "libc": ("oracle_libc.c", "-O2"),
    "static": ("oracle_libc.c", "-O1", "-static"),
    "x87": ("oracle_x87.c", "-O2"),
    "SSE": ("i386_session.c", "-O2", "-msse2", "-mfpmath=sse"),
    "no optimisation": ("i386_session.c", "-O0", "-g", "-no-pie"),
    "system calls": ("i386_calls.c", "-O1"),
    "system calls, static": ("i386_calls.c", "-O1", "-static"),
    "mappings": ("oracle_mappings.c", "-O2"),
    "signals": ("oracle_signals.c", "-O2"),
    "AVX-512": ("oracle_avx512.c", "-O2", "-mavx512f"),
}
LONG = {"libc", "mappings", "signals", "no optimisation", "system calls, static", "AVX-512"}
_AVX512 = 1 << 5


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long if name in LONG else ()) for name in PROGRAMS])
def test_there_and_back_again(name: str, engine: str) -> None:
    if name == "AVX-512" and not cpuid.enabled_components() & _AVX512:
        pytest.skip("this CPU has no AVX-512")
    report = snapshot.check(program32(*PROGRAMS[name]), engine=engine)
    assert not report.misses
    assert report.comparisons > 40


def test_the_past_can_be_lived_again(tmp_path: Path) -> None:
    """Three segments for thread-local storage are all there is: a program that begins anew needs one of them each time."""
    output = tmp_path / "output"
    with Recording(program32("oracle_libc.c", "-O1", "-static"), [], output) as recording:
        for _ in range(5):
            assert recording.record_to(15_000)
            recording.goto(0)
            recording.engine.go_live()
        stop = recording.run_out()
    assert stop.reason(Exited) == Exited(0)
    assert output.read_text().startswith("24 numbers")
