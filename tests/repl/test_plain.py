"""A terminal without art: what becomes of a line when Ctrl-C comes just behind it, and of Ctrl-C just before we wait for one."""

from __future__ import annotations

import os
import pty
import select
import signal
import threading
import time
from typing import Any

import pytest

from rdb.interruption import break_off, breakable
from rdb.repl.output import Output
from rdb.repl.plain import PlainTerminal
from rdb.settings import Settings


@pytest.mark.parametrize("terminal", (True, False))
def test_a_line_that_was_read_when_ctrl_c_came(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal forgets it, as it does with one that nobody has read; in a pipe it is the next one."""
    writes, reads = pty.openpty() if terminal else reversed(os.pipe())
    read = os.read

    def interrupted(file: int, size: int) -> bytes:
        piece = read(file, size)
        if piece.endswith(b"\n"):
            break_off(KeyboardInterrupt())
        return piece

    with open(reads) as standard, monkeypatch.context() as patched:
        patched.setattr("sys.stdin", standard)
        prompt = PlainTerminal(Output(silent=True), Settings())
        os.write(writes, b"continue\n")
        with monkeypatch.context() as pressed:
            pressed.setattr(os, "read", interrupted)
            with pytest.raises(KeyboardInterrupt), breakable():
                prompt.read("")
        os.write(writes, b"print 1\n")
        assert prompt.read("") == ("print 1" if terminal else "continue")
    os.close(writes)


def test_a_signal_that_wakes_nobody_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that comes when the wait is about to begin; here another system thread takes it, which wakes us as little."""
    reads, writes = os.pipe()
    line, waits, wait = threading.Timer(30, os.write, (writes, b"too late\n")), threading.Event(), select.select

    def press() -> None:
        waits.wait()
        time.sleep(0.05)
        line.start()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    def select_soon(*files: Any) -> Any:
        waits.set()
        return wait(*files)

    other = threading.Thread(target=press)
    with open(reads) as standard, monkeypatch.context() as patched:
        patched.setattr("sys.stdin", standard)
        patched.setattr(select, "select", select_soon)
        other.start()
        with pytest.raises(KeyboardInterrupt), breakable():
            PlainTerminal(Output(silent=True), Settings()).read("")
        assert line.is_alive(), "it was the line that woke us"
        line.cancel()
        other.join()
    os.close(writes)
