"""Programs for i386, where this machine can make and run them."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests import build


@functools.cache
def obstacle() -> str | None:
    """Why there can be no 32-bit programs here, or None."""
    source = "#include <stdio.h>\nint main(void) { return 0; }\n"
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "probe"))
        try:
            command = ["gcc", "-m32", "-x", "c", "-", "-o", path]
            made = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
            if made.returncode:
                return "gcc -m32 does not compile here (Debian: apt-get install gcc-multilib)"
            subprocess.run([path], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return f"32-bit programs do not run here: {error}"
    return None


def program32(source: str, *flags: str) -> Path:
    """tests/programs/`source` compiled for i386; skips the test where that cannot be done."""
    why = obstacle()
    if why is not None:
        pytest.skip(why)
    return build.program(source, "-m32", *(flags or ("-O0", "-g")))
