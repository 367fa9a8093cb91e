"""Starting a program under ptrace.

The child takes its own process group, waits until we trace it, and execs.  Arguments are written as in a shell; where they hold
nothing but plain words the program is executed directly, otherwise /bin/sh expands them and executes it, which costs one more
exec-stop that is swallowed here.  The caller gets a process that stands at the first instruction of the program (in the dynamic
linker, for most), with nothing executed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shlex
import signal
from collections.abc import Mapping

from rdb.errors import BadProgram, PtraceFailed, RdbError
from rdb.linux import ptrace
from rdb.linux.threads import Threads

# <sys/personality.h>
ADDR_NO_RANDOMIZE = 0x0040000
_NEEDS_SHELL = re.compile(r"[|&;<>()$`*?\[\]#~%{}!\n]")
_SHELL = "/bin/sh"


def start(
    program: str,
    arguments: str,
    environment: Mapping[str, str],
    folder: str | None = None,
    randomize: bool = False,
    own_group: bool = True,
    expand: bool = True,
    tty: str | None = None,
) -> int:
    """Start `program` with `arguments` (shell syntax) and return its pid, stopped right after exec.

    With `expand` off no shell is used whatever the arguments hold; `tty` is a terminal to use instead of ours.
    Raises BadProgram when it cannot be executed, RdbError when the shell gave up before the program began (a file to redirect
    from that is missing, say).
    """
    shell = expand and bool(_NEEDS_SHELL.search(arguments))
    argv = [_SHELL, "-c", f"exec {shlex.quote(program)} {arguments}"] if shell else [program, *_words(arguments)]
    reader, writer = os.pipe()
    seized, seize = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(argv, environment, folder, randomize, own_group, tty, writer, seized)
    os.close(writer)
    os.close(seized)
    refusal = _seize(pid, seize)
    with os.fdopen(reader, "rb") as pipe:
        failure = pipe.read()
    if refusal is not None and not failure:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise refusal
    status = _until_exec(pid)
    if failure:
        raise BadProgram(program, failure.decode())
    if shell and os.WIFSTOPPED(status):
        ptrace.cont(pid)
        status = _until_exec(pid)
    if not os.WIFSTOPPED(status):
        code = os.waitstatus_to_exitcode(status)
        raise RdbError(f"During startup program exited with code {code}." if code >= 0 else "During startup program terminated.")
    Threads(pid).settle(pid)
    return pid


def _seize(pid: int, seize: int) -> PtraceFailed | None:
    """Take hold of the child and let it go on; why not, if it could not be: then it may have failed already, and says so."""
    try:
        # A launched program must not outlive its debugger, stopped for ever.
        ptrace.seize(pid, ptrace.Option.EXEC | ptrace.Option.EXITKILL)
    except PtraceFailed as error:
        return error
    finally:
        with contextlib.suppress(BrokenPipeError):
            os.write(seize, b".")
        os.close(seize)
    return None


def _until_exec(pid: int) -> int:
    """Wait for the exec, or the end, of a process that has not become the program yet; the wait status."""
    while True:
        _, status = os.waitpid(pid, ptrace.WAIT_ALL)
        if not os.WIFSTOPPED(status) or status >> 16 == ptrace.Event.EXEC:
            return status
        # A shell that expands the arguments has children, and is told of their ends.
        ptrace.cont(pid, 0 if status >> 16 else os.WSTOPSIG(status))


def _words(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError as error:
        raise RdbError(f"Bad arguments: {error}.") from None


def _child(
    argv: list[str],
    environment: Mapping[str, str],
    folder: str | None,
    randomize: bool,
    own_group: bool,
    tty: str | None,
    writer: int,
    seized: int,
) -> None:
    """Become the program; whatever fails is written to the pipe, which a successful exec closes."""
    try:
        if tty:
            _take_terminal(tty)
        elif own_group:
            os.setpgid(0, 0)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTTOU, signal.SIGTTIN, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        if folder:
            os.chdir(folder)
        if not randomize:
            ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)
        os.read(seized, 1)
        os.execve(argv[0], argv, dict(environment))
    except OSError as error:
        os.write(writer, f"{error.strerror}.".encode())
    except BaseException as error:
        os.write(writer, str(error).encode())
    os._exit(127)


def _take_terminal(path: str) -> None:
    """Make the terminal `path` the controlling one, and standard input, output and error."""
    os.setsid()
    terminal = os.open(path, os.O_RDWR)
    for file in (0, 1, 2):
        os.dup2(terminal, file)
