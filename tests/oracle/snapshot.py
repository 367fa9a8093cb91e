"""The snapshot oracle: the past is the past, to the byte.

A program is recorded from its first instruction until it is about to exit.  At many moments on the way all registers and every
readable byte of its memory are kept.  Then it goes backwards through these moments, forwards again, and about at random, by jumps
and by single steps; at each one every register and byte must be what it was.  At last it exits as it does by itself.

With a log that may take few bytes only, it is done with those moments that can be reached when the program is about to exit.

    python -m tests.oracle.snapshot [--engine NAME] [--log-size BYTES] PROGRAM [ARGUMENT...]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rdb.events import Direction, Exited
from tests.oracle.moment import Camera, Moment
from tests.oracle.recording import ENGINES, Recording

WALK = 12
_NEAR = 8 * WALK


@dataclass
class Report:
    """What a run of the oracle did and found."""

    instructions: int = 0
    reachable: int = 0
    moments: int = 0
    comparisons: int = 0
    status: int | None = None
    misses: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.instructions:,} instructions, of which {self.reachable:,} are kept, {self.moments} moments, "
            f"{self.comparisons} comparisons of every register and byte, {len(self.misses)} misses"
        )


def record(recording: Recording, camera: Camera, moments: int) -> list[Moment]:
    """Record to the end; some `moments` to twice as many, evenly spread over what can be reached, the last among them."""
    taken, stride = [camera.take(recording)], 500
    while recording.record_to(recording.position + stride):
        taken.append(camera.take(recording))
        taken = [moment for moment in taken if moment.position >= recording.low]
        if len(taken) > 2 * moments:
            taken, stride = taken[::2], stride * 2
    if recording.position != taken[-1].position:
        taken.append(camera.take(recording))
    return [moment for moment in taken if moment.position >= recording.low]


def check(
    program: Path,
    arguments: Sequence[str] = (),
    engine: str = "step",
    moments: int = 8,
    seed: int = 0,
    log_size: int | None = None,
) -> Report:
    """Run the oracle on a program; the report's `misses` is empty if all was as it should be."""
    choice = random.Random(seed)
    report = Report()
    with (
        tempfile.TemporaryDirectory() as folder,
        Recording(program, arguments, Path(folder, "output"), engine, log_size) as recording,
    ):
        camera = Camera()
        taken = record(recording, camera, moments)
        report.instructions, report.reachable, report.moments = recording.position, len(recording.engine.log), len(taken)

        def compare(moment: Moment, way: str) -> None:
            report.comparisons += 1
            for difference in camera.differences(moment, camera.take(recording))[:20]:
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
        recording.goto(recording.low)
        recording.goto(taken[-1].position)
        compare(taken[-1], "from the oldest position")
        stop = recording.run_out()
        exited = stop.reason(Exited)
        report.status = exited.status if exited is not None else None
        if exited is None:
            report.misses.append(f"it did not exit, but: {stop.reasons}")
    return report


def walk(recording: Recording, moment: Moment, compare: Callable[[Moment, str], None]) -> None:
    """A few single steps away from a moment, and back to it; and the same in the other direction.

    Steps pass over the turns of other threads.  Of these only what is near is traced back instruction by instruction.
    """
    for away in Direction:
        room = recording.engine.log.high - moment.position if away is Direction.FORWARD else moment.position - recording.low
        steps = min(WALK, room)
        for _ in range(steps):
            recording.step(away)
        if abs(recording.position - moment.position) > _NEAR:
            recording.goto(moment.position + (_NEAR if away is Direction.FORWARD else -_NEAR))
        while recording.position > moment.position if away is Direction.FORWARD else recording.position < moment.position:
            recording.retrace(away.opposite)
        if steps:
            compare(moment, f"by {steps} steps {away.opposite.value}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Record a program, and prove that its past can be brought back.")
    parser.add_argument("--engine", choices=ENGINES, default="step")
    parser.add_argument("--moments", type=int, default=8)
    parser.add_argument("--log-size", type=int)
    parser.add_argument("program", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    start = time.perf_counter()
    report = check(options.program, options.arguments, options.engine, options.moments, log_size=options.log_size)
    print(f"status {report.status}; {report}, {time.perf_counter() - start:.1f} s")
    for miss in report.misses:
        print(miss)


if __name__ == "__main__":
    main()
