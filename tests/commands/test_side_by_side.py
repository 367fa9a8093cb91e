"""The same scripts in gdb and in rdb: what they print must be the same, addresses and process ids apart."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.build import program

pytestmark = pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not on this machine: apt-get install gdb")
ROOT = Path(__file__).resolve().parents[2]
NOISE = ("[Thread debugging using", "Using host libthread_db", "Reading symbols from")

SCRIPTS: dict[str, str] = {
    "breakpoints": """
break nosuch
break 99
break x.c:1
break *0x1
break
tbreak sum if b == 2
break sum
break sum
info breakpoints
condition 2 a >
condition 2 a > 0
condition 9 1
condition 2
ignore 2
ignore
ignore 9 2
ignore 2 1
disable 2
disable 9
disable foo
disable -1
enable once 2
enable delete 3
info breakpoints
delete foo
delete 1-
delete 3-1
clear sum
clear
clear main
watch total
rwatch total
awatch total
watch nosuch
watch 1
watch -l total
info breakpoints
info watchpoints
delete
info breakpoints
info watchpoints
""",
    "running": """
info registers
step
continue
finish
start
next
step
stepi
nexti
up
down
frame 3
break sum
continue
bt
bt 1
bt -1
info args
info locals
up
info locals
frame function main
finish
down
finish
until
advance 22
info breakpoints
delete
continue
info program
run
""",
    "stopping": """
break sum
commands
silent
print a
end
run
continue
info breakpoints
commands
end
continue
watch total
continue
continue
continue
""",
    "listing": """
list
list
list -
list main
list
list -
list -
list 15
list 12,14
list 12,
list ,9
list commands.c:3
list sum
list sum,
list sum,main
list 50
list *main
list *sum+4
list foo
list x.c:3
info line
info line 12
info line sum
info line 1
info line 99
info source
break main
run
list
list -
info line
list
list
next
list
""",
    "data": """
print 1
print
print $
print $$2
print/x 16
print/c 65
print/t 5
print 1 +
print nosuch
print total
print &total
print main
print sizeof(int)
output 5
printf "%d %c\\n", 1, 65
printf "%q", 1
x
x/2i main
whatis total
ptype main
start
print x
print buffer
print &buffer
print *argv@1 == argv[0]
x/s buffer
x/3c buffer
x
x/2xw &total
x/2i $pc
set var x = 5
print x
print x = 6
print $rip
info registers rip cs
info symbol main
info symbol $pc
info address main
info address total
display x
display/i $pc
info display
next
undisplay 1
next
info display
""",
    "record": """
set record full insn-number-max 200000
record
info record
start
reverse-step
info record
record
record
info record
next
next
next
info record
step
bt
reverse-stepi
reverse-step
reverse-next
reverse-continue
info record
stepi
info record
record goto end
record goto 2
record goto 99
record goto
record goto begin
next
record delete
info record
record delete
record stop
record stop
""",
    "machine code": """
disassemble sum
disassemble /r sum
disassemble /s sum
disassemble /m sum
disassemble 0
disassemble nosuch
disassemble /x sum
start
disassemble $pc,+8
set disassembly-flavor intel
x/3i $pc
info sharedlibrary
dump binary memory
dump binary memory /tmp/rdb-test
dump memory /tmp/rdb-test 2 1
""",
    "mistakes": """
foo
info foo
show foo
set print foo
set listsize
set confirm maybe
set disassembly-flavor x
x/x 0xffffffffffff0000
print 1/0
frame
up
attach
attach abc
record goto 1
dump binary value
tbreak
until
advance
kill
detach
jump
help foo
source
end
if
""",
}


def fold(text: str) -> list[str]:
    """What is left when addresses, process ids, runs of blanks and gdb's own remarks are taken away."""
    folded = []
    for line in text.splitlines():
        if line.startswith(NOISE):
            continue
        line = line.replace("multi-thread", "native")           # gdb's name for a process with libthread_db loaded
        if line.startswith(("Log takes ", "History reaches ")):
            continue  # what only rdb tells
        line = re.sub(r"0x[0-9a-f]{6,}", "ADDRESS", line)
        line = re.sub(r"\bprocess \d+", "process PID", line)
        folded.append(re.sub(r"[ \t]+", " ", line).rstrip())
    return folded


def play(debugger: list[str], lines: list[str], executable: Path) -> list[str]:
    """What a debugger prints for each line, in batch mode; a failing line does not end the script."""
    commands: list[str] = []
    at = 0
    while at < len(lines):
        if lines[at] == "commands":             # has a body, which only a script can give
            end = lines.index("end", at)
            commands += ["-x", _body(lines[at:end + 1])]
            at = end + 1
        else:
            commands += ["-ex", f"echo > {lines[at]}\\n".replace("\\n\\n", "\\\\n\\n"), "-ex", lines[at]]
            at += 1
    environment = {**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*debugger, "-q", "-nx", "-batch", *commands, str(executable)], env=environment,
                          cwd=ROOT / "tests" / "programs", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120)
    return [*fold(done.stdout.decode(errors="replace")), f"status {done.returncode}"]


def _body(lines: list[str]) -> str:
    """A script file that holds the lines; made once for each text."""
    text = "\n".join(lines) + "\n"
    path = ROOT / ".build" / f"script-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", SCRIPTS)
def test_rdb_answers_as_gdb(name: str, script: list[str]) -> None:
    executable = program("commands.c")
    script += SCRIPTS[name].strip().splitlines()
    expected = play(["gdb"], list(script), executable)
    answered = play([sys.executable, "-m", "rdb"], list(script), executable)
    assert not list(difflib.unified_diff(expected, answered, "gdb", "rdb", lineterm="", n=2))
