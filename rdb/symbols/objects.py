"""A loaded object: an executable, a shared library or the vdso, somewhere in memory.

This is the border between file addresses (ELF, DWARF) and run-time addresses: methods take and answer run-time addresses.  It
is also where damage ends: what cannot be read counts as not there.
"""

from __future__ import annotations

import copy
import functools
import posixpath
from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from rdb.errors import RdbError
from rdb.symbols.elf import PT_LOAD, SHF_COMPRESSED, Elf
from rdb.symbols.functions import Function, InlinedCall, Scope, moved, read_scope
from rdb.symbols.minimal import FileSymbol, MinimalSymbol, MinimalTable, read_minimal

if TYPE_CHECKING:
    from rdb.symbols.cfi import CallFrames
    from rdb.symbols.dies import DebugData, Die, Unit
    from rdb.symbols.lines import Row
    from rdb.symbols.names import NameIndex
    from rdb.symbols.type_reader import TypeReader
    from rdb.symbols.types import FunctionType, Type
    from rdb.symbols.units import CompilationUnit

Method = TypeVar("Method", bound=Callable[..., Any])
_SMALL = 4 << 20
_USUAL_COMPRESSION = 3


def tolerant(empty: Callable[[], Any]) -> Callable[[Method], Method]:
    """A method that answers `empty()` where the debug info turns out to be damaged."""

    def wrap(method: Method) -> Method:
        @functools.wraps(method)
        def guarded(*arguments: Any) -> Any:
            from rdb.symbols.dies import DAMAGE

            try:
                return method(*arguments)
            except DAMAGE:
                return empty()

        return guarded  # type: ignore[return-value]

    return wrap


def nothing() -> None:
    """What a lookup in damaged debug info finds."""


def _ends_in(unit: CompilationUnit, path: str, name: str) -> bool:
    if name.startswith("/"):
        return posixpath.normpath(posixpath.join(unit.directory, path)) == posixpath.normpath(name)
    return path == name or posixpath.join(unit.directory, path).endswith("/" + name)


class Line(NamedTuple):
    """A stretch [start, end) of code that belongs to one source line.

    `path` is as the compiler was given it; `directory` is where the compiler ran.  Where `is_stmt` is False, `start` is no good
    place to stop at.
    """

    path: str
    line: int
    start: int
    end: int
    is_stmt: bool
    directory: str


