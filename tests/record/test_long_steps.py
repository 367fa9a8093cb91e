"""Steps over very many instructions of the past are few searches, however long a line or an inlined call takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rdb.record.past import Past
from tests.build import program
from tests.commands.conversation import Conversation


@pytest.fixture
def talk() -> Iterator[Conversation]:
    made = Conversation()
    made.say(f"file {program('walk_inlined_loop.c', '-O1', '-g', '-static')}")
    made.talk(("break 17", "run", "record", "tbreak 18", "continue"))
    yield made
    made.session.close()


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many instructions each move in the past went over."""
    made: list[int] = []
    move = Past._move

    def counted(past: Past, position: int, number: int) -> None:
        made.append(abs(position - past.position))
        move(past, position, number)

    monkeypatch.setattr(Past, "_move", counted)
    return made


@pytest.mark.parametrize(
    ("position", "commands", "where"),
    [
        ("begin", ("next", "next"), "11\t"),
        ("end", ("reverse-next", "reverse-next"), "17\t"),
        ("3000", ("finish",), "11\t"),
        ("240000", ("reverse-finish",), "17\t"),
    ],
)
def test_an_inlined_call_is_passed_over(
    talk: Conversation, moves: list[int], position: str, commands: tuple[str, ...], where: str
) -> None:
    talk.say(f"record goto {position}")
    moves.clear()
    assert where in talk.talk(commands)[-1]
    assert sum(moves) > 200_000
    assert len(moves) < 100
