"""Finding CPUs, and what that costs."""

from __future__ import annotations

import subprocess
import sys

from rdb.arch import find


def test_cpus_are_found_by_their_elf_header() -> None:
    found = {(machine, size): find(machine, size) for machine, size in ((62, 64), (3, 32))}
    assert {key: arch.elf_class for key, arch in found.items() if arch} == {(62, 64): 64, (3, 32): 32}
    assert find(8, 32) is None


def test_a_cpu_is_known_without_a_decoder() -> None:
    script = "import sys, rdb.arch; rdb.arch.find(62, 64); print(sorted({'iced_x86', 'capstone', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_folder_answers_to_one_name_only() -> None:
    done = subprocess.run([sys.executable, "-c", "import arch"], capture_output=True, text=True, check=False)
    assert "rdb.arch" in done.stderr