class LoadedObject:
    """One ELF file at one place in memory.  Opening reads headers only; symbols and DWARF follow when asked for."""

    def __init__(self, elf: Elf, bias: int, find_debug: Callable[[Elf], Elf | None]) -> None:
        self.elf, self.path = elf, elf.path
        self._find_debug = find_debug
        self._units: dict[int, CompilationUnit] = {}
        self._functions: dict[int, Function] = {}
        self.move(bias)

    def at(self, bias: int) -> LoadedObject:
        """The same object, with all that has been read of it, at another place."""
        other = copy.copy(self)
        other._functions = {}
        other.move(bias)
        return other

    def move(self, bias: int) -> None:
        """The object is loaded elsewhere than was thought: a position-independent program once it runs."""
        self.bias = bias
        self._functions.clear()
        spans = [segment for segment in self.elf.segments if segment.type == PT_LOAD]
        self.low = bias + min((segment.address for segment in spans), default=0)
        self.high = bias + max((segment.address + segment.memory_size for segment in spans), default=0)

    def __repr__(self) -> str:
        return f"<{self.path} at {self.low:#x}-{self.high:#x}>"

    def __contains__(self, address: object) -> bool:
        return isinstance(address, int) and self.low <= address < self.high

    @cached_property
    def debug_elf(self) -> Elf | None:
        """The separate debug file, if there is one."""
        return None if "//anon" in self.path or ".debug_info" in self.elf.sections else self._find_debug(self.elf)

    def code(self, address: int, size: int) -> bytes:
        """Bytes of the program as the file has them, fewer at the end of a segment."""
        return self.elf.segment_data(address - self.bias, size)

    # Minimal symbols

    @cached_property
    def _minimal(self) -> MinimalTable:
        debug = self.debug_elf if ".symtab" not in self.elf.sections else None
        try:
            return read_minimal(self.elf, debug)
        except (RdbError, ValueError, IndexError):
            return MinimalTable([])

    def minimal(self, name: str) -> list[MinimalSymbol]:
        """The symbols of that name."""
        return [self._raised(symbol) for symbol in self._minimal.by_name.get(name, ())]

    def minimal_names(self) -> list[str]:
        return list(self._minimal.by_name)

    def minimal_at(self, address: int) -> tuple[MinimalSymbol, int] | None:
        """The symbol that holds `address`, and how far into it that is."""
        symbol = self._minimal.at(address - self.bias, self._section_name_at(address - self.bias))
        if symbol is None:
            return None
        return self._raised(symbol), address - self.bias - symbol.address

    def _raised(self, symbol: FileSymbol) -> MinimalSymbol:
        address = symbol.address if symbol.kind in ("tls", "absolute") else symbol.address + self.bias
        return MinimalSymbol(symbol.name, address, symbol.size, symbol.kind, symbol.is_global, symbol.section, self)

    def _section_name_at(self, file_address: int) -> str | None:
        for section in self.elf.section_list:
            loaded = section.flags & 2 and section.name not in (".tbss", ".tdata")
            if loaded and 0 < section.address <= file_address < section.address + section.size:
                return section.name
        return None

    def section_name_at(self, address: int) -> str | None:
        """The name of the loaded section that holds `address`."""
        return self._section_name_at(address - self.bias)

    # Units

    @cached_property
    def dwarf(self) -> DebugData | None:
        """The object's DWARF, or None if there is none."""
        source = self.elf if ".debug_info" in self.elf.sections else self.debug_elf
        if source is None or ".debug_info" not in source.sections:
            return None
        from rdb.symbols.dies import DebugData

        return DebugData(source)

    @cached_property
    def is_small(self) -> bool:
        """Whether its debug info is so small that reading all of its top level is no matter."""
        section = self.dwarf.elf.sections[".debug_info"] if self.dwarf is not None else None
        if section is None:
            return True
        return section.size * (_USUAL_COMPRESSION if section.flags & SHF_COMPRESSED else 1) <= _SMALL

    @tolerant(list)
    def _read_address_table(self) -> list[tuple[int, int, int]]:
        from rdb.symbols.ranges import address_table

        assert self.dwarf is not None
        return address_table(self.dwarf)

    @tolerant(list)
    def _ranges_of_unit(self, unit: Any) -> list[tuple[int, int, int]]:
        from rdb.symbols.ranges import ranges_of

        if unit.type not in (1, 4):
            return []
        return [(start, end, unit.offset) for start, end in ranges_of(unit.top)]

    @cached_property
    def _address_table(self) -> list[tuple[int, int, int]]:
        return self._read_address_table() if self.dwarf is not None else []

    @cached_property
    def _missing_from_table(self) -> list[tuple[int, int, int]]:
        """The code of units that .debug_aranges does not list."""
        listed = {offset for _, _, offset in self._address_table}
        units = self.dwarf.units if self.dwarf is not None else []
        return sorted(row for unit in units if unit.offset not in listed for row in self._ranges_of_unit(unit))

    def unit_at(self, address: int) -> CompilationUnit | None:
        """The compilation unit whose code holds `address`."""
        if self.dwarf is None:
            return None
        for table in ("_address_table", "_missing_from_table"):
            rows = getattr(self, table)
            index = bisect_right(rows, (address - self.bias, 1 << 64, 0)) - 1
            if index >= 0 and rows[index][0] <= address - self.bias < rows[index][1]:
                return self._unit_from(rows[index][2])
        return None

    @tolerant(nothing)
    def _unit_from(self, offset: int) -> CompilationUnit | None:
        assert self.dwarf is not None
        return self.unit(self.dwarf.unit_from(offset))

    @tolerant(nothing)
    def unit(self, unit: Unit) -> CompilationUnit | None:
        """What is known about a unit of .debug_info."""
        if unit.offset not in self._units:
            from rdb.symbols.units import CompilationUnit

            self._units[unit.offset] = CompilationUnit(unit)
        return self._units[unit.offset]

    def units(self) -> list[CompilationUnit]:
        """All units with code, in file order."""
        found = [self.unit(unit) for unit in self.dwarf.units if unit.type in (1, 4)] if self.dwarf is not None else []
        return [unit for unit in found if unit is not None]

    @cached_property
    def _files(self) -> dict[str, list[tuple[CompilationUnit, int]]]:
        """The source files by their last component: (unit, file number)."""
        found: dict[str, list[tuple[CompilationUnit, int]]] = {}
        for unit in self.units():
            for index, path in enumerate(self._files_of(unit)):
                if path not in unit.files[:index]:
                    found.setdefault(posixpath.basename(path), []).append((unit, index))
        return found

    @tolerant(tuple)
    def _files_of(self, unit: CompilationUnit) -> tuple[str, ...]:
        return unit.files

    @tolerant(list)
    def files_named(self, name: str) -> list[tuple[CompilationUnit, int]]:
        """The source files whose path ends in `name`, component by component: (unit, file number)."""
        base = posixpath.basename(name)
        if self.dwarf is None or not base or not (self.is_small or self._mentions(base)):
            return []
        return [(unit, index) for unit, index in self._files.get(base, ()) if _ends_in(unit, unit.files[index], name)]

    def _mentions(self, base: str) -> bool:
        """Whether a file of that name can be in the line tables; DWARF 5 keeps their names in a small section of its own."""
        assert self.dwarf is not None
        text = base.encode() + b"\0"
        return text in self.dwarf.section("line_str") or text in self.dwarf.section("line")

    def source_paths(self) -> list[tuple[str, str]]:
        """Every source file, as (path as compiled, directory of the compiler)."""
        return list(dict.fromkeys((path, unit.directory) for unit in self.units() for path in self._files_of(unit)))

    @tolerant(list)
    def rows_of(self, unit: CompilationUnit, file: int) -> list[Row]:
        """The rows of the line table that belong to file number `file` and are statements."""
        return [row for row in unit.lines.rows if row.file == file and row.line and row.is_stmt]

    # Lines and functions

    @tolerant(nothing)
    def line_at(self, address: int) -> Line | None:
        unit = self.unit_at(address)
        found = unit.lines.row_at(address - self.bias) if unit is not None else None
        if unit is None or found is None:
            return None
        row, end = found
        path = unit.lines.files[row.file]
        return Line(path, row.line, row.address + self.bias, end + self.bias, row.is_stmt, unit.directory)

    @tolerant(nothing)
    def function_at(self, address: int) -> Function | None:
        unit = self.unit_at(address)
        die = unit.function_at(address - self.bias) if unit is not None else None
        return self.function(die) if die is not None else None

    @tolerant(nothing)
    def function(self, die: Die) -> Function | None:
        """The function that a subprogram entry with code describes."""
        if die.offset not in self._functions:
            from rdb.symbols.ranges import ranges_of

            ranges = moved(ranges_of(die), self.bias)
            if not ranges:
                return None
            linkage = die.inherited("DW_AT_linkage_name") or die.inherited("DW_AT_MIPS_linkage_name")
            # Outside of C++ the linkage name is the name, as in GDB: libc's qsort is __GI_qsort.
            name = (die.name if die.unit.is_cplus else linkage or die.name) or linkage or "<unnamed>"
            path, line = self.declared_at(die)
            self._functions[die.offset] = Function(name, linkage, ranges, path, line, self, die)
        return self._functions[die.offset]

    @tolerant(lambda: (None, None))
    def declared_at(self, die: Die) -> tuple[str | None, int | None]:
        """Where an entry is declared."""
        line, holder = die.inherited("DW_AT_decl_line"), die
        while "DW_AT_decl_file" not in holder and (origin := holder.origin) is not None:
            holder = origin
        unit = self.unit(holder.unit)
        return (unit.file(holder.get("DW_AT_decl_file")) if unit is not None else None), line

    def scope_of(self, function: Function) -> Scope:
        """The blocks of a function."""
        return self._read_scope(function) or Scope(function.die, function.ranges, None)

    @tolerant(nothing)
    def _read_scope(self, function: Function) -> Scope | None:
        return read_scope(function.die, self.bias)

    def inlined_call(self, scope: Scope) -> InlinedCall:
        """What an inlined scope is an inlining of, and where it was called."""
        return self._read_inlined(scope) or InlinedCall("<unnamed>", scope.ranges, None, None, scope)

    @tolerant(nothing)
    def _read_inlined(self, scope: Scope) -> InlinedCall:
        unit = self.unit(scope.die.unit)
        path = unit.file(scope.die.get("DW_AT_call_file")) if unit is not None else None
        return InlinedCall(scope.die.name or "<unnamed>", scope.ranges, path, scope.die.get("DW_AT_call_line"), scope)

    @cached_property
    def call_frames(self) -> CallFrames:
        """The object's unwind tables (file addresses)."""
        from rdb.symbols.cfi import CallFrames

        return CallFrames(self.elf, self.debug_elf)

    # Names and types

    @cached_property
    def names(self) -> NameIndex:
        """The index of everything at file level, by name."""
        from rdb.symbols.names import NameIndex

        return NameIndex(self)

    @cached_property
    def types(self) -> TypeReader:
        from rdb.symbols.type_reader import TypeReader

        return TypeReader(self)

    def function_type(self, die: Die) -> FunctionType:
        """The type of a function."""
        return self.types.function(die)

    def type_of(self, die: Die) -> Type:
        """The type that an entry's DW_AT_type names; void if it has none."""
        return self.types.of(die)
