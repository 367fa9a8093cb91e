"""What rdb knows about a CPU: data, and a few functions.

Register state travels as two flat byte strings, the *banks*, in the layout in which ptrace hands them over:

* GENERAL: NT_PRSTATUS (user_regs_struct on x86),
* EXTENDED: NT_X86_XSTATE or NT_PRFPREG (floating point, vectors, masks).

A Register is a name for pieces of these banks; `eax` is four bytes of rax, `ymm0` is two pieces of the extended bank.  Nothing
above this package knows an offset.

Effects are the one source of truth about an instruction: whatever it can change is declared there, or it is `slow`.  A decoder
needs no process: evaluating an operand asks a CpuView, and process_record pushes onto a Recorder.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class Bank(enum.IntEnum):
    GENERAL = 0
    EXTENDED = 1


class Piece(NamedTuple):
    """A stretch of bytes in a bank."""

    bank: Bank
    offset: int
    size: int


@dataclass(frozen=True)
class Register:
    """A named register.

    `kind` tells how it is shown and typed: int, code_ptr, data_ptr, flags, float (x87 80 bit), vector, mask.  `groups` are GDB's
    register groups it belongs to (general, float, vector, system, all).  `dwarf` is its number in the DWARF ABI supplement, if
    it has one.
    """

    name: str
    pieces: tuple[Piece, ...]
    kind: str = "int"
    groups: frozenset[str] = frozenset({"all"})
    dwarf: int | None = None

    @property
    def size(self) -> int:
        return sum(piece.size for piece in self.pieces)


@dataclass(frozen=True)
class RegisterTable:
    """All registers of one CPU in GDB's order, and the sizes of the two banks."""

    registers: tuple[Register, ...]
    sizes: tuple[int, int]
    by_name: Mapping[str, Register] = field(init=False, repr=False, compare=False)
    by_dwarf: Mapping[int, Register] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {register.name: register for register in self.registers})
        object.__setattr__(self, "by_dwarf", {register.dwarf: register for register in self.registers if register.dwarf is not None})

    def __getitem__(self, name: str) -> Register:
        return self.by_name[name]

    def get(self, register: Register, banks: Sequence[bytes | bytearray]) -> bytes:
        """The bytes of a register, little end first, out of the two banks."""
        return b"".join(bytes(banks[bank][offset : offset + size]) for bank, offset, size in register.pieces)

    def put(self, register: Register, banks: Sequence[bytearray], data: bytes) -> None:
        """Store `data`, cut or zero-extended to the register's size, into the two banks."""
        data = data[: register.size].ljust(register.size, b"\0")
        for bank, offset, size in register.pieces:
            banks[bank][offset : offset + size], data = data[:size], data[size:]


class Flow(enum.Enum):
    """How control leaves an instruction."""

    NEXT = "next"
    JUMP = "jump"
    BRANCH = "branch"
    INDIRECT_JUMP = "indirect jump"
    CALL = "call"
    INDIRECT_CALL = "indirect call"
    RETURN = "return"
    SYSTEM_CALL = "system call"
    TRAP = "trap"


@dataclass(frozen=True)
class MemoryOperand:
    """A stretch of memory that an instruction reads or writes.

    The address is segment + (base + index * scale + displacement) modulo 2**address_bits, where segment, base and index name
    64-bit registers of the GENERAL bank, or are None.  `size` is in bytes.  A string instruction with a repeat prefix touches
    `size` bytes `count` times, where `count` names a register, upwards or, with the direction flag, downwards.  `mask` names the
    mask (or vector) register that selects elements of `element` bytes; the operand is then an upper bound.
    """

    base: str | None = None
    index: str | None = None
    scale: int = 1
    displacement: int = 0
    size: int = 8
    segment: str | None = None
    address_bits: int = 64
    count: str | None = None
    mask: str | None = None
    element: int = 0


@dataclass(frozen=True)
class Effects:
    """Everything that one instruction can change, and how control leaves it.

    registers  GENERAL registers written, by full name (rax, never eax), pc left out, flags left out
    flags      whether any bit of the flags register can change
    extended   stretches (offset, size) of the EXTENDED bank that can change, disjoint and ascending
    writes     memory that can change; reads: memory that is read (for rwatch, awatch)
    slow       None, or why the above is only an upper bound (or not known): then record by comparing before and after
    unknown_memory   a slow instruction whose writes cannot be bounded: compare all writable memory
    """

    length: int
    registers: tuple[str, ...] = ()
    flags: bool = False
    extended: tuple[tuple[int, int], ...] = ()
    writes: tuple[MemoryOperand, ...] = ()
    reads: tuple[MemoryOperand, ...] = ()
    flow: Flow = Flow.NEXT
    target: int | None = None
    repeated: bool = False
    slow: str | None = None
    unknown_memory: bool = False


class CpuView(Protocol):
    """What evaluating an operand may ask of a stopped thread."""

    def register(self, name: str) -> int:
        """The unsigned value of a register."""

    def memory(self, address: int, size: int) -> bytes:
        """`size` bytes, or raise CannotAccessMemory."""


class Recorder(Protocol):
    """Where process_record pushes what an instruction is about to change."""

    def push_register(self, piece: Piece) -> None:
        """Save a stretch of a register bank."""

    def push_memory(self, address: int, size: int) -> None:
        """Save a stretch of memory, as far as it is readable."""


@dataclass(frozen=True)
class Field:
    """A scalar inside a value that is passed or returned: `kind` is int, float or x87; offset and size in bytes."""

    offset: int
    size: int
    kind: str


@dataclass(frozen=True)
class Assembly:
    """One disassembled instruction."""

    address: int
    code: bytes
    mnemonic: str
    operands: str


@dataclass(frozen=True)
class Arch:
    """One CPU, as data.

    `name` is GDB's name for it, `machine` the ELF e_machine and `elf_class` 32 or 64.  `breakpoint` is the trap instruction and
    `breakpoint_size` how far past it pc stands when it has trapped.
    """

    name: str
    machine: int
    elf_class: int
    pointer_size: int
    registers: RegisterTable
    pc: str
    sp: str
    fp: str
    flags: str
    breakpoint: bytes
    max_instruction: int
    effects: Callable[[bytes, int], Effects]
    disassemble: Callable[[bytes, int, str], list[Assembly]]
    return_pieces: Callable[[int, Sequence[Field]], tuple[Register, ...] | None]
    flag_names: Callable[[int], str]
    syscall: SyscallConvention


@dataclass(frozen=True)
class SyscallConvention:
    """Where a system call finds its number and arguments, and its numbers by name."""

    number: str
    arguments: tuple[str, ...]
    result: str
    instruction: bytes
    names: Mapping[int, str]
