"""Finding source files, and their lines."""

from __future__ import annotations

import os
from pathlib import Path

from rdb.symbols.source import find, open_source
from tests.build import PROGRAMS


def test_find(tmp_path: Path) -> None:
    folder = tmp_path / "compiled" / "sub"
    folder.mkdir(parents=True)
    source = folder / "f.c"
    source.write_text("int x;\n")
    assert find(str(source)) == source
    assert find("sub/f.c", str(tmp_path / "compiled")) == source
    assert find("../sub/f.c", str(folder)) == source
    assert find("/gone/f.c", "", [str(folder)]) == source
    assert find("other.c", str(folder)) is None
    assert find("f.c", "", ["$cdir", "$cwd"]) is None


def test_lines(tmp_path: Path) -> None:
    path = tmp_path / "f.c"
    path.write_bytes(b"one\r\ntwo\n\nfour")
    source = open_source(path)
    assert source is not None and len(source) == 4
    assert source.lines(2, 9) == [(2, "two"), (3, ""), (4, "four")]
    assert source.line(1) == "one" and source.line(5) is None and source.line(0) is None
    path.write_bytes(b"changed\n")
    os.utime(path, ns=(1, 1))
    again = open_source(path)
    assert again is not None and again.lines(1, 5) == [(1, "changed")]
    assert open_source(tmp_path / "none.c") is None
    assert open_source(PROGRAMS / "sym_frames.c") is open_source(PROGRAMS / "sym_frames.c")
