"""The state that a walk over the record list changes: register banks, memory, address space.

While the past is looked at, registers live here and not in the thread, which stands where recording left it; memory is written
through to the process.  Going live gives the thread its registers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rdb.record.mappings import MappingChange


@dataclass
class Machine:
    """`banks` are the two register banks; `read` and `write` reach memory; `remap` applies a change of the
    address space forwards (True) or backwards."""

    banks: tuple[bytearray, bytearray]
    read: Callable[[int, int], bytes]
    write: Callable[[int, bytes], None]
    remap: Callable[[MappingChange, bool], None]
