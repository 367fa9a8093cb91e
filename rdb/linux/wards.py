"""Processes whose parent we are although they run on their own: somebody must wait for them when they have ended.

They are programs that we have started and let go, and children that such a program has made by CLONE_PARENT.
"""

from __future__ import annotations

import os

from rdb.errors import NoProcess
from rdb.linux import procfs, ptrace

_WARDS: set[int] = set()


def let_go(pid: int) -> None:
    """A process goes its own way from here on; if it is our child it will be waited for."""
    reap()
    try:
        if procfs.status(pid).get("PPid") == str(os.getpid()):
            _WARDS.add(pid)
    except NoProcess:
        pass


def reap() -> None:
    """Take the statuses of those that have ended."""
    for pid in list(_WARDS):
        try:
            found, status = os.waitpid(pid, os.WNOHANG | ptrace.WAIT_ALL)
        except ChildProcessError:
            _WARDS.discard(pid)
            continue
        if found and not os.WIFSTOPPED(status):
            _WARDS.discard(pid)
