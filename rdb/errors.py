"""The one family of errors that a user can meet.

Every error carries its facts in fields, and str() of it is the single line that the prompt prints, in GDB's manner.  Whatever
is not an RdbError and reaches the prompt is a bug in rdb.
"""

from __future__ import annotations


class RdbError(Exception):
    """Base of the family; raised as it stands for a plain sentence to the user."""


class UsageError(RdbError):
    """A command got arguments that it cannot take."""


class CannotAccessMemory(RdbError):
    """`size` bytes at `address` cannot be read or written."""

    def __init__(self, address: int, size: int = 1) -> None:
        self.address, self.size = address, size
        super().__init__(f"Cannot access memory at address {address:#x}")


class NoProcess(RdbError):
    """Something needs a live (or recorded) process and there is none."""

    def __init__(self, sentence: str = "The program is not being run.") -> None:
        super().__init__(sentence)


class NoThread(RdbError):
    """No thread has this number at the moment that is looked at."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"Unknown thread {number}.")


class NoRegisters(RdbError):
    def __init__(self) -> None:
        super().__init__("No registers.")


class CannotWriteSignal(RdbError):
    """What is known of a signal cannot be changed: there is none, or it is in the past."""

    def __init__(self) -> None:
        super().__init__("Unable to write siginfo")


class NoFrame(RdbError):
    def __init__(self, sentence: str = "No stack.") -> None:
        super().__init__(sentence)


class NoSymbol(RdbError):
    """`name` means nothing in the scope where it was looked up."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f'No symbol "{name}" in current context.')


class NoSymbolTable(RdbError):
    def __init__(self) -> None:
        super().__init__('No symbol table is loaded.  Use the "file" command.')


class NoLocation(RdbError):
    """A linespec that names no code; `linespec` is what the user wrote.  A breakpoint on it may be made pending."""

    def __init__(self, sentence: str, linespec: str) -> None:
        self.linespec = linespec
        super().__init__(sentence)


class ExpressionError(RdbError):
    """An expression that cannot be parsed or evaluated."""


class BadProgram(RdbError):
    """`path` cannot be run or read; `why` says it in the system's or GDB's words."""

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f'"{path}": {why}')


class PtraceFailed(RdbError):
    """The kernel refused `request` on `pid` with `errno`."""

    def __init__(self, request: str, pid: int, errno: int, why: str) -> None:
        self.request, self.pid, self.errno = request, pid, errno
        super().__init__(f"ptrace: {request} on process {pid}: {why}.")


class CallsRestricted(RdbError):
    """`thread` has forbidden itself system calls, so that none can be made for it."""

    def __init__(self, thread: int) -> None:
        self.thread = thread
        super().__init__(
            "The program has restricted its own system calls (seccomp): "
            "undoing what needs one takes CAP_SYS_ADMIN, as root has it."
        )


class ProgramEnded(RdbError):
    """Thread `thread` ended, with the wait status `status`, while it did something for us."""

    def __init__(self, thread: int, status: int) -> None:
        self.thread, self.status = thread, status
        super().__init__("The program has ended.")


class CannotRecord(RdbError):
    """The instruction `code` at `address` cannot be recorded; what was recorded before it is kept."""

    def __init__(self, address: int, code: bytes, why: str) -> None:
        self.address, self.code, self.why = address, code, why
        super().__init__(f"Process record does not support instruction {code.hex(' ')} at address {address:#x}: {why}.")
