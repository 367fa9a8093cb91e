"""Stepping through a range of code (a source line) that takes long: a loop need not be left for millions of instructions.

Translated code runs through blocks and does not look where it is.  So the range is looked at beforehand: the addresses outside to
which its instructions lead directly are stopped at, and so are, in front of them, the instructions in it that may lead anywhere;
those are executed by single steps.  As long as nothing else happens the thread is within the range, then.
"""

from __future__ import annotations

from typing import NamedTuple

from rdb.address import Range
from rdb.arch.base import Arch, Flow

# A range that is longer is no line.
_LONGEST = 1 << 14
_ANYWHERE = (Flow.INDIRECT_JUMP, Flow.INDIRECT_CALL, Flow.RETURN)


class Limits(NamedTuple):
    """The instructions that a range of code consists of, and the addresses in it and around it that must be stopped at."""

    instructions: frozenset[int]
    stops: frozenset[int]


def limits(arch: Arch, code: bytes, within: Range) -> Limits | None:
    """Those of a range of code, which `code` is; None if it cannot be told."""
    if not len(code) == within.end - within.start <= _LONGEST:
        return None
    instructions, stops, at = set(), set(), within.start
    while at in within:
        effects = arch.effects(code[at - within.start :], at)
        if not effects.length:
            return None
        instructions.add(at)
        if effects.flow in _ANYWHERE:
            stops.add(at)
        elif effects.target is not None and effects.target not in within:
            stops.add(effects.target)
        at += effects.length
    return Limits(frozenset(instructions), frozenset({*stops, at}))
