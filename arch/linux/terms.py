"""The words in which the table of system calls is written.

A row of the table is an Effect: a tuple of Items.  Most rows are one word, such as out(1, "stat") for "argument 1 points to a
struct stat that is filled in"; longer ones are joined with +.  Numbers inside a row are formulas over the arguments, the memory
that they point to and the sizes of the ABI; they are worked out when the call is entered.

Two conventions keep rows short.  Where a *place* is wanted, a bare int is the number of an argument (from 0), which holds a
pointer.  Where a *size* is wanted, a bare int is bytes and a bare str is the name of a structure or C type.

A formula that meets unreadable memory raises CannotAccessMemory: the kernel would have met it too (EFAULT), so the item then
writes nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rdb.arch.base import CpuView
from rdb.arch.linux.structures import Abi

MAX_VECTOR = 1024  # UIO_MAXIOV: the kernel takes no longer vector


class Kind(enum.Enum):
    """What a call does beyond writing memory, as far as undoing it must know."""

    NOTHING = "nothing"
    MAPPING = "mapping"  # maps, unmaps, moves or protects memory
    SIGRETURN = "sigreturn"  # loads every register from the signal frame
    FORK = "fork"  # makes a process or a thread
    EXEC = "exec"  # replaces the program
    EXIT = "exit"  # ends the thread or the process
    REGISTERS = "registers"  # changes registers other than the result


@dataclass(frozen=True)
class Call:
    """A system call at its entry; `arguments` are six unsigned words of the ABI."""

    arguments: Sequence[int]
    cpu: CpuView
    abi: Abi

    @classmethod
    def of(cls, arguments: Sequence[int], cpu: CpuView, abi: Abi) -> Call:
        mask = abi.mask
        words = [argument & mask for argument in arguments[:6]]
        return cls((*words, *[0] * (6 - len(words))), cpu, abi)

    def load(self, address: int, size: int) -> int:
        """The unsigned number of `size` bytes in memory; raises CannotAccessMemory."""
        return int.from_bytes(self.cpu.memory(address & self.abi.mask, size), "little")

    def words(self, address: int, number: int) -> list[int]:
        """`number` consecutive pointers (or longs) in memory; raises CannotAccessMemory."""
        word = self.abi.word
        data = self.cpu.memory(address & self.abi.mask, number * word) if number else b""
        return [int.from_bytes(data[i : i + word], "little") for i in range(0, number * word, word)]


class Number:
    """A formula: what a number will be once the call is known."""

    def __init__(self, of: Callable[[Call], int]) -> None:
        self.of = of

    def __add__(self, other: Size) -> Number:
        more = _size(other)
        return Number(lambda call: self.of(call) + more.of(call))

    def __mul__(self, other: Size) -> Number:
        times = _size(other)
        return Number(lambda call: self.of(call) * times.of(call))

    def __and__(self, bits: int) -> Number:
        return Number(lambda call: self.of(call) & bits)

    def __rshift__(self, bits: int) -> Number:
        return Number(lambda call: self.of(call) >> bits)


Size = int | str | Number
Place = int | Number


def _size(size: Size) -> Number:
    if isinstance(size, Number):
        return size
    if isinstance(size, str):
        return Number(lambda call: call.abi.sizes[size])
    return Number(lambda call: size)


def _place(place: Place) -> Number:
    return arg(place) if isinstance(place, int) else place


def arg(number: int) -> Number:
    """A whole argument: a pointer, a size_t or a long."""
    return Number(lambda call: call.arguments[number])


def count(number: int) -> Number:
    """An argument of type int or unsigned: its upper half is not looked at by the kernel."""
    return arg(number) & 0xFFFFFFFF


def load(place: Place, size: Size = 4, offset: Size = 0) -> Number:
    """The number of `size` bytes at `offset` in what `place` points to."""
    address, length = _place(place) + offset, _size(size)
    return Number(lambda call: call.load(address.of(call), length.of(call)))


def pointer(place: Place, index: int = 0) -> Number:
    """The pointer (or long) number `index` of what `place` points to."""
    return load(place, "word", Number(lambda call: index * call.abi.word))


def bitmap(bits: Number) -> Number:
    """The bytes of a bit set: whole longs."""
    return Number(lambda call: (bits.of(call) + 8 * call.abi.word - 1) // (8 * call.abi.word) * call.abi.word)


def pages(length: Number) -> Number:
    """A length rounded up to whole pages."""
    return Number(lambda call: (length.of(call) + call.abi.page - 1) // call.abi.page * call.abi.page)


@dataclass(frozen=True)
class Writes:
    """The call may change `size` bytes at `place`."""

    place: Number
    size: Number


@dataclass(frozen=True)
class Discards:
    """The call may unmap or replace `size` bytes at `place`: their contents are gone."""

    place: Number
    size: Number


@dataclass(frozen=True)
class Unknown:
    """The call may change memory that cannot be named in advance."""


@dataclass(frozen=True)
class Depends:
    """More items, found by looking at the call."""

    on: Callable[[Call], Effect]


@dataclass(frozen=True)
class Multiplexed:
    """The call stands for another one: that one's row and arguments, or None if it stands for none."""

    call: Callable[[Call], tuple[Effect, Call] | None]


