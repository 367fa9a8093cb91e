"""The same commands in gdb and in rdb, on a 32-bit program: what they print must be the same, addresses in the stack apart.

gdb 13 cannot go back in a 32-bit program of a 64-bit kernel ("Couldn't write extended state status: Bad address."), so the past
is left to test_session.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.build import PROGRAMS, ROOT
from tests.i386.build import program32

pytestmark = pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not on this machine: apt-get install gdb")

NOISE = ("[Thread debugging using", "Using host libthread_db")
# The two debuggers give the program other environments, so the stack is not in the same place.
_STACK = re.compile(r"0xff[0-9a-f]{6}\b(\s+-\d+)?|\bprocess \d+")

ONWARD = "continue; info args; info locals; bt; finish; p calls; p numbers; p p"

# Commands, one after the other, divided by semicolons and ends of lines.
SCRIPTS = {
    "stops": """
        info line main; break main; info breakpoints; break letter; break product; break half; break third; break tenth
        break mirrored; break made; break text; break factorial if n == 2; break handler; break sum; run
    """
    + f"{ONWARD}; " * 8
    + """
        info frame; up; info frame; info registers eip esp ebp ebx; p $pc; delete 10; continue; bt; up 2; info registers eip ebx
        continue; bt; info frame; continue; info locals; watch result; continue; continue; info sharedlibrary; delete; continue
    """,
    "steps": """
        break main; run; next; next; next; step; bt; finish; step; until; advance factorial; stepi; x/i $pc; nexti; x/2i $pc
        info symbol $pc; step; step; step; step; step; step; bt; up; p n; tbreak handler; continue
        handle SIGUSR1 nostop noprint; continue; bt -1; disassemble text; next; next; next
    """,
    "registers": """
        break sum; handle SIGUSR1 nostop noprint; run; info registers eax ebx edx edi ebp eip cs ss ds es fs gs k0 eflags
        info registers float; info registers mm0; p $xmm0; p $ymm0; p $mm0; ptype $mm0; p $st0; p $eflags; p $al; p $ax
        whatis $eax; whatis $orig_eax; whatis $esp; whatis $eip; whatis $gs; p $sp; p $fp; next; next; info registers float
        p $st0; set var $eax = -2; p $eax; p/x $eax
    """,
    "memory": """
        break sum; handle SIGUSR1 nostop noprint; run; x/4dw numbers; x/2fg numbers; x/3a &total; x/s *argv; info symbol main
        info address main; output total; up; p numbers; p &numbers[1]; p *&p; p w; p argv[0] == 0; p big; p precise
        p sizeof(precise); p &w.number; p (char) 65; x/3ub &w.name; info line 92; p &total; set var p.x = 77; p p
        set var precise = 2.5; p precise; p calls; whatis &calls; ptype struct wide
    """,
    "types": """
        break main; run; whatis 1L; whatis 5000000000; whatis 3000000000; whatis 0x80000000; whatis 1L + 1; whatis 1LL + 1
        whatis 1UL; whatis 1ULL; whatis 5000000000U; whatis 1L + 1U; whatis 1LL + 1ULL; whatis 1LL << 3
        whatis (unsigned long) 1 + 1; whatis (short) 1 + 1L; whatis 'a' + 1; whatis 1.0L; whatis 1.0L + 1
        whatis (char *) 0 - (char *) 0; whatis sizeof(int); whatis &main; whatis big + 1; whatis total; p sizeof(long)
        p sizeof(void *); p sizeof(long double); p sizeof(struct wide); p sizeof(unsigned long); p sizeof(long long); p -1L
        p/x -1; p/x -1L; p 1.0L / 3; p (long) 5000000000; p 5000000000; p -1 > 0U; p (__int128) 1
    """,
}
FLAGS = {
    "stops": [("-O0", "-g"), ("-O0", "-g", "-no-pie")],
    "steps": [("-O0", "-g"), ("-O0", "-g", "-fno-pie", "-no-pie", "-fcf-protection")],
}


def play(debugger: list[str], lines: list[str], program: Path) -> list[str]:
    """What a debugger prints for each line, without what cannot be equal."""
    commands = [part for line in lines for part in ("-ex", f"echo > {line}\\n", "-ex", line)]
    environment = {**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*debugger, "-q", "-nx", "-batch", *commands, str(program)], env=environment, cwd=PROGRAMS, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False,
    )  # fmt: skip
    text = done.stdout.decode(errors="replace")
    return [_STACK.sub("@", line).rstrip() for line in text.splitlines() if not line.startswith(NOISE)]


@pytest.mark.parametrize(
    ("name", "flags"), [(name, flags) for name in SCRIPTS for flags in FLAGS.get(name, [("-O0", "-g")])], ids=str
)
def test_rdb_answers_as_gdb(name: str, flags: tuple[str, ...], script: list[str]) -> None:
    program = program32("i386_session.c", *flags)
    script += [command.strip() for command in re.split("[;\n]", SCRIPTS[name]) if command.strip()]
    expected = play(["gdb"], list(script), program)
    answered = play([sys.executable, "-m", "rdb"], list(script), program)
    assert not list(difflib.unified_diff(expected, answered, "gdb", "rdb", lineterm="", n=2))
