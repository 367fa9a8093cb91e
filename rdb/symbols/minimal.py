"""The ELF symbol tables as minimal symbols: a name, an address, and little else.

Stubs in a procedure linkage table have no symbol of their own, but names (rdb.symbols.linkage).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from rdb.symbols.elf import SHT_DYNSYM, SHT_SYMTAB, Elf, RawSymbol
from rdb.symbols.linkage import linkage

_STT_SECTION, _STT_FILE, _STT_TLS, _STT_GNU_IFUNC, _STT_FUNC, _STT_OBJECT = 3, 4, 6, 10, 2, 1
_SHN_UNDEF, _SHN_ABS, _SHN_LORESERVE = 0, 0xFFF1, 0xFF00
_SHF_ALLOC, _SHF_EXECINSTR = 2, 4
_LOCAL_NUMBER = re.compile(r"(?<=[a-z0-9_])\.\d+$")


class FileSymbol(NamedTuple):
    """A minimal symbol at a file address.

    `kind` is text, data, tls, ifunc, absolute or plt.  `own` is False for one from a separate debug file.
    """

    name: str
    address: int
    size: int
    kind: str
    is_global: bool
    section: str
    own: bool = True


@dataclass(frozen=True)
class MinimalSymbol:
    """A minimal symbol at a run-time address (in a TLS block for kind tls); `object` is the LoadedObject it belongs to."""

    name: str
    address: int
    size: int
    kind: str
    is_global: bool
    section: str
    object: object

    @property
    def print_name(self) -> str:
        """The name without the number that the compiler adds to make a local name unique, as in GDB's backtraces and `info
        symbol`.

        Labels in angle brackets have the full name there.
        """
        stays = self.name.startswith("_") or any(letter.isupper() for letter in self.name)
        return self.name if stays else _LOCAL_NUMBER.sub("", self.name)

    @property
    def is_code(self) -> bool:
        return self.kind in ("text", "ifunc", "plt")


class MinimalTable:
    """All minimal symbols of one object, by name and by address."""

    def __init__(self, symbols: list[FileSymbol]) -> None:
        self.by_name: dict[str, list[FileSymbol]] = {}
        for symbol in symbols:
            self.by_name.setdefault(symbol.name, []).append(symbol)
        # Of several symbols at one address the object's own come before those of its debug file, and of these the last in the
        # alphabet answers, as in GDB.
        self._sorted = sorted((symbol for symbol in symbols if symbol.kind not in ("tls", "absolute")), key=_order)
        self._addresses = [symbol.address for symbol in self._sorted]

    def at(self, address: int, section: str | None) -> FileSymbol | None:
        """The symbol that holds `address`: the last that begins at or before it, in the same section, unless its size excludes
        it.

        A symbol without a size gives way to one with a size that holds the address, as labels in a function do; else it reaches
        to the next symbol.
        """
        index = bisect_right(self._addresses, address) - 1
        unsized: FileSymbol | None = None
        while index >= 0:
            symbol = self._sorted[index]
            index -= 1
            if section is not None and symbol.section != section:
                continue
            if symbol.size == 0:
                unsized = unsized or symbol
            elif address < symbol.address + symbol.size:
                return symbol
            else:
                before = self._sorted[index] if index >= 0 else symbol
                if not before.address + before.size > address:
                    return unsized
        return unsized


def _order(symbol: FileSymbol) -> tuple[int, bool, str]:
    return symbol.address, symbol.own, symbol.name


def read_minimal(elf: Elf, debug: Elf | None) -> MinimalTable:
    """The symbols of an object: its own table, the dynamic ones, and those of its debug file."""
    symbols: dict[tuple[str, int], FileSymbol] = {}
    separate = [(debug, SHT_SYMTAB)] if debug is not None else []
    for source, kind in [(elf, SHT_SYMTAB), (elf, SHT_DYNSYM), *separate]:
        for raw in source.symbols(kind):
            symbol = _symbol(elf, raw, source is elf)
            if symbol is not None:
                symbols.setdefault((symbol.name, symbol.address), symbol)
    found = list(symbols.values())
    found += [FileSymbol(stub.name, stub.address, stub.size, stub.kind, True, stub.section) for stub in linkage(elf)]
    return MinimalTable(found)


def _symbol(elf: Elf, raw: RawSymbol, own: bool) -> FileSymbol | None:
    if raw.section == _SHN_UNDEF or raw.type in (_STT_SECTION, _STT_FILE) or not raw.name:
        return None
    is_global = raw.binding != 0
    # NAME@@VERSION is the default version of NAME.
    name = raw.name.partition("@@")[0] or raw.name
    if raw.section == _SHN_ABS:
        return FileSymbol(name, raw.value, raw.size, "absolute", is_global, "", own)
    if raw.section >= _SHN_LORESERVE or raw.section >= len(elf.section_list):
        return None
    section = elf.section_list[raw.section]
    if raw.type == _STT_TLS:
        kind = "tls"
    elif not section.flags & _SHF_ALLOC:
        return None
    elif raw.type == _STT_GNU_IFUNC:
        kind = "ifunc"
    else:
        kind = "text" if section.flags & _SHF_EXECINSTR else "data"
    return FileSymbol(name, raw.value, raw.size, kind, is_global, section.name, own)
