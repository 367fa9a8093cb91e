"""What rdb promises, through the same façade as its users: record from main to the end, back, and forth again, to the byte."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rdb.events import Direction, EndOfHistory, RecordingStopped
from rdb.linux.procfs import Mapping
from rdb.session import Session
from rdb.stops import BreakpointHit
from tests.build import program
from tests.oracle.moment import Camera
from tests.oracle.recording import registers_of_threads


class Recorded:
    """A session as a subject of tests.oracle.moment."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def pid(self) -> int:
        return self.session.target.pid

    @property
    def position(self) -> int:
        status = self.session.record_status()
        return status.current if status is not None else 0

    def registers_of_threads(self) -> dict[str, bytes]:
        return registers_of_threads(self.session.target, self.session.arch)

    def mappings(self) -> list[Mapping]:
        return self.session.target.mappings()

    def read_memory(self, address: int, size: int) -> bytes:
        return self.session.read_memory(address, size)


@pytest.mark.parametrize("flags", [("-O0", "-g"), ("-O2", "-g")], ids=" ".join)
def test_there_and_back_again(session: Callable[..., Session], flags: tuple[str, ...]) -> None:
    debugging = session(program("oracle_libc.c", *flags), query=lambda question: "program exit" in question)
    debugging.arguments = "> /dev/null"
    camera, subject = Camera(), Recorded(debugging)
    assert debugging.run(stop_at="main").reason(BreakpointHit)
    debugging.record()
    beginning = camera.take(subject)
    assert debugging.cont().stop.reason(RecordingStopped)
    end = camera.take(subject)
    for _ in range(2):
        assert debugging.cont(Direction.REVERSE).stop.reason(EndOfHistory)
        assert camera.differences(beginning, camera.take(subject)) == []
        assert debugging.cont().stop.reason(EndOfHistory)
        assert camera.differences(end, camera.take(subject)) == []


def test_a_thread_local_variable(session: Callable[..., Session]) -> None:
    debugging = session(program("oracle_libc.c", "-O0", "-g"), query=lambda question: "program exit" in question)
    debugging.arguments = "> /dev/null"
    debugging.run(stop_at="main")
    debugging.record()
    assert debugging.evaluate_integer("comparisons") == 0
    debugging.cont()
    assert debugging.evaluate_integer("comparisons") > 24
    debugging.cont(Direction.REVERSE)
    assert debugging.evaluate_integer("comparisons") == 0
