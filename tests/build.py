"""Test programs, compiled once per set of flags and kept in .build/ (never committed).

The name of the executable carries a digest of the source, the flags and the compiler, so a changed program is compiled anew and
parallel test processes cannot see a half-written file.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "tests" / "programs"
BUILD = ROOT / ".build"


@functools.cache
def _compiler(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(f"{name} is not on this machine: apt-get install {name}")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    return version.splitlines()[0]


def program(source: str, *flags: str, folder: Path = PROGRAMS) -> Path:
    """The executable of tests/programs/`source`, compiled with `flags` (-O0 -g unless given); compiles it if needed."""
    path = folder / source
    flags = flags or ("-O0", "-g")
    compiler = "g++" if path.suffix == ".cc" else "gcc"
    digest = hashlib.sha256(repr((path.read_bytes(), flags, _compiler(compiler))).encode()).hexdigest()[:12]
    BUILD.mkdir(exist_ok=True)
    out = BUILD / f"{path.stem}-{digest}"
    if not out.exists():
        scratch = out.with_suffix(f".{os.getpid()}")
        # Relative to the folder, so that DW_AT_name is the bare file name and stops read "main () at f.c:6" everywhere.
        subprocess.run([compiler, *flags, path.name, "-o", str(scratch), *_libraries(flags)], cwd=folder, check=True)
        scratch.rename(out)
    return out


def _libraries(flags: tuple[str, ...]) -> list[str]:
    return ["-lm"] if "-nostdlib" not in flags and "-shared" not in flags else []
