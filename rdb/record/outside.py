"""Seeing what recorded system calls do outside the program, for the ledger and for the index of output.

Whoever records a system call says when it is entered and, if it was carried out, when it is left: `passage = enters(...)`, then
`leaves(passage, ...)`.  A call that begins again after a signal is entered twice and left once.  In replay nothing is entered.

What a descriptor stands for is asked of /proc once, and again when a call may have changed it; so a program that writes a line
after the other costs no look at /proc, unless it writes to a file with an offset.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rdb.arch.base import CpuView
from rdb.arch.linux import output
from rdb.arch.linux.network import socket_call
from rdb.arch.linux.outside import (
    OUTSIDE,
    Changes,
    Chooses,
    Creates,
    Does,
    Item,
    Moves,
    Opens,
    Row,
    Signals,
)
from rdb.arch.linux.structures import Abi
from rdb.arch.linux.terms import Call, Number
from rdb.errors import CannotAccessMemory
from rdb.record.kernel_state import (
    STATES,
    CannotPutBack,
    Descriptor,
    OpenFile,
    Process,
    State,
    file_name,
    open_file,
    open_files,
    short,
)
from rdb.record.ledger import Ledger, Moved
from rdb.record.output import OutputIndex

_PATH_MAX = 4096
_O_CREAT, _O_TRUNC = 0o100, 0o1000
_TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")
_STREAMS = ("standard input", "standard output", "standard error")


class Known(NamedTuple):
    """What a descriptor is called, and whether its file has an offset that is the program's own."""

    name: str
    has_offset: bool
    is_terminal: bool


class Passage:
    """A system call under way: how it was entered, the states it may change, and what it will have done if it succeeds."""

    def __init__(self, name: str, call: Call) -> None:
        self.name, self.call = name, call
        self.row: list[Item] = []
        self.states: list[tuple[State, object]] = []
        self.deeds: list[tuple[str, str]] = []
        self.unless_zero = False
        self.all_descriptors: dict[int, OpenFile] | None = None


