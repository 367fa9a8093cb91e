"""The command line of rdb: the door, with nothing behind it that takes time to import.

`main` answers --version and --help by itself and hands everything else to `rdb.repl.application`.
"""

from __future__ import annotations

import os
import sys

from rdb.repl.options import BadCommandLine, parse

HELP = """\
This is rdb, a reverse debugger.  Usage:

    rdb [options] [program [process-id]]
    rdb [options] --args program [arguments ...]

Selection of the program:

  --args             What follows the program are its arguments.
  -p, --pid PID      Attach to the running process PID.
  -d, --directory DIR
                     Look for source files in DIR.
  -cd DIR            Change the working directory to DIR first.
  --tty TTY          Use TTY for input and output of the program.

Initial commands:

  -x, --command FILE Run the commands of FILE.
  -ex, --eval-command COMMAND
                     Run one command; -x and -ex may be repeated and run in the order given.
  -ix FILE, -iex COMMAND
                     The same, before the program is loaded.
  --nh               Do not read ~/.rdbinit.
  --nx               Do not read ~/.rdbinit and ./.rdbinit.

Operation:

  -q, --quiet, --silent
                     Print no banner.
  --batch            Leave after the initial commands, with status 1 if the last of them failed.
  --batch-silent     The same, without output on the standard output.
  --return-child-result
                     Leave with the exit status of the program.
  -h, --help         Print this and leave.
  --version          Print the version and leave.

For more information, type "help" at rdb's prompt.
"""

def main(arguments: list[str] | None = None) -> int:
    """Run rdb; the exit status is returned."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
    except BadCommandLine as error:
        hint = "" if str(error).startswith("`") else "\nUse `rdb --help' for a complete list of options."
        print(f"rdb: {error}{hint}", file=sys.stderr)
        return 1
    for flag, answer in (("version", _version), ("help", lambda: HELP)):
        if flag in options.flags:
            return _say(answer())
    from rdb.repl.application import run

    return run(options)


def _version() -> str:
    from rdb import __version__

    return (f"rdb {__version__}\n"
            "License GPL-2.0-or-later.  This is free software: you are free to change and redistribute it.\n"
            "There is NO WARRANTY, to the extent permitted by law.\n")


def _say(text: str) -> int:
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
