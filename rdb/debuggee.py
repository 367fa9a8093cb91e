"""One inferior of a session: what belongs to one debugged program, and not to the conversation about it.

A session has at least one; the *current* one is what commands look at and move.  The others are held: their processes stand
still, each with its own target stack (so its own recording), symbols and libraries, until they are made current, let go or
killed.  Numbers are GDB's inferior numbers and are never used twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rdb.address import Range
from rdb.arch.base import Arch
from rdb.libraries import Libraries
from rdb.symbols.elf import PT_LOAD, Elf
from rdb.symbols.table import SymbolTable
from rdb.target.base import Stratum
from rdb.target.exec_file import ExecFile
from rdb.target.native import NativeTarget
from rdb.target.stack import TargetStack
from rdb.threads import Threads


@dataclass(eq=False)
class Debuggee:
    """`program` is the path of the file, `elf` its contents; `internal_stops` are where it must stop for our own sake.

    `removable` marks one that came by a fork: it is dropped when it is not looked at and has no process any more.  A parent and
    the child of a vfork, which share one memory until the child is done with it, refer to each other.
    """

    number: int
    table: SymbolTable = field(default_factory=SymbolTable)
    targets: TargetStack = field(default_factory=TargetStack)
    threads: Threads = field(default_factory=Threads)
    arch: Arch | None = None
    program: str | None = None
    elf: Elf | None = None
    libraries: Libraries | None = None
    internal_stops: frozenset[int] = frozenset()
    removable: bool = False
    vfork_parent: Debuggee | None = None
    vfork_child: Debuggee | None = None

    @property
    def process(self) -> NativeTarget | None:
        """The process target, None when nothing runs."""
        target = self.targets.at(Stratum.PROCESS)
        return target if isinstance(target, NativeTarget) else None

    @property
    def pid(self) -> int:
        """The process, or 0."""
        process = self.process
        return process.pid if process is not None else 0

    def copy(self, parent: Debuggee) -> None:
        """Become the inferior of a process that has been forked from `parent`'s: the same program with the same objects."""
        self.arch, self.program, self.elf = parent.arch, parent.program, parent.elf
        self.table, self.internal_stops = parent.table.copy(), parent.internal_stops
        self.libraries = parent.libraries.copy(self.table) if parent.libraries is not None else None
        self.removable = True
        if self.program is not None and self.elf is not None:
            self.targets.push(exec_file(self.program, self.elf))

    def end(self) -> None:
        """The process is gone: what remains is the file."""
        self.targets.remove(Stratum.RECORD)
        self.targets.remove(Stratum.PROCESS)
        self.libraries = None
        self.internal_stops = frozenset()
        if self.vfork_child is not None:
            self.vfork_child.vfork_parent = None
        self.vfork_child = None


def exec_file(path: str, elf: Elf) -> ExecFile:
    """The exec stratum: what the program headers say will be mapped, with the bytes of the file."""
    mapped = [Range(each.address, each.address + each.memory_size) for each in elf.segments if each.type == PT_LOAD]
    return ExecFile(path, mapped, elf.segment_data)
