"""Who owns the terminal: rdb at its prompt, or the program while it runs.

The program has its own process group.  While it runs that group is the terminal's foreground group and the terminal has the
program's settings, so that Ctrl-C interrupts the program and not rdb; at the prompt rdb takes both back.  Without a controlling
terminal on standard input every method does nothing.
"""

from __future__ import annotations

import os
import signal
import termios


class Terminal:
    def __init__(self) -> None:
        self.file = 0
        self.present = _is_ours(self.file)
        self._ours = termios.tcgetattr(self.file) if self.present else None
        self._theirs = self._ours

    def give(self, group: int) -> None:
        """Hand the terminal to the process group `group`."""
        if self.present:
            self._ours = termios.tcgetattr(self.file)
            self._set(group, self._theirs)

    def take(self) -> None:
        """Take the terminal back, and remember how the program had set it."""
        if self.present and os.tcgetpgrp(self.file) != os.getpgrp():
            self._theirs = termios.tcgetattr(self.file)
            self._set(os.getpgrp(), self._ours)

    def forget(self) -> None:
        """The program is gone: the next one starts with rdb's own settings."""
        self.take()
        self._theirs = self._ours

    def _set(self, group: int, settings: list[object] | None) -> None:
        # A background process that changes the terminal is sent SIGTTOU, unless it ignores it.
        previous = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            os.tcsetpgrp(self.file, group)
            if settings is not None:
                termios.tcsetattr(self.file, termios.TCSADRAIN, settings)  # type: ignore[arg-type]
        except (OSError, termios.error):
            pass  # the group ended meanwhile, or the terminal was hung up
        finally:
            signal.signal(signal.SIGTTOU, previous)


def _is_ours(file: int) -> bool:
    try:
        return os.isatty(file) and os.tcgetpgrp(file) == os.getpgrp()
    except OSError:
        return False
