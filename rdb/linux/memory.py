"""How much memory there is: /proc/meminfo, and the memory limits of the control groups that we are in.

Sources: proc_meminfo(5), cgroups(7), Linux's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

# Where each version of control groups says what a group may have.
_UNIFIED, _FORMER = ("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")


def available() -> int:
    """How many bytes there are for us and those we start: what is free, or the limit of our control group if that is less."""
    return min([_machine(), *_groups()])


def _machine() -> int:
    for line in _lines("/proc/meminfo"):
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) << 10
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _groups() -> Iterator[int]:
    """The limits of our groups, and of those that these are in."""
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        root, name = _FORMER if controllers else _UNIFIED
        parts = [part for part in path.split("/") if part]
        for count in range(len(parts) + 1):
            limit = _number("/".join((root, *parts[:count], name)))
            if limit is not None:
                yield limit


def _number(path: str) -> int | None:
    text = next(iter(_lines(path)), "")
    return int(text) if text.isdecimal() else None


def _lines(path: str) -> list[str]:
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []
