"""Where debug info lives that was split off its program: by build id, and by .gnu_debuglink (GDB manual, "Separate Debug
Files")."""

from __future__ import annotations

import os
import posixpath
import zlib

from rdb.errors import RdbError
from rdb.symbols.elf import Elf, open_elf

DEBUG_DIRECTORY = "/usr/lib/debug"


def find_debug_file(elf: Elf, directory: str = DEBUG_DIRECTORY) -> Elf | None:
    """The separate debug file of `elf`, if one is installed that was made from the same link."""
    if elf.build_id is not None:
        found = _try(f"{directory}/.build-id/{elf.build_id[:2]}/{elf.build_id[2:]}.debug")
        if found is not None and found.build_id == elf.build_id:
            return found
    name = elf.debug_link
    if name is None:
        return None
    here = posixpath.dirname(os.path.realpath(elf.path))
    expected = elf.section_data(".gnu_debuglink")[-4:]
    for path in (f"{here}/{name}", f"{here}/.debug/{name}", f"{directory}{here}/{name}"):
        if path != os.path.realpath(elf.path) and os.path.isfile(path):
            found = _try(path)
            if found is not None and _checksum(found) == expected:
                return found
    return None


def _try(path: str) -> Elf | None:
    try:
        return open_elf(path) if os.path.isfile(path) else None
    except RdbError:
        return None


def _checksum(elf: Elf) -> bytes:
    """The CRC-32 of the whole file, as .gnu_debuglink holds it."""
    size = os.path.getsize(elf.path)
    return zlib.crc32(elf.read(0, size)).to_bytes(4, "little" if elf.order == "<" else "big")
