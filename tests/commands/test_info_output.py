"""What `info output` says, and what a user is told who goes live from the past."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rdb.session import Session
from tests.build import program
from tests.commands.conversation import Conversation

Open = Callable[..., Session]
NOTHING = "Standard output and standard error since recording began: nothing"
BOTH = "Standard output and standard error since recording began"


@pytest.fixture
def talk(session: Open, tmp_path: Path) -> Conversation:
    """A conversation about record_output.c, at its last marker; it reads "hello" from a file."""
    (tmp_path / "in").write_text("hello")
    talk = Conversation(session(program("record_output.c")))
    talk.session.notify = talk.show
    run = f"run < {tmp_path}/in > {tmp_path}/out 2> {tmp_path}/err"
    talk.talk(["break main", run, "record", "break marker", *["continue"] * 7])
    return talk


def test_without_a_recording() -> None:
    assert Conversation().say("info output") == (
        'No recording is currently active.\nUse the "record full" or "record btrace" command first.\n'
    )


def test_now_and_then(talk: Conversation) -> None:
    assert talk.say("info output") == f"{BOTH}, 16 bytes:\none\nvector\nhello\n"
    talk.talk(["reverse-continue"] * 4)
    assert talk.say("info output") == f"{BOTH}, 11 bytes of 16:\none\nvector\n"
    assert talk.say("info output 2") == "Standard error since recording began, 7 bytes:\nvector\n"
    talk.say("record goto begin")
    assert talk.say("info output") == f"{NOTHING} yet; 16 bytes later.\n"
    assert talk.say("info output 77") == "Descriptor 77 since recording began: nothing.\n"


def test_all_descriptors(talk: Conversation) -> None:
    answer = talk.say("info output all")
    titles = [line for line in answer.splitlines() if "since recording began" in line]
    assert [title.partition(" since recording began, ")[::2] for title in titles[:2]] == [
        ("Standard output", "9 bytes:"),
        ("Standard error", "7 bytes:"),
    ]
    assert [title.rpartition(", ")[2] for title in titles[2:]] == ["65536 bytes:", "11 bytes:", "7 bytes:"]
    assert answer.endswith("since recording began, 7 bytes:\n\\033[1m\N{LATIN SMALL LETTER E WITH ACUTE}\\377\n")


def test_an_argument_that_is_none(talk: Conversation) -> None:
    assert talk.say("info output foo") == 'No symbol "foo" in current context.\n'


def test_nothing_written(session: Open) -> None:
    talk = Conversation(session(program("record_input.c")))
    talk.talk(["break main", "run < /dev/null", "record", "next"])
    assert talk.say("info output") == f"{NOTHING}.\n"
    assert talk.say("info output all") == "The program has written nothing since recording began.\n"


def test_what_has_moved_on_is_told(talk: Conversation, tmp_path: Path) -> None:
    talk.talk(["reverse-continue"] * 5)
    assert talk.say("set var stage = 2") == (
        "The program goes on from here, but 5 things outside it have moved on:\n"
        f"  wrote 7 bytes to standard error ({tmp_path}/err)\n"
        f"  wrote 5 bytes to standard output ({tmp_path}/out)\n"
        "  wrote 65536 bytes to a pipe (descriptor 4)\n"
        "  wrote 11 bytes to a socket (descriptor 5)\n"
        f"  wrote 7 bytes to {tmp_path}/out\n"
        f"Put back: the offset of {tmp_path}/err, the offset of {tmp_path}/in, the offset of {tmp_path}/out, "
        "descriptor 7 (closed).\n"
    )
