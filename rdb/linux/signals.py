"""Signals as the user reads them: names, descriptions, and what to do when one arrives.

The wording and the defaults are those GDB users know: stop and tell for what is an error, pass silently for what is the normal
life of a program (timers, children, window changes).
"""

from __future__ import annotations

import signal
from dataclasses import dataclass

DESCRIPTIONS = {
    "SIGHUP": "Hangup",
    "SIGINT": "Interrupt",
    "SIGQUIT": "Quit",
    "SIGILL": "Illegal instruction",
    "SIGTRAP": "Trace/breakpoint trap",
    "SIGABRT": "Aborted",
    "SIGBUS": "Bus error",
    "SIGFPE": "Arithmetic exception",
    "SIGKILL": "Killed",
    "SIGUSR1": "User defined signal 1",
    "SIGSEGV": "Segmentation fault",
    "SIGUSR2": "User defined signal 2",
    "SIGPIPE": "Broken pipe",
    "SIGALRM": "Alarm clock",
    "SIGTERM": "Terminated",
    "SIGCHLD": "Child status changed",
    "SIGCONT": "Continued",
    "SIGSTOP": "Stopped (signal)",
    "SIGTSTP": "Stopped (user)",
    "SIGTTIN": "Stopped (tty input)",
    "SIGTTOU": "Stopped (tty output)",
    "SIGURG": "Urgent I/O condition",
    "SIGXCPU": "CPU time limit exceeded",
    "SIGXFSZ": "File size limit exceeded",
    "SIGVTALRM": "Virtual timer expired",
    "SIGPROF": "Profiling timer expired",
    "SIGWINCH": "Window size changed",
    "SIGIO": "I/O possible",
    "SIGPWR": "Power fail/restart",
    "SIGSTKFLT": "Stack fault",
    "SIGSYS": "Bad system call",
}

_QUIET = ("SIGALRM", "SIGCHLD", "SIGURG", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO")
# The numbers by which commands may name a signal are GDB's own: the kernel's differ (SIGBUS, SIGSYS), and one is not Linux's.
_NUMBERED = (
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGEMT", "SIGFPE", "SIGKILL", "SIGBUS", "SIGSEGV", "SIGSYS",
    "SIGPIPE", "SIGALRM", "SIGTERM",
)  # fmt: skip
# The order in which GDB lists them.
_ORDER = (
    *(name for name in _NUMBERED if name != "SIGEMT"),
    "SIGURG", "SIGSTOP", "SIGTSTP", "SIGCONT", "SIGCHLD", "SIGTTIN", "SIGTTOU", "SIGIO", "SIGXCPU", "SIGXFSZ", "SIGVTALRM",
    "SIGPROF", "SIGWINCH", "SIGUSR1", "SIGUSR2", "SIGPWR",
    *(f"SIG{number}" for number in (*range(33, 64), 32, 64)),
)  # fmt: skip
# The debugger uses these itself: they are not passed on, and what is for all signals leaves them out.
OURS = ("SIGTRAP", "SIGINT")


@dataclass(frozen=True)
class Disposition:
    """What happens when a signal arrives: stop the program, tell the user, pass it to the program."""

    stop: bool
    tell: bool
    forward: bool


def name(number: int) -> str:
    """SIGSEGV for 11, SIG34 for a real-time signal."""
    try:
        text = signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
    return {"SIGRTMIN": "SIG34", "SIGRTMAX": "SIG64", "SIGPOLL": "SIGIO"}.get(text, text)


def describe(number: int) -> str:
    """The words behind the name: "Segmentation fault"."""
    return DESCRIPTIONS.get(name(number), f"Real-time event {number}")


def number_of(text: str) -> int | None:
    """The kernel's number of a signal given by name, or as one of GDB's numbers from 1 to 15; None if there is no such signal."""
    if text.isdecimal():
        at = int(text) - 1
        text = _NUMBERED[at] if 0 <= at < len(_NUMBERED) else ""
    return _BY_NAME.get(text)


def listed() -> list[int]:
    """All signals in the order in which GDB lists them."""
    return [_BY_NAME[name] for name in _ORDER]


def defaults() -> dict[int, Disposition]:
    """Number -> what GDB does with the signal unless told otherwise."""
    table = {}
    for number in range(1, 65):
        quiet = name(number) in _QUIET
        table[number] = Disposition(stop=not quiet, tell=not quiet, forward=name(number) not in OURS)
    return table


# What happens by default, signal(7): these do nothing, these stop the program; all others end it.
_IGNORED = ("SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH")
_STOPPING = ("SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU")


def stops_by_default(number: int) -> bool:
    """Whether a signal without a handler stops the program until SIGCONT, unless it ignores it."""
    return name(number) in _STOPPING


def ends_by_default(number: int) -> bool:
    """Whether a signal without a handler ends the program, unless it ignores it."""
    return name(number) not in (*_IGNORED, *_STOPPING)


_BY_NAME = {name(number): number for number in range(1, 65)}
