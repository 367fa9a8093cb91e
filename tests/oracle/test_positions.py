"""Inside the blocks of compiled recording: every position is what single steps say it is.

The same program is recorded by both engines from its first instruction, with the same random bytes from the kernel, and no file
of its own; all that differs is its process id.  Both histories must have the same instructions at all positions, and all
registers and bytes must be equal: at random positions, around the borders of segments, and on walks by single steps in both
directions.  The CPU's note of where the last x87 instruction was is left out: it is where that was executed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rdb.events import Direction
from rdb.linux import procfs
from rdb.record.compiled.segment import BlockSegment
from rdb.record.single_step import Arrived
from rdb.record.system_call import SystemCall
from tests.build import program
from tests.oracle.lockstep import AT_RANDOM
from tests.oracle.moment import Camera, Moment
from tests.oracle.recording import Recording
from tests.oracle.test_snapshot import CPU_FLAGS

STATIC = ("-O2", "-g", "-static")
PROGRAMS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "libc": ("oracle_libc.c", STATIC, ()),
    "long double": ("oracle_x87.c", STATIC, ()),
    "AVX-512": ("oracle_avx512.c", (*STATIC, "-mavx512f"), ()),
    "mappings": ("oracle_mappings.c", STATIC, ()),
    "XSAVEC": ("oracle_xsavec.c", STATIC, ()),
    "faults": ("record_faults.c", STATIC, ()),
    **{
        case: ("jit.c", ("-O1", "-g", "-static", "-pthread"), (case,))
        for case in ("in_place", "shared", "private", "next_instruction", "own_loop", "across", "over_the_edge", "by_handler")
    },
}
OFTEN = {"libc", "long double", "next_instruction"}
POSITIONS, WALKS, LENGTH = 30, 6, 40
NOTES = ("fioff", "fiseg")
PARITY = 1 << 2
BYTES = bytes(range(1, 17))


def no_chance(recording: Recording) -> None:
    """Have getrandom() bring the same bytes in every run."""
    calls = recording.engine.special.calls
    finish = calls.finish

    def finish_alike(call: SystemCall, status: int, interrupted: bool = False) -> Arrived | tuple[()]:
        if call.name == "getrandom":
            recording.process.write_memory(call.arguments[0], (BYTES * 16)[: call.arguments[1]])
        return finish(call, status, interrupted)

    calls.finish = finish_alike  # type: ignore[method-assign]


def _without_number(registers: dict[str, bytes], number: bytes) -> dict[str, bytes]:
    found = {name: value.replace(number, b"own.") for name, value in registers.items() if len(value) >= 4 and name not in NOTES}
    if any(value.startswith(b"own.") for value in found.values()):
        # It may have been looked at: whether it is even says nothing.
        flags = int.from_bytes(found["eflags"], "little") & ~PARITY
        found["eflags"] = flags.to_bytes(4, "little")
    return found


class Pair:
    """One program recorded by both engines, `step` and `compiled`."""

    def __init__(self, path: Path, arguments: Sequence[str]) -> None:
        self.camera = Camera()
        self.both = [Recording(path, arguments, Path("/dev/null"), engine) for engine in ("step", "compiled")]
        for recording in self.both:
            place = procfs.auxiliary_vector(recording.pid, recording.arch.pointer_size)[AT_RANDOM]
            recording.process.write_memory(place, BYTES)
            no_chance(recording)
            recording.record_to(1 << 62)
            assert recording.ended == "exit"
        self.step, self.compiled = self.both

    def take(self) -> list[Moment]:
        assert self.step.position == self.compiled.position
        return [self.camera.take(recording) for recording in self.both]

    def registers(self) -> list[dict[str, bytes]]:
        """Without the process's own number, and parts of registers in which it could be."""
        return [_without_number(each.registers(), each.pid.to_bytes(4, "little")) for each in self.both]

    def compare(self) -> None:
        """Every register and byte, where both stand."""
        one, other = self.registers()
        position = self.step.position
        assert one == other, f"at {position}"
        moments = self.take()
        for stretch, same in zip(moments[0].memory, moments[1].memory):
            assert (stretch.end, stretch.protection, stretch.name) == (same.end, same.protection, same.name)
            places = [place for place in self.camera.places(stretch, same) if not self._is_number(place)]
            assert not places, f"at {position}: {', '.join(map(hex, places[:8]))} in {stretch.name}"
        assert len(moments[0].memory) == len(moments[1].memory)

    def _is_number(self, place: int) -> bool:
        return all(each.read_memory(place & -4, 4) == each.pid.to_bytes(4, "little") for each in self.both)

    def goto(self, position: int) -> None:
        for recording in self.both:
            recording.goto(position)

    def close(self) -> None:
        for recording in self.both:
            recording.close()


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    source, flags, arguments = PROGRAMS[request.param]
    if any(flag.removeprefix("-m") not in CPU_FLAGS for flag in flags if flag.startswith("-mavx")):
        pytest.skip("this CPU has no AVX-512")
    made = Pair(program(source, *flags), arguments)
    yield made
    made.close()


NAMES = [pytest.param(name, marks=() if name in OFTEN else pytest.mark.long) for name in PROGRAMS]


@pytest.mark.parametrize("pair", NAMES, indirect=True)
def test_positions(pair: Pair) -> None:
    choice, log = random.Random(5), pair.compiled.engine.log
    length = log.high
    assert pair.step.engine.log.high == length
    blocks = [segment for segment in log if isinstance(segment, BlockSegment)]
    assert sum(map(len, blocks)) > length / 2
    pcs, others = ([each.engine.log.pc(position) for position in range(length)] for each in pair.both)
    assert pcs == others
    borders = [segment.first + by for segment in choice.sample(blocks, min(4, len(blocks))) for by in (-1, 0, 1)]
    inside = choice.sample(range(length), POSITIONS)
    for position in (*borders, *inside):
        if position >= 0:
            pair.goto(position)
            pair.compare()
    for _ in range(WALKS):
        pair.goto(choice.randrange(LENGTH, length - LENGTH))
        for direction in choice.choices(list(Direction), k=2):
            for _ in range(LENGTH):
                for recording in pair.both:
                    recording.step(direction)
                one, other = pair.registers()
                assert one == other, f"at {pair.step.position}"
        pair.compare()
