"""$_siginfo: in gdb and in rdb the same of a program that lives; in the recorded past, that of the signal that comes next."""

from __future__ import annotations

import difflib
import shutil
import signal
import sys
from collections.abc import Callable

import pytest

from rdb.errors import CannotWriteSignal, ExpressionError
from rdb.events import Direction, EndOfHistory, Signalled
from rdb.expr.siginfo import _widened, siginfo
from rdb.linux.signals import Disposition
from rdb.session import Session
from tests.build import program
from tests.commands.test_side_by_side import play
from tests.i386.build import program32
from tests.walks.test_against_gdb import FLAGS

SCRIPT = """
set width 0
p $_siginfo
ptype $_siginfo
handle SIGUSR1 nostop noprint
handle SIGSEGV stop
break main
run
p $_siginfo
p sizeof($_siginfo)
ptype $_siginfo
whatis $_siginfo
whatis $_siginfo._sifields
p &$_siginfo
p &$_siginfo.si_signo
p $_siginfo.si_foo
delete
handle SIGUSR2 nostop noprint
handle SIGALRM nostop noprint
handle SIGHUP stop
continue
p $_siginfo.si_signo
p $_siginfo.si_code
p $_siginfo._sifields._kill.si_uid
p $_siginfo._sifields._sigfault.si_addr == self
p $_siginfo._sifields._pad[0] - self
continue
p $_siginfo
p/x $_siginfo._sifields._sigfault
p $_siginfo._sifields._sigfault.si_addr
p $_siginfo._sifields._sigfault.si_addr == &hole[5]
ptype $_siginfo._sifields._sigfault
ptype $_siginfo._sifields._rt
ptype $_siginfo._sifields._timer
ptype $_siginfo._sifields._sigchld
ptype $_siginfo._sifields._sigpoll
ptype $_siginfo._sifields._sigsys
whatis $_siginfo._sifields._rt.si_sigval
kill
p $_siginfo
"""

ASSIGNED = """
set width 0
p $_siginfo.si_signo = 5
handle SIGUSR1 SIGUSR2 SIGHUP SIGSEGV nostop noprint
handle SIGALRM stop
break main
run
p $_siginfo.si_errno = 1
{record}
delete
break inform
continue
p $_siginfo.si_signo
p $_siginfo.si_errno = 7
p $_siginfo.si_errno
p ++$_siginfo.si_errno
set var $_siginfo._sifields._kill.si_pid = 77
p $_siginfo._sifields._rt.si_sigval.sival_int = 99
p $_siginfo._sifields._rt
p $_siginfo._sifields._pad[9]++
p $_siginfo._sifields._pad[4]++
p $_siginfo._sifields._pad[4]
p $_siginfo._sifields._pad[9]
p $_siginfo = 5
p $_siginfo._sifields._sigfault = 1
p $_siginfo.si_foo = 1
p &$_siginfo
continue
p info->si_errno
p info->_sifields._rt
"""


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not on this machine: apt-get install gdb")
def test_rdb_answers_as_gdb() -> None:
    executable, lines = program("walk_signals.c", *FLAGS), SCRIPT.strip().splitlines()
    expected = play(["gdb"], list(lines), executable)
    answered = play([sys.executable, "-m", "rdb"], list(lines), executable)
    assert "si_addr = 0x" in "".join(answered)
    assert not list(difflib.unified_diff(expected, answered, "gdb", "rdb", lineterm="", n=2))


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not on this machine: apt-get install gdb")
@pytest.mark.parametrize("mode", ("live", "step", "compiled"))
def test_assigned_as_in_gdb(mode: str) -> None:
    """What the user changes is what the handler is told."""
    executable = program("walk_signals.c", *FLAGS)
    lines = ASSIGNED.format(record="echo" if mode == "live" else "record").strip().splitlines()
    engine = [] if mode == "live" else ["-ex", f"set record full engine {mode}"]
    expected = play(["gdb"], list(lines), executable)
    answered = play([sys.executable, "-m", "rdb", *engine], list(lines), executable)
    assert "_rt" in "".join(answered) and "si_pid = 77" in "".join(answered)
    assert not list(difflib.unified_diff(expected, answered, "gdb", "rdb", lineterm="", n=2))


