"""The symbols of everything that is loaded: what the rest of rdb asks.

All addresses are run-time addresses.  Lookups by address go to the one object that holds it, and there to one compilation unit.
Lookups by name ask the program first and the libraries in load order; big debug info is approached through the ELF symbol
table, and read through from end to end only when a name is known to be in it and nothing else has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rdb.errors import RdbError
from rdb.symbols.debug_files import find_debug_file
from rdb.symbols.elf import Elf, open_elf
from rdb.symbols.functions import Function
from rdb.symbols.minimal import MinimalSymbol
from rdb.symbols.objects import Line, LoadedObject

if TYPE_CHECKING:
    from rdb.symbols.dies import Die
    from rdb.symbols.functions import Scope
    from rdb.symbols.types import Type
    from rdb.symbols.variables import Block, Variable

__all__ = ["Line", "LoadedObject", "MinimalSymbol", "SymbolTable"]


class SymbolTable:
    """The loaded objects, in the order in which they were added: the program first."""

    def __init__(self, find_debug: Callable[[Elf], Elf | None] = find_debug_file) -> None:
        self.objects: list[LoadedObject] = []
        self._find_debug = find_debug

    def add(self, path: str, bias: int = 0, data: bytes | None = None) -> LoadedObject:
        """Add an object whose file address 0 is at run-time address `bias`; `data` is its image if it is no file (the vdso).

        Raises BadProgram or RdbError as open_elf does.
        """
        added = LoadedObject(open_elf(path, data), bias, self._find_debug if data is None else _no_debug_file)
        self.objects.append(added)
        return added

    def relocate(self, bias: int) -> None:
        """The program itself is loaded elsewhere than was thought."""
        if self.objects[0].bias != bias:
            self.objects[0] = self.objects[0].at(bias)

    def copy(self) -> SymbolTable:
        """The same objects at the same places, for a process that is a copy of another."""
        table = SymbolTable(self._find_debug)
        table.objects[:] = self.objects
        return table

    def remove(self, object: LoadedObject) -> None:
        """Forget an object; one that is not there is no error."""
        if object in self.objects:
            self.objects.remove(object)

    def object_at(self, address: int) -> LoadedObject | None:
        """The object whose loaded segments span `address`."""
        return next((candidate for candidate in self.objects if address in candidate), None)

    @property
    def has_symbols(self) -> bool:
        """Whether any object has a symbol at all."""
        return any(candidate.minimal_names() or candidate.dwarf is not None for candidate in self.objects)

    # Minimal symbols

    def minimal(self, name: str) -> list[MinimalSymbol]:
        """The ELF symbols of that name, of all objects."""
        return [symbol for candidate in self.objects for symbol in candidate.minimal(name)]

    def minimal_at(self, address: int) -> tuple[MinimalSymbol, int] | None:
        """The ELF symbol (function or datum) that holds `address`, and the offset into it."""
        found = self.object_at(address)
        return found.minimal_at(address) if found is not None else None

    # Code

    def function_at(self, address: int) -> Function | None:
        """The function with code of its own that holds `address`."""
        found = self.object_at(address)
        return found.function_at(address) if found is not None else None

    def functions_named(self, name: str) -> list[Function]:
        """The functions of that name that have code of their own and debug info; a C++ name may be qualified."""
        if "::" in name:
            *scopes, last = name.split("::")
            return [function for function in self.functions_named(last) if _is_within(function, scopes)]
        found = [function for candidate in self.objects for function in self._functions_in(candidate, name)]
        return found or [
            function for holder in self._holders_of(name) for die in holder.names.find("function", name)
            if (function := holder.function(die)) is not None
        ]  # fmt: skip

    def _functions_in(self, candidate: LoadedObject, name: str) -> list[Function]:
        if candidate.dwarf is None:
            return []
        if candidate.is_small:
            functions = [candidate.function(die) for die in candidate.names.find("function", name)]
            return _unique([function for function in functions if function is not None])
        symbols = [symbol for symbol in candidate.minimal(name) if symbol.kind == "text"]
        found = [(symbol, candidate.function_at(symbol.address)) for symbol in symbols]
        return _unique([function for symbol, function in found if function is not None and function.low == symbol.address])

    def _holders_of(self, name: str) -> Iterator[LoadedObject]:
        """The objects with big debug info in which `name` occurs."""
        for candidate in self.objects:
            if candidate.dwarf is not None and not candidate.is_small and candidate.names.may_hold(name):
                yield candidate

    def inlined_copies(self, name: str) -> list[tuple[LoadedObject, Scope]]:
        """The calls of function `name` that were inlined, in objects with little debug info."""
        from rdb.symbols.variables import inlined_copies

        near = [candidate for candidate in self.objects if candidate.dwarf is not None and candidate.is_small]
        return [(candidate, scope) for candidate in near for scope in inlined_copies(candidate, name)]

    def after_prologue(self, function: Function | MinimalSymbol) -> int:
        """Where a breakpoint on that function belongs."""
        from rdb.symbols.prologue import after_prologue

        holder = function.object
        if not isinstance(holder, LoadedObject):
            raise RdbError("Symbol without an object.")
        return after_prologue(function, holder)

    # Lines

    def line_at(self, address: int) -> Line | None:
        """The source line of the instruction at `address`."""
        found = self.object_at(address)
        return found.line_at(address) if found is not None else None

    def has_source(self, file: str) -> bool:
        """Whether some object was compiled from a file of that name."""
        return any(candidate.files_named(file) for candidate in self.objects)

    def sources(self) -> list[tuple[str, str]]:
        """Every known source file, as (path as compiled, directory of the compiler), without repetitions."""
        return list(dict.fromkeys(source for candidate in self.objects for source in candidate.source_paths()))

    def addresses_of(self, file: str, line: int) -> tuple[int, list[int]]:
        """The first line at or after `line` of `file` that has code, and where breakpoints on it belong.

        One address for each block that has code of that line, after the prologue where it is the opening line of a function.
        (line, []) if there is no such line.
        """
        from rdb.symbols.breakpoint_lines import addresses_of

        return addresses_of(self.objects, file, line)

    def stretches_of(self, file: str, line: int) -> list[tuple[int, int]]:
        """Where the code of a line begins, as [start, end), for `info line`: its first stretch in each unit.

        start == end where only a later line has code.
        """
        from rdb.symbols.breakpoint_lines import stretches_of

        return stretches_of(self.objects, file, line)

    # Data

    def variable(self, name: str, pc: int | None, file: str | None = None, inlined_out: int = 0) -> Variable | None:
        """The variable that `name` means at `pc`, innermost scope first; `inlined_out` inlined calls around pc are left before.

        With `file`, only variables at file level of that file.
        """
        from rdb.symbols.variables import find_variable

        return find_variable(self, name, pc, file, inlined_out)

    def locals_at(self, pc: int, inlined_out: int = 0) -> list[Block]:
        """The blocks around `pc`, innermost first, up to the function (or the inlined function) that it belongs to."""
        from rdb.symbols.variables import blocks_at

        return blocks_at(self, pc, inlined_out)

    def arguments_of(self, function: Function | Scope) -> list[Variable]:
        """The parameters of a function or of an inlined call, in order."""
        from rdb.symbols.variables import arguments_of

        return arguments_of(self, function)

    @property
    def pointer_size(self) -> int:
        """Of the program, in bytes; 8 while there is none."""
        return self.objects[0].elf.pointer_size if self.objects else 8

    def type_named(self, spelling: str, pc: int | None = None) -> Type | None:
        """The type of that C name: "struct node", "size_t", "unsigned long", "enum color"."""
        from rdb.symbols.variables import find_type

        return find_type(self, spelling, pc)

    def find(self, kind: str, name: str, pc: int | None = None) -> Iterator[tuple[LoadedObject, Die]]:
        """Entries at file level of a kind (see NameIndex) and name: those of the unit at `pc` first, then object by object."""
        home = self.object_at(pc) if pc is not None else None
        unit = home.unit_at(pc) if home is not None and pc is not None else None
        order = sorted(self.objects, key=lambda candidate: candidate is not home)
        near = [candidate for candidate in order if candidate.dwarf is not None]
        for big in (False, True):
            for candidate in near:
                if candidate.is_small is big or (big and not candidate.names.may_hold(name)):
                    continue
                dies = sorted(candidate.names.find(kind, name), key=lambda die: unit is None or die.unit is not unit.unit)
                yield from ((candidate, die) for die in dies)


def _unique(functions: list[Function]) -> list[Function]:
    return list({function.low: function for function in functions}.values())


def _is_within(function: Function, scopes: list[str]) -> bool:
    """Whether a C++ function belongs to the scopes; its linkage name holds each behind its length (Itanium C++ ABI, 5.1)."""
    return all(f"{len(scope)}{scope}" in (function.linkage_name or "") for scope in scopes if scope)


def _no_debug_file(_: Elf) -> Elf | None:
    return None
