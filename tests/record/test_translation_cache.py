"""Translations that are kept from one run to the next: they are right wherever they are used, and only used where they are."""

from __future__ import annotations

import functools
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rdb.arch.x86_64.translation.translator import X86Translator
from rdb.events import AtBreakpoint, Direction, Resume
from rdb.linux import background, launch
from rdb.record.compiled import image_files, images
from rdb.record.compiled.image import Image, packed, unpacked
from rdb.record.compiled.image_files import ImageFiles
from rdb.record.compiled.loaded import Loaded
from rdb.symbols.elf import RawSymbol, open_elf
from tests.build import program
from tests.oracle import snapshot
from tests.oracle.recording import Recording

FLAGS = ("-O1", "-g")
SHT_SYMTAB = 2
LONG = ("oracle_libc.c", "record_code.c", "oracle_signals.c")
# So many blocks may have to be translated again: which ones are translated ahead depends on where the program comes from.
FEW = 100


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, empty yet, written at once when a recording ends; the folder that its files will be in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(images, "in_background", lambda work: work())
    return tmp_path / "cache" / "rdb" / "translations"


@pytest.fixture
def translated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The addresses of all blocks that have been translated."""
    found: list[int] = []
    translate = X86Translator.translate

    def counted(self: X86Translator, code: bytes, pc: int, *rest: object) -> object:
        found.append(pc)
        return translate(self, code, pc, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(X86Translator, "translate", counted)
    return found


@pytest.fixture(params=[False, True], ids=["fixed", "randomised"])
def randomised(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether programs are loaded at random addresses."""
    monkeypatch.setattr(launch, "start", functools.partial(launch.start, randomize=bool(request.param)))
    return bool(request.param)


def recorded(path: Path, folder: Path, *arguments: str) -> tuple[int, str]:
    """Record a program to its end: how many instructions, and what it wrote."""
    output = folder / "output"
    with Recording(path, arguments, output, "compiled") as recording:
        recording.go(Resume())
        assert recording.ended == "exit", recording.warnings
        length = recording.position
        recording.run_out()
    return length, output.read_text()


def in_use(recording: Recording) -> list[Loaded]:
    """The images that a recording uses."""
    assert recording.engine.execution.compiled is not None
    mapped = recording.engine.execution.compiled.translations.images.mapped.values()
    return [file.loaded for file in mapped if file.loaded is not None]


def test_second_run(kept: Path, translated: list[int], tmp_path: Path, randomised: bool) -> None:
    """It does the same, and hardly anything is translated again."""
    first = recorded(program("record_kept.c", *FLAGS), tmp_path)
    count = len(translated)
    assert count > 10 * FEW
    translated.clear()
    assert recorded(program("record_kept.c", *FLAGS), tmp_path)[1] == first[1]
    assert len(translated) < FEW


def test_images_grow(kept: Path, translated: list[int], tmp_path: Path) -> None:
    """What one run needed, and what another one did, is there for the third."""
    ls = Path("/usr/bin/ls").resolve()
    runs = (ls, "/dev/null"), (ls, "-l", "/dev/null"), (ls, "/dev/null"), (ls, "-l", "/dev/null")
    counts = []
    for path, *arguments in runs:
        translated.clear()
        recorded(path, tmp_path, *arguments)
        counts.append(len(translated))
    assert counts[0] > counts[1] > 2 * FEW
    assert max(counts[2:]) < FEW


def test_moved(kept: Path, tmp_path: Path, randomised: bool) -> None:
    """Every block of every image is what is translated for its place."""
    path, translator, seen = program("record_kept.c", *FLAGS), X86Translator(), 0
    recorded(path, tmp_path)
    with Recording(path, (), tmp_path / "output", "compiled") as recording:
        recording.go(Resume())
        compiled = recording.engine.execution.compiled
        assert compiled is not None
        assert len(in_use(recording)) >= 3
        for loaded in in_use(recording):
            for number in range(loaded.first, loaded.first + len(loaded)):
                block = compiled.table[number]
                assert loaded.number(block.pc) == number
                fresh = translator.translate(block.source, block.pc, block.address, number)
                assert fresh is not None
                code = bytearray(block.translation.code)
                for jump in fresh.jumps:
                    # They may have been made to lead to other blocks.
                    code[jump.field : jump.field + 4] = fresh.code[jump.field : jump.field + 4]
                    code[jump.stub : jump.stub + 14] = fresh.code[jump.stub : jump.stub + 14]
                assert code == fresh.code, f"the block at {block.pc:#x}"
                assert block.translation._replace(code=b"") == fresh._replace(code=b"")
                seen += 1
    assert seen > 10 * FEW


