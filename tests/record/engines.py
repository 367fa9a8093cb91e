"""Tests of the record target run with each engine: `from tests.record.engines import engine` makes them do so."""

from __future__ import annotations

import dataclasses

import pytest

from rdb import settings
from tests.oracle.recording import ENGINES

SETTING = "record full engine"


@pytest.fixture(params=ENGINES, autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The engine of all sessions of a test."""
    chosen: str = request.param
    monkeypatch.setattr(settings, "TABLE", [use(each, chosen) for each in settings.TABLE])
    return chosen


def use(setting: settings.Setting, chosen: str) -> settings.Setting:
    return dataclasses.replace(setting, default=chosen) if setting.name == SETTING else setting
