"""The table of what renders which type of data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from rdb.settings import Settings

Renderer = Callable[[Any, Settings], str]
RendererT = TypeVar("RendererT", bound=Renderer)
RENDERERS: dict[type, Renderer] = {}


def renders(kind: type) -> Callable[[RendererT], RendererT]:
    """Declare the decorated function as what writes data of `kind`; its text ends with a newline if it should."""

    def declare(function: RendererT) -> RendererT:
        RENDERERS[kind] = function
        return function

    return declare
