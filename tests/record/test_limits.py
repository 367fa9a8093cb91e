"""How much of the past is kept: limits of instructions and of bytes, with either engine, and the ring of the compiled one."""

from __future__ import annotations

import resource
from collections.abc import Callable

import pytest

from rdb.events import Direction, EndOfHistory, RecordingStopped
from rdb.linux import memory, procfs
from rdb.record import segment
from rdb.record.compiled import code_cache, log
from rdb.record.target import RecordTarget
from rdb.session import Session
from rdb.settings import AUTO_LIMIT, Settings
from tests.build import program

Open = Callable[..., Session]
SIZE = 2 << 20


class Questions:
    """Answers questions, and keeps those that are asked about a full log."""

    def __init__(self, delete: bool) -> None:
        self.delete, self.asked = delete, 0

    def __call__(self, question: str) -> bool:
        if "auto delete" in question:
            self.asked += 1
            return self.delete
        return True


def recording(session: Open, engine: str, rounds: int, answers: Questions, **limits: int) -> Session:
    """A session that records record_long.c from main; `limits` are settings, in Python's spelling."""
    debugging = session(program("record_long.c", "-O1", "-g"), query=answers)
    debugging.arguments = f"{rounds} > /dev/null"
    debugging.settings["record full engine"] = engine
    for name, value in limits.items():
        debugging.settings["record full " + name.replace("_", "-")] = value
    debugging.run(stop_at="main")
    debugging.record()
    return debugging


def target(debugging: Session) -> RecordTarget:
    recorded = debugging.recording
    assert recorded is not None
    return recorded


def ring_of(debugging: Session) -> log.Ring:
    compiled = target(debugging).execution.compiled
    assert compiled is not None
    return compiled.ring


def there_and_back(debugging: Session) -> None:
    """To the oldest moment and to the newest again; the program stands there as it did, and did not go on meanwhile."""
    recorded = target(debugging)
    low, high = recorded.log.low, recorded.log.high
    table = debugging.evaluate_integer("(long)&table")
    pc, contents = debugging.pc, recorded.read_memory(table, 1 << 14)
    assert debugging.cont(Direction.REVERSE).stop.reason(EndOfHistory)
    assert recorded.position == low
    assert recorded.read_memory(table, 1 << 14) != contents
    assert debugging.cont().stop.reason(EndOfHistory)
    assert (recorded.log.low, recorded.position) == (low, high)
    assert (debugging.pc, recorded.read_memory(table, 1 << 14)) == (pc, contents)


def test_the_ring_goes_round(session: Open) -> None:
    """Chunks are used again, so memory and log are bounded; the user is asked once."""
    answers = Questions(delete=True)
    debugging = recording(session, "compiled", 300, answers, log_size_max=SIZE)
    assert debugging.cont().stop.reason(RecordingStopped)
    recorded = target(debugging)
    ring = ring_of(debugging)
    assert answers.asked == 1
    assert recorded.log.low > 0
    assert recorded.log.bytes_used <= recorded.limits.taken <= SIZE
    chunks = [*ring.chunks, *ring._free]
    assert len(chunks) <= SIZE // chunks[0].size
    # Round more than once: what has been recorded is many times what there is room for.
    assert recorded.log.high > 4 * len(recorded.log)
    there_and_back(debugging)


