"""Where Ctrl-C, or being told to end, may break off what rdb does: an exception that a signal handler raises anywhere would leave
things apart that belong together, the log and the machine, a process and what is known of it, what was read and what is kept.

So nothing is broken off but what says so (`breakable`), and within that not what must be done as a whole (`whole`).  An exception
that comes elsewhere waits for the next place where it may be raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class _State:
    """`breakable`: whether an exception may be raised now; `waiting`: the one that could not be."""

    breakable = False
    waiting: BaseException | None = None


def break_off(exception: BaseException) -> None:
    """For a signal handler: raise `exception`, now or as soon as that may be."""
    if _State.breakable:
        raise exception
    _State.waiting = exception


@contextmanager
def breakable() -> Iterator[None]:
    """What may be broken off at any moment, without harm."""
    with _while(True):
        yield


@contextmanager
def whole() -> Iterator[None]:
    """What must be done to its end once it has begun."""
    with _while(False):
        yield


@contextmanager
def _while(breakable: bool) -> Iterator[None]:
    before, _State.breakable = _State.breakable, breakable
    try:
        _raise_what_waits()
        yield
    finally:
        _State.breakable = before
    _raise_what_waits()


def _raise_what_waits() -> None:
    exception = _State.waiting
    if exception is not None and _State.breakable:
        _State.waiting = None
        raise exception
