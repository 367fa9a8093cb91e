"""What becomes of the user's breakpoints and watchpoints when the process executes another program.

Places are looked up again by name in the new program's symbols, and watched expressions are evaluated there, as in GDB.  What the
new program does not have is disabled, which is told; it stays in the table for the day when the old program is run again.  A
watchpoint on locals goes with its frame.
"""

from __future__ import annotations

from collections.abc import Iterable

from rdb.breakpoints import Breakpoint, BreakpointTable, Stoppoint, Watchpoint
from rdb.errors import RdbError
from rdb.expr.evaluate import evaluate_traced
from rdb.state import State
from rdb.symbols.linespec import resolve


def leave(table: BreakpointTable) -> list[Stoppoint]:
    """The old program is gone: forget where its breakpoints were; those that must be looked for in the new one."""
    places = [each for each in table.breakpoints if each.is_named and not each.spec.startswith("*") and not each.pending]
    for breakpoint in places:
        breakpoint.locations, breakpoint.pending = [], True
    for watchpoint in table.watchpoints:
        if watchpoint.frame is not None:
            table.delete(watchpoint.number)
    return [*places, *table.watchpoints]


def disable_missing(stoppoints: Iterable[Stoppoint], program: State) -> Iterable[str]:
    """Disable those that do not exist in the new program; a sentence about each."""
    for stoppoint in stoppoints:
        try:
            if isinstance(stoppoint, Breakpoint) and stoppoint.pending:
                resolve(program.table, stoppoint.spec, stoppoint.default)
            elif isinstance(stoppoint, Watchpoint) and stoppoint.node is not None:
                evaluate_traced(stoppoint.node, program)
        except RdbError as error:
            stoppoint.enabled = False
            yield f"Error in re-setting breakpoint {stoppoint.number}: {error}"
