"""System calls that nobody can describe, that signals interrupt, or that the kernel finishes later, under the record target."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rdb.events import Signalled
from rdb.session import Session
from tests.record.test_mappings import Picture, Pictures, pictures_at_markers, walk
from tests.record.test_record_target import recorded

Open = Callable[..., Session]
SIGALRM, SIGSEGV = 14, 11


def told(session: Open, subject: str, remarks: list[str]) -> Session:
    return recorded(
        lambda path, query: session(path, query=query, notify=lambda remark: remarks.append(str(remark))),
        "kernel_calls.c",
        arguments=subject,
    )


def there_and_back(debugging: Session) -> list[Picture]:
    pictures, taken = pictures_at_markers(debugging)
    # Rings come back under another name.
    assert walk(debugging, pictures, taken, names=False) == []
    return taken


def test_what_nobody_knows_is_recorded_by_comparison(session: Open) -> None:
    """A number that no kernel has and a request that no table has: recorded, marked, and told of once each."""
    remarks: list[str] = []
    debugging = told(session, "unknown", remarks)
    taken = there_and_back(debugging)
    assert len(taken) == 9
    about = [remark for remark in remarks if "comparing memory" in remark]
    assert len(about) == 2 and "unknown" in about[0] and "ioctl" in about[1], about
    status = debugging.record_status()
    assert status is not None and status.gaps == 4


@pytest.mark.parametrize(
    ("subject", "warned"), [("interrupted", ""), ("asynchronous", "asynchronous input and output"), ("ring", "io_uring")]
)
def test_there_and_back(session: Open, subject: str, warned: str) -> None:
    remarks: list[str] = []
    debugging = told(session, subject, remarks)
    assert len(there_and_back(debugging)) > 5
    warnings = [each for each in remarks if "between two system calls" in each]
    assert len(warnings) == bool(warned) and all(f"What {warned} " in each for each in warnings)


def test_a_signal_stops_behind_a_finished_call(session: Open) -> None:
    """What a call has mapped is in the record also where a signal came upon its end."""
    debugging = told(session, "interrupted", [])
    debugging.signals[SIGALRM] = debugging.signals[SIGSEGV]
    pictures = Pictures(debugging)
    start = pictures.take()
    seen = []
    for _ in range(6):
        stop = debugging.cont().stop
        if stop.reason(Signalled) is None:
            break
        seen.append(pictures.take())
    assert seen
    assert walk(debugging, pictures, [start, *seen]) == []