Item = Kind | Writes | Discards | Unknown | Depends | Multiplexed
Effect = tuple[Item, ...]
Table = Mapping[str, Effect]

NOTHING: Effect = ()
UNKNOWN: Effect = (Unknown(),)
MAPPING: Effect = (Kind.MAPPING,)
FORK: Effect = (Kind.FORK,)
REGISTERS: Effect = (Kind.REGISTERS,)


def out(place: Place, size: Size, offset: Size = 0) -> Effect:
    """`size` bytes are written at `offset` in what `place` points to.  A null pointer is not written through."""
    pointed, more = _place(place), _size(offset)
    return (Writes(Number(lambda call: address + more.of(call) if (address := pointed.of(call)) else 0), _size(size)),)


def discards(place: Place, size: Number) -> Effect:
    """`size` bytes at `place` lose their mapping, or are mapped anew."""
    return (Discards(_place(place), size),)


def counted(buffer: Place, length: Place) -> Effect:
    """A buffer whose size stands in the 32-bit number that `length` points to (socklen_t); both are written."""
    return out(buffer, load(length)) + out(length, 4)


def vector(place: Place, number: Number) -> Effect:
    """The buffers of `number` struct iovec at `place` are written."""
    start = _place(place)

    def buffers(call: Call) -> Effect:
        return tuple(
            item for address, size in iovecs(call, start.of(call), number.of(call)) for item in out(fixed(address), size)
        )

    return (Depends(buffers),)


def iovecs(call: Call, address: int, number: int) -> Iterator[tuple[int, int]]:
    """(address, size) of each struct iovec in an array; none if there are more than the kernel takes."""
    words = call.words(address, 2 * number) if number <= MAX_VECTOR else []
    return zip(words[::2], words[1::2])


def fixed(number: int) -> Number:
    """A number that is known already; as a place it is an address."""
    return Number(lambda call: number)


def by(choice: Number, table: Mapping[int, Effect], otherwise: Effect = NOTHING) -> Effect:
    """The row that belongs to a number (a command, an option), or `otherwise`."""
    return (Depends(lambda call: table.get(choice.of(call), otherwise)),)


def when(number: Number, bits: int, effect: Effect) -> Effect:
    """`effect`, if any of `bits` is set in a number."""
    return (Depends(lambda call: effect if number.of(call) & bits else NOTHING),)


def names(text: str) -> list[str]:
    """The words of a text, for lists that are read more than they are changed."""
    return text.split()


def rows(calls: str, effect: Effect = NOTHING) -> Table:
    """The same row for several calls, named in one string."""
    return dict.fromkeys(names(calls), effect)
