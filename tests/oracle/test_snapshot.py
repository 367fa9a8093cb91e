"""Programs brought back to their past, byte for byte (tests.oracle.snapshot says how)."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from rdb.linux import procfs
from rdb.record.compiled import log
from tests.build import program
from tests.oracle import snapshot
from tests.oracle.recording import ENGINES

OPTIMISED = ("-O2", "-g")
CPU_FLAGS = frozenset(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())
# CAP_SYS_ADMIN, linux/capability.h, among our effective capabilities (proc(5)).
MAY_SUSPEND = int(procfs.status(os.getpid())["CapEff"], 16) >> 21 & 1

COMPILED = {
    "libc": ("oracle_libc.c", OPTIMISED),
    "libc, unoptimised": ("oracle_libc.c", ("-O0", "-g")),
    "libc, bound at start": ("oracle_libc.c", ("-O1", "-Wl,-z,now")),
    "libc, static": ("oracle_libc.c", ("-O1", "-static")),
    "long double": ("oracle_x87.c", OPTIMISED),
    "AVX-512": ("oracle_avx512.c", ("-O2", "-mavx512f")),
    "mappings": ("oracle_mappings.c", OPTIMISED),
    "signals": ("oracle_signals.c", OPTIMISED),
    "restricted": ("oracle_seccomp.c", OPTIMISED),
    "changing code": ("record_code.c", OPTIMISED),
    "exception": ("oracle_exception.cc", OPTIMISED),
}
# What takes more than a few seconds, and what need not be done by both engines each time.
LONG = {"libc, unoptimised", "libc, bound at start", "exception"}
ONCE = LONG | {"libc, static", "long double", "AVX-512"}

REAL = {
    "true": ["true"],
    "echo": ["echo", "hello", "world"],
    "ls": ["ls", "-l", "/"],
    "cat": ["cat", "/etc/passwd"],
    "sed": ["sed", "s/root/toor/", "/etc/passwd"],
    "sort": ["sort", "-r", "/etc/passwd"],
    "awk": ["awk", "-F:", "{ n += $3 } END { print n }", "/etc/passwd"],
    "gzip": ["gzip", "-c", "/etc/passwd"],
    "xz": ["xz", "-0", "-c", "/etc/passwd"],
    "bash": ["bash", "--norc", "-c", "for n in 1 2 3; do x=$x$n; done; echo $x"],
    "perl": ["perl", "-e", "print join ',', map { $_ ** 2 } 1 .. 9"],
    "sqlite3": ["sqlite3", ":memory:", "select sum(value) from generate_series(1, 9)"],
}


def _each(engine: str, name: str) -> object:
    long = name in (LONG if engine == ENGINES[0] else ONCE)
    return pytest.param(engine, name, marks=pytest.mark.long if long else (), id=f"{name}-{engine}")


@pytest.mark.parametrize(("engine", "name"), [_each(engine, name) for name in COMPILED for engine in ENGINES])
def test_compiled(engine: str, name: str) -> None:
    source, flags = COMPILED[name]
    if any(flag.removeprefix("-m") not in CPU_FLAGS for flag in flags if flag.startswith("-mavx")):
        pytest.skip("this CPU has no AVX-512")
    if name == "restricted" and not MAY_SUSPEND:
        pytest.skip("only with CAP_SYS_ADMIN can a program that has restricted its system calls make one for us")
    report = snapshot.check(program(source, *flags), engine=engine)
    assert not report.misses
    assert report.comparisons > 40


def real_program(arguments: Sequence[str]) -> Path:
    path = shutil.which(arguments[0], path="/usr/bin:/bin")
    if path is None:
        pytest.skip(f"{arguments[0]} is not on this machine")
    return Path(path).resolve()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name == "true" else pytest.mark.long) for name in REAL])
def test_real(name: str, engine: str) -> None:
    report = snapshot.check(real_program(REAL[name]), REAL[name][1:], engine)
    assert not report.misses


def wrapped(path: Path, arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled engine with a log in which chunks go round several times: what can still be reached is the past."""
    monkeypatch.setattr(log, "SMALLEST", 1 << 16)
    report = snapshot.check(path, arguments, "compiled", log_size=1 << 18)
    assert not report.misses
    assert report.instructions > 3 * report.reachable > 0
    assert report.moments >= 4


WRAPPED = ["libc", "mappings"]
WRAPPED_LONG = [pytest.param(each, marks=pytest.mark.long) for each in ("signals", "changing code", "exception")]


@pytest.mark.parametrize("name", [*WRAPPED, *WRAPPED_LONG])
def test_wrapped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source, flags = COMPILED[name]
    wrapped(program(source, *flags), (), monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("name", REAL)
def test_wrapped_real(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped(real_program(REAL[name]), REAL[name][1:], monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_python(engine: str) -> None:
    """The largest of them: some ten million instructions."""
    interpreter = Path(sys.executable).resolve()
    report = snapshot.check(interpreter, ["-I", "-S", "-c", "print(sum(n * n for n in range(9)))"], engine, moments=4)
    assert not report.misses
