"""Verified recording: a decoder that forgets something is found out, and the undo stays right."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from rdb.arch.base import Effects
from rdb.events import Direction
from rdb.record.target import RecordTarget
from rdb.session import Session
from tests.build import program


@pytest.fixture
def recorded() -> Iterator[tuple[Session, RecordTarget, list[str]]]:
    told: list[str] = []
    with Session(notify=lambda remark: told.append(str(remark))) as session:
        session.load(str(program("oracle_libc.c")))
        session.break_at("main")
        session.run()
        session.settings["record full verify"] = True
        session.record()
        recording = session.recording
        assert recording is not None
        yield session, recording, told


def _forgetful(recording: RecordTarget, **left_out: object) -> None:
    """Make the recorder believe that instructions do less than they do."""
    arch = recording.arch

    def effects(code: bytes, address: int) -> Effects:
        return arch.effects(code, address)._replace(**left_out)  # type: ignore[arg-type]

    recording.recorder.arch = dataclasses.replace(arch, effects=effects)


def test_a_right_decoder_has_nothing_missed(recorded: tuple[Session, RecordTarget, list[str]]) -> None:
    session, recording, told = recorded
    session.stepi(200)
    status = recording.status()
    assert (told, status.verified, status.missed) == ([], 200, 0)


@pytest.mark.parametrize("left_out", [{"registers": ()}, {"writes": ()}, {"flags": False}])
def test_what_was_missed_is_named_and_undone(
    recorded: tuple[Session, RecordTarget, list[str]], left_out: dict[str, object]
) -> None:
    session, recording, told = recorded
    start = session.frame
    assert start is not None
    before = session._general_registers()
    stack = session.read_memory(before["rsp"] - 4096, 4096 + 256)
    _forgetful(recording, **left_out)
    session.stepi(100)
    assert recording.status().missed > 0
    assert f"at {start.pc:#x}" in "".join(told) or told
    assert all("changed what was not recorded" in sentence for sentence in told)
    session.cont(Direction.REVERSE)
    assert {**session._general_registers(), "orig_rax": 0} == {**before, "orig_rax": 0}
    assert session.read_memory(before["rsp"] - 4096, 4096 + 256) == stack
