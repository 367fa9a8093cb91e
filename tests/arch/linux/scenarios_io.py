"""Scenarios: files, terminals, events, network, memory."""

from __future__ import annotations

import struct

from tests.arch.linux.drafting import (
    ANONYMOUS,
    ANONYMOUS2,
    AT_EMPTY_PATH,
    AT_FDCWD,
    BIG,
    CLOSED,
    EMPTY_PIPE,
    EPOLL,
    EVENTFD,
    FILE,
    FOLDER,
    FRAME,
    GREETING,
    HUGE,
    INOTIFY,
    KEPT,
    LINE,
    LISTENER,
    OUT,
    PACKET,
    PAGE,
    PIPE,
    SCRATCH,
    SIZE,
    TERMINAL,
    TIMERFD,
    UDP,
    UNIX,
    VECTOR,
    Argument,
    Scenario,
    call,
    data,
    each,
    ints,
    message,
    one,
    quads,
    result,
    stored,
    text,
    timespec,
    words,
)

IOCB_PREADV = quads(2, 0, 7 | FILE << 32, VECTOR, 4, 0, 0, 0)

FILES: list[Scenario] = [
    *each("read", one(FILE, FOLDER, CLOSED, EVENTFD), BIG, SIZE),
    call("lseek", FILE, 0, 0) + call("read", FILE, BIG, one(SIZE, HUGE)),
    GREETING + call("read", PIPE, OUT, SIZE),
    call("timerfd_settime", TIMERFD, 0, words(0, 1, 0, 1), OUT) + call("read", TIMERFD, OUT, one(7, 8, 100)),
    call("inotify_add_watch", INOTIFY, text("/"), 0xFFF) + call("read", INOTIFY, BIG, 4096),
    *each("pread64", FILE, BIG, SIZE, one(0, 100, 9000)),
    call("lseek", FILE, 0, 0) + call("readv", FILE, VECTOR, one(0, 1, 4)),
    call("readv", FILE, OUT, one(1, 4, 1025, -1)),
    # Asynchronous: the context's address is kept; a pread and a preadv of the file
    KEPT
    + call("io_setup", 8, SCRATCH)
    + call("io_submit", stored(SCRATCH), 2, words(quads(1, 0, 0 | FILE << 32, OUT, 300, 0, 0, 0), IOCB_PREADV))
    + call("io_getevents", stored(SCRATCH), 1, one(10, 1), OUT, timespec(0))
    + call("io_pgetevents", stored(SCRATCH), 0, one(10, 1), OUT, timespec(0), 0)
    + call("io_submit", stored(SCRATCH), one(1, 3, -1), OUT)
    + call("io_destroy", stored(SCRATCH)),
    *each("preadv", FILE, VECTOR, one(1, 4), 10),
    *each("preadv2", FILE, VECTOR, one(1, 4), 10, 0, 0),
    call("preadv2", FILE, VECTOR, 4, 0, 0, 0xFFFF),
    GREETING + call("vmsplice", PIPE, VECTOR, 4, 2),
    call("lseek", FILE, 0, 0) + call("sendfile", PIPE + 1, FILE, one(0, OUT), 10) + call("read", PIPE, BIG, 4096),
    call("sendfile64", PIPE + 1, FILE, quads(5), 10) + call("read", PIPE, BIG, 4096),
    call("sendfile", PIPE + 1, FILE, quads(5), 10) + call("read", PIPE, BIG, 4096),
    call("splice", FILE, quads(3), PIPE + 1, 0, 50, 2)
    + call("tee", PIPE, EMPTY_PIPE + 1, 20, 2)
    + call("read", EMPTY_PIPE, OUT, 99),
    call("splice", PIPE, OUT, CLOSED, OUT, 50, 2),
    call("copy_file_range", FILE, quads(0), FILE, quads(9000), 10, 0),
    call("copy_file_range", FILE, OUT, FILE, OUT, 10, 0),
    call("_llseek", FILE, 0, 17, OUT, one(0, 1, 2, 9)),
    call("pipe", OUT) + call("pipe2", OUT, one(0, 0o4000, -1)),
    *each("stat lstat oldstat oldlstat stat64 lstat64", one(text("/proc/self"), text("/nowhere"), OUT), OUT),
    *each("fstat oldfstat fstat64", one(FILE, CLOSED), OUT),
    *each("newfstatat fstatat64", one(AT_FDCWD, FOLDER), one(text("."), text("")), OUT, one(AT_EMPTY_PATH, 0)),
    call("statx", one(AT_FDCWD, FOLDER), one(text("."), text("")), one(AT_EMPTY_PATH, 0), 0xFFF, OUT),
    call("statfs", text("/"), OUT) + call("fstatfs", FILE, OUT),
    call("statfs64", text("/"), one(84, 120, 88), OUT) + call("fstatfs64", FILE, 84, OUT),
    call("ustat", 1, OUT),
    call("sysfs", 2, one(0, 1, 2), OUT) + call("sysfs", 1, text("tmpfs")),
    call("cachestat", FILE, quads(0, 0), OUT, 0),
    call("file_getattr", AT_FDCWD, text("/"), OUT, one(24, 32, 8, 0), 0),
    call("name_to_handle_at", AT_FDCWD, text("/"), ints(128, *[0] * 40), OUT, one(0, 1, 0x200)),
    call("name_to_handle_at", AT_FDCWD, text("/tmp"), ints(0, *[0] * 40), OUT, 0),
    call("getcwd", BIG, SIZE),
    call("readlink", text("/proc/self/exe"), OUT, SIZE),
    call("readlink", text("/proc/self"), OUT, one(0, -1, 100)),
    call("readlinkat", FOLDER, text("exe"), OUT, SIZE),
    call("lseek", FOLDER, 0, 0) + call("getdents", FOLDER, BIG, SIZE),
    call("lseek", FOLDER, 0, 0) + call("getdents64", FOLDER, BIG, SIZE),
    call("lseek", FOLDER, 0, 0) + call("readdir", FOLDER, BIG, 1),
    call("fsetxattr", FILE, text("trusted.rdb"), data(b"value"), 5, 0) + call("fgetxattr", FILE, text("trusted.rdb"), OUT, SIZE),
    call("flistxattr", FILE, BIG, SIZE),
    *each("getxattr lgetxattr", text("/proc/self/fd/100"), text("trusted.rdb"), OUT, SIZE),
    *each("listxattr llistxattr", text("/proc/self/fd/100"), OUT, SIZE),
    call("fsetxattr", FILE, text("trusted.rdb"), data(b"value"), 5, 0)
    + call("getxattrat", FILE, text(""), AT_EMPTY_PATH, text("trusted.rdb"), quads(OUT, 100), 16)
    + call("listxattrat", FILE, text(""), AT_EMPTY_PATH, BIG, SIZE),
    KEPT
    + call("statx", AT_FDCWD, text("/proc"), 0, 0x4000, SCRATCH)  # STATX_MNT_ID_UNIQUE, at 0x90
    + call("statmount", quads(24, stored(SCRATCH + 0x90), 0x1FF), BIG, SIZE, 0),
    call("listmount", data(struct.pack("<IIQQ", 24, 0, (1 << 64) - 1, 0)), BIG, one(0, 1, 50), 0),
    call("quotactl", 0x80000700, text("/dev/null"), 0, OUT),
    *each("fcntl fcntl64", FILE, 5, data(struct.pack("<hhqqqq", 1, 0, 0, 0, 0, 0)[:16].ljust(40, b"\0"))),
    *each("fcntl fcntl64", FILE, one(5, 12, 36), data(b"\0" * 40)),
    *each("fcntl fcntl64", UDP, one(9, 15, 16, 17, 1, 3), OUT),
    *each("fcntl", FILE, one(1, 3, 1033, 1034, 1035, 1037, 1024, 1025), OUT),
    *each("write pwrite64", FILE, one(data(b"written"), OUT), 7, 8192),
    *each("writev pwritev", FILE, words(data(b"abc"), 3, data(b"de"), 2), 2, 8192),
    call("openat", AT_FDCWD, text("/etc/passwd"), 0, 0) + call("read", result(0), BIG, SIZE) + call("close", result(0)),
    *each("open access chdir readlink", text("/nowhere"), 0, 0),
    call("memfd_create", text("other"), 0) + call("ftruncate", result(0), 100) + call("fallocate", result(0), 0, 0, 10),
    call("dup", FILE) + call("dup2", FILE, 120) + call("dup3", FILE, 121, 0) + call("close", 121),
    *each("umask sync_file_range fdatasync flock fadvise64 readahead", FILE, 0, 0, 0),
]

