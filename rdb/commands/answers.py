"""What handlers answer with, where a sentence does not do: data for rdb.render.

`word` is how many bytes an address has in the program, by which addresses are padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rdb.expr.scope import Scope
    from rdb.expr.value import Value
    from rdb.linux.procfs import Mapping


@dataclass(frozen=True)
class Raw:
    """Text printed as it stands, without a newline of its own."""

    text: str


@dataclass(frozen=True)
class ProgramOutput:
    """What the program had written to `what` at the moment looked at.

    `data` is what is kept of these `size` bytes, the end of them; `later` bytes were written after that moment.
    """

    what: str
    data: bytes
    size: int
    later: int


@dataclass(frozen=True)
class ShownValue:
    """A value and how to show it: `lead` comes before it ("$1 = ")."""

    value: Value
    scope: Scope
    letter: str | None = None
    lead: str = ""
    tail: str = "\n"


@dataclass(frozen=True)
class FrameLine:
    """One frame as a backtrace or a stop tells it.

    `level` is None where a stop is told; `address` is None where pc is at the beginning of a line; `arguments` are texts
    "name=value"; `library` is told where there is no line.
    """

    function: str | None
    arguments: Sequence[str] = ()
    level: int | None = None
    address: int | None = None
    path: str | None = None
    line: int | None = None
    library: str | None = None
    is_signal: bool = False
    word: int = 8


@dataclass(frozen=True)
class SourceLines:
    """Lines of a source file with their numbers; `address` comes before the first one where pc is in the middle of it."""

    lines: Sequence[tuple[int, str]]
    address: int | None = None
    word: int = 8


@dataclass(frozen=True)
class BreakpointRow:
    """A row of `info breakpoints`; `address` is a number, a word such as <PENDING>, or None for a watchpoint."""

    number: str
    kind: str
    disposition: str
    enabled: str
    address: int | str | None
    what: str
    notes: Sequence[str]


@dataclass(frozen=True)
class BreakpointTable:
    """All rows of `info breakpoints`."""

    rows: Sequence[BreakpointRow]
    word: int = 8


@dataclass(frozen=True)
class CodeLine:
    """One line of disassembly; `offset` is None outside any function, `code` the bytes if they are to be shown."""

    address: int
    offset: int | None
    text: str
    current: bool = False
    code: bytes | None = None
    function: str | None = None
    word: int = 8


@dataclass(frozen=True)
class RunTill:
    """What `finish` is about to do."""

    reverse: bool
    frame: FrameLine


@dataclass(frozen=True)
class RecordStatus:
    """What `info record` tells; positions count instructions, `high` is behind the last one.

    `size` is in bytes; it took `seconds` to record what lies between the oldest moment and this one.

    `gaps` instructions were recorded by comparing memory, since nothing declares what they write; `verified` ones were compared
    with what really changed, and `missed` of them had changed more than was declared.
    """

    replaying: bool
    low: int
    current: int
    high: int
    limit: int | None
    size: int = 0
    size_limit: int | None = None
    seconds: float = 0.0
    gaps: int = 0
    verified: int = 0
    missed: int = 0


@dataclass(frozen=True)
class LibraryTable:
    """Shared libraries: where their code begins and ends, whether symbols are read, path."""

    rows: Sequence[tuple[int, int, str, str]]
    word: int = 8


@dataclass(frozen=True)
class MappingTable:
    """The mappings of a process."""

    mappings: Sequence[Mapping]
    word: int = 8


@dataclass(frozen=True)
class ThreadRow:
    """A row of `info threads`: `id` is how users name the thread, `title` its name in the system and among people, `frame` where
    it stands, if that is known."""

    current: bool
    id: str
    number: int
    title: str
    frame: FrameLine | None


@dataclass(frozen=True)
class ThreadTable:
    """Threads; with `global_numbers` those are told too."""

    rows: Sequence[ThreadRow]
    global_numbers: bool = False


@dataclass(frozen=True)
class InferiorRow:
    """An inferior: whether it is the current one, its number, process, connection and program; what it is to others."""

    current: bool
    number: int
    description: str
    connection: str
    program: str
    notes: Sequence[str]


@dataclass(frozen=True)
class InferiorTable:
    """What `info inferiors` tells."""

    rows: Sequence[InferiorRow]
