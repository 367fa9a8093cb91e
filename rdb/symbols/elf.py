"""An ELF file without its DWARF: header, segments, sections, notes and the raw symbol table.

A file is opened by reading its headers only; sections are read, and decompressed, when asked for.  Reads go through the path
each time, so nothing stays open and a file that is rewritten meanwhile yields wrong bytes, never a crash.  The layouts are
those of the System V gABI, chapters 4 and 5.  Headers are parsed here and not by pyelftools because a program with forty
libraries opens forty files before its first prompt: this takes a tenth of a millisecond for each.

Invariant: an Elf that exists has a sound header; a section or segment that points outside the file reads as shorter than it
claims.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from rdb.errors import BadProgram, RdbError
from rdb.symbols.leb128 import Bytes

ET_EXEC, ET_DYN, ET_CORE = 2, 3, 4
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_TLS = 1, 2, 3, 4, 7
PT_GNU_EH_FRAME = 0x6474E550
SHT_SYMTAB, SHT_NOBITS, SHT_DYNSYM = 2, 8, 11
SHF_COMPRESSED = 1 << 11
NT_GNU_BUILD_ID = 3
_ELFCOMPRESS_ZLIB = 1
_FOREIGN = "not in executable format: file format not recognized"
# So much is decompressed at a time.
_STRETCH = 1 << 16
_LARGEST_SECTION = 1 << 31


class Segment(NamedTuple):
    """A program header; `address` is a file address, `type` a PT_ number and `flags` PF_X=1, PF_W=2, PF_R=4."""

    type: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int
    align: int

    @property
    def writable(self) -> bool:
        return bool(self.flags & 2)

    @property
    def executable(self) -> bool:
        return bool(self.flags & 1)


class Section(NamedTuple):
    """A section header; `address` is a file address, 0 when the section is not loaded."""

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    align: int


class RawSymbol(NamedTuple):
    """A symbol table entry: `value` is a file address (an offset into the TLS block for STT_TLS)."""

    name: str
    value: int
    size: int
    type: int
    binding: int
    section: int


@dataclass(frozen=True)
class _Layout:
    """struct formats that differ between the classes; the order of a segment's fields does too."""

    header: str
    segment: str
    segment_order: tuple[int, ...]
    section: str
    symbol: str
    symbol_order: tuple[int, ...]
    compression: str


_LAYOUTS = {
    1: _Layout("HHIIIIIHHHHHH", "8I", (0, 6, 1, 2, 4, 5, 7), "10I", "IIIBBH", (0, 3, 4, 5, 1, 2), "III"),
    2: _Layout("HHIQQQIHHHHHH", "IIQQQQQQ", (0, 1, 2, 3, 5, 6, 7), "IIQQQQIIQQ", "IBBHQQ", (0, 1, 2, 3, 4, 5), "IIQQ"),
}


class Contents:
    """What a section holds; where it is compressed (gABI, "Section Compression"; zlib only), as far as somebody has asked."""

    def __init__(self, data: bytes, compressed: bytes = b"", size: int = 0) -> None:
        """`data` or, `size` bytes when decompressed, `compressed`."""
        self.data: Bytes = bytearray() if compressed else data
        self.size = size if compressed else len(data)
        self._compressed, self._read = compressed, 0
        self._inflater = zlib.decompressobj()

    def reach(self, end: int) -> None:
        """Have the first `end` bytes in `data`, if there are so many; nothing is there any more where they turn out damaged."""
        while len(self.data) < min(end, self.size) and self._read < len(self._compressed):
            some = self._compressed[self._read : self._read + _STRETCH]
            self._read += _STRETCH
            try:
                self.data += self._inflater.decompress(some, self.size - len(self.data))
            except zlib.error:
                self.data, self.size = b"", 0

    def whole(self) -> Bytes:
        """All that there is, and can be read."""
        self.reach(self.size)
        return self.data