TERMINALS: list[Scenario] = [
    *each("ioctl", one(TERMINAL, TERMINAL + 1), one(0x5401, 0x5405, 0x5413, 0x540F, 0x5411, 0x541B, 0x5424, 0x5429, 0x5456), OUT),
    *each(
        "ioctl", one(TERMINAL, TERMINAL + 1), one(0x802C542A, 0x80045430, 0x80045432, 0x80045438, 0x80045440, 0x541E, 0x545D), OUT
    ),
    call("ioctl", TERMINAL + 1, 0x5401, BIG) + call("ioctl", TERMINAL + 1, 0x5414, data(struct.pack("<4H", 24, 80, 0, 0))),
    LINE
    + call("ioctl", TERMINAL + 1, 0x541B, OUT)
    + call("read", TERMINAL + 1, OUT, one(5, 100))
    + call("read", TERMINAL, BIG, 500),
    GREETING + call("ioctl", PIPE, 0x541B, OUT) + call("read", PIPE, OUT, 100),
    call("ioctl", FILE, one(0x5460, 2, 0x541B, 0x80086601, 0x801C581F), OUT),
    call("ioctl", FILE, 0xC020660B, data(struct.pack("<QQIIII", 0, 1 << 40, 0, 0, 3, 0) + b"\0" * 200)),
    call("ioctl", one(UDP, LISTENER), one(0x8903, 0x8904, 0x8905, 0x8906, 0x8907, 0x541B, 0x5411, 0x80108906, 0x894B), OUT),
    call("ioctl", UDP, one(0x8910, 0x8913, 0x8915, 0x8919, 0x891B, 0x891D, 0x8921, 0x8927, 0x8933, 0x8942, 0x8970), text("lo")),
    call("ioctl", UDP, 0x8910, ints(0, 0, 0, 0, 1, 0, 0, 0, 0, 0)),
    call("ioctl", UDP, 0x8912, words(100, OUT)) + call("ioctl", UDP, 0x8912, words(100, 0)),
    call("ioctl", one(FILE, FOLDER, EVENTFD), one(0x5421, 0x5450, 0x5451, 0x5452), ints(1)),
    call("openat", AT_FDCWD, text("/dev/urandom"), 0, 0) + call("ioctl", result(0), 0x80045200, OUT) + call("close", result(0)),
    call("openat", FOLDER, text("ns/net"), 0, 0) + call("ioctl", result(0), one(0xB703, 0xB704), OUT) + call("close", result(0)),
]

