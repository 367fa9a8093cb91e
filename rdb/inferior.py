"""The program being debugged as a thing that comes and goes: loaded, started, attached to, replaced by exec, killed, let go.

An Inferior keeps the target stack and the symbol table in step with that: the exec stratum from `load` on, the process stratum
while there is one, and the objects that the dynamic linker has mapped.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from rdb.arch import find
from rdb.arch.base import Arch
from rdb.debuggee import exec_file
from rdb.errors import BadProgram, RdbError
from rdb.events import Executed
from rdb.libraries import Libraries
from rdb.linux import launch, procfs, ptrace, threads
from rdb.linux.terminal import Terminal
from rdb.state import State
from rdb.symbols.elf import Elf, open_elf
from rdb.target.base import Stratum
from rdb.target.native import NativeTarget


class Inferior(State):
    """`arguments` are written as in a shell."""

    def __init__(self, notify: Callable[[object], None]) -> None:
        super().__init__()
        self.notify = notify
        self.terminal = Terminal()
        self.arguments = ""
        self.environment: dict[str, str] = dict(os.environ)

    def load(self, path: str) -> None:
        """Take the program at `path`: its symbols, and its bytes as the exec stratum.  Raises BadProgram."""
        path = _found(path)
        elf = open_elf(path)
        self.debuggee.arch = _arch_for(elf, path)
        path = os.path.abspath(path)
        self.debuggee.program, self.debuggee.elf = path, elf
        self.table.objects.clear()
        self.table.add(path)
        self.targets.push(exec_file(path, elf))
        self.moved()

    def _launch(self) -> None:
        assert self.program is not None
        open_elf(self.program)
        pid = launch.start(
            self.program,
            self.arguments,
            self.environment,
            self.settings.text("cwd") or None,
            randomize=not self.settings.flag("disable-randomization"),
            own_group=self.terminal.present,
            expand=self.settings.flag("startup-with-shell"),
            tty=self.settings.text("inferior-tty") or None,
        )
        self._adopt(NativeTarget(pid, self.arch, self.terminal))

    def _adopt(self, process: NativeTarget) -> None:
        """A process has come, or has become another program: put it on the stack and find out what is mapped."""
        debuggee, elf = self.debuggee, self.debuggee.elf
        assert elf is not None
        if self.process is not process:
            self.targets.push(process)
            self._listen(process)
        word = self.arch.pointer_size
        vector = procfs.auxiliary_vector(process.pid, word)
        debuggee.libraries = libraries = Libraries(self.table, self.read_memory, vector, word)
        del self.table.objects[1:]
        self.table.relocate(libraries.bias(elf.entry))
        vdso = next((m for m in process.mappings() if m.name == "[vdso]"), None)
        libraries.begin(elf.interpreter, process.memory.read_some(vdso.start, vdso.size) if vdso else b"")
        debuggee.internal_stops = frozenset([libraries.hook] if libraries.hook else [])
        self.moved()
        self._libraries_changed()

    def _listen(self, process: NativeTarget) -> None:
        """Hear of what happens in a process while it runs."""
        process.tell = self.notify

    def _attach(self, pid: int) -> None:
        """Take over a running process."""
        if self.alive:
            raise RdbError("A program is being debugged already.  Kill it first.")
        path = procfs.executable(pid)
        found, statuses = threads.attach(pid)
        try:
            self.load(path)
            self._adopt(NativeTarget(pid, self.arch, self.terminal, True, found, statuses))
        except RdbError:
            for thread in found.ids:
                ptrace.detach(thread)
            raise

    def _ended(self) -> None:
        """The process is gone: what remains is the file."""
        self.debuggee.end()
        self.moved()

    def on_internal_stop(self, address: int) -> None:
        """The dynamic linker has changed its list."""
        self._libraries_changed()

    def _libraries_changed(self) -> None:
        if self.debuggee.libraries is not None:
            self.debuggee.libraries.refresh()
            self.moved()
            self._objects_changed()

    def _objects_changed(self) -> None:
        """Objects came or went: whoever refers to places in the code finds them again."""

    def _replaced(self, executed: Executed) -> None:
        """The process has become another program."""
        process = self.need_process()
        self.targets.remove(Stratum.RECORD)
        elf = open_elf(executed.path)
        self.debuggee.arch = process.arch = _arch_for(elf, executed.path)
        self.debuggee.program, self.debuggee.elf = executed.path, elf
        self.table.objects.clear()
        self.table.add(executed.path)
        self.notify(f"process {process.pid} is executing new program: {executed.path}")
        self._adopt(process)


def _found(path: str) -> str:
    """The file a user names: a path, or a name on PATH."""
    path = os.path.expanduser(path)
    if os.path.exists(path) or os.sep in path:
        return path
    import shutil

    return shutil.which(path) or path


def _arch_for(elf: Elf, path: str) -> Arch:
    """The CPU of a program, or BadProgram for one that rdb cannot debug."""
    arch = find(elf.machine, elf.elf_class)
    if arch is not None:
        return arch
    raise BadProgram(path, f"not supported: a {elf.elf_class}-bit program for ELF machine {elf.machine}")
