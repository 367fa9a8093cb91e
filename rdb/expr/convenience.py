"""The convenience variables: what the user and the commands stored, and a few that are computed each time they are asked for.

The computed ones are not in the dictionary and cannot be assigned to.
"""

from __future__ import annotations

from collections.abc import Callable

from rdb.expr.value import Value


class Convenience(dict[str, Value]):
    """By name without the dollar; what `computed` gives may be None: then there is no such variable now."""

    def __init__(self) -> None:
        super().__init__()
        self.computed: dict[str, Callable[[], Value | None]] = {}

    def __missing__(self, name: str) -> Value:
        value = self.computed[name]()
        if value is None:
            raise KeyError(name)
        return value

    def get(self, name: str, default: Value | None = None) -> Value | None:  # type: ignore[override]
        """The value of a variable, stored or computed."""
        try:
            return self[name]
        except KeyError:
            return default
