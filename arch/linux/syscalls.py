"""What a Linux system call does to the program that makes it.

effects() is asked at the entry of a call, before the kernel runs, and answers with upper bounds: every byte of the program's
memory that the call changes lies within `writes`, unless `unknown` says that it must be found by comparing all writable memory.

Invariants:
* Null pointers and empty stretches are left out.  A pointer to a structure that cannot be read (EFAULT) yields nothing.
* Stretches are as the program asked: read(0, p, 2**60) yields 2**60 bytes, cut only at the end of the address space.  They may
  overlap, and they may run past the mapping: the recorder clips them to what is mapped and writable.
* What happens later is not in it: the thread id that is cleared when a thread ends (set_tid_address, CLONE_CHILD_CLEARTID),
  the rseq area that is refreshed whenever a thread has lost its CPU, rings and buffers of asynchronous input (io_uring).
* A write to /proc/self/mem is seen as a write to a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rdb.arch.base import CpuView
from rdb.arch.linux.clocks import CLOCKS
from rdb.arch.linux.collect import Collected
from rdb.arch.linux.events import EVENTS, I386_EVENTS
from rdb.arch.linux.files import FILES, I386_FILES
from rdb.arch.linux.ipc import I386_IPC, IPC
from rdb.arch.linux.memory import I386_MEMORY, MEMORY
from rdb.arch.linux.network import I386_NETWORK, NETWORK
from rdb.arch.linux.processes import I386_PROCESSES, PROCESSES
from rdb.arch.linux.structures import Abi
from rdb.arch.linux.system import SYSTEM
from rdb.arch.linux.terms import (
    UNKNOWN,
    Call,
    Effect,
    Kind,
    Table,
    names,
)

__all__ = ["EFFECTS", "MAY_BLOCK", "NUMBER_MASK", "Kind", "SyscallEffects", "effects", "row"]

SUBJECTS: tuple[Table, ...] = (FILES, EVENTS, NETWORK, MEMORY, PROCESSES, CLOCKS, IPC, SYSTEM)
EFFECTS: Table = {name: effect for subject in SUBJECTS for name, effect in subject.items()}

# Rows that an ABI has instead of those above.
VARIANTS: Mapping[str, Table] = {
    "": {},
    "i386": {**I386_FILES, **I386_EVENTS, **I386_NETWORK, **I386_MEMORY, **I386_PROCESSES, **I386_IPC},
}

# The kernel takes the number of a call from the lower half of its register (arch/x86/entry/common.c).
NUMBER_MASK = 0xFFFFFFFF

# Calls in which a thread may sleep until another one, or another process, does something.
MAY_BLOCK = frozenset(
    names(
        """
        read pread64 readv preadv preadv2 write pwrite64 writev pwritev pwritev2 sendfile sendfile64 splice tee vmsplice
        copy_file_range open openat openat2 creat flock fcntl fcntl64 ioctl fsync fdatasync sync syncfs sync_file_range msync
        select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_wait epoll_pwait epoll_pwait2
        io_getevents io_pgetevents io_pgetevents_time64 io_submit io_destroy io_uring_enter
        accept accept4 connect recv recvfrom recvmsg recvmmsg recvmmsg_time64 send sendto sendmsg sendmmsg socketcall close
        wait4 waitpid waitid vfork pause rt_sigsuspend sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 restart_syscall
        nanosleep clock_nanosleep clock_nanosleep_time64 sched_yield
        futex futex_time64 futex_wait futex_waitv msgrcv msgsnd semop semtimedop semtimedop_time64 ipc
        mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
        getrandom syslog request_key keyctl ptrace
        """
    )
)


@dataclass(frozen=True)
class SyscallEffects:
    """What one system call may do.

    `writes` are stretches (address, size) of memory that may change.  `discards` are stretches that may be unmapped or mapped
    anew.  `unknown`: more may change, anywhere.  `listed` is false for a call that the table does not know (then it is unknown,
    too).  `may_block`: the thread may have to wait for another one.
    """

    name: str | None
    writes: tuple[tuple[int, int], ...] = ()
    discards: tuple[tuple[int, int], ...] = ()
    unknown: bool = False
    kind: Kind = Kind.NOTHING
    may_block: bool = False
    listed: bool = True


def row(name: str | None, abi: Abi) -> Effect | None:
    """The table's row for a call, or None."""
    if name is None:
        return None
    return VARIANTS[abi.variant].get(name, EFFECTS.get(name))


def effects(name: str | None, arguments: Sequence[int], cpu: CpuView, abi: Abi) -> SyscallEffects:
    """What a system call may do, asked at its entry.  `arguments` are the raw registers; never raises.

    A `name` of None is a number that is not in the ABI's list.
    """
    found = row(name, abi)
    collected = Collected()
    collected.add(UNKNOWN if found is None else found, Call.of(arguments, cpu, abi))
    return SyscallEffects(
        name,
        tuple(collected.writes),
        tuple(collected.discards),
        collected.unknown,
        collected.kind,
        name in MAY_BLOCK,
        found is not None,
    )
