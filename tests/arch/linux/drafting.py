"""The words in which scenarios of system calls are written.

A scenario is a list of calls, made in order; a call is its name and its arguments.  An argument is a number or something that
makes one up: OUT (a place to be written, sometimes a bad one), data(...) (a place that holds bytes), words(...) (a place that
holds longs or pointers), one(...) (a choice).  Descriptors have the numbers that tests/programs/syscalls.c gives them.  Calls
that an ABI does not have are left out there.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from rdb.arch.linux.structures import Abi

PAGE = 4096
ARENA, ARENA_SIZE = 0x1000_0000, 16 * PAGE
READ_ONLY, NO_ACCESS, UNMAPPED = ARENA + 16 * PAGE, ARENA + 17 * PAGE, 0x2000_0000


class Draft:
    """The arguments of a call being made up: a place for input at the front of the arena, random places for output behind it.

    A careful draft takes the first of every choice and good pointers.  `results` are those of the scenario's earlier calls,
    `peek` reads the process.
    """

    def __init__(
        self, abi: Abi, chance: random.Random, careful: bool, results: list[int], peek: Callable[[int, int], bytes]
    ) -> None:
        self.abi, self.chance, self.careful, self.results, self.peek = abi, chance, careful, results, peek
        self.arena = bytearray(chance.randbytes(ARENA_SIZE))
        self._free = 64

    def value(self, argument: Argument) -> int:
        return argument(self) if callable(argument) else argument

    def put(self, data: bytes) -> int:
        """The address of a copy of `data`, among the inputs."""
        self._free = (self._free + 15) // 16 * 16
        at, self._free = self._free, self._free + len(data)
        assert self._free <= ARENA_SIZE // 2, "too much input"
        self.arena[at : at + len(data)] = data
        return ARENA + at

    def output(self, room: int) -> int:
        """Where a call may write: mostly inside the arena, with at least `room` bytes; when not careful, on the edges, too."""
        low = ARENA + ARENA_SIZE // 2
        inside = self.chance.randrange(low, READ_ONLY - room, 8)
        if self.careful or self.chance.random() < 0.5:
            return inside
        edge = READ_ONLY - self.chance.randrange(1, room)
        return self.chance.choice([edge, edge & ~7, inside | 1, READ_ONLY, NO_ACCESS, UNMAPPED, 0, 8])


Argument = int | Callable[[Draft], int]
Scenario = list[tuple[str, tuple[Argument, ...]]]

FILE, PIPE, UNIX, UDP, LISTENER, EPOLL, TIMERFD = 100, 101, 103, 105, 106, 107, 108
EVENTFD, INOTIFY, FOLDER, TERMINAL, SIGNALFD, EMPTY_PIPE, CLOSED = 109, 110, 111, 112, 114, 115, 99
AT_FDCWD, AT_EMPTY_PATH = -100, 0x1000
SCRATCH = 0x3000_0000  # where mappings are made


def out(room: int) -> Callable[[Draft], int]:
    return lambda draft: draft.output(room)


OUT, BIG = out(256), out(4096)


def data(content: bytes) -> Callable[[Draft], int]:
    return lambda draft: draft.put(content)


def text(content: str) -> Callable[[Draft], int]:
    return data(content.encode() + b"\0")


def words(*values: Argument) -> Callable[[Draft], int]:
    """An array of longs."""

    def make(draft: Draft) -> int:
        numbers = [draft.value(value) & draft.abi.mask for value in values]
        return draft.put(b"".join(number.to_bytes(draft.abi.word, "little") for number in numbers))

    return make


def quads(*values: Argument) -> Callable[[Draft], int]:
    """An array of 64-bit numbers, whatever the ABI."""
    return lambda draft: draft.put(struct.pack(f"<{len(values)}Q", *[draft.value(value) & (1 << 64) - 1 for value in values]))


def ints(*values: int) -> Callable[[Draft], int]:
    return data(struct.pack(f"<{len(values)}i", *values))


def one(*values: Argument) -> Callable[[Draft], int]:
    return lambda draft: draft.value(values[0] if draft.careful else draft.chance.choice(values))


def result(index: int) -> Callable[[Draft], int]:
    """What an earlier call of the scenario returned."""
    return lambda draft: draft.results[index]


def stored(address: int, size: int = 8) -> Callable[[Draft], int]:
    """A number that an earlier call has stored (outside of the arena, which is filled anew for every call)."""
    return lambda draft: int.from_bytes(draft.peek(address, size), "little")


def timespec(seconds: int, nanoseconds: int = 0) -> Callable[[Draft], int]:
    return words(seconds, nanoseconds)


def call(name: str, *arguments: Argument) -> Scenario:
    return [(name, arguments)]


def each(names: str, *arguments: Argument) -> list[Scenario]:
    return [call(name, *arguments) for name in names.split()]


def message(name_length: Argument = 110, control_length: Argument = 128) -> Callable[[Draft], int]:
    """A struct msghdr for receiving: words, of which the second and the last are ints (they are padded on 64 bits)."""
    return words(OUT, name_length, words(OUT, 4, OUT, 100, OUT, 0, OUT, 200), 4, OUT, control_length, -1)


SIZE = one(4096, 0, 1, 7, 64, 256, 5000)
HUGE = one(1 << 31, (1 << 31) - 1, 1 << 62, -1)
GREETING: Scenario = call("write", PIPE + 1, data(b"hello, pipe"), 11)
FRAME: Scenario = call("write", UNIX + 1, data(b"hello, socket"), 13)
PACKET: Scenario = call("write", UDP, data(b"hello, packet"), 13)
LINE: Scenario = call("write", TERMINAL, data(b"hello, terminal\n"), 16)
VECTOR = words(OUT, 3, OUT, 0, OUT, 100, OUT, 5000)
ANONYMOUS: Scenario = call("mmap", SCRATCH, 4 * PAGE, 3, 0x32, -1, 0)
ANONYMOUS2: Scenario = call("mmap2", SCRATCH, 4 * PAGE, 3, 0x32, -1, 0)
KEPT: Scenario = ANONYMOUS + ANONYMOUS2  # one of them is there in each ABI
