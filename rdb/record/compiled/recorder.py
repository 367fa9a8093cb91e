"""The compiled recorder: runs translated code, and leaves to the single-step recorder what it cannot do.

`burst` has the contract of SingleStepRecorder.burst, so whoever records with the one can record with the other.  Within a burst
the thread is *inside* (pc in the code cache, a register at the scratch area, its signal mask without the faults we need)
or *outside* (as the program has it).  It goes inside at the beginning of a block, and comes out between two instructions of the
program, always: a block that was left in the middle is taken back.  Coming out, what was written to the log becomes a segment of
the record list.

What brings the thread to a stop inside, and what is done then:

    the trap of an exit                go on in the next block, translating and linking it; or out, if a breakpoint is there
    a fault on a guard of the log      take back, out; the next burst goes on in another chunk
    a watched address (debug register) take back, out, and let the single-step recorder look closely
    a fault of the program             the same
    any other signal                   take back, out, and report it

A limit on the number of instructions is kept by a debug register: it watches the word of the trace that must not be written.
So is the end of a slice, but roughly: nobody minds where exactly that is.
"""

from __future__ import annotations

import os
import signal as signals
from collections.abc import Callable
from dataclasses import replace

from rdb.address import Range
from rdb.arch.translation import Translator
from rdb.events import AtBreakpoint, Stepped, Watch, WatchKind
from rdb.linux import debug_registers, ptrace
from rdb.linux.inject import FAULTS, Injector
from rdb.linux.step_loop import EVERYWHERE
from rdb.linux.stepper import TRAPPED
from rdb.record.compiled.block import Block, BlockTable
from rdb.record.compiled.code_cache import CodeCache
from rdb.record.compiled.image_files import ImageFiles
from rdb.record.compiled.log import Chunk, Ring
from rdb.record.compiled.segment import BlockSegment
from rdb.record.compiled.shared import Shared, far_places, unmap_all
from rdb.record.compiled.stepping import Limits, limits
from rdb.record.compiled.take_back import take_back
from rdb.record.compiled.translations import Translations
from rdb.record.compiled.walk import Walk
from rdb.record.single_step import Arrived, Outcome, SingleStepRecorder, Until

_WORD = 8
# Those that the CPU raises are forced on the program by the kernel: blocking them would cost it its handlers.
_FORCED_MASK = sum(1 << number - 1 for number in FAULTS)
# With fewer blocks to go than this, single steps are as good.
_FEW = 8
# The executions that tell where a thread has been lately.
_LATELY = 256
_STEPS = 2048
# The instructions of a block, as a rule.
_TYPICAL = 4


