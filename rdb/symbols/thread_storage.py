"""Where a thread's copy of an object's thread-local variables is, without libthread_db.

Facts: Drepper, "ELF Handling For Thread-Local Storage", 3 (variant II, x86-64: blocks lie below the thread pointer; the program's own
block, module 1, directly below it); System V gABI, "Dynamic Section" (DT_DEBUG); <link.h> (struct r_debug and the public head of
struct link_map); glibc, nptl_db/structs.def: libc exports the layout of its private structures as `_thread_db_*` symbols, each three
32-bit numbers (size in bits, count, offset).
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
_LOW_BITS = (1 << 64) - 1


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
    try:
        return (_library_block(object, thread_pointer, table, memory) + offset) & _LOW_BITS
    except CannotAccessMemory:
        raise NoThreadStorage from None


def _library_block(object: LoadedObject, thread_pointer: int, table: SymbolTable, memory: Memory) -> int:
    """The block of a shared library: by its slot in the thread's dtv, or, before the slot is filled, by its static offset."""
    map = _link_map(object, table, memory)
    module = _word(memory, map + _private_offset(table, memory, "link_map_l_tls_modid"))
    if not 0 < module < _MOST_LIBRARIES:
        raise NoThreadStorage
    dtv = _word(memory, thread_pointer + 8)
    # dtv_t is a pair (pointer, what to free); entry 0 counts.  A slot that was not used yet holds -1.
    block = _word(memory, dtv + 16 * module)
    if block not in (0, _LOW_BITS):
        return block
    static = _word(memory, map + _private_offset(table, memory, "link_map_l_tls_offset"))
    if static in (0, _LOW_BITS, _LOW_BITS - 1):
        raise NoThreadStorage(object.path)
    return thread_pointer - static


def _link_map(object: LoadedObject, table: SymbolTable, memory: Memory) -> int:
    """The dynamic linker's record of an object, found by the address of its dynamic section."""
    dynamic = object.elf.segment(PT_DYNAMIC)
    position = _first_map(table, memory)
    for _ in range(_MOST_LIBRARIES):
        if not position or dynamic is None:
            break
        _, _, section, following = struct.unpack("<4Q", memory(position, 32))
        if section == dynamic.address + object.bias:
            return position
        position = following
    raise NoThreadStorage


def _first_map(table: SymbolTable, memory: Memory) -> int:
    program = table.objects[0]
    segment = program.elf.segment(PT_DYNAMIC)
    if segment is None:
        raise NoThreadStorage
    raw = memory(segment.address + program.bias, segment.memory_size)
    for tag, value in struct.iter_unpack("<QQ", raw[: len(raw) - len(raw) % 16]):
        if tag == _DT_DEBUG and value:
            return _word(memory, value + 8)
    raise NoThreadStorage


def _private_offset(table: SymbolTable, memory: Memory, field: str) -> int:
    for symbol in table.minimal("_thread_db_" + field):
        return struct.unpack("<3I", memory(symbol.address, 12))[2]  # type: ignore[no-any-return]
    raise NoThreadStorage


def _word(memory: Memory, address: int) -> int:
    return int.from_bytes(memory(address & _LOW_BITS, 8), "little")
