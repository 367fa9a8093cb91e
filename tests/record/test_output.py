"""Output and input in the past: what was written is known at every position, nothing is written or read twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rdb.events import Direction, EndOfHistory, RecordingStopped
from rdb.record.output import EARLIER, OutputIndex, Written
from rdb.session import Session
from rdb.stops import BreakpointHit
from tests.build import program

Open = Callable[..., Session]
# What had been written to descriptors 1 and 2 at each marker of record_output.c.
TERMINAL = (b"", b"one\n", b"one\nvector\n", *[b"one\nvector\nhello"] * 4)
PIPE = 65536  # the capacity of a pipe, pipe(7)


def at_markers(session: Open, folder: Path) -> tuple[Session, list[int]]:
    """The program recorded to its end, and the positions of its markers; it reads from a pipe and writes to files."""
    queue = folder / "queue"
    os.mkfifo(queue)
    # Held open for reading and writing, so that nobody waits for the other side.
    held = os.open(queue, os.O_RDWR)
    os.write(held, b"hello, world")
    debugging = session(program("record_output.c"), query=lambda question: True)
    debugging.arguments = f"< {queue} > {folder}/out 2> {folder}/err"
    debugging.run(stop_at="main")
    debugging.record()
    debugging.break_at("marker")
    positions = []
    while debugging.cont().reason(BreakpointHit):
        positions.append(debugging.need_recording().position)
    os.close(held)
    assert len(positions) == 7
    return debugging, positions


def test_output_as_of_a_position(session: Open, tmp_path: Path) -> None:
    """At each marker, in either direction, exactly what had been written then; in between it changes where the call is done."""
    debugging, positions = at_markers(session, tmp_path)
    recording = debugging.need_recording()
    for position, expected in [*zip(positions, TERMINAL)][::-1] + [*zip(positions, TERMINAL)]:
        if position != recording.position:
            debugging.record_goto(position)
        assert recording.written((1, 2)) == Written(expected, len(expected), 16 - len(expected))
    debugging.record_goto(positions[0])
    changes = []
    before = recording.written((1,)).data
    while recording.position < positions[1]:
        debugging.stepi()
        now = recording.written((1,)).data
        if now != before:
            changes.append((before, now))
            before = now
    assert changes == [(b"", b"one\n")]


def test_every_call_and_descriptor(session: Open, tmp_path: Path) -> None:
    """Vectors, sockets, a copied descriptor, a write that was done in part and one that failed."""
    debugging, _ = at_markers(session, tmp_path)
    index, end = debugging.need_recording().outside.output, debugging.need_recording().log.high
    written = {number: index.written((number,), end).data for number in index.descriptors()}
    assert sorted(written.values()) == sorted(
        [b"one\nhello", b"vector\n", b"x" * PIPE, b"sentmessage", b"\033[1m\303\251\377"]
    )
    assert (written[1], written[2]) == (b"one\nhello", b"vector\n")
    assert (tmp_path / "out").read_bytes() == b"one\nhello\033[1m\303\251\377"
    assert (tmp_path / "err").read_bytes() == b"vector\n"


def test_nothing_is_written_or_read_twice(session: Open, tmp_path: Path) -> None:
    """There and back again, twice: files hold what was written once, and the program sees the input that it consumed."""
    debugging, positions = at_markers(session, tmp_path)
    files = {name: (tmp_path / name).read_bytes() for name in ("out", "err")}
    offsets = {n: Path(f"/proc/{debugging.target.pid}/fdinfo/{n}").read_text() for n in (0, 1, 2)}
    inputs = ["", "", "", "hello", "hello", "hello", "hello, world"]
    for stoppoint in list(debugging.breakpoints):
        debugging.breakpoints.delete(stoppoint.number)
    for direction in (Direction.REVERSE, Direction.FORWARD) * 2:
        assert debugging.cont(direction).stop.reason(EndOfHistory)
        for position, expected in zip(positions, inputs):
            debugging.record_goto(position)
            place = debugging.evaluate_integer("(long)&input")
            assert debugging.read_memory(place, 16).rstrip(b"\0").decode() == expected
    assert {name: (tmp_path / name).read_bytes() for name in files} == files
    assert {n: Path(f"/proc/{debugging.target.pid}/fdinfo/{n}").read_text() for n in (0, 1, 2)} == offsets


def test_a_cut_future_has_not_been_written(session: Open, tmp_path: Path) -> None:
    debugging, positions = at_markers(session, tmp_path)
    recording = debugging.need_recording()
    debugging.record_goto(positions[2])
    debugging.record_delete()
    assert recording.written((1, 2)) == Written(TERMINAL[2], len(TERMINAL[2]), 0)
    assert recording.outside.output.descriptors() == [1, 2]


def test_recording_goes_on_after_the_log_was_pruned(session: Open, tmp_path: Path) -> None:
    """What was written before the oldest position of the log is still known."""
    debugging = session(program("record_output.c"), query=lambda question: "program exit" in question)
    debugging.settings["record full insn-number-max"] = 50
    debugging.settings["record full stop-at-limit"] = False
    debugging.arguments = f"< /dev/null > {tmp_path}/out 2>&1"
    debugging.run(stop_at="main")
    debugging.record()
    assert debugging.cont().stop.reason(RecordingStopped)
    recording = debugging.need_recording()
    assert recording.log.low > 0
    debugging.cont(Direction.REVERSE)
    assert recording.position == recording.log.low
    assert recording.written((1, 2)) == Written(b"one\nvector\n", 11, 0)


@pytest.mark.parametrize("size", (1, 1000, 70_000))
def test_the_index_against_a_plain_list(size: int) -> None:
    """Writing, pruning and cutting in any order: the same answers as from a list of everything."""
    index, everything = OutputIndex(), []
    for position in range(0, 4 * EARLIER // size if size > 1 else 500, 1):
        data = bytes([position % 251]) * size
        index.add(3 * position, 1 + position % 3, data)
        everything.append((3 * position, 1 + position % 3, data))
    last = everything[-1][0]
    index.prune(last // 2)
    held = index.written((1, 2, 3), last + 1)
    assert len(held.data) <= 2 * EARLIER + sum(len(data) for at, _, data in everything if at >= last // 2) + size
    for position in (last // 2, last // 2 + 1, last - 1, last, last + 1):
        for wanted in ((1,), (2, 3), (1, 2, 3)):
            seen = index.written(wanted, position)
            before = b"".join(data for at, number, data in everything if at < position and number in wanted)
            after = sum(len(data) for at, number, data in everything if at >= position and number in wanted)
            assert before.endswith(seen.data) and (seen.size, seen.later) == (len(before), after)
            kept = sum(len(data) for at, number, data in everything if last // 2 <= at < position and number in wanted)
            assert len(seen.data) >= min(len(before), kept + (EARLIER - size) // 3 * len(wanted) - 3 * size)
    index.cut(last // 2)
    assert index.written((1, 2, 3), last + 1).size == sum(len(data) for at, _, data in everything if at < last // 2)
    index.cut(0)
    assert index.written((1, 2, 3), 0).later == 0


def test_what_goes_from_file_to_descriptor_is_seen(session: Open, tmp_path: Path) -> None:
    debugging = session(program("record_transfers.c"))
    debugging.arguments = f"> {tmp_path}/out"
    debugging.run(stop_at="main")
    debugging.record()
    assert debugging.cont().reason(RecordingStopped)
    recording = debugging.need_recording()
    assert (tmp_path / "out").read_text() == "012456ab01234"
    assert recording.written((1,)) == Written(b"012456ab", 8, 0)
    assert recording.written((debugging.evaluate_integer("ends[1]"),)) == Written(b"01234", 5, 0)
    assert debugging.cont(Direction.REVERSE).reason(EndOfHistory)
    assert recording.written((1,)) == Written(b"", 0, 8)
