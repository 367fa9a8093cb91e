"""What the user asked to stop for.

A Breakpoint or Watchpoint is the user's wish: a number, a condition, a hit count.  Where it applies in the running program are
its locations; what is inserted into a target at a moment is run control's business and derived from the enabled wishes each
time the program is resumed.  So a breakpoint can have many locations, or none yet (pending).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rdb.errors import RdbError
from rdb.events import Calls, WatchKind
from rdb.linux import signals
from rdb.symbols.linespec import CodeLocation

if TYPE_CHECKING:
    from rdb.expr.nodes import Node
    from rdb.expr.value import Value
    from rdb.symbols.unwind import FrameId


@dataclass
class Stoppoint:
    """What breakpoints and watchpoints share.

    `ignore` hits are passed over; `commands` are the lines to run at a stop; `thread` restricts it to one thread, by its
    number.  `condition` is kept as typed and as parsed.
    """

    number: int
    temporary: bool = False
    enabled: bool = True
    hits: int = 0
    ignore: int = 0
    condition: str | None = None
    condition_node: Node | None = None
    commands: list[str] = field(default_factory=list)
    thread: int | None = None
    once: bool = False

    @property
    def disposition(self) -> str:
        """GDB's word for what happens after a hit."""
        return "del" if self.temporary else "dis" if self.once else "keep"


@dataclass
class Breakpoint(Stoppoint):
    """Stop in front of some code.

    `spec` is the linespec as typed, `default` the source line that it was relative to; no locations means pending.
    """

    spec: str = ""
    default: tuple[str, int] | None = None
    locations: list[CodeLocation] = field(default_factory=list)
    hardware: bool = False
    pending: bool = False

    @property
    def is_named(self) -> bool:
        """Whether the place was given in terms that can be looked up again."""
        return bool(self.spec) and "$" not in self.spec

    def at(self, address: int) -> bool:
        return any(location.address == address for location in self.locations)


@dataclass
class Watchpoint(Stoppoint):
    """Stop when the value of an expression changes, or memory is read.

    `frame` is the frame whose locals the expression uses (None: it lives for ever), `owner` the thread that it is in, by the
    system's id, `left_at` the address where the program stands when it has returned from that frame; `value` is the value last
    seen (None: it could not be read).  A software watchpoint is compared after each single step.
    """

    expression: str = ""
    node: Node | None = None
    kind: WatchKind = WatchKind.WRITE
    hardware: bool = True
    frame: FrameId | None = None
    owner: int = 0
    left_at: int | None = None
    value: Value | None = None

    @property
    def title(self) -> str:
        """GDB's name of this kind of watchpoint."""
        if self.kind is WatchKind.READ:
            return "Hardware read watchpoint"
        if self.kind is WatchKind.ACCESS:
            return "Hardware access (read/write) watchpoint"
        return "Hardware watchpoint" if self.hardware else "Watchpoint"


@dataclass
class Catchpoint(Stoppoint):
    """Stop at an event: fork, vfork, exec, syscall or signal.  `seen` is the child or the program of the last time.

    `about` are the system calls or the signals that it is for, with their names (the number as text for a call that has none).
    None means all, but of the signals those that the debugger uses only if `all` says so.
    """

    event: str = ""
    seen: str = ""
    about: Mapping[int, str] = field(default_factory=dict)
    all: bool = False

    def is_about(self, number: int) -> bool:
        """Whether it is for this system call or signal."""
        if self.about:
            return number in self.about
        return self.event != "signal" or self.all or signals.name(number) not in signals.OURS


class BreakpointTable:
    """All wishes by number; numbers are never used twice."""

    def __init__(self) -> None:
        self._table: dict[int, Stoppoint] = {}
        self.last_number = 0

    def __iter__(self) -> Iterator[Stoppoint]:
        return iter(list(self._table.values()))

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, number: int) -> Stoppoint:
        try:
            return self._table[number]
        except KeyError:
            raise RdbError(f"No breakpoint number {number}.") from None

    def next_number(self) -> int:
        self.last_number += 1
        return self.last_number

    def add(self, stoppoint: Stoppoint) -> None:
        self._table[stoppoint.number] = stoppoint

    def delete(self, number: int) -> None:
        self[number]
        del self._table[number]

    def clear(self) -> None:
        self._table.clear()

    @property
    def breakpoints(self) -> list[Breakpoint]:
        return [each for each in self if isinstance(each, Breakpoint)]

    @property
    def watchpoints(self) -> list[Watchpoint]:
        return [each for each in self if isinstance(each, Watchpoint)]

    def catching(self, event: str) -> list[Catchpoint]:
        """The enabled catchpoints for an event."""
        return [each for each in self if isinstance(each, Catchpoint) and each.enabled and each.event == event]

    def catching_number(self, event: str, number: int) -> list[Catchpoint]:
        """The enabled catchpoints for a system call or a signal."""
        return [each for each in self.catching(event) if each.is_about(number)]

    @property
    def calls(self) -> Calls:
        """The system calls that enabled catchpoints are about."""
        points = self.catching("syscall")
        return Calls(frozenset(number for each in points for number in each.about), any(not each.about for each in points))

    def at(self, address: int) -> list[Breakpoint]:
        """The enabled breakpoints with a location at `address`."""
        return [each for each in self.breakpoints if each.enabled and each.at(address)]
