"""A 32-bit program recorded and gone through in both directions, as a conversation: commands, and what each must answer.

Each expectation is a regular expression that must be found in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from rdb.events import Direction, EndOfHistory, Exited, RecordingStopped
from rdb.session import Session
from rdb.stops import BreakpointHit
from tests.commands.conversation import Conversation
from tests.i386.build import program32

Talk = list[tuple[str, str]]

BACK_AND_FORTH: Talk = [
    ("break main", r"Breakpoint 1 at 0x[0-9a-f]+: file i386_session.c, line 87\."),
    ("run > /dev/null", r"Breakpoint 1, main \(argc=1, argv=0xff[0-9a-f]{6}\) at i386_session.c:87"),
    ("record", r"^$"),
    ("watch calls", r"Hardware watchpoint 2: calls"),
    ("continue", r"Old value = 0\nNew value = 1\nproduct \(a=3, b=8589934592\) at i386_session.c:28"),
    ("continue", r"Old value = 1\nNew value = 2\nfactorial \(n=5\) at i386_session.c:67"),
    ("bt", r"^#0  factorial \(n=5\) at .*:67\n#1  0x[0-9a-f]{8} in main \(argc=1, argv=0xff[0-9a-f]{6}\) at .*:100\n$"),
    ("reverse-continue", r"Old value = 2\nNew value = 1\n0x[0-9a-f]{8} in factorial \(n=5\) at i386_session.c:66"),
    ("p calls", r"= 1$"),
    ("reverse-finish", r"back to call of.*\n0x[0-9a-f]{8} in main .*:100"),
    ("x/i $pc", r"call +0x[0-9a-f]+ <factorial>"),
    ("delete", ""),
    ("reverse-continue", r"No more reverse-execution history.\nmain \(argc=1, argv=0xff[0-9a-f]{6}\) at i386_session.c:87"),
    ("p total", r"= 0$"),
    ("tbreak tenth", "Temporary breakpoint 3"),
    ("continue", r"Temporary breakpoint 3, tenth \(d=1\) at i386_session.c:43"),
    ("finish", r"Run till exit.*\n(0x[0-9a-f]{8} in )?main .*:96\n.*\nValue returned is \$\d+ = 0.100000000000000000001"),
    ("reverse-step", r"^tenth \(d=1\) at i386_session.c:44\n"),
    ("reverse-next", r"^43\t"),
    ("reverse-next", r"^main .*:96\n"),
    ("next", r"^97\t"),
    ("p precise", r"= 0.100000000000000000001$"),
    ("reverse-stepi", r"^0x[0-9a-f]{8}\t96\t"),
    ("tbreak handler", "Temporary breakpoint 4"),
    ("continue", r"No more reverse-execution history.\nfactorial \(n=5\) at i386_session.c:67"),
    ("continue", r"Program received signal SIGUSR1, User defined signal 1.\n0x[0-9a-f]{8} in __kernel_vsyscall \(\)"),
    ("continue", r"Temporary breakpoint 4, handler \(number=10\) at i386_session.c:74"),
    ("bt", r"#1  <signal handler called>\n#2  0x[0-9a-f]{8} in __kernel_vsyscall \(\)\n(.*\n)+#\d  0x[0-9a-f]{8} in main .*:102"),
    ("p $gs", r"= 99$"),
    ("reverse-next", r"^0x[0-9a-f]{8} in __kernel_vsyscall \(\)\n$"),
    ("record stop", "Process record is stopped"),
]  # fmt: skip

FROM_THE_START: Talk = [
    ("starti > /dev/null", r"^Program stopped.\n0x[0-9a-f]{8} in "),
    ("record", r"^$"),
    ("tbreak main", "Temporary breakpoint 1"),
    ("continue", r"Temporary breakpoint 1, main \(argc=1"),
    ("p $gs", r"= 99$"),
    ("reverse-continue", r"No more reverse-execution history.\n0x[0-9a-f]{8} in "),
    ("p $gs", r"= 0$"),
    ("p $esp == $sp && sizeof($esp) == 4", r"= 1$"),
    ("continue", r"No more reverse-execution history.\nmain \(argc=1, argv=0xff[0-9a-f]{6}\) at i386_session.c:87"),
    ("p $gs", r"= 99$"),
    ("info record", r"Highest recorded instruction number is \d{5,6}\."),
]  # fmt: skip

KINDS = {
    "dynamic": ("-O0", "-g"),
    "static": ("-O0", "-g", "-static", "-no-pie"),
    "SSE": ("-O0", "-g", "-msse2", "-mfpmath=sse"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("talk", [BACK_AND_FORTH, FROM_THE_START], ids=["back and forth", "from the start"])
def test_conversation(talk: Talk, kind: str, session: Callable[..., Session], script: list[str]) -> None:
    conversation = Conversation(session(program32("i386_session.c", *KINDS[kind])))
    for command, expected in talk:
        script.append(command)
        answer = conversation.say(command)
        assert re.search(expected, answer, re.MULTILINE), f"{command}: {answer}"


def test_to_the_exit_and_back(session: Callable[..., Session]) -> None:
    debugging = session(program32("i386_session.c"), query=lambda question: "program exit" in question)
    debugging.arguments = "> /dev/null"
    debugging.signals[10] = type(debugging.signals[10])(stop=False, tell=False, forward=True)
    debugging.run(stop_at="first instruction")
    debugging.record()
    assert debugging.cont().stop.reason(RecordingStopped)
    end = debugging.evaluate_integer("calls")
    assert debugging.cont(Direction.REVERSE).stop.reason(EndOfHistory)
    assert debugging.cont().stop.reason(EndOfHistory)
    assert debugging.evaluate_integer("calls") == end == 6
    debugging.record_stop()
    assert debugging.cont().stop.reason(Exited) == Exited(30)


def test_a_program_of_the_other_width_is_executed(session: Callable[..., Session]) -> None:
    """exec from a 64-bit shell into a 32-bit program, and what is known of registers and pointers afterwards."""
    path = program32("i386_session.c")
    debugging = session("/bin/sh")
    debugging.arguments = f"-c 'exec {path} > /dev/null'"
    assert debugging.arch.pointer_size == 8
    debugging.break_at("main", pending=True)
    assert debugging.run().reason(BreakpointHit)
    assert debugging.arch.pointer_size == 4
    assert debugging.evaluate_integer("sizeof(argv)") == 4
    assert debugging.frame is not None and debugging.frame.line is not None and debugging.frame.line.line == 87
    debugging.record()
    debugging.next()
    debugging.next(direction=Direction.REVERSE)
    assert debugging.frame.line.line == 87
