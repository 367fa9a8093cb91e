"""Line tables: which source line an instruction belongs to (DWARF 5, 6.2; and the older headers of DWARF 2 to 4).

A line-number program is run once, for one unit, into a LineTable: rows sorted by address, where a row holds until the next one.
What becomes a row follows the choices that GDB's users see in `info line` and in where breakpoints land:

* a repeated line is a new row, unless a discriminator has marked its blocks as parts of one statement;
* line 0 is no line of its own: the row before it goes on;
* where the file changes, rows of the old file at the same address had no instructions and go;
* a row that is not a statement, in another file, at an address that has a statement already, goes;
* a sequence that starts at address 0 was thrown away by the linker.
"""

from __future__ import annotations

import posixpath
import struct
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from rdb.symbols.dies import Unit
from rdb.symbols.leb128 import sleb, uleb


class Row(NamedTuple):
    """From `address` on, code belongs to `line` of file number `file`; line 0 says that the sequence has ended."""

    address: int
    file: int
    line: int
    is_stmt: bool


@dataclass(frozen=True)
class Header:
    """What stands before the instructions of a line-number program."""

    version: int
    minimum_length: int
    default_is_stmt: bool
    line_base: int
    line_range: int
    opcode_lengths: tuple[int, ...]
    files: tuple[str, ...]
    program: int
    end: int


class LineTable:
    """The rows of one unit.  `files` are the paths as GDB names them; a Row's `file` is an index into it."""

    def __init__(self, files: tuple[str, ...], rows: list[Row]) -> None:
        self.files = files
        self.rows = rows
        self._addresses = [row.address for row in rows]

    def row_at(self, address: int) -> tuple[Row, int] | None:
        """The row that holds `address`, and where its stretch ends; of several at one address the last that is a statement."""
        index = bisect_right(self._addresses, address) - 1
        if index < 0 or self.rows[index].line == 0:
            return None
        end = self._addresses[index + 1] if index + 1 < len(self.rows) else self._addresses[index] + 1
        best = index
        while best >= 0 and self.rows[best].address == self.rows[index].address and self.rows[best].line:
            if self.rows[best].is_stmt:
                return self.rows[best], end
            best -= 1
        return self.rows[index], end

    def rows_between(self, start: int, end: int) -> list[Row]:
        """The rows that begin in [start, end)."""
        return self.rows[bisect_left(self._addresses, start) : bisect_left(self._addresses, end)]


def full_path(path: str, directory: str) -> str:
    """`path` as an absolute, normal path where the compiler's directory is known."""
    return posixpath.normpath(posixpath.join(directory, path))


def read_header(unit: Unit) -> Header | None:
    """The header of the unit's line-number program, or None if it has none."""
    offset = unit.top.get("DW_AT_stmt_list")
    if not isinstance(offset, int):
        return None
    raw, order = unit.data.section("line"), unit.data.order
    (length,) = struct.unpack_from(order + "I", raw, offset)
    position, code, size = offset + 4, "I", 4
    if length == 0xFFFFFFFF:
        (length,) = struct.unpack_from(order + "Q", raw, position)
        position, code, size = position + 8, "Q", 8
    end = min(position + length, len(raw))
    (version,) = struct.unpack_from(order + "H", raw, position)
    position += 2
    if not 2 <= version <= 5:
        raise ValueError("line table version")
    if version >= 5:
        position += 2
    (header_length,) = struct.unpack_from(order + code, raw, position)
    position += size
    program = position + header_length
    minimum = raw[position]
    position += 2 if version >= 4 else 1
    default_is_stmt, line_base, line_range, opcode_base = struct.unpack_from("BbBB", raw, position)
    position += 4
    if not line_range or not opcode_base:
        raise ValueError("line table header")
    lengths = tuple(raw[position : position + opcode_base - 1])
    position += opcode_base - 1
    files = _new_files(unit, raw, position, code) if version >= 5 else _old_files(unit, raw, position)
    return Header(version, minimum, bool(default_is_stmt), line_base, line_range, lengths, files, program, end)


