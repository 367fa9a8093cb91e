"""What is outside the program when it goes live from the past: what can be put back is, to the byte; the rest is told once."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rdb.errors import RdbError
from rdb.linux import procfs
from rdb.session import Session
from rdb.stops import BreakpointHit
from tests.build import program
from tests.i386.build import program32

Open = Callable[..., Session]


@dataclass(frozen=True)
class Surroundings:
    """What /proc tells of what the kernel keeps for a process: (name, offset, flags) by descriptor, and the rest by its name."""

    descriptors: dict[int, tuple[str, str, str]]
    rest: dict[str, str]

    @classmethod
    def of(cls, pid: int) -> Surroundings:
        place = Path(f"/proc/{pid}")
        descriptors = {}
        for each in (place / "fd").iterdir():
            offset, flags, *_ = (place / "fdinfo" / each.name).read_text().splitlines()
            descriptors[int(each.name)] = (os.readlink(each), offset, flags)
        status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
        rest = {"cwd": os.readlink(place / "cwd"), "limits": (place / "limits").read_text()}
        return cls(descriptors, {**rest, **{name: status[name] for name in ("Umask", "Name", "SigCgt", "SigIgn")}})


class Told(list[str]):
    """The remarks of a session that are about what has moved on."""

    def __call__(self, remark: object) -> None:
        if isinstance(remark, str) and ("moved on" in remark or remark.startswith("Put back")):
            self.append(remark)

    @property
    def moved(self) -> list[str]:
        """What has moved on, as lines."""
        return [line.strip() for line in self[-1].splitlines()[1:] if not line.startswith("Put back")]


@pytest.fixture
def told() -> Told:
    return Told()


def at_markers(session: Open, told: Told, folder: Path, bits: int = 64) -> tuple[Session, list[int], list[Surroundings]]:
    """The program recorded from main to its third marker: the positions of the markers, and what the world was there."""
    path = program("record_outside.c") if bits == 64 else program32("record_outside.c", "-O0", "-g")
    debugging = session(path, notify=told)
    debugging.arguments = f"{folder} > {folder}/terminal"
    debugging.run(stop_at="main")
    debugging.record()
    debugging.break_at("marker")
    positions, worlds = [], []
    for _ in range(3):
        assert debugging.cont().reason(BreakpointHit)
        positions.append(debugging.need_recording().position)
        worlds.append(Surroundings.of(debugging.target.pid))
    return debugging, positions, worlds


@pytest.mark.parametrize("bits", (64, 32))
def test_back_before_everything(session: Open, told: Told, tmp_path: Path, bits: int) -> None:
    """Descriptors, offsets, flags, folder, mask, limits, names: as they were, save the end of a pipe that is gone."""
    debugging, positions, worlds = at_markers(session, told, tmp_path, bits)
    debugging.record_goto(positions[0])
    assert Surroundings.of(debugging.target.pid) == worlds[2], "looking at the past changes nothing outside"
    assert told == []
    debugging.record_delete()
    now = Surroundings.of(debugging.target.pid)
    [writing] = worlds[0].descriptors.keys() - now.descriptors.keys()
    assert now.descriptors == {number: file for number, file in worlds[0].descriptors.items() if number != writing}
    assert now.rest == worlds[0].rest
    assert len(told) == 1 and told.moved == [
        "wrote 5 bytes to ./out",
        "wrote 22 bytes to standard output (./terminal)",
        f"read 5 bytes from a pipe (descriptor {writing - 1})",
        "created later",
        "removed ../gone",
        "renamed ../old",
        "started a process",
        "learned of the end of a process",
        f"closed descriptor {writing} (a pipe)",
    ]
    assert told[0].startswith("The program goes on from here, but 9 things outside it have moved on:\n  wrote 5 bytes")


def test_back_half_way(session: Open, told: Told, tmp_path: Path) -> None:
    """Only what came after the position is put back and told."""
    debugging, positions, worlds = at_markers(session, told, tmp_path)
    debugging.record_goto(positions[1])
    debugging.record_delete()
    now = Surroundings.of(debugging.target.pid)
    differing = {n for n, file in worlds[1].descriptors.items() if now.descriptors.get(n) != file}
    assert [worlds[1].descriptors[n][0].split(":")[0] for n in differing] == ["pipe"]
    assert now.rest == worlds[1].rest and now.descriptors.keys() <= worlds[1].descriptors.keys()
    assert told.moved[0] == "created later" and not any("bytes" in line for line in told.moved)


@pytest.mark.parametrize("how", ("memory", "register", "delete", "stop", "detach"))
def test_every_way_of_going_live_tells_once(session: Open, told: Told, tmp_path: Path, how: str) -> None:
    debugging, positions, _ = at_markers(session, told, tmp_path)
    debugging.record_goto(positions[1])
    pid = debugging.target.pid
    ways: dict[str, Callable[[], object]] = {
        "memory": lambda: debugging.evaluate("stage = 1"),
        "register": lambda: debugging.evaluate("$rbx = $rbx"),
        "delete": debugging.record_delete,
        "stop": debugging.record_stop,
        "detach": debugging.detach,
    }
    ways[how]()
    assert len(told) == 1 and "removed ../gone" in told.moved
    if how == "detach":
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)  # unless rdb has done so, which waits for whom it has started
    else:
        debugging.evaluate("stage = stage")
        assert len(told) == 1


def test_refusing_to_cut_puts_nothing_back(session: Open, told: Told, tmp_path: Path) -> None:
    debugging, positions, worlds = at_markers(session, told, tmp_path)
    debugging.record_goto(positions[0])
    debugging.query = lambda question: False
    debugging.need_recording().query = debugging.query
    with pytest.raises(RdbError, match="canceled"):
        debugging.evaluate("stage = 7")
    assert told == [] and Surroundings.of(debugging.target.pid) == worlds[2]


def test_the_program_goes_on_as_if_nothing_had_been(session: Open, told: Told, tmp_path: Path) -> None:
    """Gone back to the first marker and on from there, the program does the same once more and stands in the same world."""
    debugging, positions, worlds = at_markers(session, told, tmp_path)
    debugging.record_goto(positions[1])
    debugging.record_delete()
    (tmp_path / "gone").write_text("soon")
    (tmp_path / "new").rename(tmp_path / "old")
    assert debugging.cont().reason(BreakpointHit)
    now = Surroundings.of(debugging.target.pid)
    assert now.rest == worlds[2].rest
    assert now.descriptors.keys() == worlds[2].descriptors.keys()
    debugging.record_goto(positions[1])
    debugging.record_delete()
    assert len(told) == 2, "what was recorded after the cut is in the ledger, too"


def test_closed_descriptors(session: Open, told: Told, tmp_path: Path) -> None:
    """Files, folders and devices are opened again as they were, copies as copies; what has no name is gone."""
    debugging = session(program("record_closed.c"), notify=told)
    debugging.arguments = str(tmp_path)
    debugging.run(stop_at="main")
    debugging.record()
    debugging.break_at("marker")
    assert debugging.cont().reason(BreakpointHit)
    position, then = debugging.need_recording().position, Surroundings.of(debugging.target.pid)
    assert debugging.cont().reason(BreakpointHit)
    debugging.record_goto(position)
    debugging.record_delete()
    now = Surroundings.of(debugging.target.pid)
    gone = {number: then.descriptors[number][0] for number in then.descriptors.keys() - now.descriptors.keys()}
    assert sorted(gone.values()) == [str(tmp_path / "lost"), "anon_inode:[eventfd]"]
    assert now == Surroundings({n: file for n, file in then.descriptors.items() if n not in gone}, then.rest)
    event, lost = (next(n for n, name in gone.items() if word in name) for word in ("event", "lost"))
    assert told.moved == [
        "locked or unlocked ./kept",
        f"read 8 bytes from [eventfd] (descriptor {event})",
        "read 8 bytes from /dev/zero",
        "removed lost",
        f"closed descriptor {lost} (./lost (deleted))",
        f"closed descriptor {event} ([eventfd])",
    ]


def test_an_offset_that_is_ours_as_well_stays(tmp_path: Path) -> None:
    """Where the program writes to the file that is rdb's own output, the text of both stays whole."""
    out = tmp_path / "out"
    commands = ["break marker", "run", "record", *["continue"] * 2, "reverse-continue", "set var stage = 5", "kill"]
    command = [sys.executable, "-m", "rdb", "-q", "-nx", "-batch", *[word for each in commands for word in ("-ex", each)]]
    command.append(str(program("record_output.c")))
    with out.open("wb") as file:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=60)
    text = out.read_text()
    assert "  wrote 7 bytes to standard error\n" in text and "Put back" not in text
    assert text.count("vector\n") == 1 and text.index("vector\n") < text.index("moved on") < text.index("killed")


def test_the_name_of_a_thread(session: Open, told: Told) -> None:
    """It is put back for the thread that has changed it, and for no other."""
    debugging = session(program("threads_named.c", "-O1", "-g", "-pthread"), notify=told)
    debugging.run(stop_at="main")
    debugging.record()
    debugging.break_at("marker")
    first = debugging.cont()
    process, thread, position = debugging.need_process().pid, first.stop.thread, debugging.need_recording().position
    assert thread != process
    debugging.cont()
    leader, named = (procfs.thread_name(process, each) for each in (process, thread))
    assert named == "after"
    debugging.record_goto(position)
    debugging.record_delete()
    assert procfs.thread_name(process, thread) == "before" and procfs.thread_name(process, process) == leader
    assert told[-1] == "Put back: the name of the thread."
    assert debugging.cont().stop.thread == thread
    assert procfs.thread_name(process, thread) == "after"