EVENTS: list[Scenario] = [
    call("poll", data(struct.pack("<ihhihhihh", PIPE, 7, -1, UDP, 7, -1, CLOSED, 7, -1)), one(0, 1, 3), 0),
    call("poll", OUT, one(1, 5, 1 << 30), 0),
    call("ppoll", data(struct.pack("<ihhihh", PIPE + 1, 7, -1, UDP, 7, -1)), 2, timespec(0, 5000), 0, 8),
    call("ppoll_time64", data(struct.pack("<ihh", PIPE, 1, -1)), 1, quads(0, 5000), 0, 8),
    call("select", 64, 0, data(b"\2" + b"\0" * 7), data(b"\0" * 8), words(0, 5000)),
    *each("select _newselect", 130, data(b"\0" * 12 + b"\xf0" + b"\0" * 11), data(b"\0" * 24), 0, words(0, 500)),
    *each("_newselect", one(3, 1000, -1), OUT, OUT, OUT, words(0, 0)),
    # i386's select has a pointer to its arguments; x86_64's sees a timeout of zero.
    call("select", words(120, data(b"\0" * 12 + b"\x60" + b"\0" * 11), 0, 0, words(0, 500)), 0, 0, 0, words(0, 0)),
    call("pselect6", 120, data(b"\0" * 12 + b"\xf0" + b"\0" * 11), 0, data(b"\0" * 24), timespec(0, 5000), words(0, 8)),
    call("pselect6_time64", 120, data(b"\0" * 12 + b"\xf0" + b"\0" * 11), 0, 0, quads(0, 5000), words(0, 8)),
    call("epoll_wait", EPOLL, OUT, one(1, 2, 10, 0, -1), 0),
    call("epoll_pwait", EPOLL, OUT, one(1, 2, 10), 0, 0, 8),
    call("epoll_pwait2", EPOLL, OUT, 10, quads(0, 0), 0, 8),
    call("epoll_ctl", EPOLL, 1, EVENTFD, data(struct.pack("<IQ", 1, 77))),
    call("io_uring_setup", 4, data(b"\0" * 120)) + call("io_uring_register", result(0), 8, data(b"\0" * 1024), 40),
    *each("eventfd2 epoll_create1 timerfd_create", 0, 0),
]

