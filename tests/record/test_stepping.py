"""Stepping through lines that take long: by either engine it ends at the same instruction."""

from __future__ import annotations

from rdb.record.compiled.segment import BlockSegment
from rdb.session import Session
from tests.build import program
from tests.record.engines import SETTING

ROUNDS = 600
Where = tuple[int, str, int]


def where(session: Session) -> Where:
    """The position, and the line."""
    frame = session.need_frame()
    assert frame.line is not None
    return session.need_recording().position, frame.line.path, frame.line.line


def walk(engine: str) -> tuple[list[Where], float]:
    """Where the program stands after each step, and how much of it was recorded in blocks."""
    with Session() as session:
        session.load(str(program("record_lines.c", "-O1", "-g")))
        session.settings[SETTING] = engine
        session.arguments = str(ROUNDS)
        session.break_at("main")
        session.run()
        session.record()
        found = []
        for move in (session.next, session.next, session.step, *[session.next] * 2):
            move()
            found.append(where(session))
        log = session.need_recording().log
        return found, sum(len(each) for each in log if isinstance(each, BlockSegment)) / len(log)


def test_a_line_that_takes_long_is_run_through_by_translated_code() -> None:
    stepped, compiled = walk("step"), walk("compiled")
    assert compiled[0] == stepped[0]
    assert len(set(stepped[0])) == 5
    assert stepped[1] == 0
    assert compiled[1] > 0.2


