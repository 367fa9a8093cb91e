"""A signal that wakes nobody is answered all the same: a handler runs though the program has nothing to tell.

And an interrupt that comes when the program stands already tells nothing.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from rdb.events import Direction, Resume, Signalled
from rdb.linux import procfs, ptrace
from rdb.session import Session
from tests.build import program
from tests.oracle.recording import ENGINES
from tests.record.engines import choose
from tests.record.test_record_target import recorded

Open = Callable[..., Session]
SYSTEM_CALL = b"\x0f\x05"
INTERRUPTED = Signalled(signal.SIGINT)


@contextmanager
def once_asleep(sleeping: Session, action: Callable[[], None]) -> Iterator[None]:
    """Another system thread acts when all threads of the program have been asleep for a while."""
    pid, over = sleeping.target.pid, threading.Event()

    def watch() -> None:
        looks = 0
        while looks < 5 and not over.wait(0.05):
            looks = looks + 1 if {procfs.thread_state(pid, each) for each in procfs.threads(pid)} == {"S"} else 0
        if looks == 5:
            action()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


@pytest.fixture(params=("one", "all"))
def sleeping(session: Open, request: pytest.FixtureRequest) -> Session:
    """A program whose only thread, or all of whose threads, sleep for long."""
    debugging = session(program("threads_asleep.c", "-O1", "-g", "-pthread"))
    debugging.arguments = request.param
    debugging.run(stop_at="asleep")
    return debugging


def assert_interrupted(sleeping: Session) -> None:
    """Going on ends by an interrupt, before any call has returned: whoever is recorded stands in front of his."""
    target = sleeping.target
    target.resume(Resume())
    assert target.wait().reason(Signalled) == INTERRUPTED
    if sleeping.recording is not None:
        assert target.read_memory(sleeping.evaluate_integer("(long) $pc"), len(SYSTEM_CALL)) == SYSTEM_CALL


@pytest.mark.parametrize("recorded", (False, True))
def test_a_signal_that_wakes_nobody(sleeping: Session, recorded: bool) -> None:
    """As when it comes just before waitpid(2) is entered."""
    if recorded:
        sleeping.record()
    before = signal.signal(signal.SIGALRM, lambda *_: sleeping.interrupt())
    try:
        # It is noted by a system thread that does not wait for the program, and handled by the one that does.
        with once_asleep(sleeping, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGALRM)):
            assert_interrupted(sleeping)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_an_interrupt_that_was_lost(sleeping: Session) -> None:
    """As when a call of ours, made in the program's thread, took what was to bring it to a stand."""
    sleeping.record()
    recording = sleeping.need_recording()

    def ask() -> None:
        recording.execution.interrupted = recording.past.interrupted = True

    with once_asleep(sleeping, ask):
        assert_interrupted(sleeping)


# By the system thread that traces, and by one that may not.
WAYS: dict[str, Callable[[Session], object]] = {
    "interrupt": lambda debugging: ptrace.interrupt(debugging.target.pid),
    "stop": lambda debugging: debugging.need_process().send_stop(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupt_that_comes_too_late(session: Open, monkeypatch: pytest.MonkeyPatch, engine: str, way: str) -> None:
    """The next movement meets it, whatever that is: also steps that are made only to look into a block."""
    choose(engine, monkeypatch)
    debugging = recorded(session, "record_loops.c")
    debugging.cont()
    end = debugging.need_recording().position
    for direction in (Direction.REVERSE, Direction.FORWARD):
        for _ in range(8):
            WAYS[way](debugging)
            before = debugging.need_recording().position
            debugging.stepi(direction=direction)
            assert debugging.need_recording().position == before + (1 if direction is Direction.FORWARD else -1)
    assert debugging.need_recording().position == end
