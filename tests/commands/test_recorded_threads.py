"""Threads in a recorded past, in conversation: stops name the thread that they are about, whichever way time runs."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from rdb.session import Session
from tests.build import program
from tests.commands.conversation import Conversation


@pytest.fixture
def talk(session: Callable[..., Session]) -> Conversation:
    """threads_meet.c, recorded from main to the third thread's meet()."""
    talk = Conversation(session(program("threads_meet.c")))
    talk.talk(["break main", "run", "delete 1", "record", "break meet", "continue", "continue"])
    assert "* 3 " in talk.say("info threads")
    return talk


def stop(text: str) -> list[str]:
    """What is told of a stop, without ids, names and addresses."""
    text = re.sub(r"Thread 0x[0-9a-f]+ \(LWP \d+\)", "ID", re.sub(r'"threads_meet[^"]*" ', "", text))
    return [re.sub(r"^0x[0-9a-f]+ in ", "", line) for line in text.splitlines() if line and not line.startswith("Continuing")]


def numbers(talk: Conversation) -> list[int]:
    return [each.number for each in talk.session.threads()]


def test_backwards_the_thread_of_each_breakpoint_is_the_current_one(talk: Conversation) -> None:
    assert stop(talk.say("reverse-continue")) == [
        "[Switching to ID]", "Thread 2 hit Breakpoint 2, meet (id=2) at threads_meet.c:10", "10\t    own = id;"]
    assert (numbers(talk), talk.say("print own")) == ([1, 2], "$1 = 20\n")
    assert stop(talk.say("reverse-continue")) == [
        "No more reverse-execution history.", "[Switching to ID]", "main () at threads_meet.c:38", "38\t    own = 1;"]
    assert numbers(talk) == [1]
    assert stop(talk.say("continue"))[:2] == [
        "[Switching to ID]", "Thread 2 hit Breakpoint 2, meet (id=2) at threads_meet.c:10"]
    assert stop(talk.say("continue"))[:2] == [
        "[Switching to ID]", "No more reverse-execution history."][::-1]
    assert numbers(talk) == [1, 3]


def test_reverse_steps_pass_over_the_turns_of_others(talk: Conversation) -> None:
    talk.talk(["reverse-continue", "delete 2"])
    lines = [stop(talk.say(command))[-1].split("\t")[0] for command in ("reverse-next", "reverse-next", "next", "next")]
    assert lines == ["20", "19", "20", "21"]
    assert talk.session.thread_number == 2


def test_a_watchpoint_finds_the_thread_that_wrote(talk: Conversation) -> None:
    talk.talk(["delete 2", "watch shared"])
    writers = []
    while "No more" not in (text := talk.say("reverse-continue")):
        writers += re.findall(r"^Thread (\d) .* hit Hardware watchpoint", text, re.M)
    assert writers == ["1", "2", "1"]


def test_breakpoints_for_one_thread_work_in_the_past(talk: Conversation) -> None:
    talk.talk(["delete 2", "break 20 thread 2", "break 31 thread 2", "break 19 thread 1"])
    assert "Thread 2" in talk.say("reverse-continue") and talk.session.need_frame().line.line == 20  # type: ignore[union-attr]
    assert "No more" in talk.say("reverse-continue")
    assert "\nBreakpoint 6 at " in talk.say("break 20 thread 3"), "it is not born yet, but it will be"
    assert "Thread 2" in talk.say("continue")
    assert "Thread 3" in talk.say("continue")
    assert [each.hits for each in talk.session.breakpoints] == [2, 0, 0, 1]


def test_locked_threads_pass_without_a_stop(talk: Conversation) -> None:
    talk.say("thread 1")
    talk.say("set scheduler-locking on")
    assert "No more" in talk.say("reverse-continue")
    assert talk.session.breakpoints[2].hits == 2
    talk.say("set scheduler-locking replay")
    assert "Thread 2" in talk.say("continue")


def test_every_thread_can_be_looked_at_in_the_past(talk: Conversation) -> None:
    talk.talk(["reverse-continue", "thread 1"])
    assert talk.say("print own") == "$1 = 1\n"
    assert talk.say("thread apply all -q print own") == "$2 = 20\n$3 = 1\n"
    told = talk.say("thread apply 1 bt")
    assert "one (id=2) at threads_meet.c:3" in told and "main () at threads_meet.c:40" in told
    assert "work (argument=0x2)" in talk.say("thread apply 2 bt")
