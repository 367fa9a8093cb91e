"""What the kernel writes when a thread ends: it tells those who wait for the thread.

At the address that set_tid_address(2) has left, the thread id becomes zero.  Each lock on the list that set_robust_list(2) has
left is marked as having lost its owner, if it is the thread's.  glibc uses both, for pthread_join and for robust mutexes.
"""

from __future__ import annotations

from rdb.arch.linux.structures import Abi
from rdb.errors import CannotAccessMemory
from rdb.linux.inject import Injector
from rdb.record.comparison import Stretches

# <linux/prctl.h>; the kernel may be built without it (CONFIG_CHECKPOINT_RESTORE): then the call fails and writes nothing.
_PR_GET_TID_ADDRESS = 40
# ROBUST_LIST_LIMIT, <linux/futex.h>: the kernel follows the list no further.
_MOST_LOCKS = 2048
_FUTEX = 4


def written_at_end(injector: Injector, abi: Abi) -> Stretches:
    """The memory that may change when the thread of `injector` ends."""
    with injector.scratch(bytes(8)) as place:
        injector.call("prctl", _PR_GET_TID_ADDRESS, place)
        address = _word(injector, abi, place)
    return [*([(address, _FUTEX)] if address else []), *_locks(injector, abi)]


def _locks(injector: Injector, abi: Abi) -> Stretches:
    """The words of the robust locks that the thread may hold: struct robust_list_head is list, futex_offset, list_op_pending."""
    with injector.scratch(bytes(2 * abi.word)) as place:
        injector.call("get_robust_list", 0, place, place + abi.word)
        head = _word(injector, abi, place)
    if not head:
        return []
    try:
        entry, offset, pending = (_word(injector, abi, head + index * abi.word) for index in range(3))
        entries = [pending] if pending else []
        while entry != head and len(entries) < _MOST_LOCKS:
            entries.append(entry)
            entry = _word(injector, abi, entry & ~1)
    except CannotAccessMemory:
        return []
    # The lowest bit of an entry says that its lock inherits priority.
    return [((entry & ~1) + offset & abi.mask, _FUTEX) for entry in entries]


def _word(injector: Injector, abi: Abi, address: int) -> int:
    return int.from_bytes(injector.memory.read(address, abi.word), "little")
