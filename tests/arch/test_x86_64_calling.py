"""Where returned values are (System V ABI, AMD64 supplement 3.2.3)."""

from __future__ import annotations

import pytest

from rdb.arch.base import Field
from rdb.arch.x86_64.calling import return_pieces

INT, LONG, FLOAT, DOUBLE = (4, "int"), (8, "int"), (4, "float"), (8, "float")


def fields(*members: tuple[int, int, str]) -> list[Field]:
    return [Field(offset, size, kind) for offset, size, kind in members]


@pytest.mark.parametrize(
    ("size", "members", "registers"),
    [
        (0, [], []),
        (1, [(0, 1, "int")], [("rax", 1)]),
        (4, [(0, 4, "int")], [("rax", 4)]),
        (8, [(0, 8, "float")], [("xmm0", 8)]),
        (4, [(0, 4, "float")], [("xmm0", 4)]),
        (16, [(0, 16, "x87")], [("st0", 16)]),
        (16, [(0, 8, "int"), (8, 8, "float")], [("rax", 8), ("xmm0", 8)]),
        (16, [(0, 8, "float"), (8, 8, "int")], [("xmm0", 8), ("rax", 8)]),
        (16, [(0, 8, "int"), (8, 8, "int")], [("rax", 8), ("rdx", 8)]),
        (16, [(0, 8, "float"), (8, 8, "float")], [("xmm0", 8), ("xmm1", 8)]),
        (12, [(0, 4, "float"), (4, 4, "float"), (8, 4, "float")], [("xmm0", 8), ("xmm1", 4)]),
        (8, [(0, 4, "float"), (4, 4, "int")], [("rax", 8)]),
        (16, [(0, 16, "float")], [("xmm0", 16)]),
        (32, [(0, 32, "x87")], [("st0", 16), ("st1", 16)]),
    ],
)
def test_values_in_registers(size: int, members: list[tuple[int, int, str]], registers: list[tuple[str, int]]) -> None:
    found = return_pieces(size, fields(*members))
    assert found is not None
    assert [(register.name, register.size) for register in found] == registers


@pytest.mark.parametrize(
    ("size", "members"),
    [
        (24, [(0, 8, "int"), (8, 8, "int"), (16, 8, "int")]),
        (9, [(0, 1, "int"), (1, 8, "int")]),
        (32, [(0, 16, "x87"), (16, 8, "int")]),
        (16, [(0, 16, "x87"), (0, 4, "int")]),
    ],
)
def test_values_in_memory(size: int, members: list[tuple[int, int, str]]) -> None:
    assert return_pieces(size, fields(*members)) is None
