"""Plain pieces of text."""

from __future__ import annotations

from rdb.commands.answers import Raw
from rdb.render.table import renders
from rdb.settings import Settings


@renders(Raw)
def raw(datum: Raw, settings: Settings) -> str:
    return datum.text
