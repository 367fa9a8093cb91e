"""A program under the record target, from its first instruction, without symbols, commands or a prompt.

The oracles drive it.  `ENGINES` names the record targets there are; the oracles take any of them.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from rdb.arch import find
from rdb.arch.base import Arch, Bank
from rdb.events import Direction, Reason, RecordingStopped, Resume, Signalled, Stop
from rdb.linux import launch, signals
from rdb.linux.procfs import Mapping
from rdb.linux.terminal import Terminal
from rdb.record.target import RecordTarget
from rdb.settings import Settings
from rdb.symbols.elf import open_elf
from rdb.target.base import Stratum, Target
from rdb.target.native import NativeTarget
from rdb.target.stack import TargetStack

# The values of "set record full engine".
ENGINES = ("step", "compiled")

# The same for every run, so that runs can be compared.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/"}


def command_line(arguments: Sequence[str], output: Path) -> str:
    """`arguments` as typed after a program's name, its output going to a file."""
    return f"{shlex.join(arguments)} > {shlex.quote(str(output))} 2>&1 < /dev/null"


def arch_of(program: Path) -> Arch:
    """The CPU that a program is for."""
    elf = open_elf(str(program))
    found = find(elf.machine, elf.elf_class)
    assert found is not None, f"{program} is for no CPU that rdb knows"
    return found


def all_registers(target: Target, arch: Arch) -> dict[str, bytes]:
    """Every register of the table, as `target` has it and instructions see it.

    Save orig_rax, the kernel's note about how it was entered, as the flag that a fault leaves is the CPU's.
    """
    banks = [bytes(arch.settled(target.read_bank(Bank.GENERAL))), bytes(arch.normal(target.read_bank(Bank.EXTENDED)))]
    kernels = f"orig_{arch.syscall.number}"
    return {each.name: arch.registers.get(each, banks) for each in arch.registers.registers if each.name != kernels}


def registers_of_threads(target: Target, arch: Arch) -> dict[str, bytes]:
    """Every register of every thread that exists at the moment looked at."""
    current, result = target.thread, {}
    for thread in target.threads():
        target.select_thread(thread)
        result.update({f"{name} of {thread}": value for name, value in all_registers(target, arch).items()})
    target.select_thread(current)
    return result


class Recording:
    """A recorded process.  Positions count instructions from the first one of the program.

    With `log_size`, in bytes, no more than the newest part of the past that fits is kept, from position `low` on.
    """

    def __init__(
        self, program: Path, arguments: Sequence[str], output: Path, engine: str = "step", log_size: int | None = None
    ) -> None:
        self.settings = Settings()
        self.settings["record full insn-number-max"] = None
        self.settings["record full log-size-max"] = self.log_size = log_size
        self.warnings: list[str] = []
        self.ended: str | None = None
        self._may_exit = False
        pid = launch.start(str(program), command_line(arguments, output), ENVIRONMENT)
        self.arch = arch_of(program)
        self.process = NativeTarget(pid, self.arch, Terminal())
        self.stack = TargetStack()
        self.stack.push(self.process)
        self.settings["record full engine"] = engine
        self.engine = RecordTarget(self.process, self.arch, self.settings, self._answer, self.warnings.append)
        self.stack.push(self.engine)
        self.target.pass_silently([number for number, each in signals.defaults().items() if not each.stop and not each.tell])

    @property
    def target(self) -> Target:
        return self.stack.top

    @property
    def position(self) -> int:
        return self.engine.position

    @property
    def low(self) -> int:
        return self.engine.log.low

    def _answer(self, question: str) -> bool:
        """Stop before the program exits, unless that is wanted, and before anything recorded is dropped."""
        if "program exit" in question:
            self.ended = self.ended or "exit"
            return not self._may_exit
        return "auto delete" not in question

    def record_to(self, position: int) -> bool:
        """Record until `position` is reached; False when the program is about to exit before that.

        Signals are delivered.  Raises AssertionError when the recording stops for any other reason.
        """
        signal = 0
        while self.position < position:
            self.settings["record full insn-number-max"] = position - self.low
            self.settings["record full stop-at-limit"] = True
            stop = self.go(Resume(signal=signal))
            if self._is_full() and not self.ended and self.position < position:
                self._drop_oldest()
                signal = 0
                continue
            if self.ended:
                return False
            signalled = stop.reason(Signalled)
            signal = signalled.number if signalled else 0
            unexpected: list[Reason] = [each for each in stop.reasons if not isinstance(each, (Signalled, RecordingStopped))]
            if unexpected or stop.ended or (not signalled and self.position < position):
                raise AssertionError(f"the recording stopped at {self.position}: {stop.reasons}, {self.warnings}")
        return True

    def _is_full(self) -> bool:
        return self.log_size is not None and self.engine.limits.taken > self.log_size

    def _drop_oldest(self) -> None:
        """Go one step further, for which the log is made to fit again."""
        self.settings["record full insn-number-max"] = None
        self.settings["record full stop-at-limit"] = False
        self.go(Resume(step=True))

    def run_out(self) -> Stop:
        """From the newest position let the program exit."""
        self._may_exit = True
        self.settings["record full stop-at-limit"] = False
        self.settings["record full insn-number-max"] = None
        return self.go(Resume())

    def go(self, request: Resume) -> Stop:
        self.target.resume(request)
        return self.target.wait()

    def goto(self, position: int) -> None:
        self.engine.goto(position)

    def step(self, direction: Direction) -> None:
        """One instruction in the recorded past."""
        self.go(Resume(direction, step=True))

    def retrace(self, direction: Direction) -> None:
        """One instruction in the recorded past, whosever it is; its thread is the one that is looked at then."""
        back = direction is Direction.REVERSE
        turns, position = self.engine.log.turns, self.position
        life = turns.lives[turns.at(position - back)]
        if not life.exists(position):
            # It has ended by that instruction: behind it there is nobody who could step back over it.
            self.goto(position - 1)
            return
        self.target.select_thread(life.thread)
        self.step(direction)

    # -- as a subject of tests.oracle.moment

    @property
    def pid(self) -> int:
        return self.target.pid

    def registers(self) -> dict[str, bytes]:
        """Every register of the current thread."""
        return all_registers(self.target, self.arch)

    def registers_of_threads(self) -> dict[str, bytes]:
        """Every register of all threads."""
        return registers_of_threads(self.target, self.arch)

    def mappings(self) -> list[Mapping]:
        return self.target.mappings()

    def read_memory(self, address: int, size: int) -> bytes:
        return self.target.read_memory(address, size)

    def close(self) -> None:
        try:
            os.kill(self.process.pid, 0)
            self.target.kill()
        except ProcessLookupError:
            pass
        self.stack.remove(Stratum.RECORD)
        self.stack.remove(Stratum.PROCESS)

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
