"""The table against the kernel that runs this test: every byte that a call changes must have been declared.

Each scenario runs several times, first with good pointers, then with some that lie at the edge of the arena, in read-only memory
or nowhere, so that half-written buffers and EFAULT occur.  The random choices are the same in every run.
"""

from __future__ import annotations

import platform
import random
from collections.abc import Iterator

import pytest

from tests.arch.linux import scenarios_io, scenarios_kernel
from tests.arch.linux.drafting import Draft, Scenario
from tests.arch.linux.workbench import ENTRANCES, Workbench

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the workbench makes the calls of x86-64 and i386")

SUBJECTS: dict[str, list[Scenario]] = {
    name: scenarios
    for module in (scenarios_io, scenarios_kernel)
    for name, scenarios in vars(module).items()
    if name.isupper() and isinstance(scenarios, list) and scenarios and isinstance(scenarios[0], list)
}
ROUNDS = 6


@pytest.fixture(scope="module")
def bench() -> Iterator[Workbench]:
    bench = Workbench()
    yield bench
    bench.close()


@pytest.mark.parametrize("abi", ENTRANCES)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_changed_byte_is_declared(bench: Workbench, subject: str, abi: str) -> None:
    entrance = ENTRANCES[abi]
    chance = random.Random(f"{subject} {abi}")
    faults = []
    for scenario in SUBJECTS[subject]:
        for turn in range(ROUNDS):
            results: list[int] = []
            for name, arguments in scenario:
                if name not in entrance.numbers:
                    results.append(-38)
                    continue
                draft = Draft(entrance.abi, chance, turn == 0, results, bench.memory.read)
                values = [draft.value(argument) & entrance.abi.mask for argument in arguments]
                result, declared, changed = bench.call(entrance, name, values, bytes(draft.arena))
                results.append(result)
                if changed:
                    faults.append(f"{bench.last} = {result}: {len(changed)} from {changed[0]:#x}, declared {declared}")
    assert not faults, "\n".join(faults)
