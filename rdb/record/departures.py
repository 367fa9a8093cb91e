"""Where a program leaves its record: exit, exec, and forks whose child is followed.

Such a call is recognised before it is made, when nothing has happened yet, and the user is asked whether to stop in front of it,
so that the last state can be examined and run backwards.  Of exec and fork this is asked once: who has stopped there and
goes on means it.  An exec that will fail (no such file, no permission, no program) is a call like any other; that is found out
beforehand, but only to spare the question: what the kernel does is what is recorded.

The child of a vfork runs in its parent's memory, while the parent waits.  It can be followed, but not recorded into the parent's
log: there the log ends in front of the call, and what follows is the process target's business.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from rdb.arch.linux.syscalls import SyscallEffects
from rdb.arch.linux.terms import Kind
from rdb.events import Forked, Reason, RecordEnded, RecordingStopped
from rdb.linux import ptrace
from rdb.record.single_step import SingleStepRecorder
from rdb.settings import Settings
from rdb.target.native import NativeTarget
from rdb.target.newborn import HOW

STOPPED = "Process record: inferior program stopped."
_CHILD_HELD = (
    "Process record: the child of a vfork cannot be held while its parent is recorded.\n"
    'Try "set detach-on-fork on" or "set follow-fork-mode child".'
)
# <linux/sched.h>, <linux/fcntl.h>
_CLONE_VM, _CLONE_VFORK, _CLONE_THREAD = 0x100, 0x4000, 0x10000
_AT_FDCWD, _LONGEST_PATH, _MOST_SCRIPTS = -100, 4096, 5


# A thread, by its number in the record list, and the position of its last instruction.
Place = tuple[int, int | None]


@dataclass(frozen=True)
class Departure:
    """A call that is about to be made: its name, and what comes of it.  `early` means that the log ends before it."""

    name: str
    consequence: str
    once: bool = True
    early: bool = False
    refusal: str = ""


class Departures:
    def __init__(
        self, process: NativeTarget, recorder: SingleStepRecorder, settings: Settings, ask: Callable[[str], bool]
    ) -> None:
        self.process, self.recorder, self.settings, self.ask = process, recorder, settings, ask
        self._stops: frozenset[str] = frozenset()
        self._keeps: frozenset[str] = frozenset()
        self._born: list[Reason] = []
        # Where the user has been asked about a call and has stopped, and whether calls that end the program may be made.
        self._stopped_at: Place | None = None
        self._exit_allowed = False

    # -- children

    def stop_at_births(self, stops: Collection[str], keeps: Collection[str]) -> None:
        """See Target.stop_at_births."""
        self._stops, self._keeps = frozenset(stops), frozenset(keeps)

    def forked(self, status: int) -> bool:
        """See to the child if `status` tells of one; whether it did, so that the call must be taken to its end."""
        event = status >> 16 if status >= 0 and os.WIFSTOPPED(status) else 0
        how = next((HOW[each] for each in HOW if each == event), "")
        wanted = self._stops | self._keeps
        if how in wanted:
            self._born.append(Forked(ptrace.event_message(self.process.thread), how))
        # The child of a vfork must run, or its parent never returns from the call.
        return self.process.release_fork(status, keep=how == "fork" and how in wanted)

    def births(self) -> tuple[Reason, ...]:
        """The children that the last call has made, as far as somebody wants to stop for them."""
        born, self._born = tuple(self._born), []
        return born

    # -- calls

    def leaving(self, effects: SyscallEffects, arguments: Sequence[int]) -> Departure | None:
        """What a call that is about to be made leads to, if it leads out of the record and may not be made without asking."""
        departure = _KINDS.get(effects.kind, _nothing)(self, effects.name or "unknown", arguments)
        if departure is None or departure.once and self._stopped_at == self._here and not departure.early:
            return None
        return departure

    def decide(self, departure: Departure) -> tuple[Reason, ...] | None:
        """Ask the user about a departure; the reasons to stop in front of it, or None to make the call."""
        if departure.refusal:
            return (RecordingStopped(f"{departure.refusal}\n{STOPPED}"),)
        here = self._here
        asked, self._stopped_at = departure.once and self._stopped_at == here, here
        question = f"The next instruction is syscall {departure.name}.  {departure.consequence}  Do you want to stop the program?"
        if not asked and self.ask(question):
            return (RecordingStopped(STOPPED),)
        self._exit_allowed = not departure.once
        return (RecordEnded(),) if departure.early else None

    @property
    def _here(self) -> Place:
        """Where the thread in turn stands: other threads may move meanwhile."""
        log, thread = self.recorder.log, self.recorder.stepper.pid
        number = log.turns.number(thread, log.high)
        assert number is not None, f"thread {thread} was not noticed"
        return number, log.turns.previous(number, log.high, log.low)

    def exit(self, name: str, arguments: Sequence[int]) -> Departure | None:
        return None if self._exit_allowed else Departure(name, "It will make the program exit.", once=False)

    def fork(self, name: str, arguments: Sequence[int]) -> Departure | None:
        flags = self._flags(name, arguments)
        if flags & _CLONE_THREAD or not self._keeps:
            return None
        follows = self.settings.text("follow-fork-mode") == "child"
        if flags & _CLONE_VFORK or name == "vfork":
            if follows:
                return Departure(name, "Its child will be followed, and the recording ends.", early=True)
            return Departure(name, "", refusal=_CHILD_HELD)
        if follows and self.settings.flag("detach-on-fork"):
            return Departure(name, "Its child will be followed, and the recording of its parent ends.")
        return None

    def exec(self, name: str, arguments: Sequence[int]) -> Departure | None:
        path = self._path(name, arguments)
        if not _can_execute(path, f"/proc/{self.recorder.stepper.pid}/root"):
            return None
        return Departure(name, "It will make the program execute another one, and the recording ends.")

    def _flags(self, name: str, arguments: Sequence[int]) -> int:
        """The flags of clone and clone3 (struct clone_args begins with them)."""
        if name == "clone":
            return arguments[0]
        if name == "clone3":
            return int.from_bytes(self.recorder.stepper.memory.read_some(arguments[0], 8), "little")
        return 0

    def _path(self, name: str, arguments: Sequence[int]) -> str:
        """The file that a call is to execute, as a path of ours to it."""
        thread, text = self.recorder.stepper.pid, arguments[0]
        directory = f"/proc/{thread}/cwd"
        if name == "execveat":
            number = arguments[0] & 0xFFFFFFFF
            text = arguments[1]
            if number != _AT_FDCWD & 0xFFFFFFFF:
                directory = f"/proc/{thread}/fd/{number}"
        path = os.fsdecode(self.recorder.stepper.memory.read_some(text, _LONGEST_PATH).partition(b"\0")[0])
        if path.startswith("/"):
            return f"/proc/{thread}/root{path}"
        if name == "execve" and not path:
            return ""
        return os.path.join(directory, path) if path else directory


def _nothing(departures: Departures, name: str, arguments: Sequence[int]) -> Departure | None:
    return None


_KINDS: dict[Kind, Callable[[Departures, str, Sequence[int]], Departure | None]] = {
    Kind.EXIT: Departures.exit,
    Kind.FORK: Departures.fork,
    Kind.EXEC: Departures.exec,
}


def _can_execute(path: str, root: str, scripts: int = _MOST_SCRIPTS) -> bool:
    """Whether the kernel is likely to execute a file: an ELF program, or a script whose interpreter can be executed."""
    try:
        if not os.path.isfile(path) or not os.access(path, os.X_OK):
            return False
        with open(path, "rb") as file:
            head = file.read(256)
    except PermissionError:
        return True  # it may be executed, but not read
    except OSError:
        return False
    if head.startswith(b"#!"):
        interpreter = head[2:].partition(b"\n")[0].split()
        return bool(scripts and interpreter) and _can_execute(root + os.fsdecode(interpreter[0]), root, scripts - 1)
    return head.startswith(b"\x7fELF")
