"""Writes docs/commands.md from the command tree and the table of settings: python -m rdb.commands.reference > docs/commands.md"""

from __future__ import annotations

from collections.abc import Iterator

from rdb.commands import everything
from rdb.commands.guidance import runs
from rdb.commands.registry import GROUPS, Node, Registry
from rdb.settings import TABLE, Setting

INTRODUCTION = """\
# Commands

The commands of rdb, as `help` tells them; they are GDB's, and so are the rules: a command may be shortened as long as it stays
unambiguous, a format is glued to its command (`print/x n`), an empty line repeats the last command, `#` begins a comment.

This page is written by `make docs`.
"""
OMITTED = ("aliases", "user-defined")
GENERATED = ("set", "show")             # their children are the settings, which have a table of their own


def reference() -> str:
    """The whole page."""
    everything.load()
    registry = Registry()
    parts = [INTRODUCTION]
    for group, meaning in GROUPS.items():
        if group not in OMITTED:
            parts.append("\n".join([f"## {meaning.rstrip('.')}", "", *_entries(registry, group)]))
    parts.append("\n".join(["## Settings", "", "`set NAME VALUE` changes a setting, `show NAME` tells it.", "",
                            "| setting | value | default | meaning |", "|---|---|---|---|", *map(_row, TABLE)]) + "\n")
    return "\n".join(parts)


def _entries(registry: Registry, group: str) -> Iterator[str]:
    for node in registry.walk():
        if node.declaration.group == group and runs(node) and not _is_setting(node):
            yield _entry(node)


def _is_setting(node: Node) -> bool:
    """Whether the node only changes or shows a row of the table of settings (or leads to such)."""
    stem, _, rest = node.name.partition(" ")
    names = [setting.name for setting in TABLE]
    return stem in GENERATED and any(name == rest or name.startswith(rest + " ") for name in names if rest)


def _entry(node: Node) -> str:
    declaration = node.declaration
    usage = f"{node.name} {declaration.arguments}".strip()
    aliases = ", ".join(f"`{name}`" for name in node.names()[1:])
    summary, _, rest = declaration.help.partition("\n")
    lines = [f"### `{usage}`", "", summary + (f" Also: {aliases}." if aliases else "")]
    if rest:
        lines += ["", rest]
    return "\n".join([*lines, ""])


def _row(setting: Setting) -> str:
    takes = setting.kind.takes.replace("|", " \\| ")
    return f"| `{setting.name}` | {takes} | {setting.kind.spell(setting.default) or 'empty'} | {setting.meaning} |"


if __name__ == "__main__":
    print(reference(), end="")
