"""What a watched expression depends on: the frame of its locals, or a fixed place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from rdb.errors import RdbError
from rdb.expr import nodes
from rdb.expr.evaluate import evaluate_node
from rdb.expr.scope import Scope
from rdb.symbols.locations import InMemory, locate
from rdb.symbols.unwind import Frame


def names(node: object) -> Iterator[str]:
    """The plain names that occur in an expression."""
    if isinstance(node, nodes.Name):
        yield node.name
    elif isinstance(node, tuple):
        for part in node:
            yield from names(part)
    elif dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            yield from names(getattr(node, field.name))


def frame_of_locals(node: nodes.Node, scope: Scope) -> Frame | None:
    """The selected frame, if the expression uses one of its locals or arguments."""
    frame = scope.frame
    if frame is None:
        return None
    used = set(names(node))
    for block in scope.table.locals_at(frame.lookup_pc, frame.inlined_out):
        for variable in block.variables:
            if variable.name in used and not isinstance(locate(variable, None, scope.table), InMemory):
                return frame
    return None


def location_node(node: nodes.Node, scope: Scope) -> nodes.Node:
    """An expression for the object where the value of `node` lies now, which means the same in every frame."""
    value = evaluate_node(node, scope)
    if value.address is None:
        raise RdbError("Attempt to take address of value not located in memory.")
    return nodes.At(value.type, value.address)
