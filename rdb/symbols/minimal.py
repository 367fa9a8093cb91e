"""The ELF symbol tables as minimal symbols: a name, an address, and little else.

Stubs in a procedure linkage table have no symbol of their own; each is named after the function that it jumps to, as NAME@plt.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from rdb.symbols.elf import SHT_DYNSYM, SHT_RELA, SHT_SYMTAB, Elf, RawSymbol

_STT_SECTION, _STT_FILE, _STT_TLS, _STT_GNU_IFUNC, _STT_FUNC, _STT_OBJECT = 3, 4, 6, 10, 2, 1
_SHN_UNDEF, _SHN_ABS, _SHN_LORESERVE = 0, 0xFFF1, 0xFF00
_SHF_ALLOC, _SHF_EXECINSTR = 2, 4
_PLT_SECTIONS = (".plt", ".plt.sec", ".plt.got", ".plt.bnd")
_EM_X86_64 = 62


class FileSymbol(NamedTuple):
    """A minimal symbol at a file address.  `kind` is text, data, tls, ifunc, absolute or plt."""

    name: str
    address: int
    size: int
    kind: str
    is_global: bool
    section: str
    rank: int


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
    def is_code(self) -> bool:
        return self.kind in ("text", "ifunc", "plt")


class MinimalTable:
    """All minimal symbols of one object, by name and by address."""

    def __init__(self, symbols: list[FileSymbol]) -> None:
        self.by_name: dict[str, list[FileSymbol]] = {}
        for symbol in symbols:
            self.by_name.setdefault(symbol.name, []).append(symbol)
        # Of several symbols at one address the last is the one that answers.
        self._sorted = sorted((symbol for symbol in symbols if symbol.kind not in ("tls", "absolute")), key=_order)
        self._addresses = [symbol.address for symbol in self._sorted]

    def at(self, address: int, section: str | None) -> FileSymbol | None:
        """The symbol that holds `address`: the last that begins at or before it, in the same section, unless its size excludes it.

        A symbol without a size gives way to one that has a size, as markers such as _init do; alone it reaches to the next.
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
                if symbol.kind == "text" and symbol.address == unsized.address:
                    continue
            elif address < symbol.address + symbol.size:
                return symbol if unsized is None or unsized.address <= symbol.address + symbol.size else unsized
            break
        return unsized


def _order(symbol: FileSymbol) -> tuple[int, int]:
    return symbol.address, symbol.rank


def read_minimal(elf: Elf, debug: Elf | None) -> MinimalTable:
    """The symbols of an object: the debug file's full table if there is one, else the object's own; and the dynamic ones."""
    seen: set[tuple[str, int]] = set()
    found: list[FileSymbol] = []
    tables = [(debug, SHT_SYMTAB)] if debug is not None else []
    for source, type in [*tables, (elf, SHT_SYMTAB), (elf, SHT_DYNSYM)]:
        for raw in source.symbols(type):
            symbol = _symbol(elf, raw)
            if symbol is not None and (symbol.name, symbol.address) not in seen:
                seen.add((symbol.name, symbol.address))
                found.append(symbol)
    if elf.machine == _EM_X86_64:
        found += _linkage_stubs(elf)
    return MinimalTable(found)


def _symbol(elf: Elf, raw: RawSymbol) -> FileSymbol | None:
    if raw.section == _SHN_UNDEF or raw.type in (_STT_SECTION, _STT_FILE) or not raw.name:
        return None
    is_global = raw.binding != 0
    if raw.section == _SHN_ABS:
        return FileSymbol(raw.name, raw.value, raw.size, "absolute", is_global, "", raw.name_offset)
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
    return FileSymbol(raw.name, raw.value, raw.size, kind, is_global, section.name, raw.name_offset)


def _linkage_stubs(elf: Elf) -> list[FileSymbol]:
    """The stubs of the procedure linkage tables, each named after the relocation of the slot through which it jumps.

    System V ABI AMD64 5.2: a stub is an indirect jump through its slot, `ff 25 disp32`, perhaps behind endbr64 and a bnd prefix.
    """
    slots = _slot_names(elf)
    found: list[FileSymbol] = []
    for name in _PLT_SECTIONS if slots else ():
        section = elf.sections.get(name)
        code = elf.contents(section) if section is not None else b""
        if section is None or not code:
            continue
        # The lazy table has 16 bytes for each stub; .plt.got has 8 unless its stubs begin with endbr64.
        step = 8 if name == ".plt.got" and code[:4] != b"\xf3\x0f\x1e\xfa" else 16
        for start in range(0, len(code) - step + 1, step):
            jump = code.find(b"\xff\x25", start, start + step - 4)
            if jump < 0:
                continue
            (displacement,) = struct.unpack_from("<i", code, jump + 2)
            target = slots.get(section.address + jump + 6 + displacement)
            if target:
                found.append(FileSymbol(target + "@plt", section.address + start, step, "plt", True, name, 0))
    return found


def _slot_names(elf: Elf) -> dict[int, str]:
    """The symbols that the dynamic relocations put into slots (Elf64_Rela: r_offset, r_info, r_addend), by slot address."""
    relocations = [section for section in elf.section_list if section.type == SHT_RELA and section.name.startswith(".rela.")]
    if not relocations:
        return {}
    names = [""] + [raw.name for raw in elf.symbols(SHT_DYNSYM)]
    found: dict[int, str] = {}
    for section in relocations:
        raw = elf.contents(section)
        for offset, info, _ in struct.iter_unpack("<QQq", raw[: len(raw) - len(raw) % 24]):
            if 0 < info >> 32 < len(names):
                found[offset] = names[info >> 32]
    return found
