"""Data that commands yield, as the text that GDB would print.

`render` finds the function for a datum's type in one table; each module of this package fills it for its own types.
"""

from __future__ import annotations

import importlib

from rdb.render.table import RENDERERS
from rdb.settings import Settings

MODULES = ("messages", "values", "frames", "tables")


def render(datum: object, settings: Settings) -> str:
    """The text of a datum; a string is a message and gets its newline."""
    if isinstance(datum, str):
        return datum + "\n"
    if not RENDERERS:
        for name in MODULES:
            importlib.import_module(f"rdb.render.{name}")
    for kind in type(datum).__mro__:
        if kind in RENDERERS:
            return RENDERERS[kind](datum, settings)
    raise TypeError(f"nothing renders {type(datum).__name__}")
