"""Values of the debugged program."""

from __future__ import annotations

from rdb.commands.answers import ShownValue
from rdb.render.table import renders
from rdb.settings import Settings


@renders(ShownValue)
def shown_value(datum: ShownValue, settings: Settings) -> str:
    from rdb.expr.format import format_value

    return f"{datum.lead}{format_value(datum.value, datum.scope, datum.letter)}{datum.tail}"
