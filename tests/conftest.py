"""What every test may use, and what a failing one tells.

* Nothing is kept from one test to another: where rdb would keep translated code, nothing can be written.
* `session` opens sessions, closes them afterwards, and fails the test if a child process is left behind.
* `script` is a list: whatever GDB command a test appends to it is printed as a script when the test fails.
* A failing test prints the command that runs it again.
"""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rdb.session import Session

SCRIPT: pytest.StashKey[list[str]] = pytest.StashKey()
os.environ["XDG_CACHE_HOME"] = os.devnull


def children() -> set[int]:
    """The process ids of this process's children, living and unreaped (proc(5), /proc/pid/task/tid/children)."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            found.update(int(pid) for pid in (task / "children").read_text().split())
        except FileNotFoundError:
            continue  # the thread has ended meanwhile
    return found


def end(pid: int) -> None:
    """Kill and reap one child of ours."""
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


@pytest.fixture
def session() -> Iterator[Callable[..., Session]]:
    """A factory of sessions: `session(path)` opens one with that program loaded, `session()` an empty one."""
    from rdb.session import Session

    before = children()
    opened: list[Session] = []

    def open_session(program: str | Path | None = None, **options: Any) -> Session:
        opened.append(Session(**options))
        if program is not None:
            opened[-1].load(str(program))
        return opened[-1]

    yield open_session
    for each in reversed(opened):
        each.close()
    left = children() - before
    for pid in left:
        end(pid)
    assert not left, f"the session left {len(left)} child process(es) behind: {sorted(left)}"


@pytest.fixture
def script(request: pytest.FixtureRequest) -> list[str]:
    """The GDB commands that the test has given so far, as far as it appends them here."""
    item: pytest.Item = request.node
    return item.stash.setdefault(SCRIPT, [])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        marks = ["-m", "long"] if item.get_closest_marker("long") else []
        report.sections.append(("reproduce", shlex.join([".venv/bin/python", "-m", "pytest", "-q", *marks, item.nodeid])))
        if commands := item.stash.get(SCRIPT, []):
            # pytest-xdist cannot send what is no text.
            told = "\n".join(commands).encode(errors="backslashreplace").decode()
            report.sections.append(("the session as a script for rdb or gdb", told))
    return report