def _old_files(unit: Unit, raw: bytes, position: int) -> tuple[str, ...]:
    """Directories and files of DWARF 2 to 4; both count from 1, directory 0 is the compiler's."""
    directories: list[str | None] = [None]
    while raw[position]:
        end = raw.index(b"\0", position)
        directories.append(raw[position:end].decode("utf-8", "replace"))
        position = end + 1
    position += 1
    files = [unit.name]
    while raw[position]:
        end = raw.index(b"\0", position)
        name = raw[position:end].decode("utf-8", "replace")
        index, position = uleb(raw, end + 1)
        _, position = uleb(raw, position)
        _, position = uleb(raw, position)
        files.append(_named(unit, name, directories[index] if index < len(directories) else None))
    return tuple(files)


def _new_files(unit: Unit, raw: bytes, position: int, code: str) -> tuple[str, ...]:
    """Directories and files of DWARF 5, 6.2.4.1: both are described by formats and count from 0."""
    directories, position = _entries(unit, raw, position, code)
    files, position = _entries(unit, raw, position, code)
    names = [str(entry.get(1, "")) for entry in directories]
    found = []
    for entry in files:
        index = entry.get(2, 0)
        directory = names[index] if isinstance(index, int) and index < len(names) else None
        found.append(_named(unit, str(entry.get(1, "")), directory))
    return tuple(found)


def _entries(unit: Unit, raw: bytes, position: int, code: str) -> tuple[list[dict[int, str | int]], int]:
    """A table of DWARF 5: each entry maps DW_LNCT_path (1) and DW_LNCT_directory_index (2) to its value."""
    count, position = raw[position], position + 1
    formats = []
    for _ in range(count):
        content, position = uleb(raw, position)
        form, position = uleb(raw, position)
        formats.append((content, form))
    total, position = uleb(raw, position)
    if total > len(raw):
        raise ValueError("line table entries")
    entries = []
    for _ in range(total):
        entry: dict[int, str | int] = {}
        for content, form in formats:
            entry[content], position = _value(unit, raw, position, form, code)
        entries.append(entry)
    return entries, position


def _value(unit: Unit, raw: bytes, position: int, form: int, code: str) -> tuple[str | int, int]:
    """A value in one of the forms that DWARF 5, 6.2.4.1 allows."""
    order = unit.data.order
    if form == 0x08:  # DW_FORM_string
        end = raw.index(b"\0", position)
        return raw[position:end].decode("utf-8", "replace"), end + 1
    if form in (0x0E, 0x1F):  # DW_FORM_strp, DW_FORM_line_strp
        (offset,) = struct.unpack_from(order + code, raw, position)
        return unit.data.string("str" if form == 0x0E else "line_str", offset), position + (4 if code == "I" else 8)
    if form == 0x0F:  # DW_FORM_udata
        return uleb(raw, position)
    if form == 0x1E:  # DW_FORM_data16, a digest
        return 0, position + 16
    fixed = struct.Struct(order + {0x0B: "B", 0x05: "H", 0x06: "I", 0x07: "Q"}[form])
    return int(fixed.unpack_from(raw, position)[0]), position + fixed.size


def _named(unit: Unit, name: str, directory: str | None) -> str:
    """A file's path as compiled; the unit's main file goes by the unit's name."""
    path = name if directory is None else posixpath.join(directory, name)
    same_name = posixpath.basename(path) == posixpath.basename(unit.name)
    return unit.name if same_name and full_path(path, unit.directory) == full_path(unit.name, unit.directory) else path


def read_table(unit: Unit) -> LineTable:
    """Run the unit's line-number program."""
    header = read_header(unit)
    if header is None:
        return LineTable((), [])
    rows = _Program(unit, header).run()
    # Where one sequence ends and the next begins at one address, the end goes first.
    rows.sort(key=lambda row: (row.address, row.line != 0))
    return LineTable(header.files, rows)


