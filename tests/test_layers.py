"""The house is built in storeys, and imports run downwards only.

STOREYS is the import table of the design, lowest first.  A module may import its own room, and rooms on lower storeys; rooms on
one storey do not know each other, save the ground floor, whose files are all plain vocabulary.  Imports inside functions count
too: being lazy makes an import later, not allowed.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

STOREYS: tuple[tuple[str, ...], ...] = (
    ("errors", "events", "address", "settings", "interruption"),
    ("arch",),
    ("linux",),
    ("target",),
    ("record",),
    ("symbols",),
    ("expr",),
    ("breakpoints", "libraries", "returned", "threads", "watching"),
    ("stops",),
    ("legs", "watchpoints"),
    ("walks",),
    ("run_control",),
    ("debuggee",),
    ("state",),
    ("inferior", "new_image"),
    ("family",),
    ("threaded",),
    ("stopping",),
    ("session",),
    ("commands",),
    ("render",),
    ("repl",),
    ("cli",),
)
GROUND = STOREYS[0]

# Exceptions from the general rule, each tighter than it: what a room may import of rdb, itself included.
ONLY = {"arch": {"arch", "errors"}}

# Who may import what others wrote.
OUTSIDE = {
    "capstone": {"arch"},
    "iced_x86": {"arch"},
    "ptrace": {"linux"},
    "elftools": {"symbols"},
    "numpy": {"record", "symbols"},
    "prompt_toolkit": {"repl"},
    "pygments": {"repl"},
}
HEAVY = tuple(OUTSIDE)


def storey(room: str) -> int:
    """How high a room lies; fails for a room that the table does not know."""
    for height, rooms in enumerate(STOREYS):
        if room in rooms:
            return height
    raise AssertionError(f"rdb.{room} is on no storey: add it to STOREYS in {Path(__file__).name}")


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the product: its dotted name (without the leading rdb.) and its file."""
    for folder, prefix in ((ROOT / "rdb", ()), (ROOT / "arch", ("arch",))):
        for path in sorted(folder.rglob("*.py")):
            parts = (*prefix, *path.relative_to(folder).with_suffix("").parts)
            if parts[0] == "arch" and not prefix:
                continue  # the symbolic link rdb/arch
            yield ".".join(part for part in parts if part != "__init__"), path


def imports(name: str, path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of all that a file imports, wherever in the file; a relative name is made absolute."""
    package = ["rdb", *name.split(".")] if path.name == "__init__.py" else ["rdb", *name.split(".")[:-1]]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{source}.{alias.name}"


def breach(importer: str, imported: str) -> str | None:
    """Why `importer` (a room) must not import `imported` (a dotted name), or None if it may."""
    top, _, rest = imported.partition(".")
    if top in OUTSIDE and importer not in OUTSIDE[top]:
        return f"{top} belongs to {', '.join(sorted(OUTSIDE[top]))}"
    if top in ("arch", "tests", "benchmarks", "examples"):
        return "no such name inside the product" if top != "arch" else "its name is rdb.arch"
    if top != "rdb" or rest in ("", "__version__"):
        return None
    room = rest.partition(".")[0]
    if importer in ONLY:
        return None if room in ONLY[importer] else f"{importer} sees only {', '.join(sorted(ONLY[importer]))}"
    if room == importer or (room in GROUND and importer in GROUND) or storey(room) < storey(importer):
        return None
    return f"{room} is not below {importer}"


@pytest.mark.parametrize(("name", "path"), [pytest.param(*each, id=each[0] or "rdb") for each in modules()])
def test_imports_run_downwards(name: str, path: Path) -> None:
    room = name.partition(".")[0]
    found = list(imports(name, path))
    if not room or room.startswith("__"):  # rdb/__init__.py is the ground itself; __main__ is the door
        assert name == "__main__" or not [line for line, imported in found if imported.startswith("rdb.")]
        return
    storey(room)
    where = path.relative_to(ROOT)
    breaches = [f"{where}:{line}: {imported}: {why}" for line, imported in found if (why := breach(room, imported))]
    assert not breaches, "\n".join(breaches)


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("target", "rdb.linux.ptrace", True),
        ("linux", "rdb.target.base", False),
        ("linux", "rdb.arch.base", True),
        ("events", "rdb.address", True),
        ("arch", "rdb.errors", True),
        ("arch", "rdb.events", False),
        ("expr", "rdb.symbols.types", True),
        ("symbols", "rdb.expr.value", False),
        ("commands", "prompt_toolkit", False),
        ("target", "arch.base", False),
    ],
)
def test_the_table_itself(importer: str, imported: str, allowed: bool) -> None:
    assert (breach(importer, imported) is None) is allowed


def test_starting_up_imports_nothing_heavy() -> None:
    """`rdb --version` must answer at once; what it would have to import is measured in the design notes."""
    code = f"import sys, rdb.cli; print(*[each for each in {HEAVY!r} if each in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
