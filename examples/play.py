"""Play an example: build it, give its script to the debugger line by line, and print the session as a user would see it.

    python examples/play.py NAME [--debugger COMMAND] [--fold]

The debugger runs behind a pipe with a plain prompt, so the same script can be played in gdb (`--debugger gdb`).  Lines of the
script that begin with # are printed as they stand.  With --fold, what differs from one run or machine to the next (addresses,
process numbers) is replaced by a word; NAME.out holds a session folded so.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / ".build"
FLAGS = ("-O0", "-g", "-fno-stack-protector")

PROMPT = re.compile(rb"\((?:gdb|rdb)\) $")
FOLDS = (
    # Text that has been taken for an address is longer, and stays.
    (re.compile(r"0x(?:0000[0-9a-f]{12}|[0-9a-f]{4,12})\b"), "ADDRESS"),
    (re.compile(r"\bprocess \d+"), "process PID"),
    # How many instructions a library takes.
    (re.compile(r"(?<=instruction number is )\d{3,}|(?<=Log contains )\d{3,}|(?<=History reaches back )\d+"), "COUNT"),
    # What they take in memory and in time.
    (re.compile(r"(?<=Log takes )[^,]*, [\d.]+"), "SIZE"),
    (re.compile(r"[\d.]+(?= seconds of recording)"), "TIME"),
)


def build(name: str) -> Path:
    """Compile NAME.c and return the executable."""
    BUILD.mkdir(exist_ok=True)
    program = BUILD / f"example-{name}"
    scratch = program.with_suffix(f".{os.getpid()}")
    # From its own folder, so that the debug info names the file as plainly as the user would.
    subprocess.run(["gcc", *FLAGS, f"{name}.c", "-o", str(scratch)], cwd=HERE, check=True)
    scratch.rename(program)
    return program


class Debugger:
    """A debugger behind a pipe: `ask` it a line, and get what it prints up to its next prompt."""

    def __init__(self, command: Sequence[str], folder: Path = HERE) -> None:
        environment = {**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": ""}
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.greeting = self.answer()

    def ask(self, line: str) -> str:
        """What the debugger prints when it is given `line`."""
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")
        return self.answer()

    def answer(self) -> str:
        """What the debugger prints up to its next prompt."""
        assert self.process.stdout
        text = b""
        while not PROMPT.search(text):
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                raise EOFError(f"the debugger has ended:\n{text.decode(errors='replace')}")
            text += piece
        return PROMPT.sub(b"", text).decode(errors="replace")

    def __enter__(self) -> Debugger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End of input ends the debugger, which kills the program."""
        self.process.communicate()


def play(name: str, debugger: Sequence[str]) -> Iterator[str]:
    """The session of examples/NAME.rdb in `debugger`, as a stretch of text for each line of the script."""
    program = str(build(name))
    with Debugger([*debugger, "-q", "-nx", program]) as session:
        yield session.greeting.replace(program, name)
        for line in (HERE / f"{name}.rdb").read_text().splitlines():
            if not line or line.startswith("#"):
                yield line + "\n"
            else:
                yield f"(rdb) {line}\n{session.ask(line).replace(program, name)}"


def fold(text: str) -> str:
    """`text` with everything replaced that may differ between two right runs."""
    for pattern, word in FOLDS:
        text = pattern.sub(word, text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description="Play an example and print the session.")
    parser.add_argument("name", choices=sorted(path.stem for path in HERE.glob("*.rdb")))
    parser.add_argument("--debugger", default=f"{sys.executable} -m rdb", help="the command to drive (default: rdb)")
    parser.add_argument("--fold", action="store_true", help="replace addresses and process numbers by words")
    options = parser.parse_args()
    for text in play(options.name, options.debugger.split()):
        print(fold(text) if options.fold else text, end="", flush=True)


if __name__ == "__main__":
    main()
