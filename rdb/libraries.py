"""Which objects are mapped into the running program, and when that changes.

The dynamic linker keeps a list of what it has loaded (struct r_debug and its link_map, <link.h>) and calls an empty function
each time it has changed it, so that a debugger can put a breakpoint there.  A static program has neither; its one object is all
there is.
"""

from __future__ import annotations

import copy
import struct
from collections.abc import Callable
from dataclasses import dataclass

from rdb.errors import CannotAccessMemory, RdbError
from rdb.symbols.objects import LoadedObject
from rdb.symbols.table import SymbolTable

Memory = Callable[[int, int], bytes]

# <elf.h>
_AT_BASE, _AT_ENTRY, _AT_SYSINFO_EHDR = 7, 9, 33
_HOOKS = ("_dl_debug_state", "__dl_debug_state")
_LONGEST_LIST = 10_000
# What the vdso calls itself, 64-bit and 32-bit.
_VDSO_NAMES = ("linux-vdso", "linux-gate")


@dataclass(frozen=True)
class Library:
    """A mapped object: its path and the run-time address of its file address 0."""

    path: str
    bias: int


class Libraries:
    """Keeps a SymbolTable in step with what the dynamic linker has mapped."""

    def __init__(self, table: SymbolTable, memory: Memory, vector: dict[int, int], word: int) -> None:
        """`vector` is the auxiliary vector of the process, `word` the size of its pointers in bytes."""
        self.table, self.memory, self.vector, self.word = table, memory, vector, word
        # struct r_debug: an int, padded to a word, then the first node.  struct link_map: l_addr, l_name, l_ld, l_next.
        self._node = struct.Struct({4: "<4I", 8: "<4Q"}[word])
        self.loaded: dict[Library, LoadedObject] = {}
        self.linker: LoadedObject | None = None
        self.hook: int | None = None

    def copy(self, table: SymbolTable) -> Libraries:
        """The same libraries, for a process that is a copy of another and has its own table."""
        libraries = copy.copy(self)
        libraries.table, libraries.loaded = table, dict(self.loaded)
        return libraries

    def bias(self, entry: int) -> int:
        """Where the program, whose ELF header says that it starts at `entry`, has been loaded."""
        return self.vector.get(_AT_ENTRY, entry) - entry

    def begin(self, interpreter: str | None, vdso: bytes) -> None:
        """The process has just started: beside the program only its dynamic linker and the vdso (its image) are there."""
        self._add_vdso(vdso)
        if interpreter and self.vector.get(_AT_BASE):
            self.linker = self._add(Library(interpreter, self.vector[_AT_BASE]))
            if self.linker is not None:
                self.hook = next((s.address for name in _HOOKS for s in self.linker.minimal(name)), None)

    def refresh(self) -> bool:
        """Read the linker's list; whether anything was added or removed."""
        try:
            listed = [library for library in self._listed() if library.path]
        except (CannotAccessMemory, struct.error):
            return False
        if not listed:
            return False
        changed = False
        for library in listed:
            if library not in self.loaded and not self._is_linker(library):
                changed |= self._add(library) is not None
        for library in [each for each in self.loaded if each not in listed]:
            if self.loaded[library] is not self.linker:
                self.table.remove(self.loaded.pop(library))
                changed = True
        return changed

    def _is_linker(self, library: Library) -> bool:
        return library.bias == self.vector.get(_AT_BASE)

    def _add(self, library: Library) -> LoadedObject | None:
        try:
            added = self.table.add(library.path, library.bias)
        except RdbError:
            return None  # deleted or replaced: addresses in it have no names
        self.loaded[library] = added
        return added

    def _add_vdso(self, image: bytes) -> None:
        start = self.vector.get(_AT_SYSINFO_EHDR)
        if start and image:
            try:
                self.table.add(f"system-supplied DSO at {start:#x}", start, image)
            except RdbError:
                pass  # not ELF after all: addresses in it have no names

    def _listed(self) -> list[Library]:
        """The link map, without the program itself."""
        if self.linker is None:
            return []
        symbol = next(iter(self.linker.minimal("_r_debug")), None)
        if symbol is None:
            return []
        node = int.from_bytes(self.memory(symbol.address + self.word, self.word), "little")
        result = []
        for _ in range(_LONGEST_LIST):
            if not node:
                break
            bias, name, _, following = self._node.unpack(self.memory(node, self._node.size))
            result.append(Library(self._text(name), bias))
            node = following
        return [library for library in result[1:] if not library.path.startswith(_VDSO_NAMES)]

    def _text(self, address: int) -> str:
        data = b""
        while b"\0" not in data and len(data) < 4096:
            data += self.memory(address + len(data), 64 - (address + len(data)) % 64)
        return data.split(b"\0")[0].decode(errors="surrogateescape")
