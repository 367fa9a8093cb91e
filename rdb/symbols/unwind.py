"""The stack as frames: who called whom, where each stands, and what its registers were.

Frames come one by one, the youngest first, so asking for the caller costs one step.  A step goes by the call frame information
of the object (rdb.symbols.cfi); where there is none, by what x86-64 functions do with the stack pointer and rbp.  A function
whose code was inlined has a frame of its own, which shares pc, registers and CFA with the function that it was inlined into.

So has a function that left by a tail call, if debug info tells unambiguously that it was there (rdb.symbols.call_sites).

Registers that a function may clobber have, in its caller's frame, the value they have now, as in GDB: nobody knows better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rdb.errors import CannotAccessMemory
from rdb.symbols.call_sites import call_sites, names, tail_callers
from rdb.symbols.cfi import FrameEntry, Rule, UnwindRow
from rdb.symbols.expressions import Context, Unavailable, compute
from rdb.symbols.frame import Frame, FrameId, Memory
from rdb.symbols.functions import Function, InlinedCall, Scope
from rdb.symbols.machine_registers import MACHINES, X86_64
from rdb.symbols.objects import Line, LoadedObject
from rdb.symbols.prologue import frame_setup

if TYPE_CHECKING:
    from rdb.symbols.table import SymbolTable

__all__ = ["Frame", "FrameId", "frames", "is_outermost"]

_LONGEST_STACK = 1_000_000
# ret, ret N, and ret with the prefixes rep and bnd.
_RETURNS = (b"\xc3", b"\xc2", b"\xf3\xc3", b"\xf2\xc3")
_SIGRETURN = bytes.fromhex("48c7c00f0000000f05")
_SIGRETURN_CALL = 7  # where in that the system call is
# Linux's struct ucontext on x86-64 (asm/sigcontext.h): the registers from uc_mcontext on, which starts 40 bytes in.
_SIGNAL_REGISTERS = (
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp", "rip", "eflags",
)  # fmt: skip
_SIGNAL_REGISTERS_AT = 40


@dataclass
class _Physical:
    """A frame of the machine, before inlined calls are told apart; `beyond` are the next older ones where they are known
    already."""

    pc: int
    registers: dict[str, int | None]
    saved_at: dict[str, int]
    after_call: bool
    cfa: int | None = None
    is_signal: bool = False
    entry: FrameEntry | None = None
    row: UnwindRow | None = None
    is_tail_call: bool = False
    beyond: list[_Physical] = field(default_factory=list)

    @property
    def lookup_pc(self) -> int:
        return self.pc - 1 if self.after_call else self.pc


def frames(
    registers: Mapping[str, int], memory: Memory, table: SymbolTable, hidden: int | None = None, past_main: bool = False
) -> Iterator[Frame]:
    """The frames of a stopped thread, youngest first, with main last unless `past_main`.

    `hidden` is how many inlined calls that begin exactly at pc are not entered yet.  None means all of them, which is right
    after most stops; 0 is right after stepi and at a breakpoint that the user set on the inlined function; `step` at such a
    place enters by hiding one less.
    """
    unwinder = _Unwinder(memory, table)
    pc = registers.get(unwinder.machine.pc)
    if pc is None:
        return
    frame: Frame | None = unwinder.youngest(registers, pc, hidden)
    while frame is not None:
        if not past_main and not frame.inlined and is_outermost(frame, table):
            frame.stop_reason = None
            yield frame
            return
        older = frame.older
        yield frame
        frame = older


def is_outermost(frame: Frame, table: SymbolTable) -> bool:
    """Whether GDB's backtrace ends here: at main, or at the program's entry point."""
    if not table.objects or frame.object is not table.objects[0]:
        return False
    program = table.objects[0]
    if frame.function_start == program.elf.entry + program.bias:
        return True
    return (frame.name if frame.function is None else frame.function.name) == "main"


class _Unwinder:
    """Steps from frame to frame in one stopped thread."""

    def __init__(self, memory: Memory, table: SymbolTable) -> None:
        self.memory, self.table = memory, table
        self.machine = MACHINES.get(table.objects[0].elf.machine, X86_64) if table.objects else X86_64
        self.mask = (1 << 8 * self.machine.pointer_size) - 1

    def youngest(self, registers: Mapping[str, int], pc: int, hidden: int | None) -> Frame:
        """The first frame, out of the machine's registers."""
        physical = _Physical(pc, dict(registers), {}, False)
        self._find_frame(physical)
        chain = self._inlined_scopes(physical)
        beginning = 0
        while beginning < len(chain) and _begins_at(chain[beginning], pc):
            beginning += 1
        return self._frame(physical, chain, beginning if hidden is None else min(hidden, beginning), 0)

    def _inlined_scopes(self, physical: _Physical) -> list[Scope]:
        """The inlined calls around pc, innermost first."""
        function = self.table.function_at(physical.lookup_pc)
        if function is None:
            return []
        return [scope for scope in function.scope.chain(physical.lookup_pc) if scope.is_inlined]

    def _frame(self, physical: _Physical, chain: list[Scope], out: int, level: int) -> Frame:
        """The frame that is left when `out` of the inlined calls of `chain` have been split off.

        A tail call out of an inlined function is one frame, named after that function, as GDB has it.
        """
        pc = physical.lookup_pc
        function = self.table.function_at(pc)
        object = function.object if function is not None else self.table.object_at(pc)
        inner = object.inlined_call(chain[out - 1]) if out and object is not None else None
        scope = chain[out] if out < len(chain) else None
        inlined = scope is not None and not physical.is_tail_call
        frame = Frame(
            level, physical.pc, physical.cfa or 0, physical.registers, physical.saved_at, function,
            self._name(function, scope, object, pc), self._line(pc, inner), inlined, object, physical.is_signal,
            self.machine, self.table, self.memory, scope or (function.scope if function is not None and chain else None),
            out, len(chain) - out, physical.after_call, physical.is_tail_call,
        )  # fmt: skip
        if inlined:
            frame.older_frame = lambda: self._frame(physical, chain, out + 1, level + 1)
        else:
            frame.older_frame = lambda: self._caller(physical, frame)
        return frame

    def _name(self, function: Function | None, scope: Scope | None, object: LoadedObject | None, pc: int) -> str | None:
        if scope is not None and object is not None:
            return object.inlined_call(scope).name
        if function is not None:
            return function.name
        symbol = object.minimal_at(pc) if object is not None else None
        return symbol[0].print_name if symbol is not None and symbol[0].is_code else None

    def _line(self, pc: int, inner: InlinedCall | None) -> Line | None:
        line = self.table.line_at(pc)
        if inner is None:
            return line
        if inner.call_path is None or inner.call_line is None:
            return None
        start, end, directory = (line.start, line.end, line.directory) if line is not None else (pc, pc + 1, "")
        return Line(inner.call_path, inner.call_line, start, end, True, directory)

    # One step

    def _caller(self, physical: _Physical, frame: Frame) -> Frame | None:
        """The caller of a physical frame, or None with the reason noted in `frame`."""
        if physical.beyond:
            return self._next(physical.beyond, frame.level + 1)
        try:
            caller = self._unwind(physical)
        except CannotAccessMemory as error:
            frame.stop_reason = str(error)
            return None
        except Unavailable:
            return None
        if caller is None or frame.level >= _LONGEST_STACK:
            return None
        self._find_frame(caller)
        if not physical.is_signal and not caller.is_signal and caller.cfa is not None and physical.cfa is not None:
            if caller.cfa == physical.cfa and caller.pc == physical.pc:
                frame.stop_reason = "previous frame identical to this frame (corrupt stack?)"
                return None
            if caller.cfa < physical.cfa:
                frame.stop_reason = "previous frame inner to this frame (corrupt stack?)"
                return None
        return self._next([*self._tail_calls(physical, caller), caller], frame.level + 1)

    def _next(self, waiting: list[_Physical], level: int) -> Frame:
        """The first of the physical frames that wait, with the others behind it."""
        first = waiting[0]
        first.beyond = waiting[1:]
        return self._frame(first, self._inlined_scopes(first), 0, level)

    def _tail_calls(self, physical: _Physical, caller: _Physical) -> list[_Physical]:
        """The functions between caller and callee that left by tail calls."""
        function, callee = self.table.function_at(caller.lookup_pc), self.table.function_at(physical.lookup_pc)
        if function is None or callee is None or physical.is_signal or not caller.after_call:
            return []
        site = call_sites(function).get(caller.pc)
        if site is None or names(site, function, callee):
            return []
        steps = tail_callers(site, function, callee.low, self.table)
        return [
            _Physical(pc, caller.registers | {self.machine.pc: pc}, caller.saved_at, True, physical.cfa, is_tail_call=True)
            for _, pc in steps
        ]  # fmt: skip

    def _find_frame(self, physical: _Physical) -> None:
        """Fill in what the unwind tables say about a frame: its row, whether it is a signal's, and its CFA."""
        object = self.table.object_at(physical.lookup_pc)
        if object is not None:
            address = physical.lookup_pc - object.bias
            physical.entry = object.call_frames.find(address)
        if physical.entry is not None and object is not None:
            physical.row = physical.entry.row_at(physical.lookup_pc - object.bias)
        if physical.entry.signal if physical.entry is not None else self._at_sigreturn(physical):
            # A trampoline is not called: it stands at its first instruction, or in its midst when it was interrupted itself.
            physical.is_signal, physical.after_call = True, False
        try:
            physical.cfa = self._cfa(physical) if physical.row is not None else self._guessed_cfa(physical)
        except (Unavailable, CannotAccessMemory):
            physical.cfa = None

    def _value(self, physical: _Physical, name: str) -> int:
        value = physical.registers.get(name)
        if value is None:
            raise Unavailable
        return value

    def _cfa(self, physical: _Physical) -> int:
        assert physical.row is not None
        rule = physical.row.cfa
        if rule.expression is not None:
            return compute(rule.expression, _RegisterContext(self, physical), [])
        return (self._value(physical, self.machine.names.get(rule.register, "")) + rule.offset) & self.mask

    def _unwind(self, physical: _Physical) -> _Physical | None:
        if physical.row is None or physical.entry is None:
            return self._unwind_without_tables(physical)
        if physical.cfa is None:
            raise Unavailable
        caller = _Physical(0, dict(physical.registers), dict(physical.saved_at), not physical.is_signal)
        column = physical.entry.return_column
        for number, rule in physical.row.rules.items():
            name = self.machine.pc if number == column and self.machine.link is None else self.machine.names.get(number)
            if name is not None:
                self._recover(physical, caller, name, rule)
        if self.machine.sp not in {self.machine.names.get(number) for number in physical.row.rules}:
            caller.registers[self.machine.sp] = physical.cfa
            caller.saved_at.pop(self.machine.sp, None)
        if self.machine.link is not None:
            caller.registers[self.machine.pc] = caller.registers.get(self.machine.names.get(column, self.machine.link))
        pc = caller.registers.get(self.machine.pc)
        if not pc or (column not in physical.row.rules and self.machine.link is None):
            return None
        caller.pc = pc
        return caller

    def _recover(self, physical: _Physical, caller: _Physical, name: str, rule: Rule) -> None:
        """Apply one rule of the unwind table: what `name` was in the caller, and where that is kept."""
        cfa, value = physical.cfa or 0, rule.value
        if rule.how == "same":
            return
        caller.saved_at.pop(name, None)
        if rule.how == "undefined":
            caller.registers[name] = None
        elif rule.how == "register" and isinstance(value, int):
            caller.registers[name] = physical.registers.get(self.machine.names.get(value, ""))
        elif rule.how == "val_offset" and isinstance(value, int):
            caller.registers[name] = (cfa + value) & self.mask
        elif rule.how == "val_expression" and isinstance(value, bytes):
            caller.registers[name] = compute(value, _RegisterContext(self, physical), [cfa])
        else:
            if isinstance(value, bytes):
                address = compute(value, _RegisterContext(self, physical), [cfa])
            else:
                address = (cfa + value) & self.mask
            caller.registers[name] = self._load(address)
            caller.saved_at[name] = address

    def _load(self, address: int) -> int:
        return int.from_bytes(self.memory(address, self.machine.pointer_size), "little")

    # Without tables: System V ABI AMD64 3.2.2 (the stack frame)

    def _shape(self, physical: _Physical) -> tuple[int, int | None]:
        """The CFA as (register value, distance), guessed: how much is pushed at pc, and whether rbp is set up."""
        sp, fp = self._value(physical, self.machine.sp), physical.registers.get(self.machine.fp)
        size = self.machine.pointer_size
        object = self.table.object_at(physical.lookup_pc)
        symbol = object.minimal_at(physical.lookup_pc) if object is not None else None
        if object is None or symbol is None or not symbol[0].is_code or fp is None:
            return sp + size, None
        if self.machine.link is None and not physical.after_call and object.code(physical.pc, 2).startswith(_RETURNS):
            return sp + size, None
        start = physical.lookup_pc - symbol[1]
        setup = frame_setup(object, start)
        if setup is not None and physical.pc >= setup.ready:
            return fp + 2 * size, fp
        # Between the push and the mov one more word is on the stack.
        return sp + (2 * size if setup is not None and physical.pc == setup.pushed else size), None

    def _guessed_cfa(self, physical: _Physical) -> int:
        return self._shape(physical)[0] & self.mask

    def _unwind_without_tables(self, physical: _Physical) -> _Physical | None:
        if physical.is_signal:
            return self._unwind_signal(physical)
        cfa, saved = self._shape(physical)
        size = self.machine.pointer_size
        caller = _Physical(0, dict(physical.registers), dict(physical.saved_at), True)
        caller.pc = self._load(cfa - size)
        caller.registers |= {self.machine.pc: caller.pc, self.machine.sp: cfa & self.mask}
        caller.saved_at[self.machine.pc] = cfa - size
        caller.saved_at.pop(self.machine.sp, None)
        if saved is not None:
            caller.registers[self.machine.fp] = self._load(saved)
            caller.saved_at[self.machine.fp] = saved
        return caller if caller.pc else None

    def _at_sigreturn(self, physical: _Physical) -> bool:
        """Whether pc is at one of the two instructions that return from a signal handler (mov $15,%rax; syscall)."""
        return self.machine is X86_64 and any(
            self._reads(start, _SIGRETURN) for start in (physical.pc, physical.pc - _SIGRETURN_CALL)
        )

    def _reads(self, address: int, code: bytes) -> bool:
        try:
            return self.memory(address, len(code)) == code
        except CannotAccessMemory:
            return False

    def _unwind_signal(self, physical: _Physical) -> _Physical:
        base = self._value(physical, "rsp") + _SIGNAL_REGISTERS_AT
        caller = _Physical(0, dict(physical.registers), dict(physical.saved_at), False)
        for index, name in enumerate(_SIGNAL_REGISTERS):
            caller.saved_at[name] = base + 8 * index
            caller.registers[name] = self._load(base + 8 * index)
        caller.pc = caller.registers["rip"] or 0
        return caller


class _RegisterContext(Context):
    """What the expressions in unwind tables may ask: registers and memory."""

    def __init__(self, unwinder: _Unwinder, physical: _Physical) -> None:
        self._unwinder, self._physical = unwinder, physical
        self.address_size = unwinder.machine.pointer_size

    def register(self, number: int) -> int:
        return self._unwinder._value(self._physical, self.register_name(number))

    def register_name(self, number: int) -> str:
        return self._unwinder.machine.names.get(number, "")

    def memory(self, address: int, size: int) -> bytes:
        return self._unwinder.memory(address, size)

    def cfa(self) -> int:
        if self._physical.cfa is None:
            raise Unavailable
        return self._physical.cfa


def _begins_at(scope: Scope, pc: int) -> bool:
    """Whether execution at `pc` is only about to enter a scope."""
    return any(stretch.start == pc for stretch in scope.ranges) and not scope.holds(pc - 1)
