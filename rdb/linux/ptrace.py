"""One thin function for each ptrace request, on python-ptrace's bindings.

The bindings' own functions cover half of the requests and build Python objects for each call; these take and fill flat buffers,
so the layers above see register banks as the kernel lays them out.  Every failure is a PtraceFailed that carries the request.
`raw` is the C function itself, for the loop that steps a hundred thousand times.
"""

from __future__ import annotations

import ctypes
import enum
import os
import signal
from collections.abc import Callable

from ptrace.binding.func import _ptrace

from rdb.errors import CannotAccessMemory, PtraceFailed

raw: Callable[[int, int, int, int], int] = _ptrace


class Request(enum.IntEnum):
    """Requests and their numbers, from <linux/ptrace.h> and <sys/ptrace.h>."""

    TRACEME = 0
    PEEKUSER = 3
    POKEUSER = 6
    CONT = 7
    KILL = 8
    SINGLESTEP = 9
    GETREGS = 12
    SETREGS = 13
    DETACH = 17
    SYSCALL = 24
    GET_THREAD_AREA = 25
    SET_THREAD_AREA = 26
    SETOPTIONS = 0x4200
    GETEVENTMSG = 0x4201
    GETSIGINFO = 0x4202
    SETSIGINFO = 0x4203
    GETREGSET = 0x4204
    SETREGSET = 0x4205
    SEIZE = 0x4206
    INTERRUPT = 0x4207
    LISTEN = 0x4208
    PEEKSIGINFO = 0x4209
    GETSIGMASK = 0x420A
    SETSIGMASK = 0x420B
    GET_SYSCALL_INFO = 0x420E


class Option(enum.IntFlag):
    SYSGOOD = 0x1
    FORK = 0x2
    VFORK = 0x4
    CLONE = 0x8
    EXEC = 0x10
    VFORKDONE = 0x20
    EXIT = 0x40
    EXITKILL = 0x100000
    SUSPEND_SECCOMP = 0x200000


class Event(enum.IntEnum):
    """What `status >> 16` of a ptrace-stop says."""

    NONE = 0
    FORK = 1
    VFORK = 2
    CLONE = 3
    EXEC = 4
    VFORK_DONE = 5
    EXIT = 6
    STOP = 128


# The kernel's sigset_t: 64 signals.
SIGSET_SIZE = 8
# Where the stop is a signal's, or job control's, `status >> 8 & 0xff` is the signal.
# What waitpid reports for a stop with SIGTRAP or SIGSTOP and no event, and for one with Event.STOP that is nobody's signal.
TRAPPED = 0x057F
STOPPED = 0x137F
INTERRUPTED = Event.STOP << 16 | TRAPPED
# Where a system call begins or ends; Option.SYSGOOD tells it from a SIGTRAP.
IN_CALL = TRAPPED | 0x8000
# What si_code is there.
_CALL_CODE = signal.SIGTRAP | 0x80
# struct ptrace_syscall_info, <linux/ptrace.h>: its size, where the call's number or result is, and `op` where a call begins.
_CALL_INFO_SIZE, _CALL_VALUE, _CALL_ENTRY = 88, 24, 1
# waitpid must also report threads made by clone (wait(2), __WALL).
WAIT_ALL = 0x40000000
NT_X86_XSTATE = 0x202
# Results of a system call that only a tracer sees, include/linux/errno.h: ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND,
# ERESTART_RESTARTBLOCK.  The call was interrupted: it begins again when its thread goes on, or fails if a handler runs first.
UNDECIDED = (-512, -513, -514, -516)
# offsetof(struct user, u_debugreg), <sys/user.h> on x86-64.
DEBUG_REGISTERS = 848


# How many pending signals are read at a time, and the size of a siginfo_t.
_PENDING, _INFO_SIZE = 16, 128


class _Peek(ctypes.Structure):
    """struct ptrace_peeksiginfo_args: from which of the pending signals, of the thread alone if no flag is set, how many."""

    _fields_ = [("offset", ctypes.c_uint64), ("flags", ctypes.c_uint32), ("number", ctypes.c_int32)]


class Iovec(ctypes.Structure):
    """struct iovec, by which GETREGSET is told where a bank goes and tells how much of it there is."""

    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def _call(request: Request, pid: int, address: int = 0, data: int = 0) -> int:
    ctypes.set_errno(0)
    result = raw(request, pid, address, data)
    number = ctypes.get_errno()
    if number:
        raise PtraceFailed(request.name, pid, number, os.strerror(number))
    return result


# How threads have ended that somebody has waited for.
_ends: dict[int, int] = {}


def wait(thread: int) -> int:
    """Wait for the next stop of a thread, or for its end; the wait status.

    The kernel tells of an end but once, to whoever comes first; here everybody who asks is told.
    """
    return _status(thread, 0)[1]


def look(thread: int) -> int | None:
    """The wait status of a thread if there is one; see `wait`."""
    found, status = _status(thread, os.WNOHANG)
    return status if found else None