@pytest.mark.parametrize("source", ["record_kept.c", *(pytest.param(each, marks=pytest.mark.long) for each in LONG)])
def test_snapshots(kept: Path, translated: list[int], source: str) -> None:
    """The snapshot oracle, with nothing kept yet and with everything."""
    reports, counts = [], []
    for _ in range(2):
        translated.clear()
        reports.append(snapshot.check(program(source, "-O2", "-g"), engine="compiled", moments=4))
        counts.append(len(translated))
    assert [report.misses for report in reports] == [[], []]
    assert counts[1] < counts[0] / 2


def test_snapshots_at_other_addresses(kept: Path, randomised: bool) -> None:
    reports = [snapshot.check(program("record_kept.c", *FLAGS), engine="compiled", moments=4) for _ in range(2)]
    assert [report.misses for report in reports] == [[], []]


# -- when it must not be used

@pytest.mark.parametrize("identified", [True, False], ids=["build id", "no build id"])
def test_rebuilt(kept: Path, tmp_path: Path, identified: bool) -> None:
    """A program that was built anew where it was, of the same size and at the same time: only its code tells."""
    options = (*FLAGS, f"-Wl,--build-id={'0x1234' if identified else 'none'}")
    path, outputs = tmp_path / "program", []
    for value in (3, 5, 3):
        built = program("record_kept.c", *options, f"-DVALUE={value}")
        shutil.copyfile(built, path)
        path.chmod(0o755)
        os.utime(path, ns=(0, 0))
        outputs += [recorded(path, tmp_path)[1] for _ in range(2)]
    assert outputs[0] == outputs[1] == outputs[4] == outputs[5] != outputs[2] == outputs[3]


