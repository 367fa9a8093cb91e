"""The single-step recorder and its step loop, with machine code and without: both must record the same, and undo it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from rdb.address import Range
from rdb.arch.base import Bank
from rdb.events import (
    Accessed,
    AtBreakpoint,
    Direction,
    Resume,
    Signalled,
    Stepped,
    Watch,
    WatchKind,
)
from rdb.linux import step_loop
from rdb.linux.step_loop import EVERYWHERE
from rdb.record.entry import Entry, MemoryEntry
from rdb.record.single_step import Arrived, Slow, Until
from rdb.symbols.table import SymbolTable
from tests.build import program
from tests.oracle.moment import Camera
from tests.oracle.recording import Recording

FLAGS = ("-O1", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-mno-red-zone", "-no-pie")
SIGSEGV = 11


def no_page() -> None:
    raise PermissionError("no memory may be executable here")


@pytest.fixture(params=["machine code", "python", "another cpu"])
def recording(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Recording]:
    """The program, about to execute its first instruction."""
    if request.param == "python":
        monkeypatch.setattr(step_loop, "page", no_page)
    elif request.param == "another cpu":
        monkeypatch.setattr(step_loop, "_machine", lambda: "riscv64")
    with opened(tmp_path) as recording:
        yield recording


def opened(folder: Path) -> Recording:
    return Recording(path(), [], folder / "output")


def path() -> Path:
    return program("record_steps.c", *FLAGS)


def address(name: str) -> int:
    table = SymbolTable()
    table.add(str(path()))
    return table.minimal(name)[0].address


def history(recording: Recording) -> list[list[Entry]]:
    log = recording.engine.log
    return [log.entries(position) for position in range(log.high)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> list[list[Entry]]:
    """The whole history of the program, each instruction recorded by a step of its own."""
    with opened(tmp_path_factory.mktemp("reference")) as recording:
        while recording.go(Resume(step=True)).reason(Stepped):
            pass
        assert recording.engine.recorder.pc == address("fault")
        return history(recording)


def test_everything_is_recorded_and_undone(recording: Recording, reference: list[list[Entry]]) -> None:
    camera = Camera()
    start = camera.take(recording)
    stop = recording.go(Resume())
    signalled = stop.reason(Signalled)
    assert signalled and signalled.number == SIGSEGV and signalled.address == 16
    assert recording.engine.recorder.pc == address("fault")
    assert history(recording) == reference
    end = camera.take(recording)
    recording.goto(0)
    assert camera.differences(start, camera.take(recording)) == []
    recording.goto(len(reference))
    assert camera.differences(end, camera.take(recording)) == []


def test_a_faulting_instruction_leaves_no_record(recording: Recording) -> None:
    recording.go(Resume())
    high = recording.engine.log.high
    recording.engine.stepper.refresh()
    outcome = recording.engine.recorder.burst(Until(), 100)
    assert outcome == Arrived(signal.SIGSEGV << 8 | 0x7F)
    assert recording.engine.log.high == high
    assert int.from_bytes(recording.target.read_bank(Bank.GENERAL)[128:136], "little") == address("fault")


def record_one(recording: Recording) -> bool:
    """Record whatever instruction comes next."""
    return recording.engine.execution.run(Resume(step=True), Until()) == (Stepped(),)


def test_a_burst_ends_after_as_many_as_were_asked_for(recording: Recording) -> None:
    recorder, log = recording.engine.recorder, recording.engine.log
    assert isinstance(recorder.burst(Until(), 1000), Slow)  # the system call
    assert record_one(recording)
    for limit in (1, 2, 7, 20):
        high = log.high
        assert recorder.burst(Until(), limit) is None
        assert log.high == high + limit
        assert recorder.pc == int.from_bytes(recording.process.read_bank(Bank.GENERAL)[128:136], "little")


def test_breakpoints_come_and_go(recording: Recording) -> None:
    """An instruction that the loop knows is stopped at once it has a breakpoint, and not any more without it."""
    sizes, forms = address("sizes"), address("forms")
    target = recording.target
    for name, count in ((sizes, 3), (forms, 3), (sizes, 2)):
        target.insert_breakpoint(name)
        for _ in range(count):
            assert recording.go(Resume()).reasons == (AtBreakpoint(name),)
        target.remove_breakpoint(name)
    both = {recording.engine.log.pc(position) for position in range(recording.engine.log.high)}
    assert {sizes, forms} <= both
    assert recording.go(Resume()).reason(Signalled)


def test_a_range_is_left_at_once(recording: Recording) -> None:
    sizes = address("sizes")
    recording.target.insert_breakpoint(sizes)
    for _ in range(3):
        recording.go(Resume())
    within = Range(sizes, sizes + 20)
    assert recording.go(Resume(step=True, within=within)).reasons == (Stepped(),)
    log = recording.engine.log
    assert recording.engine.recorder.pc not in within and log.pc(log.high - 1) in within
    assert recording.go(Resume(step=True, within=EVERYWHERE)).reasons == (AtBreakpoint(sizes),)


@pytest.mark.parametrize("kind", [WatchKind.WRITE, WatchKind.ACCESS])
def test_a_watched_variable(recording: Recording, kind: WatchKind) -> None:
    watch = Watch(address("watched"), 8, kind)
    recording.go(Resume(step=True))
    recording.target.insert_watch(watch)
    seen = []
    while (stop := recording.go(Resume())).reason(Accessed):
        accessed = stop.reason(Accessed)
        assert accessed and accessed.before and accessed.after
        seen.append((accessed.before[0], accessed.after[0]))
    changes = [(value, value + 1) for value in range(4)]
    assert [each for each in seen if each[0] != each[1]] == changes


def test_code_that_changes_is_decoded_anew(recording: Recording) -> None:
    """Each store into the code is recorded, and what it put there is executed."""
    changing = address("changing")
    recording.go(Resume())
    writes = [each for record in history(recording) for each in record if isinstance(each, MemoryEntry)]
    assert sum(each.address == changing + 1 for each in writes) == 40
    total = sum(i for i in range(40) if i % 3 == 0)
    assert recording.read_memory(address("area"), 8) == total.to_bytes(8, "little")


def test_signals_to_the_debugger_disturb_nothing(recording: Recording, reference: list[list[Entry]]) -> None:
    count = 0

    def tick(*_: object) -> None:
        nonlocal count
        count += 1

    before = signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        recording.go(Resume())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert count
    assert history(recording) == reference


def test_an_interrupt_is_seen_soon(recording: Recording) -> None:
    """Between two looks at whether the user wants to stop lie no more instructions than a stride has."""
    high = recording.engine.log.high
    while isinstance(recording.engine.recorder.burst(Until(), 1 << 20), Slow):
        assert record_one(recording)
        high = recording.engine.log.high
    assert recording.engine.log.high - high <= step_loop.CAPACITY


def test_back_to_the_past_and_on_from_there(recording: Recording, reference: list[list[Entry]]) -> None:
    """Cutting off the future forgets what was known of it."""
    forms = address("forms")
    recording.target.insert_breakpoint(forms)
    for _ in range(5):
        recording.go(Resume())
    recording.go(Resume(Direction.REVERSE))
    recording.go(Resume(Direction.REVERSE))
    recording.engine.go_live()
    recording.target.remove_breakpoint(forms)
    assert recording.go(Resume()).reason(Signalled)
    assert history(recording) == reference