class Outside:
    """What is outside the program: `ledger` and `output` are filled here, and cut and pruned with the log."""

    def __init__(self, process: Process, cpu: CpuView, abi: Abi) -> None:
        self.process, self.cpu, self.abi = process, cpu, abi
        self.ledger = Ledger(process)
        self.output = OutputIndex()
        self._files: dict[int, Known] = {}
        # Called when the program is about to use a terminal; and whether it stands there within a line it has written.
        self.before_terminal: Callable[[], None] = lambda: None
        self.line_is_open = False

    def cut(self, position: int) -> Moved:
        """The program goes on from `position`, where it stands already."""
        self._files.clear()
        self.output.cut(position)
        return self.ledger.cut(position)

    def prune(self, low: int) -> None:
        """The log begins at `low` now."""
        self.output.prune(low)
        self.ledger.prune(low)

    # -- system calls

    def enters(self, name: str | None, arguments: Sequence[int]) -> Passage | None:
        """A system call is about to be made; `arguments` are the raw registers."""
        call = Call.of(arguments, self.cpu, self.abi)
        if name == "socketcall":
            try:
                name, call = socket_call(call) or (None, call)
            except CannotAccessMemory:
                return None
        row = OUTSIDE.get(name or "")
        if name is None or row is None:
            return None
        passage = Passage(name, call)
        if any(isinstance(item, Moves) and self._file(item.descriptor.of(call)).is_terminal for item in row):
            self.before_terminal()
        self._look(row, passage)
        return passage

    def leaves(self, passage: Passage | None, position: int, result: int) -> None:
        """The call was carried out and is the instruction at `position`; `result` is the raw register."""
        if passage is None:
            return
        value = output.signed(result, self.abi)
        if -4096 < value < 0:
            return
        for state, before in passage.states:
            self.ledger.remember(position, state, before)
            if isinstance(state, Descriptor):
                self._files.pop(state.number, None)
        if value or not passage.unless_zero:
            for verb, subject in passage.deeds:
                self.ledger.did(position, verb, subject)
        for item in passage.row:
            if isinstance(item, Opens):
                self._opened(item, passage, position, value)
            elif isinstance(item, Moves):
                self._moved(item, passage, position, value)
        if passage.all_descriptors is not None:
            self._files.clear()
            for number in open_files(self.process).keys() - passage.all_descriptors.keys():
                self.ledger.remember(position, Descriptor(number), None)

    # -- at the entry

    def _look(self, row: Row, passage: Passage) -> None:
        """Note what must be known before the call; what must be known after it goes into the passage's row."""
        for item in row:
            try:
                self._look_at(item, passage)
            except CannotAccessMemory:
                continue  # EFAULT: the kernel cannot read it either

    def _look_at(self, item: Item, passage: Passage) -> None:
        call = passage.call
        if isinstance(item, Chooses):
            self._look(item.row(call), passage)
        elif isinstance(item, Changes):
            self._changes(item, passage)
        elif isinstance(item, Does):
            passage.unless_zero |= item.unless_zero
            passage.deeds.append((item.verb, self._subject(item, call)))
        elif isinstance(item, Signals):
            if (number := output.signed(item.process.of(call), self.abi)) != self.process.pid:
                passage.deeds.append(("sent a signal to", f"process {number}" if number > 0 else "a process group"))
        elif isinstance(item, Creates):
            self._creates(item, passage)
        else:
            passage.row.append(item)

    def _changes(self, item: Changes, passage: Passage) -> None:
        if item.state == "descriptors":
            passage.all_descriptors = open_files(self.process)
            passage.states += [(Descriptor(number), file) for number, file in passage.all_descriptors.items()]
            return
        # A name is the calling thread's, whichever that is.
        which = self.process.injector.pid if item.state == "name" else item.which.of(passage.call)
        if item.state == "offset" and not self._file(which).has_offset:
            return
        state = STATES[item.state](which)
        try:
            passage.states.append((state, state.read(self.process)))
        except (CannotPutBack, OSError, ValueError):
            return  # there is no such timer, limit or signal: the kernel will say so, too

    def _creates(self, item: Creates, passage: Passage) -> None:
        flags = item.flags.of(passage.call)
        if not flags & (_O_CREAT | _O_TRUNC):
            return
        path = self._path(item.path, passage.call)
        folder = item.folder.of(passage.call) if item.folder is not None else None
        base = ("fd", folder) if folder is not None and folder < 1 << 31 else ("cwd",)
        place = path if path.startswith("/") else self.process.path(*base, path)
        if not os.path.lexists(place):
            passage.deeds.append(("created", short(self.process, path)))
        elif flags & _O_TRUNC and os.path.isfile(place) and os.path.getsize(place):
            passage.deeds.append(("emptied", short(self.process, path)))

    def _subject(self, item: Does, call: Call) -> str:
        if item.path is not None:
            return short(self.process, self._path(item.path, call))
        return self._file(item.descriptor.of(call)).name if item.descriptor is not None else ""

    def _path(self, place: Number, call: Call) -> str:
        """A path that the program names."""
        memory = self.process.injector.memory
        return os.fsdecode(memory.read_some(place.of(call), _PATH_MAX).partition(b"\0")[0])

    # -- at the exit

    def _opened(self, item: Opens, passage: Passage, position: int, result: int) -> None:
        numbers = [result]
        if item.pair is not None:
            place = item.pair.of(passage.call)
            numbers = [passage.call.load(place, 4), passage.call.load(place + 4, 4)]
        for number in numbers:
            self._files.pop(number, None)
            self.ledger.remember(position, Descriptor(number), None)

    def _moved(self, item: Moves, passage: Passage, position: int, result: int) -> None:
        number = item.descriptor.of(passage.call)
        name, has_offset, is_terminal = self._file(number)
        if item.verb == "read":
            if result and not has_offset:
                self.ledger.did(position, "read", name, result)
            return
        data = output.written(passage.name, passage.call, result)
        if not data and (number < len(_STREAMS) or not has_offset):
            data = self._transferred(passage, result)
        if data:
            self.output.add(position, number, data)
            if is_terminal:
                self.line_is_open = not data.endswith(b"\n")
            result = len(data)
        if result:
            self.ledger.did(position, "wrote", name, result)

    def _transferred(self, passage: Passage, size: int) -> bytes:
        """What a call has moved from a file to a descriptor, read once more; nothing where it cannot be read again (a pipe)."""
        source = output.transfer(passage.name, passage.call)
        file = open_file(self.process, source.descriptor) if source is not None else None
        if source is None or file is None or not stat.S_ISREG(file.mode):
            return b""
        try:
            copy = os.open(self.process.path("fd", source.descriptor), os.O_RDONLY)
        except OSError:
            return b""  # it is not ours to read
        try:
            return os.pread(copy, size, (file.offset if source.end is None else source.end) - size)
        finally:
            os.close(copy)

    def _file(self, number: int) -> Known:
        """What is known of a descriptor."""
        known = self._files.get(number)
        if known is None:
            file = open_file(self.process, number)
            is_terminal = file is not None and file.name.startswith(_TERMINALS)
            known = self._files[number] = Known(self._name(number, file), file is not None and file.has_offset, is_terminal)
        return known

    def _name(self, number: int, file: OpenFile | None) -> str:
        name = file_name(self.process, file) if file is not None else ""
        if number < len(_STREAMS):
            return f"{_STREAMS[number]} ({name})" if file is not None and file.has_offset else _STREAMS[number]
        if file is None:
            return f"descriptor {number}"
        return name if name.startswith(("/", "./")) else f"{name} (descriptor {number})"
