"""docs/commands.md is what the registry says today."""

from __future__ import annotations

from pathlib import Path

from rdb.commands.reference import reference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == reference(), "write it anew: make docs"