def _told(debugging: Session) -> tuple[int, ...]:
    fields = ("si_signo", "si_code", "_sifields._kill.si_pid", "_sifields._sigfault.si_addr")
    return tuple(debugging.evaluate_integer(f"(long)$_siginfo.{field}") for field in fields)


@pytest.mark.parametrize("bits", (64, 32))
@pytest.mark.parametrize("engine", ("step", "compiled"))
def test_in_the_past(session: Callable[..., Session], engine: str, bits: int) -> None:
    build = program32 if bits == 32 else program
    debugging = session(build("signal_faults.c", "-O0", "-g", "-static"), query=lambda question: "program exit" in question)
    debugging.arguments = "protection"
    debugging.settings["record full engine"] = engine
    debugging.signals[signal.SIGSEGV] = Disposition(stop=True, tell=True, forward=True)
    debugging.run(stop_at="main")
    debugging.record()
    with pytest.raises(ExpressionError, match="^Unable to read siginfo$"):
        debugging.evaluate_integer("$_siginfo.si_signo")
    told = []
    while debugging.cont().stop.reason(Signalled) is not None:
        told.append(_told(debugging))
    assert told and {each[0] for each in told} == {signal.SIGSEGV} and all(each[3] for each in told)
    again = []
    while debugging.cont(Direction.REVERSE).stop.reason(EndOfHistory) is None:
        again.append(_told(debugging))
        with pytest.raises(CannotWriteSignal, match="^Unable to write siginfo$"):
            debugging.evaluate_integer("$_siginfo.si_signo = 1")
    assert again[::-1] == told
    with pytest.raises(ExpressionError, match="^Unable to read siginfo$"):
        debugging.evaluate_integer("$_siginfo.si_signo")


def test_of_narrow_programs() -> None:
    """Each kind of signal, as a 32-bit program has its siginfo_t (<asm-generic/siginfo.h>)."""

    def made(number: int, code: int, *pieces: tuple[int, int, int]) -> bytes:
        info = bytearray(128)
        for at, size, value in ((0, 4, number), (8, 4, code), *pieces):
            info[at : at + size] = value.to_bytes(size, "little", signed=value < 0)
        return bytes(info)

    for wide, narrow in (
        (made(10, -1, (16, 4, 77), (20, 4, 8), (24, 8, 0x1234567)), made(10, -1, (12, 4, 77), (16, 4, 8), (20, 4, 0x1234567))),
        (made(11, 1, (16, 8, 0xFFFFD000)), made(11, 1, (12, 4, 0xFFFFD000))),
        (made(14, 128), made(14, 128)),
        (made(34, -2, (16, 4, 3), (20, 4, 2), (24, 8, 9)), made(34, -2, (12, 4, 3), (16, 4, 2), (20, 4, 9))),
        (
            made(17, 1, (16, 4, 77), (20, 4, 8), (24, 4, 3), (32, 8, 5), (40, 8, 6)),
            made(17, 1, (12, 4, 77), (16, 4, 8), (20, 4, 3), (24, 4, 5), (28, 4, 6)),
        ),
        (made(29, 1, (16, 8, 65), (24, 4, 4)), made(29, 1, (12, 4, 65), (16, 4, 4))),
        (made(31, 1, (16, 8, 4096), (24, 4, 39), (28, 4, 7)), made(31, 1, (12, 4, 4096), (16, 4, 39), (20, 4, 7))),
    ):
        assert siginfo(lambda wide=wide: wide, 4).data == narrow  # type: ignore[misc]
        assert _widened(narrow, 4, bytes(128)) == wide
        assert siginfo(lambda wide=wide: wide, 8).data == wide  # type: ignore[misc]
