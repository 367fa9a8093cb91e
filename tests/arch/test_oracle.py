"""A slice of the instruction oracle; `make fuzz` runs it for as long as one likes."""

from __future__ import annotations

import platform

import pytest

from tests.oracle import instructions

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an x86-64 CPU")


@pytest.mark.parametrize("bits", [64, 32])
def test_everything_that_changes_is_declared(bits: int) -> None:
    report = instructions.run(12_000, seed=20, bits=bits)
    assert list(report.misses.values()) == []
    assert len(report.executed) > 2_000


def test_the_oracle_notices_what_is_not_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    from rdb.arch.base import Effects
    from rdb.arch.x86_64 import effects as decoder

    true = decoder.effects

    def blind(code: bytes, address: int) -> Effects:
        found = true(code, address)
        return Effects(
            length=found.length, flow=found.flow, target=found.target, overruns=found.overruns, repeated=found.repeated
        )

    monkeypatch.setattr(decoder, "effects", blind)
    report = instructions.run(2_000, seed=3)
    assert {"rax", "eflags", "memory", "xmm", "mxcsr"} <= {what.removeprefix("fault ") for _, what in report.misses}
