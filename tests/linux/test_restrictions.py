"""A program under seccomp filters of its own: nobody makes it perform a call that would be its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rdb.errors import CallsRestricted, PtraceFailed
from rdb.linux import ptrace
from rdb.linux.inject import Injector
from rdb.session import Session
from tests.build import program

Open = Callable[..., Session]


def stopped(session: Open, function: str) -> tuple[Session, Injector]:
    """The program in front of a function, and who makes calls in it."""
    debugging = session(program("oracle_seccomp.c", "-O0", "-g"))
    debugging.run(stop_at=function)
    process = debugging.need_process()
    return debugging, Injector(process.thread, debugging.arch, process.memory, process.options)


def test_without_filters_of_its_own_nothing_is_suspended(session: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    _, injector = stopped(session, "restrict_calls")
    monkeypatch.setattr(ptrace, "set_options", None)
    assert injector.call("getpid") == injector.pid


def test_who_may_not_suspend_filters_makes_no_call(session: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    debugging, injector = stopped(session, "mix")

    def refuse(pid: int, options: ptrace.Option) -> None:
        raise PtraceFailed("SETOPTIONS", pid, 1, "Operation not permitted")

    monkeypatch.setattr(ptrace, "set_options", refuse)
    with pytest.raises(CallsRestricted, match="restricted its own system calls"):
        injector.call("getpid")
    assert debugging.need_process().threads() == [injector.pid]
