"""Signals under recording: every manner of handler, fault, waiting and interrupted call, brought back to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from rdb.events import Direction, EndOfHistory, Exited, Killed, RecordingStopped, Signalled
from rdb.linux import ptrace, signal_state, signals
from rdb.linux.signals import Disposition
from rdb.record.slices import SLICE
from rdb.session import Session
from rdb.stops import BreakpointHit
from tests.build import program
from tests.i386.build import program32
from tests.oracle import snapshot
from tests.walks.test_against_gdb import FLAGS

SIGUSR1, SIGALRM = 10, 14
PROGRAMS = {
    "signal_handlers.c": "ordinary nested deferred reset alternate disarmed returned exhausted jumps informed extended",
    "signal_faults.c": "protection strings division illegal breakpoint truncated nested wide",
    "signal_waiting.c": "pending suspended waited descriptor queued timers interrupted restarted slept partial children stopped "
    "storm",
    "signal_fast.c": "computing calling sleeping forking jumping raising",
}
# One of each kind is always run; all of them are run by `make test-long`.
QUICK = {"forking", "jumping", "nested", "alternate", "exhausted", "strings", "breakpoint", "suspended", "restarted", "slept"}
CPU_FLAGS = frozenset(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())


def _cases() -> Iterator[object]:
    for source, names in PROGRAMS.items():
        for name in names.split():
            for bits in (64, 32):
                marks = () if name in QUICK else pytest.mark.long
                yield pytest.param(source, name, bits, id=f"{source[7:-2]}-{name}-{bits}", marks=marks)


def _flags(bits: int) -> tuple[str, ...]:
    """Static, so that most of what is recorded is the program; the widest stores that the CPU has."""
    if bits == 32:
        return ("-O1", "-g", "-static")
    wide = next((flag for flag in ("avx512f", "avx") if flag in CPU_FLAGS), None)
    return ("-O1", "-g", "-static", *((f"-m{wide}",) if wide else ()))


@pytest.mark.parametrize(("source", "name", "bits"), list(_cases()))
def test_brought_back(source: str, name: str, bits: int) -> None:
    """Backwards, forwards and at random through the whole run; and the program itself is content with what it saw."""
    build = program32 if bits == 32 else program
    report = snapshot.check(build(source, *_flags(bits)), [name], moments=12)
    assert report.misses == []
    assert report.status == 0
    assert report.comparisons > 60


def _often() -> Iterator[object]:
    """Few times is enough for one word size."""
    for name in ("children", "descriptors", "stopping", "traced"):
        for bits, times in ((64, 4), (64, 60), (32, 4), (32, 60)):
            marks = () if times == 4 and (bits == 64 or name == "traced") else pytest.mark.long
            yield pytest.param(name, bits, times, id=f"{name}-{bits}-{times}", marks=marks)


@pytest.mark.parametrize("engine", ("step", "compiled"))
@pytest.mark.parametrize(("name", "bits", "times"), list(_often()))
def test_of_the_kernel(name: str, bits: int, times: int, engine: str) -> None:
    """Children that end at once, signalfd and timerfd, a program that stops itself, one that steps itself; by both engines."""
    build = program32 if bits == 32 else program
    report = snapshot.check(build("signal_kernel.c", "-O1", "-g", "-static"), [name, str(times)], engine)
    assert report.misses == []
    assert report.status == 0
    assert report.comparisons > 8


def goes_on_from_each(debugging: Session, moments: Sequence[tuple[int, object]], kept: Callable[[], object]) -> None:
    """From each of these moments, the newest first, the program goes on with what the kernel kept for it then; and to its end."""
    for position, state in reversed(moments):
        debugging.record_goto(position)
        debugging.record_delete()
        assert kept() == state, f"at {position}"
    while not (report := debugging.cont()).stop.ended:
        pass
    assert report.stop.reason(Exited) == Exited(0)


def _recorded(session: Callable[..., Session], name: str) -> Session:
    debugging = session(program("signal_handlers.c"), query=lambda question: "program exit" in question)
    debugging.arguments = name
    debugging.run(stop_at="main")
    debugging.record()
    return debugging


def test_stops_in_both_directions(session: Callable[..., Session]) -> None:
    """The past is stopped at a signal as the present was, if `handle` says so."""
    debugging = _recorded(session, "ordinary")
    places = []
    while (signalled := debugging.cont().stop.reason(Signalled)) is not None:
        assert signalled.number == SIGUSR1
        places.append((debugging.recording.position, debugging.evaluate_integer("caught")))  # type: ignore[union-attr]
    assert [caught for _, caught in places] == [0, 10, 1010]
    for direction, order in ((Direction.REVERSE, places[::-1]), (Direction.FORWARD, places)):
        for place in order:
            again = debugging.cont(direction).stop.reason(Signalled)
            assert again is not None and again.number == SIGUSR1
            assert (debugging.recording.position, debugging.evaluate_integer("caught")) == place  # type: ignore[union-attr]
        assert debugging.cont(direction).stop.reason(EndOfHistory) == EndOfHistory(direction)
    debugging.signals[SIGUSR1] = Disposition(stop=False, tell=False, forward=True)
    assert debugging.cont(Direction.REVERSE).stop.reason(EndOfHistory)


@pytest.mark.parametrize("engine", ("step", "compiled"))
def test_signals_of_the_debuggers_are_in_the_past(session: Callable[..., Session], engine: str) -> None:
    """What stops the program by default, passed or not, stops nobody; a trap of the program's own is none of its signals."""
    debugging = session(program("signal_stops.c", *FLAGS))
    debugging.settings["record full engine"] = engine
    debugging.run(stop_at="main")
    debugging.record()
    debugging.evaluate_integer("traps = 1")
    order = ["SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGTRAP", "SIGSEGV"]

    def told(direction: Direction) -> str:
        signalled = debugging.cont(direction).stop.reason(Signalled)
        return signals.name(signalled.number) if signalled else ""

    assert [told(Direction.FORWARD) for _ in order] == order
    assert [told(Direction.REVERSE) for _ in order] == [*order[-2::-1], ""]
    assert [told(Direction.FORWARD) for _ in range(6)] == [*order[:-1], "", "SIGSEGV"]
    assert debugging.cont().stop.reason(Killed) == Killed(11)


