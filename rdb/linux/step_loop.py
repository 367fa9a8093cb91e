"""The step loop: many single steps of one thread, with all that is needed afterwards to say what each instruction changed.

The loop knows nothing of instructions but what it has been told (`know`): the number that its user has given to the instruction
at an address, and which bytes of memory, if any, it is about to overwrite.  A *stride* is a run of steps:

    begin   the current registers are the first state; at most so many steps, and as long as pc is within a range
    put     number and saved bytes of the instruction at which the thread stands, which its user has worked out
    go      steps it, and then goes on by itself as long as it comes to instructions that it knows

and put and go again until there is no room, or the user has had enough.  What it leaves behind are three columns, valid until the
next `begin`: `states`, the general registers before each of the `taken` instructions, each with its number; and `saved`, what was
put or read for one instruction after the other.

Invariants: an instruction counts as taken when its step has ended as a step does; what was saved for one that has not been taken
lies behind what was saved for those that have.  `general` is current whenever `go` returns.

On an x86-64 host the loop runs in machine code (rdb.linux.step_code).  Elsewhere, and where no memory may be made executable, it
knows no instruction, and `go` makes one step from Python.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from collections.abc import Callable

from rdb.address import Range
from rdb.arch.process_record import Place
from rdb.linux import ptrace
from rdb.linux.step_code import BLOCK, BLOCK_AT, ENTRIES, ENTRY, PAGES, STATE_SIZE, page

# What waitpid reports for a stop with SIGTRAP and no event.
TRAPPED = 0x057F

# The most instructions of a stride: it decides how long an interrupt has to wait, some ten milliseconds.
CAPACITY = 1024
# The most bytes that may be saved for one instruction; the pages of what is not used are never touched.
MOST_SAVED = 4096
# The sizes of memory that the machine code saves: it clears one word for the padding.
_SIZES = frozenset((*range(1, 9), *range(16, 65, 8)))
_WORD_SIZE = 8
# All addresses: the last byte there is cannot be where an instruction begins.
EVERYWHERE = Range(0, (1 << 64) - 1)
# No instruction is here: it is not even an address.
_NOWHERE = b"\xff"


class StepLoop:
    """The loop for thread `pid`, whose current registers are kept in `general`.

    `file` reads its memory (/proc/PID/mem); `arrived` waits for the end of a step that is under way, refreshes `general` and
    gives the wait status; `settled` makes of the status of a stop that of the step, and refreshes `general`.
    """

    def __init__(
        self, pid: int, general: bytearray, file: int, arrived: Callable[[], int], settled: Callable[[int], int]
    ) -> None:
        self._pid, self._general, self._arrived, self._settled = pid, general, arrived, settled
        # Behind the registers a word that stays zero, and the number of the instruction.
        self._zero = len(general) // _WORD_SIZE
        self._size = -(-(len(general) + 2 * _WORD_SIZE) // STATE_SIZE) * STATE_SIZE
        self.states = bytearray((CAPACITY + 1) * self._size)
        self.saved = bytearray(CAPACITY * MOST_SAVED)
        self.table = bytearray(_NOWHERE * (ENTRIES * ENTRY.size))
        self.pages = bytearray(PAGES)
        self._numbers = memoryview(self.states).cast("Q")[self.number_word :: self.state_words]
        self._at, self._saved_at = _address(self.states), _address(self.saved)
        self._page: mmap.mmap | None = None
        self._code, self._block = self._machine_code() if _machine() == "x86_64" else self._python()
        self._sharing = ctypes.CFUNCTYPE(ctypes.c_long)(_address(self._page)) if self._page is not None else self._code
        numbers = {"pid": pid, "file": file, "table": _address(self.table), "pages": _address(self.pages)}
        for name, number in numbers.items():
            self._block[getattr(BLOCK, name)] = number
        self.begin(0)

    def select(self, pid: int) -> None:
        """Step another thread from now on."""
        self._pid = self._block[BLOCK.pid] = pid

    def share(self) -> None:
        """From now on give the interpreter's lock away while the thread steps: others may end with it (rdb.linux.last_rites)."""
        self._code = self._sharing

    # -- strides

    @property
    def state_words(self) -> int:
        """The words of a state; the first are the general registers."""
        return self._size // _WORD_SIZE

    @property
    def number_word(self) -> int:
        """Which word of a state has the number of the instruction."""
        return self._zero + 1

    @property
    def taken(self) -> int:
        """The instructions of this stride that were executed."""
        return (self._block[BLOCK.state] - self._at) // self._size

    def begin(self, limit: int, within: Range = EVERYWHERE) -> None:
        """Begin a stride of at most `limit` instructions, CAPACITY at the most; `go` does not go on outside of `within`."""
        self._block[BLOCK.state], self._block[BLOCK.saved] = self._at, self._saved_at
        self._block[BLOCK.low], self._block[BLOCK.span] = within.start, within.end - within.start
        self._end = self._at + min(limit, CAPACITY) * self._size
        self.states[: len(self._general)] = self._general

    def has_room(self) -> bool:
        """Whether the stride may go on."""
        return self._block[BLOCK.state] < self._end

    def put(self, number: int, data: bytes | bytearray) -> None:
        """The number of the next instruction, and the bytes saved for it: whole words, MOST_SAVED at most."""
        self._numbers[self.taken] = number
        if data:
            start = self._block[BLOCK.saved] - self._saved_at
            self.saved[start : start + len(data)] = data
            self._block[BLOCK.saved] += len(data)

    def go(self, single: bool = False) -> int:
        """Step, once (`single`) or as far as the instructions are known; the wait status of the last step."""
        block, size = self._block, self._size
        state = block[BLOCK.state]
        block[BLOCK.last] = state + size if single else self._end
        status = self._code()
        if status != TRAPPED:
            status = self._arrived() if status < 0 else self._settled(status)
            if status == TRAPPED:
                block[BLOCK.state] += size
                self._keep_state()
            return status
        start = block[BLOCK.state] - self._at
        self._general[:] = self.states[start : start + len(self._general)]
        return status

    def _keep_state(self) -> None:
        start = self._block[BLOCK.state] - self._at
        self.states[start : start + len(self._general)] = self._general

    # -- what is known

    def entry(self, address: int, number: int, size: int = 0, place: Place | None = None) -> bytes | None:
        """What to `know` of the instruction at `address`: its number, and that it overwrites `size` bytes at `place`.

        None if it cannot be told: no place, or a size that the machine code does not save.
        """
        if not size:
            return ENTRY.pack(address, 0, 0, number, 0, 0, 0, 0)
        if place is None or size not in _SIZES:
            return None
        base, index = (self._zero if word < 0 else word for word in (place.base, place.scaled))
        return ENTRY.pack(address, place.displacement, place.mask, number, size, base, index, place.shift)

    def know(self, address: int, entry: bytes) -> None:
        """From now on go on through the instruction at `address`."""
        start = (address & ENTRIES - 1) * ENTRY.size
        self.table[start : start + ENTRY.size] = entry

    def forget(self, address: int) -> None:
        """From now on stop in front of the instruction at `address`."""
        self.know(address, _NOWHERE * ENTRY.size)

    def forget_all(self) -> None:
        self.table[:] = _NOWHERE * len(self.table)

    def leave_stores(self, numbers: set[int]) -> None:
        """Stop in front of every store to these pages of memory, and perhaps of stores to some others."""
        self.pages[:] = bytes(PAGES)
        for number in numbers:
            self.leave_store(number)

    def leave_store(self, number: int) -> None:
        """Stop in front of every store to this page too."""
        self.pages[number & PAGES - 1] = 1

    # -- how it is done

    def _machine_code(self) -> tuple[Callable[[], int], memoryview]:
        try:
            code = self._page = page()
        except OSError:
            return self._python()
        start = _address(code)
        block = memoryview(code)[BLOCK_AT : BLOCK_AT + len(BLOCK) * _WORD_SIZE].cast("Q")
        # PYFUNCTYPE: the interpreter's lock is kept, since giving it away and back costs more than there is to gain.
        return ctypes.PYFUNCTYPE(ctypes.c_long)(start), block

    def _python(self) -> tuple[Callable[[], int], memoryview]:
        return self._begin_step, memoryview(bytearray(len(BLOCK) * _WORD_SIZE)).cast("Q")

    def _begin_step(self) -> int:
        """Begin a step and leave the waiting to whoever sees that it was interrupted."""
        ptrace.raw(ptrace.Request.SINGLESTEP, self._pid, 0, 0)
        return -errno.EINTR


def _address(buffer: object) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))  # type: ignore[arg-type]


def _machine() -> str:
    """The CPU of the host."""
    return os.uname().machine