class Elf:
    """The facts of one ELF file, or of an ELF image in memory when `data` is given (the vdso)."""

    def __init__(self, path: str, data: bytes | None = None) -> None:
        self.path = path
        self._data = data
        ident = self.read(0, 16)
        if len(ident) < 16 or ident[:4] != b"\x7fELF" or ident[4] not in _LAYOUTS or ident[5] not in (1, 2):
            raise BadProgram(path, _FOREIGN)
        self.elf_class = 32 * ident[4]
        self.pointer_size = 4 * ident[4]
        self.order = "<" if ident[5] == 1 else ">"
        self._layout = _LAYOUTS[ident[4]]
        header = struct.Struct(self.order + self._layout.header)
        raw = self.read(16, header.size)
        if len(raw) < header.size:
            raise BadProgram(path, _FOREIGN)
        fields = header.unpack(raw)
        self.type, self.machine, _, self.entry, self._phoff, self._shoff = fields[:6]
        self._phentsize, self._phnum, self._shentsize, self._shnum, self._shstrndx = fields[8:13]
        if data is None and self._shnum and not self.read(self._shoff + self._shnum * self._shentsize - 1, 1):
            raise BadProgram(path, _FOREIGN)

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes of the file at `offset`, or fewer at its end."""
        if self._data is not None:
            return self._data[offset : offset + size]
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise RdbError(f"{self.path}: {error.strerror}.") from None
        try:
            return os.pread(descriptor, size, offset)
        except (OSError, OverflowError):
            return b""
        finally:
            os.close(descriptor)

    def _table(self, offset: int, entry_size: int, count: int, layout: str) -> Iterator[tuple[int, ...]]:
        """The fixed-size entries of a header table, as far as they lie in the file."""
        entry = struct.Struct(self.order + layout)
        if entry_size < entry.size:
            return
        raw = self.read(offset, entry_size * count)
        for start in range(0, len(raw) - entry.size + 1, entry_size):
            yield entry.unpack_from(raw, start)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The program headers in file order."""
        order = self._layout.segment_order
        table = self._table(self._phoff, self._phentsize, self._phnum, self._layout.segment)
        return tuple(Segment(*(fields[index] for index in order)) for fields in table)

    @cached_property
    def section_list(self) -> tuple[Section, ...]:
        """The section headers in file order; empty if they were stripped off or make no sense."""
        rows = list(self._table(self._shoff, self._shentsize, self._shnum, self._layout.section)) if self._shoff else []
        names = b""
        if self._shstrndx < len(rows):
            names = self.read(rows[self._shstrndx][4], min(rows[self._shstrndx][5], _LARGEST_SECTION))
        return tuple(Section(_string(names, r[0]), r[1], r[2], r[3], r[4], r[5], r[6], r[8]) for r in rows)

    @cached_property
    def sections(self) -> dict[str, Section]:
        """The sections by name; of several with one name, the first."""
        found: dict[str, Section] = {}
        for section in self.section_list:
            found.setdefault(section.name, section)
        return found

    def section_data(self, name: str) -> bytes:
        """The contents of a section, decompressed; empty if it is absent, empty or damaged."""
        return self.contents(self.sections.get(name))

    def contents(self, section: Section | None) -> bytes:
        """The contents of a section, decompressed; empty if there is none, or it cannot be read."""
        return bytes(self.open(section).whole())

    def open(self, section: Section | None) -> Contents:
        """The contents of a section, to be read as far as they are needed."""
        if section is None or section.type == SHT_NOBITS:
            return Contents(b"")
        raw = self.read(section.offset, min(section.size, _LARGEST_SECTION))
        if not section.flags & SHF_COMPRESSED:
            return Contents(raw)
        header = struct.Struct(self.order + self._layout.compression)
        if len(raw) < header.size or header.unpack_from(raw)[0] != _ELFCOMPRESS_ZLIB:
            return Contents(b"")
        return Contents(b"", raw[header.size :], min(header.unpack_from(raw)[-2], _LARGEST_SECTION))

    def segment_data(self, address: int, size: int) -> bytes:
        """The bytes that the file loads at file address `address`, cut at the end of the segment's file image."""
        for segment in self.segments:
            if segment.type == PT_LOAD and segment.address <= address < segment.address + segment.file_size:
                start = address - segment.address
                return self.read(segment.offset + start, min(size, segment.file_size - start))
        return b""

    def segment(self, type: int) -> Segment | None:
        """The first segment of a type (PT_TLS, PT_DYNAMIC…)."""
        return next((segment for segment in self.segments if segment.type == type), None)

    @cached_property
    def interpreter(self) -> str | None:
        """The path of the dynamic linker that the program asks for."""
        segment = self.segment(PT_INTERP)
        if segment is None:
            return None
        return _string(self.read(segment.offset, min(segment.file_size, 4096)), 0) or None

    @cached_property
    def build_id(self) -> str | None:
        """The build id in hexadecimal, from the GNU note of that name."""
        for segment in self.segments:
            if segment.type == PT_NOTE:
                found = self._build_id_in(self.read(segment.offset, min(segment.file_size, 1 << 16)), segment.align)
                if found:
                    return found
        return self._build_id_in(self.section_data(".note.gnu.build-id"), 4)

    def _build_id_in(self, notes: bytes, align: int) -> str | None:
        align, position = (8 if align == 8 else 4), 0
        while position + 12 <= len(notes):
            name_size, size, kind = struct.unpack_from(self.order + "III", notes, position)
            name = position + 12
            start = -(-(name + name_size) // align) * align
            if kind == NT_GNU_BUILD_ID and notes[name : name + 4] == b"GNU\0":
                return notes[start : start + size].hex() or None
            position = -(-(start + size) // align) * align
        return None

    @cached_property
    def debug_link(self) -> str | None:
        """The file name in .gnu_debuglink."""
        return _string(self.section_data(".gnu_debuglink"), 0) or None

    @property
    def low_address(self) -> int:
        """The lowest file address that is loaded."""
        return min((segment.address for segment in self.segments if segment.type == PT_LOAD), default=0)

    def symbols(self, type: int) -> Iterator[RawSymbol]:
        """The entries of the symbol table of section type SHT_SYMTAB or SHT_DYNSYM, without the null entry."""
        table = next((section for section in self.section_list if section.type == type), None)
        if table is None or table.link >= len(self.section_list):
            return
        raw, strings = self.contents(table), self.contents(self.section_list[table.link])
        entry = struct.Struct(self.order + self._layout.symbol)
        name, info, _, section, value, size = self._layout.symbol_order
        for fields in entry.iter_unpack(raw[entry.size : len(raw) - len(raw) % entry.size]):
            start = fields[name]
            end = strings.find(b"\0", start)
            text = strings[start : end if end >= 0 else None].decode("utf-8", "replace")
            yield RawSymbol(text, fields[value], fields[size], fields[info] & 15, fields[info] >> 4, fields[section])


def _string(data: bytes, start: int) -> str:
    """The zero-terminated string at `start`."""
    end = data.find(b"\0", start)
    return data[start : end if end >= 0 else None].decode("utf-8", "replace")


def open_elf(path: str, data: bytes | None = None) -> Elf:
    """Open an ELF file (or the image `data`).

    Raises RdbError where the file cannot be read and BadProgram where it is not ELF, in the words of gdb's `file` command.
    """
    if data is None and os.path.isdir(path):
        raise RdbError(f"{path}: Is a directory.")
    return Elf(path, data)
