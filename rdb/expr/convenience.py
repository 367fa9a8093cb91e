"""The convenience variables: what the user and the commands stored, and a few that are computed each time they are asked for.

The computed ones are not in the dictionary and cannot be assigned to.
"""

from __future__ import annotations

from collections.abc import Callable

from rdb.expr.convert import make
from rdb.expr.value import Value
from rdb.symbols.types import INT


class Convenience(dict[str, Value]):
    """By name without the dollar; `computed` gives ints."""

    def __init__(self) -> None:
        super().__init__()
        self.computed: dict[str, Callable[[], int]] = {}

    def __missing__(self, name: str) -> Value:
        return make(INT, self.computed[name]())

    def get(self, name: str, default: Value | None = None) -> Value | None:  # type: ignore[override]
        """The value of a variable, stored or computed."""
        try:
            return self[name]
        except KeyError:
            return default
