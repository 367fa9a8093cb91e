"""What rdb knows about a CPU: data, and a few functions.

Register state travels as two flat byte strings, the *banks*, in the layout in which ptrace hands them over:

* GENERAL: NT_PRSTATUS (user_regs_struct on x86),
* EXTENDED: NT_X86_XSTATE or NT_PRFPREG (floating point, vectors, masks).

A Register is a name for pieces of these banks; `eax` is four bytes of rax, `ymm0` is two pieces of the extended bank.  Nothing
above this package knows an offset.  `orig_rax` and its like are the kernel's, not the CPU's: no instruction declares them.

The EXTENDED bank is always read in its normal form (Arch.normal): components that the CPU holds in their initial state are filled
with their initial values and marked as present.  Comparing and patching are then plain byte work, and the header that tells what
is present changes only where effects say so (x86: AMX tiles).  Its first RegisterTable.leading bytes are all that ordinary
programs use: read no more, unless an effect names a stretch beyond.  Writing takes the bank at its full size.

Effects are the one source of truth about an instruction: whatever it can change is declared there, or it is `slow`.  A decoder
needs no process: evaluating an operand asks a CpuView, and process_record pushes onto a Recorder.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from rdb.arch.translation import Translator


# The banks consist of words of so many bytes.
WORD = 8


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

    `kind` tells how it is shown and typed: int (signed), code_ptr, data_ptr, flags, float (x87 80 bit), vector, mask (unsigned).
    `groups` are GDB's register groups it belongs to (general, float, vector, sse, system, all; a part of another register is in
    none).  `dwarf` is its number in the DWARF ABI supplement, if it has one.  `width` is its size where that is more than its
    pieces hold (zeros above).  `bits` names the bits of a flags register, lowest first.  `view` turns the bytes of the pieces
    into the register's value and back, where the two differ (x87's tag word).
    """

    name: str
    pieces: tuple[Piece, ...]
    kind: str = "int"
    groups: frozenset[str] = frozenset({"all"})
    dwarf: int | None = None
    width: int = 0
    bits: tuple[tuple[int, str], ...] = ()
    view: View | None = None

    @property
    def size(self) -> int:
        return self.width or sum(piece.size for piece in self.pieces)

    def flag_names(self, value: int) -> str:
        """The names of the bits set in `value`, as GDB shows them: "[ PF ZF IF ]"."""
        return " ".join(["[", *(name for bit, name in self.bits if value >> bit & 1), "]"])


class View(NamedTuple):
    """How a register's value is made from both banks (`get`), and changes them (`put`)."""

    get: Callable[[Sequence[bytes | bytearray]], bytes]
    put: Callable[[Sequence[bytearray], bytes], None]