@pytest.mark.parametrize(("engine", "steps"), (("step", 4000), ("compiled", 60000)))
def test_timers_leave_time(session: Callable[..., Session], engine: str, steps: int) -> None:
    """A program whose timer is faster than its handler, as it is recorded, gets on between two signals."""
    debugging = session(program("signal_fast.c", "-g"), query=lambda question: "program exit" in question)
    debugging.settings["record full engine"] = engine
    debugging.settings["record full insn-number-max"] = None
    debugging.arguments = f"computing {steps}"
    debugging.run(stop_at="main")
    debugging.record()
    report = debugging.cont()
    recording = debugging.recording
    assert recording is not None and report.stop.reason(RecordingStopped)
    assert debugging.evaluate_integer("steps") == steps
    positions = [recording.log.low]
    while (found := recording.log.deliveries.nearest(positions[-1], Direction.FORWARD, ())) is not None:
        positions.append(found[0])
    assert [after - before for before, after in zip(positions[1:], positions[2:]) if after - before < SLICE] == []


def test_what_has_arrived_is_undone_by_going_live(session: Callable[..., Session]) -> None:
    """A signal for which the program stood does not follow it into its past; there it comes again by itself."""
    debugging = _recorded(session, "ordinary")
    assert debugging.cont().stop.reason(Signalled)
    assert debugging.cont(Direction.REVERSE).stop.reason(EndOfHistory)
    debugging.record_stop()
    debugging.break_at("count")
    caught = []
    while not (report := debugging.cont()).stop.ended:
        if report.stop.reason(Signalled) is None:
            caught.append(debugging.evaluate_integer("caught"))
    assert caught == [0, 10, 1010]
    assert report.stop.reason(Exited) == Exited(0)


def test_mask_and_stack_are_put_back(session: Callable[..., Session]) -> None:
    """A program that goes on from its past has the mask and the alternate stack of then."""
    debugging = session(program("signal_state.c"), query=lambda question: "program exit" not in question)
    debugging.signals[SIGUSR1] = Disposition(stop=False, tell=False, forward=True)

    def kept() -> tuple[bytes, object]:
        recording = debugging.recording
        assert recording is not None
        mask = ptrace.signal_mask(recording.pid)
        return mask, signal_state.alternate_stack(recording.space.injector, recording.delivery.abi)

    debugging.run(stop_at="main")
    debugging.record()
    debugging.break_at("marker")
    moments = []
    for _ in range(6):
        assert debugging.cont().frame is not None
        moments.append((debugging.recording.position, kept()))  # type: ignore[union-attr]
    assert len({state for _, state in moments}) == 4
    goes_on_from_each(debugging, moments, kept)


@pytest.mark.parametrize("engine", ("step", "compiled"))
@pytest.mark.parametrize("bits", (64, 32))
def test_handlers_for_once_are_put_back(session: Callable[..., Session], bits: int, engine: str) -> None:
    """A program that goes on from in front of a delivery has the handler that the kernel took away with it."""
    build = program32 if bits == 32 else program
    debugging = session(build("signal_once.c"), query=lambda question: "program exit" not in question)
    debugging.settings["record full engine"] = engine
    numbers = (SIGUSR1, 12, 5)
    for number in numbers:
        debugging.signals[number] = Disposition(stop=False, tell=False, forward=True)

    def kept() -> tuple[bytes, ...]:
        recording = debugging.recording
        assert recording is not None
        injector, abi = recording.space.injector, recording.delivery.abi
        actions = (signal_state.action(injector, abi, number) for number in numbers)
        return (ptrace.signal_mask(recording.pid), *actions)

    debugging.run(stop_at="main")
    debugging.record()
    debugging.break_at("marker")
    moments = []
    for _ in range(11):
        assert isinstance(debugging.cont().reasons[0], BreakpointHit)
        moments.append((debugging.recording.position, kept()))  # type: ignore[union-attr]
    goes_on_from_each(debugging, moments, kept)


@pytest.mark.parametrize("engine", ("step", "compiled"))
@pytest.mark.parametrize("where", ("blocked", pytest.param("", marks=pytest.mark.long)))
def test_waiting_with_another_mask(session: Callable[..., Session], engine: str, where: str) -> None:
    """The handler that ends a sigsuspend or ppoll has that call's mask, whatever calls of ours the thread has made meanwhile.

    Going back undoes mappings, by calls in the thread that stands in the wait.
    """
    debugging = session(program("signal_masks.c", "-O1", "-g"), query=lambda question: "program exit" in question)
    debugging.settings["record full engine"] = engine
    debugging.arguments = where
    debugging.signals[SIGALRM] = Disposition(stop=True, tell=True, forward=True)
    debugging.run(stop_at="main")
    debugging.record()
    for _ in range(4):
        assert debugging.cont().stop.reason(Signalled)
        recording = debugging.recording
        assert recording is not None
        here = recording.position
        debugging.record_goto(recording.log.low)
        debugging.record_goto(here)
    debugging.signals[SIGALRM] = Disposition(stop=False, tell=False, forward=True)
    assert debugging.cont().stop.reason(RecordingStopped)
    assert debugging.evaluate_integer("$rdi") == 0
