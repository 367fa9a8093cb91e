"""The CPUs that rdb knows, one folder each.  Imported as rdb.arch and under no other name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if __name__ != "rdb.arch":
    raise ImportError("the folder arch/ is the package rdb.arch: import it by that name")

if TYPE_CHECKING:
    from rdb.arch.base import Arch

# (ELF e_machine, ELF class) -> folder
_FOLDERS = {(62, 64): "x86_64", (3, 32): "i386"}


def find(machine: int, elf_class: int) -> Arch | None:
    """The CPU that an ELF header names, or None if rdb does not know it.  `elf_class` is 32 or 64."""
    folder = _FOLDERS.get((machine, elf_class))
    if folder is None:
        return None
    arch: Arch = importlib.import_module(f"rdb.arch.{folder}").ARCH
    return arch