def test_wrong_images(kept: Path, translated: list[int], tmp_path: Path) -> None:
    """Images under each other's names."""
    path = program("record_kept.c", *FLAGS)
    first = recorded(path, tmp_path)
    count = len(translated)
    names = sorted(kept.iterdir())
    assert len(names) >= 3
    for name in names:
        name.rename(name.with_suffix(".old"))
    for name, other in zip(names, names[1:] + names[:1]):
        name.with_suffix(".old").rename(other)
    translated.clear()
    assert recorded(path, tmp_path) == first
    assert len(translated) > count - FEW


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[: len(data) // 2],
    "cut in the head": lambda data: data[:20],
    "one bit": lambda data: data[:-100] + bytes((data[-100] ^ 1,)) + data[-99:],
    "another version": lambda data: data[:20] + bytes((data[20] ^ 1,)) + data[21:],
    "something else": lambda data: os.urandom(1000),
    "longer": lambda data: data + b"\0",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged(kept: Path, damage: str) -> None:
    files = ImageFiles(X86Translator())
    files.write("name", bytes(range(256)) * 10)
    assert files.read("name") == bytes(range(256)) * 10
    path = kept / "name"
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert files.read("name") is None


def test_damaged_run(kept: Path, translated: list[int], tmp_path: Path) -> None:
    """Damaged files are replaced."""
    path = program("record_kept.c", *FLAGS)
    first = recorded(path, tmp_path)
    count = len(translated)
    for name in kept.iterdir():
        name.write_bytes(name.read_bytes()[:-1])
    translated.clear()
    assert recorded(path, tmp_path) == first
    assert len(translated) == count
    translated.clear()
    assert recorded(path, tmp_path)[1] == first[1]
    assert len(translated) < FEW


def test_foreign(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody else could have written is not read."""
    files = ImageFiles(X86Translator())
    files.write("name", b"content")
    path = kept / "name"
    assert kept.stat().st_mode & 0o777 == 0o700 and path.stat().st_mode & 0o777 == 0o600
    for changed, mode in ((path, 0o620), (path, 0o602), (kept, 0o770), (kept, 0o703)):
        before = changed.stat().st_mode
        changed.chmod(mode)
        assert files.read("name") is None
        changed.chmod(before)
    assert files.read("name") == b"content"
    (kept / "link").symlink_to(path)
    assert files.read("link") is None
    os.mkfifo(kept / "pipe")
    assert files.read("pipe") is None
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert files.read("name") is None


def test_features(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made for another CPU is not used."""
    ImageFiles(X86Translator()).write("name", b"content")
    monkeypatch.setattr(X86Translator, "identity", ("another",))
    assert ImageFiles(X86Translator()).read("name") is None


@pytest.mark.parametrize("home", ["/proc/none", "/dev/null", ""])
def test_no_home(home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be written, nothing is kept, and nothing is told."""
    monkeypatch.setattr(images, "in_background", lambda work: work())
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setenv("HOME", "/proc/none")
    recorded(program("record_kept.c", *FLAGS), tmp_path)


def test_off(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rdb.settings import Settings

    values = Settings.__init__

    def without(self: Settings) -> None:
        values(self)
        self["record full translation-cache"] = False

    monkeypatch.setattr(Settings, "__init__", without)
    recorded(program("record_kept.c", *FLAGS), tmp_path)
    assert not kept.exists()


# -- changes while it is used

@pytest.fixture
def warm(kept: Path, tmp_path: Path) -> Iterator[Recording]:
    """A recording of what has been recorded before."""
    path = program("record_kept.c", *FLAGS, "-no-pie")
    recorded(path, tmp_path)
    with Recording(path, (), tmp_path / "output", "compiled") as recording:
        yield recording


def _inside(recording: Recording) -> int:
    """The address of an instruction in the middle of a block of the program's, which is executed many times."""
    compiled = recording.engine.execution.compiled
    assert compiled is not None
    work = _functions(recording)["work"]
    for loaded in in_use(recording):
        for number in range(loaded.first, loaded.first + len(loaded)):
            block = compiled.table[number]
            loops = any(jump.target == block.pc for jump in block.translation.jumps)
            if work.value <= block.pc < work.value + work.size and loops and len(block) > 2:
                return block.addresses[2]
    raise AssertionError("no image has a block of the program's")


def _functions(recording: Recording) -> dict[str, RawSymbol]:
    return {symbol.name: symbol for symbol in open_elf(os.readlink(f"/proc/{recording.pid}/exe")).symbols(SHT_SYMTAB)}


def test_breakpoint(warm: Recording) -> None:
    """A breakpoint inside a block of an image: set before the image is used, set again, and in both directions."""
    main = _functions(warm)["main"].value
    warm.target.insert_breakpoint(main)
    assert warm.go(Resume()).reasons == (AtBreakpoint(main),)
    warm.target.remove_breakpoint(main)
    address = _inside(warm)
    warm.target.insert_breakpoint(address)
    stops = []
    for _ in range(2):
        assert warm.go(Resume()).reasons == (AtBreakpoint(address),)
        stops.append(warm.position)
    warm.target.remove_breakpoint(address)
    warm.go(Resume())
    assert warm.ended == "exit"
    warm.target.insert_breakpoint(address)
    found = []
    while warm.go(Resume(Direction.REVERSE)).reasons == (AtBreakpoint(address),):
        found.append(warm.position)
    assert found[-2:] == stops[::-1]


def test_written_code(warm: Recording, tmp_path: Path) -> None:
    """Code that the user changes after its image was put in place is executed as it is now."""
    functions = _functions(warm)
    warm.target.insert_breakpoint(functions["main"].value)
    warm.go(Resume())
    warm.target.remove_breakpoint(functions["main"].value)
    assert in_use(warm)
    # xor %eax, %eax; ret
    for name in ("twice", "thrice"):
        warm.target.write_memory(functions[name].value, b"\x31\xc0\xc3")
    warm.go(Resume())
    warm.run_out()
    assert (tmp_path / "output").read_text().split() == ["0", "0"]


# -- the folder

def test_bounded(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that were not used for the longest time go first."""
    monkeypatch.setattr(image_files, "MOST", 5000)
    files = ImageFiles(X86Translator())
    for number in range(4):
        files.write(str(number), bytes(1000))
        os.utime(kept / str(number), ns=(number, number))
    assert files.read("0") is not None
    files.write("new", bytes(2500))
    assert sorted(path.name for path in kept.iterdir()) == ["0", "3", "new"]
    monkeypatch.setattr(image_files, "MOST_EACH", 2000)
    files.write("big", bytes(2500))
    assert not (kept / "big").exists()


def test_together(kept: Path) -> None:
    """Whoever reads while others write sees something whole."""
    files, contents = ImageFiles(X86Translator()), [bytes((number,)) * 50000 for number in range(2)]
    files.write("name", contents[0])

    def write(content: bytes) -> None:
        for _ in range(50):
            files.write("name", content)

    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert files.read("name") in contents
    for writer in writers:
        writer.join()
    assert [path.name for path in kept.iterdir()] == ["name"]


def test_packed(kept: Path, tmp_path: Path) -> None:
    """An image as bytes, and back."""
    recorded(program("record_kept.c", *FLAGS), tmp_path)
    files = ImageFiles(X86Translator())
    for name in kept.iterdir():
        data = files.read(name.name)
        assert data is not None
        image = unpacked(data)
        assert packed(image) == data
        assert all(len(column) for column in (image.pcs, image.code, image.told))
        assert len(Image._fields) == len(image)


def test_background(tmp_path: Path) -> None:
    """The work is done, and by nobody's child."""
    background.in_background(lambda: (tmp_path / "done").write_text(str(os.getpid())))
    deadline = time.monotonic() + 60
    while not (tmp_path / "done").exists() or not (tmp_path / "done").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert (tmp_path / "done").read_text() != str(os.getpid())
    with pytest.raises(ChildProcessError):
        os.waitpid(int((tmp_path / "done").read_text()), os.WNOHANG)
