"""The breakpoints of one process as they lie in its memory: trap instructions, there only while it runs."""

from __future__ import annotations

from rdb.errors import CannotAccessMemory
from rdb.linux.ptrace import Memory


class Traps:
    """`addresses` are where the process is to stop; `write` puts a `trap` there, `erase` puts back what was there.

    `code` is the program's own at the places where traps were written last.  `lender` is the memory of the parent that a child
    of vfork uses.
    """

    def __init__(self, memory: Memory, trap: bytes) -> None:
        self.memory, self.trap = memory, trap
        self.addresses: set[int] = set()
        self.code: dict[int, bytes] = {}
        self.lender: Memory | None = None
        self.written = False

    def write(self) -> None:
        """Put the traps into memory, if they are not there."""
        if self.written:
            return
        self.code = {}
        for address in self.addresses:
            try:
                code = self.memory.read(address, len(self.trap))
                self.memory.write(address, self.trap)
            except CannotAccessMemory:
                continue  # its mapping is gone
            self.code[address] = code
        self.written = True

    def erase(self) -> None:
        """Put the program's own bytes back, if the traps are there."""
        if self.written:
            self._put_back(self.memory)
        self.written = False

    def forget(self) -> None:
        """The image that they were in is gone; but if it was lent to us, they are still in it."""
        if self.lender is not None:
            self._put_back(self.lender)
            self.lender = None
        self.addresses.clear()
        self.code = {}
        self.written = False

    def _put_back(self, memory: Memory) -> None:
        for address, code in self.code.items():
            try:
                if memory.read(address, len(self.trap)) == self.trap:
                    memory.write(address, code)
            except CannotAccessMemory:
                pass  # unmapped meanwhile
