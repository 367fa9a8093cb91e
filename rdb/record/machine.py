"""The state that a walk over the record list changes: register banks, memory, address space.

While the past is looked at, registers live here and not in the threads, which stand where recording left them; memory is written
through to the process.  Going live gives the threads their registers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rdb.record.mappings import MappingChange

Banks = tuple[bytearray, bytearray]


@dataclass
class Machine:
    """`banks` are the two register banks of each thread, by its number in the record list (rdb.record.turns).

    Those of a thread that does not exist at the moment hold what it was born with, or what it ended with.  `read` and `write`
    reach memory; `remap` applies a change of the address space, that a thread's call made, forwards (True) or backwards.
    `aliased` says whether some bytes can be written at more than one address now.
    """

    banks: dict[int, Banks]
    read: Callable[[int, int], bytes]
    write: Callable[[int, bytes], None]
    remap: Callable[[MappingChange, bool, int], None]
    aliased: Callable[[], bool] = bool
