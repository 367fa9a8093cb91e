"""Brings the modules of all groups together; importing them declares their commands."""

from __future__ import annotations

import importlib

MODULES = (
    "guidance", "scripting", "settings_commands", "files", "running", "inferiors", "stopping", "catching", "stack", "data",
    "source", "machine_code", "record", "info", "signals", "threads", "apply", "maintenance",
)


def load() -> None:
    """Declare every command of rdb."""
    for name in MODULES:
        importlib.import_module(f"rdb.commands.{name}")
