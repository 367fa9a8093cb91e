"""What the documents say is so: links lead somewhere, make targets exist, and sessions read as rdb really answers.

A fenced block that opens with ```session NAME is a stretch of a session with examples/NAME.c; the blocks of one document with one
NAME are one session.  After a change that is right: python -m tests.test_docs DOCUMENT... writes the answers anew.  A block of
Python is run where the examples lie compiled; what it prints is what the comments behind its print statements say.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples import play

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_SESSIONS = [path for path in DOCUMENTS if "```session " in path.read_text()]
WITH_PYTHON = [path for path in DOCUMENTS if "```python\n" in path.read_text()]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

BLOCK = re.compile(r"^```session (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"^ *print\(.*\)  # (.*)$", re.MULTILINE)
LINK = re.compile(r"\[[^]]*\]\(([^)#]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"`make ([a-z][a-z-]*)")


def answers(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each session block of a document, with its body as rdb answers now."""
    sessions: dict[str, play.Debugger] = {}
    try:
        for block in BLOCK.finditer(text):
            name = block[1]
            program = str(play.build(name))
            if name not in sessions:
                sessions[name] = play.Debugger([sys.executable, "-m", "rdb", "-q", "-nx", program])
            commands = [line.removeprefix("(rdb) ") for line in block[2].splitlines() if line.startswith("(rdb) ")]
            body = "".join(f"(rdb) {line}\n{sessions[name].ask(line)}" for line in commands)
            yield block, body.replace(program, name)
    finally:
        for session in sessions.values():
            session.close()


@pytest.mark.parametrize("path", WITH_SESSIONS, ids=lambda path: path.name)
def test_sessions_are_real(path: Path) -> None:
    blocks = list(answers(path.read_text()))
    assert [play.fold(block[2]) for block, _ in blocks] == [play.fold(body) for _, body in blocks]


@pytest.mark.parametrize("path", WITH_PYTHON, ids=lambda path: path.name)
def test_python_runs(path: Path, tmp_path: Path) -> None:
    for source in play.HERE.glob("*.c"):
        (tmp_path / source.stem).symlink_to(play.build(source.stem))
    for code in PYTHON.findall(path.read_text()):
        command = [sys.executable, "-c", code]
        run = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
        assert (run.stdout.splitlines(), run.stderr) == (PRINTED.findall(code), "")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    links = [link for link in LINK.findall(path.read_text()) if not link.startswith(("http:", "https:"))]
    assert not [link for link in links if not (path.parent / link).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert not set(MAKE.findall(path.read_text())) - targets


def rewrite(path: Path) -> None:
    """Put rdb's answers of today into the sessions of a document."""
    text = path.read_text()
    for block, body in reversed(list(answers(text))):
        text = text[: block.start(2)] + body + text[block.end(2) :]
    path.write_text(text)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite(Path(name))
