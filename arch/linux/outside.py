"""What a system call does outside the program's memory and registers.

A row of this table is a tuple of items, in the words of the other tables.  Two things are told apart:

* *State that the kernel keeps for the program* (Changes, Opens): it can be looked at, and put back by other calls.
* *Deeds* (Moves, Creates, Does, Signals): what has left the program, or was taken from the world, and stays so.

Only a call that has succeeded has done anything.  A call without a row does nothing outside that anybody could miss.  The names
of the states (offset, descriptor, directory...) are those of rdb.record.kernel_state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rdb.arch.linux.terms import Call, Number, arg, count, fixed, load, names, pointer


@dataclass(frozen=True)
class Changes:
    """The call may change the state of this name; `which` tells those apart of which there are several."""

    state: str
    which: Number = fixed(0)


@dataclass(frozen=True)
class Opens:
    """The call makes a descriptor, its result; or two of them, ints at `pair`."""

    pair: Number | None = None


@dataclass(frozen=True)
class Moves:
    """As many bytes as the result says went out through a descriptor, or came in through it."""

    verb: str
    descriptor: Number


@dataclass(frozen=True)
class Creates:
    """A file is opened under a path; the flags say whether it is made and whether it is emptied."""

    path: Number
    flags: Number
    folder: Number | None = None


@dataclass(frozen=True)
class Does:
    """Something else happens: `verb` says what, to a path, to a descriptor, or to nothing that has a name.

    `unless_zero`: a result of 0 means that nothing was there to be done.
    """

    verb: str
    path: Number | None = None
    descriptor: Number | None = None
    unless_zero: bool = False


@dataclass(frozen=True)
class Signals:
    """A signal goes to a process."""

    process: Number


@dataclass(frozen=True)
class Chooses:
    """More items, found by looking at the call."""

    row: Callable[[Call], Row]


Item = Changes | Opens | Moves | Creates | Does | Signals | Chooses
Row = tuple[Item, ...]


def _descriptor(number: int) -> Number:
    return count(number)


def _offset(number: int) -> Row:
    return (Changes("offset", _descriptor(number)),)


def _wrote(number: int) -> Row:
    return (*_offset(number), Moves("wrote", _descriptor(number)))


def _read(number: int) -> Row:
    return (*_offset(number), Moves("read", _descriptor(number)))


def _received(flags: int) -> Row:
    return (Chooses(lambda call: () if call.arguments[flags] & _MSG_PEEK else _read(0)),)


def _opened(path: int, flags: Number, folder: int | None = None) -> Row:
    return (Creates(arg(path), flags, None if folder is None else _descriptor(folder)), Opens())


def _by(choice: Number, table: Mapping[int, Row]) -> Row:
    return (Chooses(lambda call: table.get(choice.of(call), ())),)


def _if(condition: Number, row: Row, otherwise: Row = ()) -> Row:
    return (Chooses(lambda call: row if condition.of(call) else otherwise),)


def _does(verb: str, path: int | None = None, descriptor: int | None = None) -> Row:
    return (Does(verb, None if path is None else arg(path), None if descriptor is None else _descriptor(descriptor)),)


def _rows(calls: str, row: Row) -> dict[str, Row]:
    return dict.fromkeys(names(calls), row)


_MSG_PEEK = 2  # include/linux/socket.h
_CREATE_AND_TRUNCATE = 0o1101  # what creat(2) opens with
_CLONE_THREAD = 0x10000  # include/uapi/linux/sched.h
_DESCRIPTOR = (Changes("descriptor", _descriptor(0)),)
_ALL_DESCRIPTORS = (Changes("descriptors"),)
_OPENS = (Opens(),)
_STARTED = _does("started a process")

# fcntl's commands.  Source: include/uapi/asm-generic/fcntl.h, include/uapi/linux/fcntl.h.
_FCNTL: Mapping[int, Row] = {
    **dict.fromkeys((0, 1030), _OPENS),  # F_DUPFD, F_DUPFD_CLOEXEC
    **dict.fromkeys((2, 4), _DESCRIPTOR),  # F_SETFD, F_SETFL
    **dict.fromkeys((6, 7, 13, 14, 37, 38), _does("locked or unlocked", descriptor=0)),  # F_SETLK, F_SETLKW, *64, F_OFD_*
}

# Source: include/uapi/asm-generic/ioctls.h.
_IOCTL: Mapping[int, Row] = {
    **dict.fromkeys((0x5421, 0x5450, 0x5451), _DESCRIPTOR),  # FIONBIO, FIONCLEX, FIOCLEX
    **dict.fromkeys((0x5402, 0x5403, 0x5404), _does("changed the settings of", descriptor=0)),  # TCSETS, TCSETSW, TCSETSF
    **dict.fromkeys((0x540E, 0x5410, 0x5422), _does("changed the users of", descriptor=0)),  # TIOCSCTTY, TIOCSPGRP, TIOCNOTTY
    0x5414: _does("changed the window size of", descriptor=0),  # TIOCSWINSZ
}

OUTSIDE: Mapping[str, Row] = {
    # Bytes
    **_rows("write writev pwrite64 pwritev pwritev2 send sendto sendmsg sendmmsg vmsplice", _wrote(0)),
    **_rows("read readv getdents getdents64 readdir", _read(0)),
    # With an offset of its own a read takes nothing away.
    "preadv2": _offset(0),
    "recv": _received(3),
    "recvfrom": _received(3),
    "recvmsg": _if(pointer(1, 5), _ALL_DESCRIPTORS) + _received(2),
    **_rows("recvmmsg recvmmsg_time64", _does("received messages from", descriptor=0)),
    **_rows("sendfile sendfile64", _wrote(0) + _offset(1)),
    **_rows("splice copy_file_range", _read(0) + _wrote(2)),
    "tee": _wrote(1),
    **_rows("lseek _llseek", _offset(0)),
    # Descriptors
    "open": _opened(0, count(1)),
    "openat": _opened(1, count(2), folder=0),
    "openat2": _opened(1, load(2, 8), folder=0),
    "creat": _opened(0, fixed(_CREATE_AND_TRUNCATE)),
    **_rows(
        """
        open_by_handle_at open_tree socket dup epoll_create epoll_create1 eventfd eventfd2 timerfd_create memfd_create
        memfd_secret inotify_init inotify_init1 fanotify_init pidfd_open pidfd_getfd perf_event_open userfaultfd io_uring_setup
        mq_open fsopen fspick fsmount
        """,
        _OPENS,
    ),
    **_rows("signalfd signalfd4", (Chooses(lambda call: _OPENS if call.arguments[0] & 0xFFFFFFFF == 0xFFFFFFFF else ()),)),
    **_rows("pipe pipe2", (Opens(arg(0)),)),
    "socketpair": (Opens(arg(3)),),
    "close": _DESCRIPTOR,
    "close_range": _ALL_DESCRIPTORS,
    **_rows("dup2 dup3", (Changes("descriptor", _descriptor(1)),)),
    **_rows("fcntl fcntl64", _by(count(1), _FCNTL)),
    "ioctl": _by(count(1), _IOCTL),
    "flock": _does("locked or unlocked", descriptor=0),
    # Sockets
    **_rows("accept accept4", _OPENS + _does("accepted a connection of", descriptor=0)),
    "connect": _does("connected", descriptor=0),
    "bind": _does("bound", descriptor=0),
    "listen": _does("listened to", descriptor=0),
    "shutdown": _does("shut down", descriptor=0),
    # Names
    **_rows("unlink rmdir", _does("removed", 0)),
    "unlinkat": _does("removed", 1),
    **_rows("link symlink", _does("made the name", 1)),
    "rename": _does("renamed", 0),
    **_rows("renameat renameat2", _does("renamed", 1)),
    "linkat": _does("made the name", 3),
    "symlinkat": _does("made the name", 2),
    **_rows("mkdir mknod", _does("made", 0)),
    **_rows("mkdirat mknodat", _does("made", 1)),
    # What files are
    **_rows("truncate truncate64", _does("cut", 0)),
    **_rows("ftruncate ftruncate64", _does("cut", descriptor=0)),
    "fallocate": _does("made room in", descriptor=0),
    **_rows(
        """
        chmod chown lchown chown32 lchown32 utime utimes setxattr lsetxattr removexattr lremovexattr
        """,
        _does("changed the attributes of", 0),
    ),
    **_rows("fchmodat fchmodat2 fchownat utimensat utimensat_time64 futimesat", _does("changed the attributes of", 1)),
    **_rows("fchmod fchown fchown32 fsetxattr fremovexattr", _does("changed the attributes of", descriptor=0)),
    **_rows("mount umount umount2 move_mount pivot_root", _does("changed what is mounted")),
    # What the kernel knows of the process
    **_rows("chdir fchdir", (Changes("directory"),)),
    "umask": (Changes("umask"),),
    "setrlimit": (Changes("limit", count(0)),),
    "prlimit64": _if(arg(2), (Chooses(lambda call: () if call.arguments[0] else (Changes("limit", count(1)),)),)),
    "setitimer": (Changes("timer", count(0)),),
    "alarm": (Changes("timer"),),
    "rt_sigaction": _if(arg(1), (Changes("disposition", count(0)),)),
    **_rows("sigaction signal", (Changes("disposition", count(0)),)),
    **_rows("nice setpriority", (Changes("priority"),)),
    "prctl": _by(count(0), {15: (Changes("name"),)}),  # PR_SET_NAME
    **_rows("chroot unshare setns", _does("left its name space")),
    **_rows("setsid setpgid", _does("changed its session or group")),
    **_rows(
        """
        setuid setgid setreuid setregid setresuid setresgid setgroups capset
        setuid32 setgid32 setreuid32 setregid32 setresuid32 setresgid32 setgroups32
        """,
        _does("changed its credentials"),
    ),
    **_rows("timer_create timer_settime timer_settime64 timer_delete", _does("set a timer")),
    **_rows("timerfd_settime timerfd_settime64", _does("set", descriptor=0)),
    # Other processes
    **_rows("fork vfork", _STARTED),
    "clone": _if(arg(0) & _CLONE_THREAD, (), _STARTED),
    "clone3": _if(load(0, 8) & _CLONE_THREAD, (), _STARTED),
    **_rows("wait4 waitpid", (Does("learned of the end of a process", unless_zero=True),)),
    "waitid": _does("learned of the end of a process"),
    **_rows("kill rt_sigqueueinfo", (Signals(arg(0)),)),
    **_rows("msgsnd mq_timedsend mq_timedsend_time64", _does("sent a message")),
    **_rows("msgrcv mq_timedreceive mq_timedreceive_time64", _does("received a message")),
    **_rows("semop semtimedop semtimedop_time64", _does("changed a semaphore")),
    **_rows("shmctl semctl msgctl", _does("changed what is shared by System V IPC")),
}