def _status(thread: int, options: int) -> tuple[int, int]:
    try:
        found, status = os.waitpid(thread, options | WAIT_ALL)
    except ChildProcessError:
        if thread not in _ends:
            raise
        return thread, _ends[thread]
    return found, told(thread, status) if found else status


def told(thread: int, status: int) -> int:
    """The kernel has told this wait status of a thread; the same status."""
    if not os.WIFSTOPPED(status):
        _ends[thread] = status
    return status


def trace_me() -> None:
    """Ask to be traced by the parent (in the child, before exec)."""
    _call(Request.TRACEME, 0)


def seize(pid: int, options: Option) -> None:
    """Trace a thread, which goes on running.  Its stops that are no signal's are told as Event.STOP (ptrace(2), PTRACE_SEIZE)."""
    _call(Request.SEIZE, pid, 0, options)


def interrupt(pid: int) -> None:
    """Make a seized thread stop with Event.STOP; any stop of another kind that comes first will do instead."""
    _call(Request.INTERRUPT, pid)


def listen(pid: int) -> None:
    """Leave a thread in the stop of job control that it has reported, and wait for what comes next, SIGCONT for one."""
    _call(Request.LISTEN, pid)


def detach(pid: int, signal: int = 0) -> None:
    _call(Request.DETACH, pid, 0, signal)


def set_options(pid: int, options: Option) -> None:
    _call(Request.SETOPTIONS, pid, 0, options)


def cont(pid: int, signal: int = 0) -> None:
    _call(Request.CONT, pid, 0, signal)


def step(pid: int, signal: int = 0) -> None:
    _call(Request.SINGLESTEP, pid, 0, signal)


def run_to_call(pid: int, signal: int = 0) -> None:
    """Run until a system call begins, or the one that has begun ends."""
    _call(Request.SYSCALL, pid, 0, signal)


def event_message(pid: int) -> int:
    """What a ptrace event carries: a new child's id, or an exit status."""
    message = ctypes.c_ulong()
    _call(Request.GETEVENTMSG, pid, 0, ctypes.addressof(message))
    return message.value


def signal_info(pid: int) -> bytes:
    """The siginfo_t (128 bytes) of the signal the thread has stopped with."""
    info = ctypes.create_string_buffer(128)
    _call(Request.GETSIGINFO, pid, 0, ctypes.addressof(info))
    return info.raw


def standing_event(pid: int) -> Event:
    """The ptrace event with which a thread stands, NONE for a signal (ptrace(2), PTRACE_GETSIGINFO: the code tells)."""
    try:
        code = int.from_bytes(signal_info(pid)[8:12], "little", signed=True)
    except PtraceFailed:
        return Event.NONE  # stopped by job control
    return Event(code >> 8) if code > 0 and code >> 8 in set(Event) else Event.NONE


def stands_trapped(pid: int) -> bool:
    """Whether a thread stands with a SIGTRAP that the CPU has raised, in a stop that is a signal's."""
    return _is_trap(signal_info(pid))


def signal_number(info: bytes) -> int:
    """si_signo of a siginfo_t."""
    return int.from_bytes(info[:4], "little")


def is_own_stop(info: bytes) -> bool:
    """Whether a signal is a SIGSTOP that a system thread of ours has sent, to one that it may not interrupt otherwise."""
    return signal_number(info) == signal.SIGSTOP and int.from_bytes(info[16:20], "little") == os.getpid()


def tells_nothing(pid: int, status: int) -> bool:
    """Whether a thread has stopped only because we asked for that, by an interrupt or by a SIGSTOP, which may come late."""
    return status == INTERRUPTED or (status == STOPPED and is_own_stop(signal_info(pid)))


def is_about_to_trap(pid: int) -> bool:
    """Whether a SIGTRAP that the CPU or the kernel has raised waits for a standing thread: the end of a step.

    A thread that is interrupted during a step stands before it takes the trap; it takes it before it executes anything else, and
    before any other signal.  In a system call this is the rule: there it is the kernel that raises the trap, on the way out.  A
    SIGTRAP that somebody has sent is none of these, and hides one that comes on top of it (signal(7), standard signals).
    """
    buffer = ctypes.create_string_buffer(_PENDING * _INFO_SIZE)
    peek = _Peek(0, 0, _PENDING)
    while count := _call(Request.PEEKSIGINFO, pid, ctypes.addressof(peek), ctypes.addressof(buffer)):
        if any(_is_trap(buffer.raw[start : start + _INFO_SIZE]) for start in range(0, count * _INFO_SIZE, _INFO_SIZE)):
            return True
        peek.offset += count
    return False


def _is_trap(info: bytes) -> bool:
    number, code = signal_number(info), int.from_bytes(info[8:12], "little", signed=True)
    return number == signal.SIGTRAP and 0 < code < _CALL_CODE


