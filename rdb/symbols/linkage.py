"""Procedure linkage tables: stubs that have no symbol of their own, and the slots through which they jump.

Each stub is named after the function that it jumps to, NAME@plt, and each slot NAME@got.plt, as GDB has them.

Facts: System V ABI AMD64 5.2 and i386 5.2 (procedure linkage table): a stub is an indirect jump through its slot, perhaps
behind an endbr instruction and a bnd prefix.  The slot is given relative to the stub's end (x86-64), absolutely, or relative to
the global offset table, whose address the caller has put into ebx (i386).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rdb.symbols.elf import SHT_DYNSYM, Elf, Section

_STUB_SECTIONS = (".plt", ".plt.sec", ".plt.got", ".plt.bnd")
_ENDBR = (b"\xf3\x0f\x1e\xfa", b"\xf3\x0f\x1e\xfb")


class Stub(NamedTuple):
    """`kind` is plt for a stub and data for a slot; `section` is where it lies, `address` a file address."""

    name: str
    address: int
    size: int
    kind: str
    section: str


# From the address behind a jump, its 32-bit operand and the address of the global offset table to the slot.
_Slot = Callable[[int, int, int], int]


@dataclass(frozen=True)
class _Linkage:
    """What differs between machines: relocation tables and the struct of an entry (offset, info and perhaps addend), where in
    info the symbol's number begins, the type IRELATIVE, and the jumps by their opcodes."""

    tables: tuple[str, ...]
    entry: struct.Struct
    symbol_bit: int
    irelative: int
    jumps: dict[bytes, _Slot]


_LINKAGES = {
    62: _Linkage(
        (".rela.plt", ".rela.dyn"), struct.Struct("<QQq"), 32, 37, {b"\xff\x25": lambda end, operand, table: end + operand}
    ),
    3: _Linkage(
        (".rel.plt", ".rel.dyn"), struct.Struct("<II"), 8, 42,
        {
            b"\xff\x25": lambda end, operand, table: operand & 0xFFFFFFFF,
            b"\xff\xa3": lambda end, operand, table: table + operand,
        },
    ),
}  # fmt: skip


def linkage(elf: Elf) -> list[Stub]:
    """The stubs and slots of an object; none on a machine that is not known here."""
    how = _LINKAGES.get(elf.machine)
    if how is None:
        return []
    slots = _slot_names(elf, how, how.tables)
    sections = [elf.sections[name] for name in _STUB_SECTIONS if slots and name in elf.sections]
    stubs = [stub for each in sections for stub in _stubs(elf, how, each, slots)]
    section = _table(elf)
    lazy = _slot_names(elf, how, how.tables[:1])
    return stubs + [Stub(f"{name}@got.plt", slot, elf.pointer_size, "data", section) for slot, name in lazy.items()]


def _table(elf: Elf) -> str:
    """The section with the slots of the linkage table, where the global offset table begins for code."""
    return ".got.plt" if ".got.plt" in elf.sections else ".got"


def _stubs(elf: Elf, how: _Linkage, section: Section, slots: dict[int, str]) -> Iterator[Stub]:
    code = elf.contents(section)
    table = elf.sections.get(_table(elf))
    # The lazy table has 16 bytes for each stub; .plt.got has 8 unless its stubs begin with endbr.
    step = 8 if section.name == ".plt.got" and code[:4] not in _ENDBR else 16
    for start in range(0, len(code) - step + 1, step):
        for opcode, slot in how.jumps.items():
            jump = code.find(opcode, start, start + step - 4)
            if jump < 0:
                continue
            (operand,) = struct.unpack_from("<i", code, jump + 2)
            target = slots.get(slot(section.address + jump + 6, operand, table.address if table else 0))
            if target:
                yield Stub(target + "@plt", section.address + start, step, "plt", section.name)
                break


def _slot_names(elf: Elf, how: _Linkage, tables: tuple[str, ...]) -> dict[int, str]:
    """The symbols that the dynamic relocations put into slots, by slot address."""
    relocations = [elf.sections[name] for name in tables if name in elf.sections]
    if not relocations:
        return {}
    names = [""] + [raw.name for raw in elf.symbols(SHT_DYNSYM)]
    found: dict[int, str] = {}
    for section in relocations:
        raw = elf.contents(section)
        for offset, info, *addend in how.entry.iter_unpack(raw[: len(raw) - len(raw) % how.entry.size]):
            if info & (1 << how.symbol_bit) - 1 == how.irelative:
                found[offset] = f"*ABS*+{addend[0]:#x}" if addend else "*ABS*"
            elif 0 < info >> how.symbol_bit < len(names):
                found[offset] = names[info >> how.symbol_bit]
    return found
