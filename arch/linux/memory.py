"""Calls that change the address space, and those that ask about it.

What a call unmaps or maps anew is discarded: undoing it must bring back the mapping and its contents.  brk and shmdt do not say
how much they discard; the map of the process knows.
"""

from __future__ import annotations

from rdb.arch.linux.terms import (
    MAPPING,
    REGISTERS,
    Call,
    Effect,
    Multiplexed,
    Number,
    Table,
    arg,
    bitmap,
    by,
    count,
    discards,
    fixed,
    out,
    pages,
    rows,
    vector,
    when,
)

_LENGTH = pages(arg(1))

# Source: include/uapi/asm-generic/mman-common.h.
_MAP_FIXED, _MREMAP_FIXED = 0x10, 2
# MADV_DONTNEED, FREE, DONTNEED_LOCKED, GUARD_INSTALL, GUARD_REMOVE: pages of one's own are given up
_GIVES_UP = 4, 8, 24, 102, 103
_MADV_REMOVE = 9  # a hole in the mapped file

# How much shmdt and io_destroy unmap is not said: the segment or ring that begins there.
DETACHES: Effect = MAPPING + discards(0, fixed(1))
_MMAP: Effect = MAPPING + when(arg(3), _MAP_FIXED, discards(0, _LENGTH))


def _old_mmap(call: Call) -> tuple[Effect, Call]:
    """i386's first mmap: its six arguments stand in memory."""
    return _MMAP, Call.of(call.words(call.arguments[0], 6), call.cpu, call.abi)


def _pages_asked(call: Call) -> int:
    return _LENGTH.of(call) // call.abi.page


MEMORY: Table = {
    **rows("mmap mmap2", _MMAP),
    "munmap": MAPPING + discards(0, _LENGTH),
    "mremap": MAPPING + discards(0, _LENGTH) + when(arg(3), _MREMAP_FIXED, discards(4, pages(arg(2)))),
    "madvise": MAPPING + by(count(2), {**dict.fromkeys(_GIVES_UP, discards(0, _LENGTH)), _MADV_REMOVE: out(0, _LENGTH)}),
    "process_madvise": MAPPING + by(count(3), dict.fromkeys((*_GIVES_UP, _MADV_REMOVE), vector(1, arg(2)))),
    "remap_file_pages": MAPPING + discards(0, _LENGTH),
    "shmdt": DETACHES,
    **rows("brk mprotect pkey_mprotect shmat mseal map_shadow_stack mlock mlock2 munlock mlockall munlockall", MAPPING),
    # pkey_alloc sets the new key's rights in pkru.
    "pkey_alloc": REGISTERS,
    "mincore": out(2, Number(_pages_asked)),
    "move_pages": out(4, arg(1) * 4),
    "get_mempolicy": out(0, 4) + out(1, bitmap(arg(2))),
    "process_vm_readv": vector(1, arg(2)),
    "process_vm_writev": vector(3, arg(4)),  # perhaps its own memory
    **rows(
        """
        msync mbind set_mempolicy set_mempolicy_home_node migrate_pages membarrier pkey_free memfd_secret userfaultfd
        process_mrelease swapon swapoff
        """
    ),
}

I386_MEMORY: Table = {
    "mmap": (Multiplexed(_old_mmap),),
}
