"""Recording by translated code: it stops where it must, to the instruction, and shows nothing of itself."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rdb.events import Accessed, AtBreakpoint, Direction, Resume, Signalled, Watch, WatchKind
from rdb.linux import procfs
from rdb.record.compiled.segment import BlockSegment
from rdb.symbols.elf import open_elf
from tests.build import program
from tests.oracle.recording import Recording

SYMTAB = 2  # <elf.h>
FLAGS = ("-O1", "-g", "-static")
BARE = ("walk_bare.c", "-O0", "-g", "-nostdlib", "-static", "-no-pie", "-fcf-protection=none", "-fno-stack-protector")


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Recording]]:
    """Begins recordings, and ends them."""
    begun: list[Recording] = []

    def recording(path: Path, *arguments: str, engine: str = "compiled") -> Recording:
        begun.append(Recording(path, arguments, tmp_path / f"output{len(begun)}", engine))
        return begun[-1]

    yield recording
    for each in begun:
        each.close()


def address_of(path: Path, name: str) -> int:
    """Where a static program has a symbol."""
    return next(each.value for each in open_elf(str(path)).symbols(SYMTAB) if each.name == name)


def in_blocks(recording: Recording) -> float:
    """The share of instructions that are in blocks."""
    log = recording.engine.log
    return sum(len(each) for each in log if isinstance(each, BlockSegment)) / len(log)


def test_every_instruction_is_the_one_that_single_steps_see(begin: Callable[..., Recording]) -> None:
    """The same program by both engines: pc at each position, and the registers at some of them."""
    compiled, stepped = (begin(program(*BARE), engine=engine) for engine in ("compiled", "step"))
    for each in (compiled, stepped):
        each.record_to(1 << 62)
    assert in_blocks(compiled) > 0.9
    length = stepped.engine.log.high
    assert compiled.engine.log.high == length > 500
    pcs = [[each.engine.log.pc(position) for position in range(length)] for each in (compiled, stepped)]
    assert pcs[0] == pcs[1]
    for position in range(0, length, 7):
        for each in (compiled, stepped):
            each.goto(position)
        assert compiled.registers() == stepped.registers(), position


def test_a_limit_is_kept_to_the_instruction(begin: Callable[..., Recording]) -> None:
    recording = begin(program("record_loops.c", *FLAGS))
    for limit in (1, 500, 501, 10_007, 10_008, 123_456):
        assert recording.record_to(limit)
        assert recording.position == limit
    assert in_blocks(recording) > 0.9


def test_the_oldest_position_may_be_inside_a_block(begin: Callable[..., Recording]) -> None:
    """What is pruned ends where the limit says; all that is left can be gone to."""
    recording = begin(program("record_loops.c", *FLAGS))
    recording.settings["record full insn-number-max"] = 20_011
    recording.settings["record full stop-at-limit"] = False
    assert recording.go(Resume()).reasons
    log = recording.engine.log
    assert len(log) == 20_011 and log.low == log.high - 20_011
    for position in (log.low, log.low + 1, log.high, log.low + 5, log.low):
        recording.goto(position)
        assert recording.registers()["rip"] == log.pc(position).to_bytes(8, "little")


def test_what_is_ours_is_not_seen(begin: Callable[..., Recording]) -> None:
    recording = begin(program("record_loops.c", *FLAGS))
    before = recording.mappings()
    recording.record_to(5000)
    raw = Path(f"/proc/{recording.pid}/maps").read_text()
    assert raw.count(procfs.OURS) >= 3
    assert not any(procfs.OURS in each.name for each in recording.mappings())
    assert {each.name for each in before} <= {each.name for each in recording.mappings()}


def test_an_interrupt_stops_it(begin: Callable[..., Recording]) -> None:
    """Between two instructions of the program, from where it can go back, and again to there."""
    recording = begin(program("record_loops.c", *FLAGS), "long")
    recording.record_to(30_000)
    recording.settings["record full insn-number-max"] = None
    timer = threading.Timer(0.2, recording.target.interrupt)
    timer.start()
    stop = recording.go(Resume())
    timer.join()
    signalled = stop.reason(Signalled)
    assert signalled is not None and signalled.number == signal.SIGINT
    position, registers = recording.position, recording.registers()
    recording.goto(25_000)
    recording.goto(position)
    assert recording.registers() == registers


def test_breakpoints_come_and_go(begin: Callable[..., Recording]) -> None:
    """One at the beginning of a function, and one behind its first instruction, inside of a block that has been executed."""
    path = program("record_loops.c", *FLAGS)
    recording, touch = begin(path), address_of(path, "touch")
    recording.record_to(200_000)
    recording.settings["record full insn-number-max"] = None
    inside = touch + recording.arch.effects(recording.read_memory(touch, 15), touch).length
    for address in (touch, inside, touch, inside):
        recording.target.insert_breakpoint(address)
        assert recording.go(Resume()).reason(AtBreakpoint) == AtBreakpoint(address)
        recording.target.remove_breakpoint(address)
    for address in (touch, inside):
        recording.target.insert_breakpoint(address)
    for address in (touch, inside, touch):
        assert recording.go(Resume()).reason(AtBreakpoint) == AtBreakpoint(address)
    assert recording.go(Resume(Direction.REVERSE)).reason(AtBreakpoint) == AtBreakpoint(inside)
    assert recording.go(Resume(step=True)).reasons


def test_code_that_the_user_changes(begin: Callable[..., Recording]) -> None:
    """A return written over the beginning of a function that has been executed: the variable is touched no more."""
    path = program("record_loops.c", *FLAGS)
    recording, touch, watched = begin(path), address_of(path, "touch"), address_of(path, "watched")
    recording.record_to(200_000)
    before = recording.read_memory(watched, 8)
    assert any(before)
    recording.target.write_memory(touch, b"\xc3")
    assert recording.record_to(400_000)
    assert recording.engine.log.find_pc({touch}, 200_001, Direction.FORWARD)
    assert recording.read_memory(watched, 8) == before


def test_a_watched_variable(begin: Callable[..., Recording]) -> None:
    """The debug registers notice the store; the stop is right behind it, as when it is looked for in the past."""
    path = program("record_loops.c", *FLAGS)
    recording = begin(path)
    recording.record_to(1000)
    recording.settings["record full insn-number-max"] = None
    watch = Watch(address_of(path, "watched"), 8, WatchKind.WRITE)
    recording.target.insert_watch(watch)
    positions = []
    for value in (999, 1999, 2999):
        accessed = recording.go(Resume()).reason(Accessed)
        assert accessed is not None and accessed.after == value.to_bytes(8, "little")
        positions.append(recording.position)
    assert in_blocks(recording) > 0.9
    for position in reversed(positions):
        assert recording.go(Resume(Direction.REVERSE)).reason(Accessed)
        assert recording.position == position - 1


def test_detached_it_runs_on(begin: Callable[..., Recording], tmp_path: Path) -> None:
    recording = begin(program("record_loops.c", *FLAGS))
    recording.record_to(60_000)
    recording.goto(40_000)
    pid, threads = recording.pid, recording.target.threads()
    before = recording.mappings()
    recording.engine.finish()
    assert threads == recording.process.threads()
    assert procfs.OURS not in Path(f"/proc/{pid}/maps").read_text()
    assert procfs.mappings(pid) == before
    recording.process.detach()
    deadline = time.monotonic() + 20
    while os.waitpid(recording.pid, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    native = program("record_loops.c", *FLAGS)
    assert (tmp_path / "output0").read_text() == os.popen(str(native)).read()