# struct mmsghdr
RECEIVED: tuple[Argument, ...] = (OUT, 16, words(OUT, 20), 1, OUT, 64, -1, -1)
SENT: tuple[Argument, ...] = (0, 0, words(data(b"abc"), 3), 1, 0, 0, 0, -1)

NETWORK: list[Scenario] = [
    call("socketpair", 1, one(1, 2, 99), 0, OUT),
    *each("getsockname getpeername", one(UDP, UNIX, LISTENER, FILE), OUT, one(ints(110), ints(3), ints(-1), OUT)),
    *[
        KEPT
        + call("pread64", FILE, SCRATCH + 64, 4, 0, 0)  # a length, big enough
        + call("getsockname", LISTENER, SCRATCH, SCRATCH + 64)
        + call("socket", 2, 0x801, 0)
        + call("connect", result(4), SCRATCH, 16)
        + call(accept, LISTENER, OUT, one(ints(16), ints(5), ints(100), ints(-1), OUT), 0)
        + call("close", result(6))
        + call("close", result(4))
        for accept in ("accept", "accept4")
    ],
    FRAME + call("recvfrom", UNIX, OUT, SIZE, 0, OUT, ints(110)),
    PACKET + call("recvfrom", UDP, OUT, SIZE, 0, OUT, one(ints(16), ints(2), ints(200), 0)),
    FRAME + call("recvmsg", UNIX, message(), 0),
    PACKET + call("recvmsg", UDP, message(one(0, 16, 200), one(0, 10, 64)), one(0, 0x20)),
    PACKET + call("recvmsg", UDP, OUT, 0),
    PACKET + PACKET + call("recvmmsg", UDP, words(*RECEIVED, *RECEIVED, *RECEIVED), 3, 0, words(0, 1000)),
    PACKET + call("recvmmsg_time64", UDP, words(*RECEIVED, *RECEIVED), 2, 0, quads(0, 1000)),
    call("sendmmsg", UNIX + 1, words(*SENT, *SENT), 2, 0)
    + call("recvfrom", UNIX, OUT, 100, 0, 0, 0)
    + call("recvfrom", UNIX, OUT, 100, 0, 0, 0),
    call("sendmsg", UNIX + 1, words(0, 0, words(data(b"abc"), 3), 1, 0, 0, 0), 0) + call("recvfrom", UNIX, OUT, 100, 0, 0, 0),
    *each(
        "getsockopt",
        one(UDP, LISTENER, UNIX),
        1,
        one(*range(1, 80)),
        OUT,
        one(ints(4), ints(16), ints(300), ints(-1)),
    ),
    *each("getsockopt", one(UDP, LISTENER, UNIX), 1, one(13, 17, 20, 28, 31), OUT, one(ints(4), ints(16), ints(300), ints(-1))),
    *each("getsockopt", UDP, 0, one(*range(1, 50)), OUT, one(ints(4), ints(100))),
    *each("getsockopt", LISTENER, 6, one(*range(1, 35)), OUT, one(ints(4), ints(250))),
    *each("setsockopt", UDP, 1, one(2, 7, 8), ints(1), 4),
    call("socket", one(2, 1, 10), one(1, 2), 0) + call("listen", result(0), 3) + call("shutdown", result(0), 2),
    # socketcall: getsockname, getpeername, socketpair, recvfrom, recvmsg, getsockopt
    *each("socketcall", one(6, 7), words(UDP, OUT, ints(16))),
    call("socketcall", 8, words(1, 1, 0, OUT)),
    PACKET + call("socketcall", 12, words(UDP, OUT, 100, 0, OUT, ints(16))),
    PACKET + call("socketcall", 10, words(UDP, OUT, 100, 0)),
    PACKET + call("socketcall", 17, words(UDP, message(), 0)),
    call("socketcall", 15, words(UDP, 1, 3, OUT, ints(4))),
    call("socketcall", one(0, 21, 6), OUT),
]