def test_entries_are_dropped_by_bytes(session: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "CAPACITY", 1 << 12)
    answers = Questions(delete=True)
    debugging = recording(session, "step", 1, answers, log_size_max=SIZE // 8)
    assert debugging.cont().stop.reason(RecordingStopped)
    recorded = target(debugging)
    assert answers.asked == 1
    assert recorded.log.low > 0 and recorded.log.bytes_used == recorded.limits.taken <= SIZE // 8
    there_and_back(debugging)


@pytest.mark.parametrize(("engine", "rounds", "size"), [("step", 1, SIZE // 8), ("compiled", 60, SIZE)])
def test_no_is_where_it_stops(session: Open, engine: str, rounds: int, size: int) -> None:
    answers = Questions(delete=False)
    debugging = recording(session, engine, rounds, answers, log_size_max=size)
    highs = []
    for _ in range(2):
        assert debugging.cont().stop.reason(RecordingStopped)
        highs.append(target(debugging).log.high)
    debugging.stepi()
    assert highs == [target(debugging).log.high] * 2 and answers.asked == 3
    assert target(debugging).log.low == 0
    assert debugging.cont(Direction.REVERSE).stop.reason(EndOfHistory)


def test_instructions_within_a_block(session: Open) -> None:
    """The oldest instruction may be inside a block, whose beginning cannot be reached."""
    debugging = recording(session, "compiled", 2, Questions(delete=True), insn_number_max=2000)
    assert debugging.cont().stop.reason(RecordingStopped)
    recorded = target(debugging)
    assert len(recorded.log) == 2000
    within = 0
    for limit in range(1999, 1000, -97):
        recorded.log.prune(limit)
        low = recorded.log.low
        within += recorded.log.boundary(low) < low
        assert debugging.cont(Direction.REVERSE).stop.reason(EndOfHistory)
        assert recorded.position == low == recorded.log.high - limit
        debugging.stepi()
        assert recorded.position == low + 1
        assert debugging.cont().stop.reason(EndOfHistory)
    assert within


def test_the_future_that_is_cut_off_makes_room(session: Open) -> None:
    debugging = recording(session, "compiled", 30, Questions(delete=True), log_size_max=4 * SIZE)
    assert debugging.cont().stop.reason(RecordingStopped)
    recorded = target(debugging)
    ring, taken = ring_of(debugging), recorded.limits.taken
    assert len(ring.chunks) > 2 and recorded.log.low == 0
    debugging.record_goto(recorded.log.high // 8)
    debugging.record_delete()
    assert recorded.limits.taken < taken * 3 / 4
    known = {*ring.chunks, *ring._free}
    assert debugging.cont().stop.reason(RecordingStopped)
    # Where the cut went through a chunk, its rest is not written again.
    again = {*ring.chunks, *ring._free}
    assert known <= again and len(again) <= len(known) + 1
    there_and_back(debugging)


def test_a_lower_limit_gives_memory_back(session: Open) -> None:
    debugging = recording(session, "compiled", 30, Questions(delete=True), log_size_max=4 * SIZE)
    debugging.settings["record full stop-at-limit"] = False
    assert debugging.cont().stop.reason(RecordingStopped)
    recorded = target(debugging)
    debugging.settings["record full log-size-max"] = SIZE
    recorded.limits.prune()
    ring = ring_of(debugging)
    assert sum(chunk.size for chunk in [*ring.chunks, *ring._free]) <= SIZE
    there_and_back(debugging)


def test_what_auto_means(session: Open) -> None:
    for engine, instructions in (("step", 200000), ("compiled", None)):
        debugging = recording(session, engine, 1, Questions(delete=True))
        limits = target(debugging).limits
        assert limits.instructions == instructions
        assert limits.bytes is not None and 0 < limits.bytes < memory.available()
        debugging.settings["record full insn-number-max"] = 1234
        debugging.settings["record full log-size-max"] = None
        found = [limits.instructions, limits.bytes]
        assert found == [1234, None]
        debugging.kill()


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("64M", 64 << 20, "64M"),
        ("1 gib", 1 << 30, "1G"),
        ("0x10k", 16 << 10, "16K"),
        ("1000", 1000, "1000"),
        ("1536M", 1536 << 20, "1536M"),
        ("0", None, "unlimited"),
        ("unlim", None, "unlimited"),
        ("auto", AUTO_LIMIT, "auto"),
    ],
)
def test_sizes(text: str, value: object, shown: str) -> None:
    settings = Settings()
    settings.set_text("record full log-size-max", text)
    assert settings["record full log-size-max"] == value
    assert settings.show("record full log-size-max") == f"The most memory that the recording takes is {shown}."


def test_chunks_fit_the_limit() -> None:
    """A chunk is never so small that a record might not fit, nor so large that dropping one would drop most of the log."""
    assert log.SMALLEST * (1 - log._MOST_TRACE) > log.GUARD
    assert log.LARGEST <= 1 << 25


def test_a_program_that_cannot_hold_more(session: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address space is limited: the log is full then, as if by a limit of ours."""
    monkeypatch.setattr(log, "LARGEST", SIZE // 4)
    monkeypatch.setattr(code_cache, "REGION_SIZE", SIZE // 2)
    answers = Questions(delete=True)
    debugging = recording(session, "compiled", 300, answers)
    ring, pid = ring_of(debugging), debugging.need_process().pid
    room = int(procfs.status(pid)["VmSize"].split()[0]) * 1024 + 2 * SIZE
    resource.prlimit(pid, resource.RLIMIT_AS, (room, room))
    assert debugging.cont().stop.reason(RecordingStopped)
    assert answers.asked == 1
    assert ring.most is not None and ring.most - SIZE // 4 <= sum(chunk.size for chunk in ring.chunks) <= ring.most
    assert target(debugging).log.low > 0
    there_and_back(debugging)
