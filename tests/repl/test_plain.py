"""A terminal without art: what becomes of a line when Ctrl-C comes just behind it."""

from __future__ import annotations

import os
import pty

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
