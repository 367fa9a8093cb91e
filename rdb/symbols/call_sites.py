"""Calls as the compiler describes them (DWARF 5, 3.4): what is called, with which arguments, and whether the caller stayed.

From these come the values that parameters had on entry, and the frames of functions that left by a jump (tail calls): the stack
does not hold them, but if only one chain of tail calls leads from the function that was called to the one that is running, it
is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rdb.symbols.dies import DAMAGE, Die
from rdb.symbols.functions import Function

if TYPE_CHECKING:
    from rdb.symbols.table import SymbolTable

_CALL_SITES = ("DW_TAG_call_site", "DW_TAG_GNU_call_site")
_PARAMETERS = ("DW_TAG_call_site_parameter", "DW_TAG_GNU_call_site_parameter")
_BLOCKS = ("DW_TAG_lexical_block", "DW_TAG_inlined_subroutine")
_MOST_CHAINS = 64
_LONGEST_CHAIN = 24


@dataclass(frozen=True)
class CallSite:
    """A call that returns to `return_pc`, a run-time address, or, if `tail`, would return there but leaves for good."""

    return_pc: int
    tail: bool
    die: Die = field(repr=False)

    def parameter(self, location: bytes) -> bytes | None:
        """The expression for what was passed in the place that `location` names, if the compiler knew."""
        for child in self.die.children():
            if child.tag in _PARAMETERS and child.get("DW_AT_location") == location:
                value = child.get("DW_AT_call_value", child.get("DW_AT_GNU_call_site_value"))
                return value if isinstance(value, bytes) else None
        return None

    @property
    def target_expression(self) -> bytes | None:
        """Where an indirect call goes, as an expression in the caller."""
        value = self.die.get("DW_AT_call_target", self.die.get("DW_AT_GNU_call_site_target"))
        return value if isinstance(value, bytes) else None


def call_sites(function: Function) -> dict[int, CallSite]:
    """The call sites of a function by return address."""
    known: dict[int, CallSite] | None = function.__dict__.get("_call_sites")
    if known is None:
        try:
            known = {site.return_pc: site for site in _read(function.die, function.object.bias)}
        except DAMAGE:
            known = {}
        function.__dict__["_call_sites"] = known
    return known


def _read(die: Die, bias: int) -> Iterator[CallSite]:
    for child in die.children():
        if child.tag in _CALL_SITES:
            place = child.get("DW_AT_call_return_pc", child.get("DW_AT_low_pc"))
            if isinstance(place, int):
                tail = bool(child.get("DW_AT_call_tail_call") or child.get("DW_AT_GNU_tail_call"))
                yield CallSite(place + bias, tail, child)
        elif child.tag in _BLOCKS:
            yield from _read(child, bias)


def target_of(site: CallSite, caller: Function, table: SymbolTable) -> int | None:
    """The entry point of what a direct call calls; None for an indirect call or an unknown function."""
    try:
        origin = site.die.follow("DW_AT_call_origin") or site.die.follow("DW_AT_abstract_origin")
        if origin is None:
            return None
        function = caller.object.function(origin)
        if function is not None:
            return function.low
        name = _linkage_name(origin)
    except DAMAGE:
        return None
    symbols = [symbol for symbol in table.minimal(name) if symbol.kind == "text"] if isinstance(name, str) else []
    return symbols[0].address if symbols else None


def names(site: CallSite, caller: Function, callee: Function) -> bool:
    """Whether a direct call names a function of elsewhere, and `callee` bears that name.

    Then that is what it calls, and nobody needs to read the symbols of all objects to find out where it is.
    """
    try:
        origin = site.die.follow("DW_AT_call_origin") or site.die.follow("DW_AT_abstract_origin")
        if origin is None or caller.object.function(origin) is not None:
            return False
        return _linkage_name(origin) == _linkage_name(callee.die)
    except DAMAGE:
        return False


def _linkage_name(die: Die) -> object:
    return die.inherited("DW_AT_linkage_name") or die.name


def tail_callers(site: CallSite, caller: Function, callee: int, table: SymbolTable) -> list[tuple[Function, int]]:
    """The functions that were entered by `site` and left by tail calls until the one at `callee` runs, the latest first.

    Each comes with the address behind its jump.  Where several chains are possible only what they agree on counts: their common
    beginning and their common end.
    """
    start = target_of(site, caller, table)
    if start is None or start == callee:
        return []
    chains: list[list[tuple[Function, int]]] = []
    complete = _search(start, callee, table, [], chains)
    if not complete or not chains:
        return []
    prefix = _common(chains)
    shortest = min(len(chain) for chain in chains)
    suffix = _common([chain[::-1] for chain in chains])[: max(0, shortest - len(prefix))]
    return suffix + prefix[::-1]


def _common(chains: list[list[tuple[Function, int]]]) -> list[tuple[Function, int]]:
    """The steps with which all chains begin."""
    found = []
    for steps in zip(*chains):
        if any(step[1] != steps[0][1] for step in steps):
            break
        found.append(steps[0])
    return found


def _search(
    entry: int, callee: int, table: SymbolTable, path: list[tuple[Function, int]], chains: list[list[tuple[Function, int]]]
) -> bool:
    """Collect the chains of tail calls from the function at `entry` to `callee`; False if there may be more than can be seen."""
    function = table.function_at(entry)
    if function is None or function.low != entry or len(path) > _LONGEST_CHAIN or len(chains) > _MOST_CHAINS:
        return function is None
    if any(step[0] is function for step in path):
        return True
    for site in call_sites(function).values():
        target = target_of(site, function, table) if site.tail else None
        if target == callee:
            chains.append([*path, (function, site.return_pc)])
        elif target is not None and not _search(target, callee, table, [*path, (function, site.return_pc)], chains):
            return False
    return True


def may_call_itself_by_tail(function: Function, table: SymbolTable) -> bool:
    """Whether tail calls can lead from a function back to itself, so that its arguments may not be its caller's."""
    seen: set[int] = set()
    waiting = [function]
    while waiting:
        current = waiting.pop()
        for site in call_sites(current).values():
            target = target_of(site, current, table) if site.tail else None
            if target is None or target in seen:
                continue
            if target == function.low:
                return True
            seen.add(target)
            following = table.function_at(target)
            if following is not None:
                waiting.append(following)
    return False