def stands_in_call(pid: int) -> bool:
    """Whether a thread stands where a system call begins or ends."""
    try:
        info = signal_info(pid)
    except PtraceFailed:
        return False  # stopped by job control
    return int.from_bytes(info[8:12], "little", signed=True) == _CALL_CODE


def call_info(pid: int) -> tuple[bool, int]:
    """Whether a thread that stands in a system call begins it; its number then, else its result (struct ptrace_syscall_info)."""
    info = ctypes.create_string_buffer(_CALL_INFO_SIZE)
    _call(Request.GET_SYSCALL_INFO, pid, _CALL_INFO_SIZE, ctypes.addressof(info))
    return info.raw[0] == _CALL_ENTRY, int.from_bytes(info.raw[_CALL_VALUE : _CALL_VALUE + 8], "little", signed=True)


def set_signal_info(pid: int, info: bytes) -> None:
    buffer = ctypes.create_string_buffer(info, 128)
    _call(Request.SETSIGINFO, pid, 0, ctypes.addressof(buffer))


def signal_mask(pid: int) -> bytes:
    """The sigset_t of the signals that the thread has blocked, or will have when a call that waits for some (sigsuspend) is
    over."""
    mask = ctypes.create_string_buffer(SIGSET_SIZE)
    _call(Request.GETSIGMASK, pid, SIGSET_SIZE, ctypes.addressof(mask))
    return mask.raw


def set_signal_mask(pid: int, mask: bytes) -> None:
    """Block these signals and no others, from when the thread goes on."""
    buffer = ctypes.create_string_buffer(mask, SIGSET_SIZE)
    _call(Request.SETSIGMASK, pid, SIGSET_SIZE, ctypes.addressof(buffer))


def get_registers(pid: int, size: int) -> bytearray:
    """The general registers, `size` bytes of user_regs_struct."""
    buffer = bytearray(size)
    fetch_registers(pid, ctypes.addressof(ctypes.c_char.from_buffer(buffer)))
    return buffer


def set_registers(pid: int, data: bytes | bytearray) -> None:
    buffer = ctypes.create_string_buffer(bytes(data), len(data))
    store_registers(pid, ctypes.addressof(buffer))


def fetch_registers(pid: int, to: int) -> None:
    """Read the general registers into our memory, at an address where there is room for all of them."""
    _call(Request.GETREGS, pid, 0, to)


def store_registers(pid: int, at: int) -> None:
    """Set the general registers from our memory."""
    _call(Request.SETREGS, pid, 0, at)


def get_extended(pid: int, size: int) -> bytearray:
    """The first `size` bytes of the extended state (XSAVE layout, Intel SDM volume 1, 13.4); fewer if the kernel has fewer."""
    buffer = bytearray(size)
    vector = Iovec(ctypes.addressof(ctypes.c_char.from_buffer(buffer)), size)
    _call(Request.GETREGSET, pid, NT_X86_XSTATE, ctypes.addressof(vector))
    del buffer[vector.size :]
    return buffer


def set_extended(pid: int, data: bytes | bytearray) -> None:
    buffer = ctypes.create_string_buffer(bytes(data), len(data))
    vector = Iovec(ctypes.addressof(buffer), len(data))
    _call(Request.SETREGSET, pid, NT_X86_XSTATE, ctypes.addressof(vector))


def thread_area(request: Request, pid: int, number: int, entry: int) -> None:
    """GET_THREAD_AREA or SET_THREAD_AREA of descriptor `number`, to or from the user_desc at our address `entry`."""
    _call(request, pid, number, entry)


def get_debug_register(pid: int, number: int) -> int:
    return _call(Request.PEEKUSER, pid, DEBUG_REGISTERS + 8 * number)


def set_debug_register(pid: int, number: int, value: int) -> None:
    _call(Request.POKEUSER, pid, DEBUG_REGISTERS + 8 * number, value)


class Memory:
    """The memory of a traced process, by /proc/PID/mem: it reads and writes whatever is mapped, whatever its protection."""

    def __init__(self, pid: int) -> None:
        self.file = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self.file)

    def reopen(self, pid: int) -> None:
        """From now on the memory of the image that process `pid` has executed."""
        self.close()
        self.file = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at `address`, or CannotAccessMemory with the first address that cannot be read."""
        data = self.read_some(address, size)
        if len(data) != size:
            raise CannotAccessMemory(address + len(data), size - len(data))
        return data

    def read_some(self, address: int, size: int) -> bytes:
        """As many of the `size` bytes at `address` as are mapped in front of the first hole."""
        data = b""
        try:
            while len(data) < size:
                part = os.pread(self.file, size - len(data), address + len(data))
                if not part:
                    break
                data += part
        except (OSError, OverflowError):
            pass
        return data

    def write(self, address: int, data: bytes) -> None:
        try:
            written = os.pwrite(self.file, data, address)
        except (OSError, OverflowError):
            written = 0
        if written != len(data):
            raise CannotAccessMemory(address + written, len(data) - written)
