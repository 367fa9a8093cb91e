"""What handlers answer with, where a sentence does not do: data for rdb.render."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Raw:
    """Text printed as it stands, without a newline of its own."""

    text: str
