"""maint: looking at rdb itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.commands.registry import command, prefix

if TYPE_CHECKING:
    from rdb.commands.console import Console

prefix("maintenance", "mt", group="internals", help="Commands for those who work on rdb.")
prefix("maintenance print", group="internals", help="Print what rdb keeps inside.")
prefix("target", group="running", help="Choose what is debugged.")


@command("maintenance print target-stack", group="internals")
def print_target_stack(console: Console, arguments: str) -> Iterator[str]:
    """Print the target stack: who answers first, and who beneath."""
    yield "The current target stack is:"
    for target in console.session.targets:
        yield f"  - {target.name} ({target.title})"
    yield "  - None (None)"
