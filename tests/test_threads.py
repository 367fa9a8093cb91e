"""Numbers of threads, and how walks keep to theirs, under a target that plays a fixed order of two threads' instructions.

The target knows one history: which thread executes where, one after the other.  It can be walked in both directions, stops at
breakpoints in any thread, and passes over others' turns while a thread steps, as the contract of rdb.target.base asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rdb.arch.base import Bank
from rdb.errors import CannotAccessMemory, NoThread
from rdb.events import (
    AtBreakpoint,
    Direction,
    EndOfHistory,
    Reason,
    Resume,
    Signalled,
    Stepped,
    Stop,
)
from rdb.legs import Continue, ToPlaces
from rdb.session import Session
from rdb.stops import BreakpointHit, StopReport
from rdb.target.base import Stratum, Target
from rdb.threads import Threads
from rdb.walks import Instruction
from tests.build import program

FORWARD, REVERSE = Direction.FORWARD, Direction.REVERSE
FIRST, SECOND = 1000, 1007


class Played(Target):
    """`history` tells which thread executes the instruction at which address; the current position is in front of one."""

    stratum = Stratum.PROCESS
    name, title = "played", "A history that is played"

    def __init__(self, history: list[tuple[int, int]]) -> None:
        super().__init__()
        self.history, self.position = history, 0
        self.current = history[0][0]
        self.breakpoints: set[int] = set()
        self.requests: list[Resume] = []
        self.signals: dict[int, int] = {}

    @property
    def pid(self) -> int:
        return FIRST

    @property
    def thread(self) -> int:
        return self.current

    def threads(self) -> list[int]:
        return sorted({thread for thread, _ in self.history})

    def select_thread(self, thread: int) -> None:
        assert thread in self.threads()
        self.current = thread

    def _next(self, thread: int) -> int:
        """Where a thread stands: the address of its next instruction, or of its last one when it has none left."""
        ahead = [address for owner, address in self.history[self.position :] if owner == thread]
        behind = [address for owner, address in self.history[: self.position] if owner == thread]
        return ahead[0] if ahead else behind[-1]

    def read_bank(self, bank: Bank) -> bytes:
        from rdb.arch.x86_64 import ARCH

        banks = (bytearray(ARCH.registers.sizes[Bank.GENERAL]), bytearray(ARCH.registers.sizes[Bank.EXTENDED]))
        for name, value in (("rip", self._next(self.current)), ("rsp", 0x7FFF0000 + 0x10000 * (self.current - FIRST))):
            ARCH.registers.put(ARCH.registers[name], banks, value.to_bytes(8, "little"))
        return bytes(banks[bank])

    def read_memory(self, address: int, size: int) -> bytes:
        try:
            return self.beneath.read_memory(address, size)
        except CannotAccessMemory:
            return bytes(size)

    def insert_breakpoint(self, address: int) -> None:
        self.breakpoints.add(address)

    def remove_breakpoint(self, address: int) -> None:
        self.breakpoints.discard(address)

    @property
    def can_reverse(self) -> bool:
        return True

    @property
    def is_live(self) -> bool:
        return True

    def resume(self, request: Resume) -> None:
        self.requests.append(request)
        if request.signal:
            self.signals[self.current] = request.signal

    def wait(self) -> Stop:
        request, stepper = self.requests[-1], self.current
        step = 1 if request.direction is FORWARD else -1
        while 0 <= self.position + step < len(self.history):
            passed = self.history[self.position if step > 0 else self.position - 1][0]
            self.position += step
            here, address = self.history[self.position]
            reasons: list[Reason] = []
            if address in self.breakpoints:
                reasons.append(AtBreakpoint(address))
            elif request.step and passed == stepper:
                here = stepper
                reasons.append(Stepped())
            if reasons:
                self.current = here
                return Stop(tuple(reasons), here)
        return Stop((EndOfHistory(request.direction),), self.current)


@pytest.fixture
def played(session: Callable[..., Session]) -> Iterator[tuple[Session, Played, list[int]]]:
    """A session over a history: the first thread does 0 1 2 3, the second in between 4 0 5 1, by index of a place in main."""
    opened = session(program("threads_meet.c"))
    base = opened.locations("main")[0].address
    places = [base + 16 * number for number in range(8)]
    order = [(FIRST, 0), (FIRST, 1), (SECOND, 4), (SECOND, 0), (FIRST, 2), (SECOND, 5), (SECOND, 1), (FIRST, 3), (FIRST, 6)]
    target = Played([(thread, places[number]) for thread, number in order])
    opened.targets.push(target)
    opened.thread_table.begin(target.threads())
    opened.moved()
    yield opened, target, places
    opened.targets.remove(Stratum.PROCESS)


def go(session: Session, direction: Direction = FORWARD) -> StopReport:
    return session.run_control.go(Continue(session, direction))


def stepi(session: Session, direction: Direction = FORWARD, count: int = 1) -> StopReport:
    return session.run_control.go(
        Instruction(session, direction), count, lambda: Instruction(session, direction))


def test_numbers_are_never_used_twice() -> None:
    threads = Threads()
    threads.begin([10])
    assert not threads.several
    assert [threads.came(tid).number for tid in (11, 12, 11)] == [2, 3, 2]
    threads.ended(11)
    assert threads.of(11).number == 2, "the past still shows it"
    assert threads.came(11).number == 4, "the system has used the id again"
    assert threads.several
    threads.begin([10])
    assert not threads.several and threads.of(10).number == 1


def test_a_breakpoint_in_another_thread_switches(played: tuple[Session, Played, list[int]]) -> None:
    session, _, places = played
    session.break_at(f"*{places[4]:#x}")
    report = go(session)
    assert isinstance(report.reasons[0], BreakpointHit) and report.switched
    assert (report.stop.thread, session.thread_number, session.pc) == (SECOND, 2, places[4])
    assert session.evaluate_integer("$_thread") == session.evaluate_integer("$_gthread") == 2


def test_a_breakpoint_for_one_thread(played: tuple[Session, Played, list[int]]) -> None:
    session, target, places = played
    point = session.break_at(f"*{places[0]:#x}", thread=2)
    report = go(session)
    assert (report.stop.thread, target.position, point.hits) == (SECOND, 3, 1)
    point = session.break_at(f"*{places[1]:#x}", thread=1)
    report = go(session)
    assert isinstance(report.reasons[0], EndOfHistory) and point.hits == 0, "only the second thread comes there again"
    report = go(session, REVERSE)
    assert (report.stop.thread, target.position, point.hits) == (SECOND, 3, 0)
    report = go(session, REVERSE)
    assert (report.stop.thread, target.position, point.hits) == (FIRST, 1, 1)
    with pytest.raises(NoThread):
        session.break_at("main", thread=3)


@pytest.mark.parametrize("direction", Direction)
def test_a_step_belongs_to_its_thread(played: tuple[Session, Played, list[int]], direction: Direction) -> None:
    session, target, places = played
    target.position = 2 if direction is FORWARD else 7
    session.select_thread(1)
    report = stepi(session, direction, 2)
    assert (report.stop.thread, report.switched) == (FIRST, False)
    assert session.pc == (places[6] if direction is FORWARD else places[1])


def test_places_of_a_walk_do_not_count_in_other_threads(played: tuple[Session, Played, list[int]]) -> None:
    session, target, places = played
    target.position = 1
    session.moved()
    report = session.run_control.go(ToPlaces(session, FORWARD, targets=((places[5], None), (places[3], None))))
    assert (report.stop.thread, session.pc) == (FIRST, places[3])
    assert places[5] in target.breakpoints


def test_another_threads_breakpoint_ends_a_step(played: tuple[Session, Played, list[int]]) -> None:
    session, target, places = played
    target.position = 1
    session.break_at(f"*{places[4]:#x}")
    session.moved()
    report = stepi(session, FORWARD, 3)
    assert isinstance(report.reasons[0], BreakpointHit) and report.switched and report.stop.thread == SECOND


@pytest.mark.parametrize("mode", ("off", "on", "step", "replay"))
@pytest.mark.parametrize(("direction", "begin", "locked_hits"), [(FORWARD, 1, 0), (REVERSE, 8, 1)])
def test_scheduler_locking(
    played: tuple[Session, Played, list[int]], mode: str, direction: Direction, begin: int, locked_hits: int
) -> None:
    """Locked threads are asked to stay, and where they move all the same nothing that they come upon counts."""
    session, target, places = played
    point = session.break_at(f"*{places[0]:#x}")
    session.settings["scheduler-locking"] = mode
    for count, locked in ((0, mode == "on"), (3, mode in ("on", "step"))):
        target.position, target.requests, point.hits = begin, [], 0
        session.select_thread(1)
        report = stepi(session, direction, count) if count else go(session, direction)
        assert all(request.alone is locked for request in target.requests)
        assert report.stop.thread == (FIRST if locked else SECOND)
        if not count:
            assert point.hits == (locked_hits if locked else 1)


def test_a_signal_is_given_to_its_own_thread(played: tuple[Session, Played, list[int]]) -> None:
    session, target, _ = played
    target.current = SECOND
    session.run_control.pending_signal = 10
    session.select_thread(1)
    assert session.run_control.pending_signal == 0
    stepi(session)
    assert target.signals == {SECOND: 10}
    assert target.requests[0] == Resume(FORWARD, step=True, signal=10, alone=True)
    assert not any(request.signal for request in target.requests[1:])


def test_a_walk_whose_thread_has_ended_lets_the_others_go_on(played: tuple[Session, Played, list[int]]) -> None:
    session, target, places = played
    session.select_thread(2)
    walk = Instruction(session, FORWARD)
    session.run_control._walker = SECOND
    target.history = [each for each in target.history if each[0] == FIRST]
    target.current = FIRST
    assert isinstance(session.run_control._in_its_thread(walk), Continue)


def test_looking_at_another_thread_leaves_the_selection(played: tuple[Session, Played, list[int]]) -> None:
    session, target, places = played
    frame = session.innermost
    with session.in_thread(SECOND):
        assert session.pc == places[4] and session.innermost is not frame
    assert session.innermost is frame and target.current == FIRST
    assert [each.number for each in session.threads()] == [1, 2]


def test_signals_of_locked_threads_do_not_stop(played: tuple[Session, Played, list[int]]) -> None:
    session, target, _ = played
    control = session.run_control
    control._walker, control._locked = FIRST, True
    target.current = SECOND
    assert not control._on_signal(Signalled(11))
    control._locked = False
    assert control._on_signal(Signalled(11))
