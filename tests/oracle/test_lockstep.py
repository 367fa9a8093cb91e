"""Recorded and native runs that agree (tests.oracle.lockstep says how)."""

from __future__ import annotations

import pytest

from tests.build import program
from tests.oracle import lockstep
from tests.oracle.recording import ENGINES
from tests.oracle.test_snapshot import REAL, real_program


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("source", ["oracle_libc.c", "oracle_mappings.c", "oracle_signals.c"])
def test_compiled(source: str, engine: str) -> None:
    # A signal frame in memory tells which trap the thread had last: under a stepper, that is another one.
    report = lockstep.check(program(source, "-O2", "-g"), engine=engine, memory="signals" not in source)
    assert not report.misses
    assert report.calls > 10


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
# Not awk: mawk seeds its random numbers by the clock, so no two runs of it agree.
@pytest.mark.parametrize("name", ["true", "echo", "cat", "sed"])
def test_real(name: str, engine: str) -> None:
    report = lockstep.check(real_program(REAL[name]), REAL[name][1:], engine)
    assert not report.misses