@dataclass(frozen=True)
class RegisterTable:
    """All registers of one CPU in GDB's order, the sizes of the two banks, and how much of EXTENDED ordinary programs use.

    `words` says which word of GENERAL a register is, if it is one.
    """

    registers: tuple[Register, ...]
    sizes: tuple[int, int]
    leading: int = 0
    by_name: Mapping[str, Register] = field(init=False, repr=False, compare=False)
    by_dwarf: Mapping[int, Register] = field(init=False, repr=False, compare=False)
    words: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {register.name: register for register in self.registers})
        object.__setattr__(
            self, "by_dwarf", {register.dwarf: register for register in self.registers if register.dwarf is not None}
        )
        whole = {register: register.pieces[0] for register in self.registers if len(register.pieces) == 1 and not register.view}
        words = {each.name: at.offset // WORD for each, at in whole.items() if at == (Bank.GENERAL, at.offset & -WORD, WORD)}
        object.__setattr__(self, "words", words)

    def __getitem__(self, name: str) -> Register:
        return self.by_name[name]

    def get(self, register: Register, banks: Sequence[bytes | bytearray]) -> bytes:
        """The bytes of a register, little end first, out of the two banks."""
        if register.view is not None:
            return register.view.get(banks)
        data = b"".join(bytes(banks[bank][offset : offset + size]) for bank, offset, size in register.pieces)
        return data.ljust(register.width, b"\0")

    def put(self, register: Register, banks: Sequence[bytearray], data: bytes) -> None:
        """Store `data`, cut or zero-extended to the register's size, into the two banks."""
        data = data[: register.size].ljust(register.size, b"\0")
        if register.view is not None:
            register.view.put(banks, data)
            return
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


class MemoryOperand(NamedTuple):
    """A stretch of memory that an instruction reads or writes.

    The address is (segment + (base + index * scale + displacement) modulo 2**address_bits) modulo 2**linear_bits, where segment,
    base and index name full registers of the GENERAL bank (rax, never eax, on x86-64), or are None.  A segment is named by the
    register that holds its base (fs_base).  `size` is in bytes.  A string instruction with a repeat prefix touches `size` bytes
    at most `count` times, where `count` names a register, taken modulo 2**address_bits.  It goes upwards or, where the flag
    `backwards` = (register, bit) is set, downwards.  `mask` names the mask (or vector) register that selects elements of
    `element` bytes; the operand is then an upper bound, and what is masked off need not be mapped.
    """

    # index and count are methods of tuples, too, of which nobody has need here.
    base: str | None = None
    index: str | None = None  # type: ignore[assignment]
    scale: int = 1
    displacement: int = 0
    size: int = 8
    segment: str | None = None
    address_bits: int = 64
    linear_bits: int = 64
    count: str | None = None  # type: ignore[assignment]
    backwards: tuple[str, int] | None = None
    mask: str | None = None
    element: int = 0

    def extent(self, cpu: CpuView) -> tuple[int, int]:
        """The lowest address and the number of bytes that it spans, with the registers of `cpu`."""
        address = self.displacement
        if self.base is not None:
            address += cpu.register(self.base)
        if self.index is not None:
            address += cpu.register(self.index) * self.scale
        address &= (1 << self.address_bits) - 1
        if self.segment is not None:
            address += cpu.register(self.segment)
        address &= (1 << self.linear_bits) - 1
        if self.count is None:
            return address, self.size
        size = self.size * (cpu.register(self.count) & (1 << self.address_bits) - 1)
        if self.backwards is not None and cpu.register(self.backwards[0]) >> self.backwards[1] & 1:
            end = address + self.size
            return max(end - size, 0), min(end, size)
        return address, min(size, (1 << self.linear_bits) - address)


class Effects(NamedTuple):
    """Everything that one instruction can change, and how control leaves it.

    registers  GENERAL registers written, by full name (rax, never eax), pc left out, flags left out
    flags      whether any bit of the flags register can change
    extended   stretches (offset, size) of the EXTENDED bank that can change, disjoint and ascending
    writes     memory that can change; reads: memory that is read (for rwatch, awatch)
    extents    further memory that can change, where no operand can say it (scatter, bts with a bit offset in a register, xsave):
               called before the instruction executes, it gives (address, size) stretches
    target     where a direct jump, branch or call goes
    repeated   a string instruction with a repeat prefix: single steps stop after each iteration, but it counts as one
    partial    a fault may leave it half done and pc where it was (repeated ones too), where others change nothing when they fault
    overruns   a single step of it executes the next instruction too: run to a trap behind it (or at `target`) instead
    saves_flags  it stores the flags register in memory, where a stepping debugger must clear its trap flag
    slow       None, or why the above is only an upper bound (or not known): then record by comparing before and after
    unknown_memory   a slow instruction whose writes cannot be bounded: compare all writable memory
    """

    length: int
    registers: tuple[str, ...] = ()
    flags: bool = False
    extended: tuple[tuple[int, int], ...] = ()
    writes: tuple[MemoryOperand, ...] = ()
    reads: tuple[MemoryOperand, ...] = ()
    extents: Callable[[CpuView], list[tuple[int, int]]] | None = None
    flow: Flow = Flow.NEXT
    target: int | None = None
    repeated: bool = False
    partial: bool = False
    overruns: bool = False
    saves_flags: bool = False
    slow: str | None = None
    unknown_memory: bool = False


class CpuView(Protocol):
    """What evaluating an operand may ask of a stopped thread."""

    def register(self, name: str) -> int:
        """The unsigned value of any register of the table, vectors too."""

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


class ReturnPieces(Protocol):
    """Where a calling convention returns values."""

    def __call__(self, size: int, fields: Sequence[Field], aggregate: bool = False) -> tuple[Register, ...] | None:
        """The registers that hold a value of `size` bytes with these scalars, or None for memory, whose address is in the first
        integer register.

        `aggregate` tells a structure, union or array from a scalar.  The registers are made for the purpose: what
        RegisterTable.get gives for each, one after the other, is the value, and RegisterTable.put sets it.
        """


@dataclass(frozen=True)
class Assembly:
    """One disassembled instruction, in GDB's look.

    `reference` is the absolute address that it names (the target of a branch, or of a pc-relative operand), which GDB follows
    with <symbol+offset>; `comment` says whether GDB writes it as a comment behind the operands ("# 0x4010 <x>") or, False,
    as the operand itself.
    """

    address: int
    code: bytes
    mnemonic: str
    operands: str
    reference: int | None = None
    comment: bool = False


@dataclass(frozen=True)
class SignalFrame:
    """Where Linux puts the frame of a signal handler: below the stack pointer and the `red_zone` bytes that belong to the
    interrupted function, or at the top of the alternate stack.

    The frame and what aligns it take at most `largest` bytes; where the kernel tells a size (AT_MINSIGSTKSZ), that and
    `alignment` bytes.
    """

    red_zone: int
    largest: int
    alignment: int


@dataclass(frozen=True)
class Arch:
    """One CPU, as data.

    `trap_flag` is the bit of the flags register that makes the CPU trap after each instruction; `fault_flag` is one that stands
    there after a fault, and that no instruction sees.
    `name` is GDB's name for it and `object_format` BFD's for its programs, `machine` the ELF e_machine and `elf_class` 32 or
    64.  `breakpoint` is the trap instruction; pc stands behind it when it has trapped.  `effects` takes the bytes of one
    instruction (or more) and its address.  `disassemble` takes code, its address and the flavor (on x86 "att" or "intel"), and
    decodes to the end of the code.  `second_length` asks another decoder how long an instruction is.  `arguments` are the
    integer argument registers in order.  `normal` is told above; `marked_as` takes a bank of that form and one as the kernel
    gave it, and has components in their initial state again where they are so in the other.
    `translator` makes a translator for one process; None where there is none, or this machine cannot run what it makes.
    """

    name: str
    object_format: str
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
    return_pieces: ReturnPieces
    flag_names: Callable[[int], str]
    syscall: SyscallConvention
    signal_frame: SignalFrame
    second_length: Callable[[bytes, int], int | None] = lambda code, address: None
    arguments: tuple[str, ...] = ()
    trap_flag: int = 0
    fault_flag: int = 0
    normal: Callable[[bytes | bytearray], bytearray] = bytearray
    marked_as: Callable[[bytes | bytearray, bytes | bytearray], bytearray] = lambda extended, like: bytearray(extended)
    translator: Callable[[], Translator | None] = lambda: None

    def settled(self, general: bytes | bytearray) -> bytearray:
        """The general bank as instructions see it: without the flag that a fault leaves."""
        result, piece = bytearray(general), self.registers[self.flags].pieces[0]
        place = slice(piece.offset, piece.offset + piece.size)
        result[place] = (int.from_bytes(result[place], "little") & ~self.fault_flag).to_bytes(piece.size, "little")
        return result


@dataclass(frozen=True)
class SyscallConvention:
    """Where a system call finds its number and arguments, its numbers by name, and the name of its ABI in rdb.arch.linux.

    Each of the arguments names a register, or in parentheses the register that holds the address of the word: "(ebp)".
    `instruction` is the one by which rdb makes calls of its own; `others` has the arguments for instructions that take them from
    elsewhere.  `map_call` is the call that maps memory, with its offset counted in units of `map_unit` bytes.
    """

    number: str
    arguments: tuple[str, ...]
    result: str
    instruction: bytes
    names: Mapping[int, str]
    abi: str
    others: Mapping[bytes, tuple[str, ...]] = field(default_factory=dict)
    map_call: str = "mmap"
    map_unit: int = 1

    def arguments_at(self, code: bytes) -> tuple[str, ...]:
        """Where a call by the instruction at the beginning of `code` finds its arguments."""
        return next((places for instruction, places in self.others.items() if code.startswith(instruction)), self.arguments)
