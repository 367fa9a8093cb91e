"""Code that changes while it is recorded: each way of changing it (tests/programs/jit.c), and compilers at run time.

The program's exit status says whether each version of the code was executed in its turn, the oracle whether the past is what it
was.
"""

from __future__ import annotations

import re

import pytest

from rdb.record.compiled import log
from tests.build import PROGRAMS, program
from tests.oracle import snapshot
from tests.oracle.recording import ENGINES
from tests.oracle.test_snapshot import real_program

FLAGS = ("-O1", "-g", "-static", "-pthread")
CASES = re.findall(r'\{"(\w+)", \1\}', (PROGRAMS / "jit.c").read_text().replace('{"library", library}', ""))

LOOP = "local n = 0; for i = 1, {} do n = (n * 31 + i) % 65521 end; print(n)"
CLOSURES = "local t = {{}}; for i = 1, {} do t[i % 7] = function(x) return x + i end; io.write(t[i % 7](i) % 10) end"


def test_cases() -> None:
    assert len(CASES) > 15


def check(engine: str, *cases: str, log_size: int | None = None) -> snapshot.Report:
    report = snapshot.check(program("jit.c", *FLAGS), cases, engine, moments=6, log_size=log_size)
    assert not report.misses
    assert report.status == 0
    return report


@pytest.mark.parametrize("engine", [*ENGINES[1:], pytest.param(ENGINES[0], marks=pytest.mark.long)])
@pytest.mark.parametrize("case", CASES)
def test_changing_code(case: str, engine: str) -> None:
    check(engine, case)


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_all_together(engine: str) -> None:
    check(engine)


@pytest.mark.long
def test_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a log in which chunks go round."""
    monkeypatch.setattr(log, "SMALLEST", 1 << 16)
    report = check("compiled", log_size=1 << 18)
    assert report.instructions > report.reachable > 0


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_another_library(engine: str) -> None:
    """dlclose, and dlopen of another library to the same place."""
    libraries = [program("jit_library.c", "-O1", "-shared", "-fPIC", f"-DKIND={kind}") for kind in range(2)]
    names = ", ".join(f'"{library}"' for library in libraries)
    report = snapshot.check(program("jit.c", "-O1", "-g", "-pthread", f"-DLIBRARIES={names}"), ["library"], engine, moments=6)
    assert not report.misses
    assert report.status == 0


# Not on every machine, and not needed: those that have them prove that the small ones above are like the great.
@pytest.mark.long
@pytest.mark.parametrize("code", [LOOP, CLOSURES])
def test_luajit(code: str) -> None:
    report = snapshot.check(real_program(["luajit"]), ["-e", code.format(20_000)], "compiled")
    assert not report.misses
    assert report.status == 0


@pytest.mark.long
def test_luajit_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "SMALLEST", 1 << 16)
    report = snapshot.check(real_program(["luajit"]), ["-e", LOOP.format(200_000)], "compiled", log_size=1 << 20)
    assert not report.misses
    assert report.status == 0
    assert report.instructions > 3 * report.reachable > 0