class _Program:
    """The line-number state machine (DWARF 5, 6.2.2 and 6.2.5), and GDB's choice of rows."""

    def __init__(self, unit: Unit, header: Header) -> None:
        self.header = header
        self.raw, self.order = unit.data.section("line"), unit.data.order
        canonical: dict[str, int] = {}
        # Two file numbers with one path (0 and 1 in DWARF 5) are one file.
        self.same = [canonical.setdefault(path, index) for index, path in enumerate(header.files)]
        self.rows: list[Row] = []
        self._sequence_start = 0
        self._last_file = self._last_line = -1
        self._last_address, self._stmt_at_address = -1, False

    def _reset(self) -> None:
        self._sequence_start = len(self.rows)
        self._last_file = self._last_line = -1
        self._last_address, self._stmt_at_address = -1, False

    def _row(self, address: int, number: int, line: int, is_stmt: bool, in_blocks: bool) -> None:
        file = self.same[number] if number < len(self.same) else 0
        changed = file != self._last_file
        if line and not (changed and address == self._last_address and not is_stmt and self._stmt_at_address):
            if changed and self._last_file >= 0:
                self._drop_empty(address)
            if changed or line != self._last_line or not in_blocks:
                self.rows.append(Row(address, file, line, is_stmt))
            self._last_file, self._last_line = file, line
        if address != self._last_address:
            self._last_address, self._stmt_at_address = address, False
        self._stmt_at_address |= is_stmt

    def _drop_empty(self, address: int) -> None:
        while len(self.rows) > self._sequence_start and self.rows[-1].address == address:
            self.rows.pop()

    def _end(self, address: int) -> None:
        self._drop_empty(address)
        if len(self.rows) > self._sequence_start:
            if self.rows[self._sequence_start].address == 0:
                del self.rows[self._sequence_start :]
            else:
                self.rows.append(Row(address, self.rows[-1].file, 0, True))
        self._reset()

    def run(self) -> list[Row]:
        """Execute the program; each instruction is one turn of the loop, which is inline because it is where the time goes."""
        header, raw, emit = self.header, self.raw, self._row
        opcode_base, line_base, line_range = len(header.opcode_lengths) + 1, header.line_base, header.line_range
        unit, default = header.minimum_length, header.default_is_stmt
        address, file, line, is_stmt, discriminator, in_blocks = 0, 1, 1, default, 0, False
        position, end = header.program, header.end
        while position < end:
            opcode = raw[position]
            position += 1
            if opcode >= opcode_base:
                advance, delta = divmod(opcode - opcode_base, line_range)
                address += advance * unit
                delta += line_base
                if delta:
                    line += delta
                    in_blocks = discriminator != 0
                emit(address, file, line, is_stmt, in_blocks)
                discriminator = 0
            elif opcode == 0:  # an extended instruction
                length, position = uleb(raw, position)
                following = position + length
                kind = raw[position]
                if kind == 1:  # DW_LNE_end_sequence
                    self._end(address)
                    address, file, line, is_stmt, discriminator, in_blocks = 0, 1, 1, default, 0, False
                elif kind == 2:  # DW_LNE_set_address
                    address = int.from_bytes(raw[position + 1 : following], "little" if self.order == "<" else "big")
                elif kind == 4:  # DW_LNE_set_discriminator
                    discriminator, _ = uleb(raw, position + 1)
                    in_blocks = in_blocks or discriminator != 0
                position = following
            elif opcode == 1:  # DW_LNS_copy
                emit(address, file, line, is_stmt, in_blocks)
                discriminator = 0
            elif opcode == 2:  # DW_LNS_advance_pc
                advance, position = uleb(raw, position)
                address += advance * unit
            elif opcode == 3:  # DW_LNS_advance_line
                delta, position = sleb(raw, position)
                if delta:
                    line += delta
                    in_blocks = discriminator != 0
            elif opcode == 4:  # DW_LNS_set_file
                file, position = uleb(raw, position)
            elif opcode == 6:  # DW_LNS_negate_stmt
                is_stmt = not is_stmt
            elif opcode == 8:  # DW_LNS_const_add_pc
                address += (255 - opcode_base) // line_range * unit
            elif opcode == 9:  # DW_LNS_fixed_advance_pc
                address += struct.unpack_from(self.order + "H", raw, position)[0]
                position += 2
            else:
                for _ in range(header.opcode_lengths[opcode - 1]):
                    _, position = uleb(raw, position)
        return self.rows
