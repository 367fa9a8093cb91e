"""`start`: the program with several threads, launched under a native target."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from rdb.arch.x86_64 import ARCH
from rdb.linux import launch
from rdb.linux.terminal import Terminal
from rdb.target.native import NativeTarget
from tests.build import program
from tests.conftest import children, end
from tests.target.debugged import PROGRAM, Debugged


@pytest.fixture
def start() -> Iterator[Callable[..., Debugged]]:
    """A factory of the program, launched with the words given."""
    before = children()
    opened: list[NativeTarget] = []

    def launched(*words: str) -> Debugged:
        path = program(PROGRAM, "-O0", "-g", "-pthread")
        target = NativeTarget(launch.start(str(path), " ".join(words), dict(os.environ)), ARCH, Terminal())
        opened.append(target)
        debugged = Debugged(target, path)
        debugged.to("main")  # beyond everything that the dynamic linker does
        return debugged

    yield launched
    for target in opened:
        target.kill()
        target.close()
    left = children() - before
    for pid in left:
        end(pid)
    assert not left
