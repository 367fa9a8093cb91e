"""The table against the kernel that runs this test: every byte that a call changes must have been declared.

Each scenario runs several times, first with good pointers, then with some that lie at the edge of the arena, in read-only memory
or nowhere, so that half-written buffers and EFAULT occur.  The random choices are the same in every run.
"""

from __future__ import annotations

import platform
import random
from collections.abc import Iterator

import pytest

from rdb.arch.linux import syscalls
from rdb.arch.linux.terms import NOTHING, names
from tests.arch.linux import scenarios_io, scenarios_kernel
from tests.arch.linux.drafting import ARENA_SIZE, AT_FDCWD, FILE, Draft, Scenario
from tests.arch.linux.workbench import ENTRANCES, Workbench

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the workbench makes the calls of x86-64 and i386")

SUBJECTS: dict[str, list[Scenario]] = {
    name: scenarios
    for module in (scenarios_io, scenarios_kernel)
    for name, scenarios in vars(module).items()
    if name.isupper() and isinstance(scenarios, list) and scenarios and isinstance(scenarios[0], list)
}
ROUNDS = 6

# Calls that write nothing, and are not made at random: they act on the machine, on other processes, on the way the workbench
# itself can go on, or they sleep.
NOT_AT_RANDOM = frozenset(
    names(
        """
        reboot kexec_load kexec_file_load init_module finit_module delete_module sethostname setdomainname settimeofday stime
        clock_settime clock_settime64 swapon swapoff acct vhangup pivot_root sync bdflush fanotify_init fanotify_mark
        kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal process_mrelease setpriority ioprio_set setpgid
        sched_setaffinity sched_setparam sched_setscheduler migrate_pages setrlimit uretprobe uprobe
        ssetmask pause rt_sigsuspend sigsuspend futex_wait futex_waitv
        """
    )
)


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


@pytest.mark.parametrize("abi", ENTRANCES)
def test_what_is_said_to_write_nothing_writes_nothing(abi: str) -> None:
    """Every such call, with places to write to among its arguments: none is in the table by negligence.

    The places hold zeros (an empty path, an empty structure) or no zero at all (a path that is too long).
    """
    bench, entrance = Workbench(), ENTRANCES[abi]
    chance = random.Random(abi)
    calls = [name for name in entrance.numbers if syscalls.row(name, entrance.abi) == NOTHING and name not in NOT_AT_RANDOM]
    faults = []
    try:
        for name in sorted(calls):
            for fill in (b"\0", b"\x81") * 3:
                draft = Draft(entrance.abi, chance, True, [], bench.memory.read)
                plain = [0, 3, 8, 64, 4096, FILE, AT_FDCWD, -1]
                values = [draft.output(256) if chance.random() < 0.6 else chance.choice(plain) for _ in range(6)]
                masked = [value & entrance.abi.mask for value in values]
                result, declared, changed = bench.call(entrance, name, masked, fill * ARENA_SIZE)
                if changed:
                    faults.append(f"{bench.last} = {result}: {len(changed)} from {changed[0]:#x}, declared {declared}")
    finally:
        bench.close()
    assert len(calls) > 150
    assert not faults, "\n".join(faults)
