"""Tests of the record target run with each engine: `from tests.record.engines import engine` makes them do so."""

from __future__ import annotations

import dataclasses

import pytest

from rdb import settings
from tests.oracle.recording import ENGINES

SETTING = "record full engine"
# For tests that take seconds: by single steps they are among the long ones.
STEPS_ARE_LONG = [pytest.param(each, marks=pytest.mark.long) if each == "step" else each for each in ENGINES]


@pytest.fixture(params=ENGINES, autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The engine of all sessions of a test."""
    chosen: str = request.param
    choose(chosen, monkeypatch)
    return chosen


def choose(chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an engine that of all sessions from here on."""
    monkeypatch.setattr(settings, "TABLE", [use(each, chosen) for each in settings.TABLE])


def use(setting: settings.Setting, chosen: str) -> settings.Setting:
    return dataclasses.replace(setting, default=chosen) if setting.name == SETTING else setting
