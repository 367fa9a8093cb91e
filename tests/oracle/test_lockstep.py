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
    report = lockstep.check(program(source, "-O2", "-g"), engine=engine)
    assert not report.misses
    assert report.calls > 10


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["true", "echo", "cat", "sed", "sort", "awk"])
def test_real(name: str, engine: str) -> None:
    report = lockstep.check(real_program(REAL[name]), REAL[name][1:], engine)
    assert not report.misses
