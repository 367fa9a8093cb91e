"""Every change of the address space is taken back and done again: maps, what smaps tells besides, and every byte."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rdb.errors import CannotAccessMemory
from rdb.events import Exited
from rdb.linux import procfs
from rdb.record import mapped_files
from rdb.session import Session
from rdb.stops import BreakpointHit
from tests.oracle.recording import ENGINES, all_registers
from tests.oracle.test_promise import Recorded
from tests.record.engines import STEPS_ARE_LONG, choose
from tests.record.test_record_target import recorded

Open = Callable[..., Session]
PAGE = procfs.PAGE
SUBJECTS = {
    match[1]: match[2]
    for match in re.finditer(r'\{ "(\w+)", (\w+) \}', (Path(__file__).parent.parent / "programs" / "kernel_maps.c").read_text())
}
# Subjects whose shared memory nobody can hold without privileges: it comes back under another name and inode.
STANDS_IN = {"moving", "sharing", "attaching"}
DELETED = " (deleted)"
KERNEL_S_OWN = ("[vvar]", "[vvar_vclock]", "[vdso]", "[vsyscall]")


@dataclass(frozen=True)
class Picture:
    """The address space at one position: what is mapped how, and the bytes of each page (None: cannot be touched)."""

    position: int
    registers: dict[str, bytes]
    areas: tuple[procfs.Mapping, ...]
    pages: dict[int, bytes | None]

    def differences(self, now: Picture, names: bool = True) -> list[str]:
        """What is not `now` as it was here.  The kernel may have joined what were two mappings that are alike."""
        found = [f"{name} differs" for name, value in self.registers.items() if now.registers[name] != value]
        before, after = (picture._areas(names) for picture in (self, now))
        found += [f"was: {area}" for area in before if not any(_holds(other, area) for other in after)]
        found += [f"is: {area}" for area in joined(after) if area not in joined(before)]
        pages = self.pages.keys() | now.pages.keys()
        empty = bytes(PAGE)
        return found + [f"page {at:#x}" for at in sorted(pages) if self.pages.get(at, empty) != now.pages.get(at, empty)]

    def _areas(self, names: bool) -> list[procfs.Mapping]:
        return [area if names or not _is_nameless(area) else replace(area, name="", device="", inode=1) for area in self.areas]


def joined(areas: list[procfs.Mapping]) -> list[procfs.Mapping]:
    result: list[procfs.Mapping] = []
    for area in areas:
        if result and _holds(replace(result[-1], end=area.end), area) and result[-1].end == area.start:
            area = replace(result.pop(), end=area.end)
        result.append(area)
    return result


def _holds(whole: procfs.Mapping, part: procfs.Mapping) -> bool:
    start, end = max(whole.start, part.start), part.end
    offset = whole.offset + part.start - whole.start if whole.inode else 0
    return start == part.start and end <= whole.end and replace(whole, start=start, end=end, offset=offset) == part


def _is_nameless(area: procfs.Mapping) -> bool:
    return area.shared and not area.name.startswith("/tmp")


class Pictures:
    """Takes pictures of a recorded session; equal pages are kept once."""

    def __init__(self, debugging: Session) -> None:
        self.subject, self.debugging = Recorded(debugging), debugging
        self._known: dict[bytes, bytes] = {}

    def take(self) -> Picture:
        pid = self.subject.pid
        marks = procfs.marks(pid)
        areas = [
            replace(area, marks=marks.get(f"{area.start:08x}-{area.end:08x}", frozenset()), name=area.name.removesuffix(DELETED))
            for area in procfs.mappings(pid)
            if area.name not in KERNEL_S_OWN
        ]
        pages = dict(itertools.chain(*map(self._pages, areas)))
        # What grows by itself does not shrink.
        areas = [replace(area, start=0) if "gd" in area.marks else area for area in areas]
        return Picture(self.subject.position, all_registers(self.debugging.target, self.debugging.arch), tuple(areas), pages)

    def _pages(self, area: procfs.Mapping) -> Iterator[tuple[int, bytes | None]]:
        if area.size > 1 << 28:
            return
        for at in range(area.start, area.end, PAGE):
            try:
                page = self.subject.read_memory(at, PAGE)
            except CannotAccessMemory:
                yield at, None
                continue
            yield at, self._known.setdefault(page, page)


def pictures_at_markers(debugging: Session) -> tuple[Pictures, list[Picture]]:
    pictures = Pictures(debugging)
    taken = [pictures.take()]
    debugging.break_at("marker")
    while debugging.cont().reason(BreakpointHit):
        taken.append(pictures.take())
    return pictures, [*taken, pictures.take()]


def walk(debugging: Session, pictures: Pictures, taken: list[Picture], names: bool = True) -> list[str]:
    """Back and forth through all the pictures, twice, and from end to end; what was not as it had been."""
    last = len(taken) - 1
    order = [*range(last, -1, -1), *range(1, last + 1), *range(last, -1, -1), last, 0, last // 2, last, last // 3, last]
    faults: list[str] = []
    for number in order:
        debugging.record_goto(taken[number].position)
        faults += [f"at marker {number}: {each}" for each in taken[number].differences(pictures.take(), names)]
    return faults


@pytest.mark.parametrize("engine", STEPS_ARE_LONG)
@pytest.mark.parametrize("privileged", [True, False], ids=["privileged", "plain"])
@pytest.mark.parametrize("subject", SUBJECTS)
def test_there_and_back(
    session: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subject: str, privileged: bool, engine: str
) -> None:
    """As root, memory without a name can be held; nobody else can, and contents and permissions are the same all the same."""
    choose(engine, monkeypatch)
    if not privileged:
        monkeypatch.setattr(mapped_files, "BY_MAPPING", str(tmp_path / "nowhere"))
    debugging = recorded(session, "kernel_maps.c", arguments=f"{subject} {tmp_path}")
    pictures, taken = pictures_at_markers(debugging)
    assert len(taken) > 8
    assert walk(debugging, pictures, taken, names=privileged or subject not in STANDS_IN) == []


@pytest.mark.parametrize("subject", sorted(SUBJECTS.keys() - {"attaching"}))
def test_the_program_goes_on_from_the_past(session: Open, tmp_path: Path, subject: str) -> None:
    """What was brought back is as good as it was: the program comes to the same end again."""
    debugging = recorded(session, "kernel_maps.c", arguments=f"{subject} {tmp_path}")
    pictures, taken = pictures_at_markers(debugging)
    middle = len(taken) // 2
    debugging.record_goto(taken[middle].position)
    debugging.record_stop()
    for stoppoint in list(debugging.breakpoints):
        debugging.breakpoints.delete(stoppoint.number)
    assert debugging.cont().stop.reason(Exited) == Exited(0)


@pytest.mark.parametrize("change", ["written", "cut short", "nothing"])
def test_a_file_that_changes(session: Open, tmp_path: Path, change: str) -> None:
    """The pages that the program has written are exact whatever becomes of the file; a change is told, once."""
    told: list[str] = []
    kept = tmp_path / "kept"
    kept.touch()
    os.link(kept, tmp_path / "private")
    debugging = recorded(
        lambda path, query: session(path, query=query, notify=lambda remark: told.append(str(remark))),
        "kernel_maps.c",
        arguments=f"filing {tmp_path}",
    )
    pictures, taken = pictures_at_markers(debugging)
    if change == "written":
        with kept.open("r+b") as file:
            file.write(b"changed")
    elif change == "cut short":
        os.truncate(kept, PAGE)
    faults = walk(debugging, pictures, taken)
    warnings = [remark for remark in told if "changed" in remark]
    if change == "nothing":
        assert not faults and not warnings
    else:
        assert len(warnings) == 1 and "private has changed since it was mapped" in warnings[0]
        assert any("page 0x20000000" in fault or "page 0x20003000" in fault for fault in faults)
        assert not [fault for fault in faults if re.match("at marker [3-9].*page 0x2000[12]000", fault)]


@pytest.mark.parametrize("engine", ENGINES)
def test_marks_are_those_of_the_program(
    session: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """Not of our own mappings, which are not in maps: marks of what is not there are a reason to look again, which is dear."""
    choose(engine, monkeypatch)
    debugging = recorded(session, "kernel_maps.c", arguments=f"moving {tmp_path}")
    debugging.cont()
    pid = debugging.target.pid
    assert procfs.marks(pid).keys() <= {line.partition(" ")[0] for line in procfs.maps(pid)}