SOME = one(1, 100, PAGE, PAGE + 1, 3 * PAGE)

MEMORY: list[Scenario] = [
    *[
        make + call("getrandom", SCRATCH, 4 * PAGE, 0) + call(*use)
        for make in (ANONYMOUS, ANONYMOUS2)
        for use in (
            ("munmap", SCRATCH + PAGE, SOME),
            ("mmap2", SCRATCH, SOME, 3, 0x32, -1, 0),
            ("mremap", SCRATCH, PAGE, 2 * PAGE, 1, 0),
            ("mremap", SCRATCH, 2 * PAGE, PAGE, 3, SCRATCH + 2 * PAGE),
            ("mprotect", SCRATCH, SOME, 3),
            ("madvise", SCRATCH, SOME, one(4, 8, 0, 3, 14, 15, 21, 22, 23, 24, 102, 99)),
            ("mincore", SCRATCH, SOME, OUT),
            ("mlock", SCRATCH, SOME),
            ("msync", SCRATCH, SOME, 4),
            ("get_mempolicy", OUT, OUT, one(64, 65, 1024, 0), SCRATCH, one(0, 2, 3)),
            ("move_pages", 0, 2, words(SCRATCH, SCRATCH + PAGE), 0, OUT, 0),
            ("remap_file_pages", SCRATCH, PAGE, 0, 1, 0),
        )
    ],
    ANONYMOUS + call("mmap", SCRATCH, SOME, 3, 0x32, -1, 0),
    call("mmap", words(SCRATCH, 2 * PAGE, 3, 0x32, -1, 0)) + call("mmap", words(SCRATCH, PAGE, 3, 0x32, -1, 0)),
    call("mmap", 0, PAGE, 3, 0x2, FILE, 0) + call("munmap", result(0), PAGE),
    call("brk", 0) + call("mincore", 0x10000000, 3 * PAGE, OUT) + call("mincore", 0x10000000, 8, OUT),
    call("get_mempolicy", OUT, 0, 0, 0, one(0, 4)),
    call("getpid") + call("process_vm_readv", result(0), VECTOR, 4, words(0x10000000, 500, 0x10001000, 3000), 2, 0),
    call("getpid") + call("process_vm_writev", result(0), words(0x10000000, 500), 1, VECTOR, 4, 0),
    call("pkey_alloc", 0, 0) + call("pkey_free", result(0)),
    *each("membarrier", 0, 0, 0),
]
