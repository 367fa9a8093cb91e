"""A translation as plain numbers, for a file: without its code, and with addresses counted from a base."""

from __future__ import annotations

import marshal
from typing import Any

from rdb.arch.base import Bank, Piece
from rdb.arch.translation import Fix, Holds, Jump, Stage, Translation, Write


def told(translation: Translation, base: int) -> bytes:
    """All of a translation but its code."""
    return marshal.dumps(_plain(_moved(translation, -base)._replace(code=b"")))


def retold(data: bytes, base: int, code: bytes) -> Translation:
    """The translation of which `told` made `data`, for a program whose base is at `base`."""
    plain = Translation._make(marshal.loads(data))
    translation = plain._replace(
        code=code,
        registers=tuple(Piece(Bank(bank), offset, size) for bank, offset, size in plain.registers),
        writes=tuple(map(Write._make, plain.writes)),
        jumps=tuple(map(Jump._make, plain.jumps)),
        stage=Stage._make(plain.stage),
        fixes=tuple(Fix(Holds(holds), at) for holds, at in plain.fixes),
    )
    return _moved(translation, base)


def _moved(translation: Translation, by: int) -> Translation:
    """The same with every address `by` higher."""
    return translation._replace(
        addresses=tuple(address + by for address in translation.addresses),
        end=translation.end + by,
        jumps=tuple(jump._replace(target=jump.target + by) for jump in translation.jumps),
        returns=None if translation.returns is None else translation.returns + by,
    )


def _plain(value: Any) -> Any:
    """The same value without any type of ours."""
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
