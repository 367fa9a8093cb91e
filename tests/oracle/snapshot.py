"""The snapshot oracle: the past is the past, to the byte.

A program is recorded from its first instruction until it is about to exit.  At many moments on the way all registers and every
readable byte of its memory are kept.  Then it goes backwards through these moments, forwards again, and about at random, by jumps
and by single steps; at each one every register and byte must be what it was.  At last it exits as it does by itself.

    python -m tests.oracle.snapshot [--engine NAME] PROGRAM [ARGUMENT...]
"""

from __future__ import annotations

import argparse
import ctypes
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rdb.errors import CannotAccessMemory
from rdb.events import Direction, Exited
from rdb.linux import ptrace
from tests.oracle.recording import ENGINES, Recording

# Data that the kernel and the clock write; no instruction does.
KERNEL_S_OWN = ("[vvar", "[vsyscall]")
BLOCK = 1 << 14
WALK = 12


class _RseqConfiguration(ctypes.Structure):
    """struct ptrace_rseq_configuration, <linux/ptrace.h>."""

    _fields_ = [("pointer", ctypes.c_uint64), ("size", ctypes.c_uint32), ("rest", ctypes.c_uint32 * 3)]


_GET_RSEQ_CONFIGURATION = 0x420F


def rseq_area(pid: int) -> range:
    """Where the kernel keeps the number of the current CPU for the process (rseq(2)); it is written at any time."""
    answer = _RseqConfiguration()
    ptrace.raw(_GET_RSEQ_CONFIGURATION, pid, ctypes.sizeof(answer), ctypes.addressof(answer))
    return range(answer.pointer, answer.pointer + (answer.size if answer.pointer else 0))


@dataclass(frozen=True)
class Stretch:
    """A mapping and its contents, in blocks that moments share where they are equal."""

    start: int
    end: int
    name: str
    blocks: tuple[bytes, ...]

    def tail(self, size: int) -> bytes:
        return b"".join(self.blocks)[-size:]


@dataclass(frozen=True)
class Moment:
    """The whole state at one position."""

    position: int
    registers: dict[str, bytes]
    memory: tuple[Stretch, ...]


class Camera:
    """Takes moments of one recording."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._known: dict[bytes, bytes] = {}
        self._kernel_s_own: set[int] = set()

    def take(self) -> Moment:
        process = self.recording.process
        self._kernel_s_own.update(rseq_area(process.pid))
        stretches = []
        for mapping in process.mappings():
            if mapping.readable and not mapping.name.startswith(KERNEL_S_OWN):
                blocks = tuple(self._blocks(mapping.start, mapping.end))
                if blocks:
                    stretches.append(Stretch(mapping.start, mapping.end, mapping.name, blocks))
        return Moment(self.recording.position, self.recording.registers(), tuple(stretches))

    def _blocks(self, start: int, end: int) -> Iterator[bytes]:
        for address in range(start, end, BLOCK):
            try:
                block = self.recording.target.read_memory(address, min(BLOCK, end - address))
            except CannotAccessMemory:
                return  # mapped behind the end of its file
            yield self._known.setdefault(block, block)

    def differences(self, then: Moment, now: Moment) -> list[str]:
        """What is not now as it was then, in words; empty if nothing."""
        found = [
            f"{name}: {then.registers[name][::-1].hex()} became {value[::-1].hex()}"
            for name, value in now.registers.items()
            if value != then.registers[name]
        ]
        before, after = ({(each.end, each.name): each for each in moment.memory} for moment in (then, now))
        for key in before.keys() | after.keys():
            old, new = before.get(key), after.get(key)
            if old is None or new is None:
                found.append(f"{'un' if new is None else ''}mapped: {old or new and new.name}")
            else:
                found.extend(self._in_stretch(old, new))
        return found

    def _in_stretch(self, old: Stretch, new: Stretch) -> Iterator[str]:
        if old.start != new.start and new.name != "[stack]":
            yield f"{new.name} moved from {old.start:#x} to {new.start:#x}"
        elif old.start != new.start or old.blocks != new.blocks:
            # A stack grows by itself and does not shrink again; what it has grown by must be as it was: untouched.
            size = max(old.end - old.start, new.end - new.start)
            was, is_ = (each.tail(size).rjust(size, b"\0") for each in (old, new))
            places = [new.end - size + at for at in range(size) if was[at] != is_[at]]
            places = [place for place in places if place not in self._kernel_s_own]
            if places:
                yield f"{len(places)} bytes differ in {new.name or 'anonymous memory'}, at {', '.join(map(hex, places[:8]))}"


@dataclass
class Report:
    """What a run of the oracle did and found."""

    instructions: int = 0
    moments: int = 0
    comparisons: int = 0
    misses: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.instructions:,} instructions, {self.moments} moments, {self.comparisons} comparisons of every register and "
            f"byte, {len(self.misses)} misses"
        )


def record(recording: Recording, camera: Camera, moments: int) -> list[Moment]:
    """Record to the end; between `moments` and twice as many moments, evenly spread, the first and the last among them."""
    taken, stride = [camera.take()], 500
    while recording.record_to(recording.position + stride):
        taken.append(camera.take())
        if len(taken) > 2 * moments:
            taken, stride = taken[::2], stride * 2
    if recording.position != taken[-1].position:
        taken.append(camera.take())
    return taken


def check(program: Path, arguments: Sequence[str] = (), engine: str = "full", moments: int = 8, seed: int = 0) -> Report:
    """Run the oracle on a program; the report's `misses` is empty if all was as it should be."""
    choice = random.Random(seed)
    report = Report()
    with tempfile.TemporaryDirectory() as folder, Recording(program, arguments, Path(folder, "output"), engine) as recording:
        camera = Camera(recording)
        taken = record(recording, camera, moments)
        report.instructions, report.moments = recording.position, len(taken)

        def compare(moment: Moment, way: str) -> None:
            report.comparisons += 1
            for difference in camera.differences(moment, camera.take())[:20]:
                report.misses.append(f"{way} to {moment.position}: {difference}")

        for way, order in (
            ("backwards", taken[-2::-1]),
            ("forwards", taken[1:]),
            ("at random", choice.choices(taken, k=moments)),
            ("at a stretch back", taken[:1]),
            ("at a stretch forwards", taken[-1:]),
        ):
            for moment in order:
                recording.goto(moment.position)
                compare(moment, way)
                walk(recording, moment, compare)
        recording.goto(taken[-1].position)
        stop = recording.run_out()
        if stop.reason(Exited) is None:
            report.misses.append(f"it did not exit, but: {stop.reasons}")
    return report


def walk(recording: Recording, moment: Moment, compare: Callable[[Moment, str], None]) -> None:
    """A few single steps away from a moment, and back to it; and the same in the other direction."""
    for away in Direction:
        room = recording.engine.log.high - moment.position if away is Direction.FORWARD else moment.position
        steps = min(WALK, room)
        for direction in (away, away.opposite):
            for _ in range(steps):
                recording.step(direction)
        if steps:
            compare(moment, f"by {steps} steps {away.opposite.value}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Record a program, and prove that its past can be brought back.")
    parser.add_argument("--engine", choices=ENGINES, default="full")
    parser.add_argument("--moments", type=int, default=8)
    parser.add_argument("program", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    start = time.perf_counter()
    report = check(options.program, options.arguments, options.engine, options.moments)
    print(f"{report}, {time.perf_counter() - start:.1f} s")
    print(*report.misses, sep="\n")


if __name__ == "__main__":
    main()
