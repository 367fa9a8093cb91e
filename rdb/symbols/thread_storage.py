"""Where a thread's copy of an object's thread-local variables is, without libthread_db.

Facts: Drepper, "ELF Handling For Thread-Local Storage", 3 (variant II, x86-64 and i386: blocks lie below the thread pointer;
the program's own block, module 1, directly below it); System V gABI, "Dynamic Section" (DT_DEBUG); <link.h> (struct r_debug and
the public head of struct link_map); glibc, nptl_db/structs.def: libc exports the layout of its private structures as
`_thread_db_*` symbols, each three 32-bit numbers (size in bits, count, offset).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from rdb.errors import CannotAccessMemory, RdbError
from rdb.symbols.elf import PT_DYNAMIC, PT_TLS
from rdb.symbols.objects import LoadedObject

if TYPE_CHECKING:
    from rdb.symbols.table import SymbolTable

Memory = Callable[[int, int], bytes]
_DT_DEBUG = 21
_MOST_LIBRARIES = 10_000


class NoThreadStorage(RdbError):
    """There are no thread-local variables here, or (with `path`) none yet of that library: it gets them on first use."""

    def __init__(self, path: str | None = None) -> None:
        sentence = "Cannot find thread-local variables on this target"
        if path is not None:
            sentence = f"The inferior has not yet allocated storage for thread-local variables in the shared library `{path}'"
        super().__init__(sentence)


def thread_address(object: LoadedObject, offset: int, thread_pointer: int, table: SymbolTable, memory: Memory) -> int:
    """The address of offset `offset` in the TLS block that `object` has in the thread whose thread pointer is given.

    Raises NoThreadStorage where there is none (yet).
    """
    segment = object.elf.segment(PT_TLS)
    if segment is None or not thread_pointer:
        raise NoThreadStorage
    if table.objects and object is table.objects[0]:
        align = max(segment.align, 1)
        first = -segment.address & (align - 1)
        size = -(-(segment.memory_size - first) // align) * align + first
        return thread_pointer - size + offset
    words = _Words(memory, object.elf.pointer_size)
    try:
        return (_library_block(object, thread_pointer, table, words) + offset) & words.mask
    except CannotAccessMemory:
        raise NoThreadStorage from None


class _Words:
    """Memory in words of the program: `size` is that of a pointer, `mask` has all its bits set."""

    def __init__(self, memory: Memory, size: int) -> None:
        self.memory, self.size, self.mask = memory, size, (1 << 8 * size) - 1

    def __call__(self, address: int, index: int = 0) -> int:
        """The word `index` of those from `address` on."""
        return int.from_bytes(self.memory(address + index * self.size & self.mask, self.size), "little")


def _library_block(object: LoadedObject, thread_pointer: int, table: SymbolTable, words: _Words) -> int:
    """The block of a shared library: by its slot in the thread's dtv, or, before the slot is filled, by its static offset."""
    map = _link_map(object, table, words)
    module = words(map + _private_offset(table, words, "link_map_l_tls_modid"))
    if not 0 < module < _MOST_LIBRARIES:
        raise NoThreadStorage
    dtv = words(thread_pointer, 1)
    # dtv_t is a pair (pointer, what to free); entry 0 counts.  A slot that was not used yet holds -1.
    block = words(dtv, 2 * module)
    if block not in (0, words.mask):
        return block
    static = words(map + _private_offset(table, words, "link_map_l_tls_offset"))
    if static in (0, words.mask, words.mask - 1):
        raise NoThreadStorage(object.path)
    return thread_pointer - static


def _link_map(object: LoadedObject, table: SymbolTable, words: _Words) -> int:
    """The dynamic linker's record of an object, found by the address of its dynamic section."""
    dynamic = object.elf.segment(PT_DYNAMIC)
    position = _first_map(table, words)
    for _ in range(_MOST_LIBRARIES):
        if not position or dynamic is None:
            break
        # l_addr, l_name, l_ld, l_next
        if words(position, 2) == dynamic.address + object.bias:
            return position
        position = words(position, 3)
    raise NoThreadStorage


def _first_map(table: SymbolTable, words: _Words) -> int:
    program = table.objects[0]
    segment = program.elf.segment(PT_DYNAMIC)
    if segment is None:
        raise NoThreadStorage
    start = segment.address + program.bias
    for index in range(0, segment.memory_size // words.size, 2):
        if words(start, index) == _DT_DEBUG and words(start, index + 1):
            return words(words(start, index + 1), 1)
    raise NoThreadStorage


def _private_offset(table: SymbolTable, words: _Words, field: str) -> int:
    for symbol in table.minimal("_thread_db_" + field):
        return struct.unpack("<3I", words.memory(symbol.address, 12))[2]  # type: ignore[no-any-return]
    raise NoThreadStorage