class CompiledRecorder:
    """Records the thread of `steps` into its record list."""

    def __init__(
        self,
        steps: SingleStepRecorder,
        injector: Injector,
        translator: Translator,
        limit: Callable[[], int | None] = lambda: None,
        files: ImageFiles | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """`limit` says how many bytes the log may take at the moment (None: any number), `files` keeps translations.

        While `interrupted` says so, a burst ends whenever the thread comes out; the kernel's stop may have told somebody else.
        """
        self._injector, self._translator, self._area = injector, translator, translator.area
        self.steps = steps
        steps.is_alone = False
        self.arch, self.stepper, self.log = steps.arch, steps.stepper, steps.log
        registers = self.arch.registers
        self._base = registers[translator.area_register].pieces[0].offset // _WORD
        self._call = registers[f"orig_{self.arch.syscall.number}"].pieces[0].offset // _WORD
        self._flags = registers[self.arch.flags].pieces[0].offset // _WORD
        self.table = BlockTable(translator)
        self.table.walk = Walk(injector, self.table)
        self._places = far_places()
        self.scratch = Shared(injector, "scratch", translator.area.size, self._places)
        self.cache = CodeCache(injector, translator, self.scratch, self.table)
        self.translations = Translations(steps.process, translator, steps.stepper.memory, self.cache, self.table, files)
        self.ring = Ring(injector, self._places, self.log, limit)
        self._interrupted = interrupted
        self._generation = steps.generation
        self._their_base = 0
        self._mask: bytes | None = None
        self._slots: list[debug_registers.Slot] = []
        # The range that is being stepped through.
        self._range: tuple[Range, Limits | None] | None = None

    @property
    def chunk(self) -> Chunk:
        """Where the log goes."""
        return self.ring.chunk

    def is_circling(self) -> bool:
        """Whether only a few blocks have been executed lately."""
        return self.chunk.variety(_LATELY) <= _FEW

    def let_go(self) -> None:
        """Leave nothing of ours in the process; the end of recording."""
        unmap_all(self._injector)

    # -- the burst

    def burst(self, until: Until, limit: int, some: int | None = None) -> Outcome:
        """Record at most `limit` instructions, or until a chunk of the log is full; see SingleStepRecorder.burst.

        About `some` are enough, if that is given: it may be a few more.
        """
        self.ring.turn()
        if self.ring.full or not self._can_watch(until):
            return self.steps.burst(until, min(limit, _STEPS))
        if self._is_stale:
            self.translations.check()
            self._generation = self.steps.generation
            self._range = None
        some = limit if some is None else some
        if until.within is not EVERYWHERE:
            return self._within(until, limit, some)
        return self._run_on(until, limit, some)

    def _run_on(self, until: Until, limit: int, some: int) -> Outcome:
        """Go on wherever that leads."""
        self.translations.stop_at(until.breakpoints)
        end, enough = self.log.high + limit, self.log.high + some
        first = True
        while self.log.high < min(end, enough):
            left = end - self.log.high
            block = None
            few = left < _FEW * self._translator.longest
            if not few and not (first and self.steps.pc in until.breakpoints):
                block = self._block()
            if block:
                outcome = self._run(block, until, left, enough - self.log.high)
            else:
                outcome = self.steps.burst(until, left if few else 1)
            if outcome is not None:
                return outcome
            first = False
            if self._must_end:
                break
        return None

    def _within(self, until: Until, limit: int, some: int) -> Outcome:
        """Go on as long as pc is within a range: by single steps at first, for most ranges are soon left."""
        within, end, enough = until.within, self.log.high + limit, self.log.high + some
        if self._range is None or self._range[0] != within:
            self._range = within, self._limits(within)
            return self.steps.burst(until, min(limit, _STEPS))
        known = self._range[1]
        if known is None:
            return self.steps.burst(until, min(limit, _STEPS))
        beyond = replace(until, within=EVERYWHERE, breakpoints=known.stops.union(until.breakpoints))
        outcome: Outcome = None
        while outcome is None and self.log.high < min(end, enough) and not self._must_end:
            if self.steps.pc not in known.instructions or self.steps.pc in known.stops:
                outcome = self.steps.burst(until, 1)
                continue
            outcome = self._run_on(beyond, end - self.log.high, enough - self.log.high)
            pc = self.steps.pc
            if pc not in within and (outcome is None or outcome == (AtBreakpoint(pc),) and pc not in until.breakpoints):
                return (Stepped(),)
            if outcome == (AtBreakpoint(pc),) and pc not in until.breakpoints:
                outcome = None
        return outcome

    def _limits(self, within: Range) -> Limits | None:
        if not self.translations.is_fixed(within.start):
            return None
        return limits(self.arch, self.stepper.memory.read_some(within.start, within.end - within.start), within)

    @property
    def _is_stale(self) -> bool:
        """Whether code may have changed since the translations were compared with it."""
        return self.steps.generation != self._generation

    @property
    def _must_end(self) -> bool:
        """Whether the burst cannot go on here as it has begun, or must not."""
        return self._is_stale or self.ring.full or self._interrupted()

    def _can_watch(self, until: Until) -> bool:
        # One more is needed where there is a limit.
        return len(debug_registers.slots(until.watches)) < debug_registers.COUNT

    def _block(self) -> Block | None:
        if self.steps.words[self._flags] & self._translator.unfit_flags:
            return None
        return self.translations.block(self.steps.pc)

    # -- inside

    def _run(self, block: Block, until: Until, limit: int, some: int) -> Outcome:
        """Go inside at `block`, and come out again."""
        self._slots = debug_registers.slots([*until.watches, *self._enter(block, limit, some)])
        if self._slots:
            debug_registers.load(self.stepper.pid, self._slots)
        outcome, steps = self._inside(until)
        if self._slots and not isinstance(outcome, Arrived):
            debug_registers.load(self.stepper.pid, [])
        return self.steps.burst(until, steps) if steps else outcome

    def _inside(self, until: Until) -> tuple[Outcome, int]:
        """Run until the thread comes out; why, and how many instructions the single-step recorder is to execute now."""
        while True:
            status = self.stepper.run()
            if not os.WIFSTOPPED(status):
                self._close()
                return Arrived(status), 0
            at = self.steps.pc - 1
            if status != TRAPPED or at not in self.cache.exits:
                return self._stopped(status)
            if at in self.cache.changed:
                self.translations.drop(self.cache.changed[at])
            pc = self._target(at)
            if pc in until.breakpoints:
                self._leave(pc)
                return (AtBreakpoint(pc),), 0
            block = self.translations.block(pc)
            if block is None:
                return self._to_steps(pc)
            if self.cache.exits.get(at, pc) is None:
                self.translations.looked_up(block)
            self._go(block)

    def _to_steps(self, pc: int) -> tuple[Outcome, int]:
        """At the exit to `pc`, where there is nothing for us."""
        if pc >= self._translator.address_limit:
            # The branch itself faults.
            block = self._take_back()
            self._leave(block.pc)
            return None, len(block)
        self._leave(pc)
        return None, 1

    def _target(self, at: int) -> int:
        """Where the program wants to go at the exit whose trap is at `at`."""
        target = self.cache.exits[at]
        return int(self.scratch.words[self._area.target // _WORD]) if target is None else target

    def _stopped(self, status: int) -> tuple[Outcome, int]:
        """The thread has stopped somewhere inside, for another reason than an exit."""
        number, info = os.WSTOPSIG(status), ptrace.signal_info(self.stepper.pid)
        code, address = int.from_bytes(info[8:12], "little", signed=True), int.from_bytes(info[16:24], "little")
        block = self._take_back()
        if number == signals.SIGSEGV and code > 0 and address in self.chunk.memory:
            # Savers may need more than a whole chunk.
            too_long = self.chunk.trace_at == 0 and not self._has_moved()
            self._leave(block.pc)
            self.ring.full = not too_long
            return None, len(block) if too_long else 0
        has_moved = self._has_moved()
        self._leave(block.pc)
        if code > 0 and number in FAULTS:
            full = number == signals.SIGTRAP and self._is_limit(debug_registers.triggered(self.stepper.pid, self._slots))
            return None, 0 if full and has_moved else len(block)
        return Arrived(status), 0

    def _has_moved(self) -> bool:
        """Whether anything has been recorded since the thread went inside."""
        return self._trace_at > self.chunk.trace_at

    @property
    def _trace_at(self) -> int:
        """Where the next word of the trace goes, while the thread is inside."""
        return (int(self.scratch.words[self._area.trace // _WORD]) - self.chunk.trace_address) // _WORD

    def _is_limit(self, triggered: list[Watch]) -> bool:
        """Whether no more is touched than the word of the trace that must not be written."""
        return all(watch.address in self.chunk.memory for watch in triggered) and bool(triggered)

    def _take_back(self) -> Block:
        """Take the thread back to the beginning of the block that it has stopped in."""
        pc = self.steps.pc
        found = self.cache.block_at(pc)
        assert found is not None, f"stopped at {pc:#x}, outside of the code cache"
        block, offset = found
        take_back(block, offset, self._translator, self.steps, self.scratch, self.chunk)
        return block

    # -- in and out

    def _enter(self, block: Block, limit: int, some: int) -> list[Watch]:
        """Go to `block`; what to watch so that no more than `limit` instructions are executed, and no many more than `some`."""
        words, chunk = self.steps.words, self.chunk
        self.scratch.words[self._area.trace // _WORD] = chunk.trace_address + _WORD * chunk.trace_at
        self.scratch.words[self._area.values // _WORD] = chunk.values_address + _WORD * chunk.values_at
        self._their_base = words[self._base]
        words[self._base] = self.scratch.address
        words[self._call] = (1 << 64) - 1
        self._unblock()
        self._go(block)
        last = min(limit // self._translator.longest, some // _TYPICAL + 1)
        if last >= chunk.room:
            return []
        return [Watch(chunk.trace_address + _WORD * (chunk.trace_at + last), _WORD, WatchKind.WRITE)]

    def _go(self, block: Block) -> None:
        self.steps.words[self.steps.pc_index] = block.address
        self.stepper.write_back()

    def _leave(self, pc: int) -> None:
        """Outside again, with the program at `pc`."""
        words = self.steps.words
        words[self.steps.pc_index], words[self._base] = pc, self._their_base
        words[self._flags] &= ~self._translator.stray_flags
        self.stepper.write_back()
        if self._mask is not None:
            ptrace.set_signal_mask(self.stepper.pid, self._mask)
        self._close()

    def _unblock(self) -> None:
        """Forced signals must not be blocked: the kernel would reset their handlers."""
        mask = ptrace.signal_mask(self.stepper.pid)
        number = int.from_bytes(mask, "little")
        self._mask = mask if number & _FORCED_MASK else None
        if self._mask is not None:
            ptrace.set_signal_mask(self.stepper.pid, (number & ~_FORCED_MASK).to_bytes(len(mask), "little"))

    def _close(self) -> None:
        """Make a segment of what has been written."""
        chunk, start = self.chunk, self.chunk.trace_at
        chunk.trace_at = self._trace_at
        chunk.values_at = (int(self.scratch.words[self._area.values // _WORD]) - chunk.values_address) // _WORD
        if chunk.trace_at > start:
            high = self.log.high
            self.log.append(BlockSegment(high, self.log.turns.at(high), self.table, chunk, (start, chunk.trace_at)))
