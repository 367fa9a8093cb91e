"""Where a program may find other code than it found before, without a recorded store to that address.

A mapping that is shared may be written to by anybody, and at another address.  So may a private mapping of a file that is mapped
shared and writable as well: until a page of it is written to, it is the file's.  All other code changes by stores to it, or where
somebody says so: a change of mappings, a system call, the user.
"""

from __future__ import annotations

import bisect

from rdb.linux import procfs
from rdb.linux.procfs import Mapping


class CodeMap:
    """The mappings of a process as they were when somebody last said that they had changed."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.look()

    def look(self) -> None:
        """They may have changed."""
        self.mappings = procfs.address_space(self._pid)
        self._starts = [mapping.start for mapping in self.mappings]
        self._written = {_file(each) for each in self.mappings if each.shared and each.writable and each.inode}

    def at(self, address: int) -> Mapping | None:
        """The mapping that has a byte."""
        index = bisect.bisect_right(self._starts, address) - 1
        return self.mappings[index] if index >= 0 and address < self.mappings[index].end else None

    def has_two_addresses(self, mapping: Mapping) -> bool:
        """Whether what a mapping holds can change by a store to another address."""
        return mapping.shared or _file(mapping) in self._written

    def can_change(self, mapping: Mapping) -> bool:
        """Whether what a mapping holds can change by stores."""
        return mapping.writable or self.has_two_addresses(mapping)


def _file(mapping: Mapping) -> tuple[str, int]:
    return mapping.device, mapping.inode
