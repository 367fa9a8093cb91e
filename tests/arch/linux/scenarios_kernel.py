"""Scenarios: processes, signals, clocks, inter-process communication, the machine."""

from __future__ import annotations

import struct

from tests.arch.linux.drafting import (
    BIG,
    KEPT,
    OUT,
    PAGE,
    SCRATCH,
    SIGNALFD,
    SIZE,
    TIMERFD,
    Scenario,
    call,
    data,
    each,
    ints,
    one,
    out,
    quads,
    result,
    stored,
    text,
    timespec,
    words,
)

PROCESSES: list[Scenario] = [
    *each("wait4 waitpid", -1, OUT, 1, OUT),
    call("waitid", 0, -1, OUT, one(5, 1, 0), OUT),
    *each("getrusage", one(0, -1, 1, 77), OUT),
    *each("times", OUT),
    *each("getrlimit ugetrlimit", one(*range(16), 99), OUT),
    call("prlimit64", 0, one(*range(16), 99), 0, OUT),
    *each("setgroups", 3, ints(1, 2, 3)),
    *each("setgroups32", 3, ints(1, 2, 3)),
    *each("getgroups getgroups32", one(3, 0, 1, 100, -1), OUT),
    *each("getresuid getresgid getresuid32 getresgid32", OUT, OUT, OUT),
    call("capget", ints(0x20080522, 0), OUT) + call("capget", ints(0x19980330, 0), OUT) + call("capget", OUT, OUT),
    call("capset", ints(7, 0), 0),
    *each("prctl", one(2, 5, 9, 11, 16, 19, 25, 37, 40), OUT),
    *each("prctl", one(3, 7, 13, 21, 27, 30, 33, 38, 39, 41, 42), OUT),
    *each("prctl", 35, 15, OUT),
    *each("prctl", 0x41555856, OUT, SIZE, 0, 0),
    *each("prctl", 62, one(0, 1), 0, 0, OUT),
    call("get_robust_list", 0, OUT, OUT),
    call("set_robust_list", data(b"\0" * 24), 24) + call("get_robust_list", 0, OUT, OUT),
    call("arch_prctl", one(0x1003, 0x1004, 0x1021, 0x1022, 0x1024, 0x4001, 0x4003, 0x5005, 0x7777), OUT),
    call("set_thread_area", data(struct.pack("<4I", 0xFFFFFFFF, 0, 0xFFFFF, 0x51))),
    call("get_thread_area", data(struct.pack("<4I", 12, 0, 0, 0))) + call("get_thread_area", OUT),
    call("modify_ldt", 1, data(struct.pack("<4I", 0, 0x1000, 0xFFFFF, 0x51)), 16) + call("modify_ldt", 0, OUT, SIZE),
    call("modify_ldt", 2, OUT, SIZE),
    call("getcpu", OUT, OUT, OUT),
    call("rseq", OUT, 32, 0, 0x53053053),
    call("sched_getparam", 0, OUT),
    call("sched_getattr", 0, OUT, one(48, 56, 100, 4096, 7), 0),
    call("sched_setattr", 0, data(struct.pack("<II", 100, 0) + b"\1" * 100), 0),
    call("sched_getaffinity", 0, one(8, 16, 128, 4096, 3), OUT),
    call("sched_rr_get_interval", 0, OUT),
    call("sched_rr_get_interval_time64", 0, OUT),
    *each("rt_sigaction", one(10, 12, 99), 0, OUT, one(8, 16)),
    *each("sigaction", one(10, 12, 99), 0, OUT),
    *each("rt_sigprocmask", 0, one(0, quads(0)), OUT, one(8, 4, 16)),
    *each("sigprocmask", 0, 0, OUT),
    call("rt_sigpending", OUT, one(8, 4, 0, 16)),
    *each("sigpending", OUT),
    call("getpid") + call("kill", result(0), 10) + call("rt_sigtimedwait", quads(1 << 9), OUT, timespec(0), 8),
    call("getpid") + call("kill", result(0), 10) + call("rt_sigtimedwait_time64", quads(1 << 9), OUT, quads(0, 0), 8),
    call("getpid") + call("kill", result(0), 12) + call("read", SIGNALFD, OUT, one(128, 100, 256)),
    call("sigaltstack", 0, OUT),
    *each("getpid gettid getppid getpgrp getuid geteuid getgid getegid sched_yield getuid32 geteuid32 getgid32 getegid32"),
    *each("getpriority sched_getscheduler sched_get_priority_max sched_get_priority_min ioprio_get personality", 0, 0),
    *each("getpgid getsid", 0),
    call("getpid") + call("pidfd_open", result(0), 0) + call("pidfd_send_signal", result(1), 0, 0, 0) + call("close", result(1)),
    call("getpid")
    + call("pidfd_open", result(0), 0)
    + call("ioctl", result(1), 0xC040FF0B, quads(7, *[0] * 7))
    + call("close", result(1)),
]

ID = stored(SCRATCH, 4)

CLOCKS: list[Scenario] = [
    *each("time", OUT),
    *each("gettimeofday", OUT, OUT),
    *each("clock_gettime clock_getres clock_gettime64 clock_getres_time64", one(0, 1, 2, 3, 4, 5, 6, 7, 99), OUT),
    *each("adjtimex", data(b"\0" * 208)),
    *each("clock_adjtime clock_adjtime64", one(0, 99), data(b"\0" * 208)),
    *each("nanosleep", timespec(0, 1000), OUT),
    *each("clock_nanosleep", 1, 0, timespec(0, 1000), OUT),
    *each("clock_nanosleep_time64", 1, 0, quads(0, 1000), OUT),
    *each("getitimer", one(0, 1, 2, 9), OUT),
    *each("setitimer", one(0, 1, 2), words(0, 0, 1000, 0), OUT) + each("setitimer", one(0, 1, 2), words(0, 0, 0, 0), OUT),
    *[
        KEPT
        + call("timer_create", 1, 0, one(SCRATCH, OUT))
        + [(settime, (ID, 0, times, OUT)), (gettime, (ID, OUT)), ("timer_getoverrun", (ID,)), ("timer_delete", (ID,))]
        for settime, gettime, times in (
            ("timer_settime", "timer_gettime", words(0, 0, 1000, 0)),
            ("timer_settime64", "timer_gettime64", quads(0, 0, 1000, 0)),
        )
    ],
    call("timerfd_settime", TIMERFD, 0, words(1, 0, 1000, 0), OUT) + call("timerfd_gettime", TIMERFD, OUT),
    call("timerfd_settime64", TIMERFD, 0, quads(1, 0, 1000, 0), OUT) + call("timerfd_gettime64", TIMERFD, OUT),
    call("alarm", 1000) + call("alarm", 0),
]

FUTEX_WORD = ints(0)

QUEUE: Scenario = call("mq_open", text("rdb-test"), 0o104302, 0o600, words(0, 4, 100, 0)) + call("mq_unlink", text("rdb-test"))

IPC: list[Scenario] = [
    *each("futex", FUTEX_WORD, one(6, 0, 1, 3, 7, 8, 9, 128 + 6, 128 + 8, 13), one(0, 1), timespec(0, 1000), FUTEX_WORD, 1),
    *each("futex", FUTEX_WORD, one(5, 1, 4, 128 + 5), 1, 1, ints(5), one(0x01001000, 0x11002000, 0x41003000)),
    *each("futex_time64", FUTEX_WORD, one(6, 0, 1, 5, 8), 0, quads(0, 1000), FUTEX_WORD, 0x01001000),
    call("futex_waitv", data(b"\0" * 24), 1, 0, quads(0, 0), 1) + call("futex_wake", FUTEX_WORD, 1, 1, 2),
    call("msgget", 0, 0o1600)
    + call("msgsnd", result(0), words(5, 0x6161616161), 12, 0o4000)
    + call("msgctl", result(0), one(2, 0x102), OUT)
    + call("msgctl", 0, one(3, 12, 0x103), OUT)
    + call("msgctl", 0, one(11, 13), OUT)
    + call("msgrcv", result(0), OUT, one(12, 100, 3), 0, one(0o4000, 0o14000))
    + call("msgctl", result(0), 0, 0),
    call("semget", 0, 9, 0o1600)
    + call("semop", result(0), data(struct.pack("<Hhh", 0, 1, 0)), 1)
    + call("semctl", result(0), 0, one(2, 0x102), OUT)
    + call("semctl", result(0), 0, one(13, 0x10D), OUT)
    + call("semctl", 0, 0, one(3, 19, 18, 20), OUT)
    + call("semctl", result(0), 0, one(11, 12, 14, 15), OUT)
    + call("semctl", result(0), 0, 0, 0),
    call("shmget", 0, 2 * PAGE, 0o1600)
    + call("shmctl", result(0), one(2, 0x102), OUT)
    + call("shmctl", 0, one(3, 0x103, 14), OUT)
    + call("shmctl", 0, one(13, 15), OUT)
    + call("shmat", result(0), SCRATCH + 16 * PAGE, 0)
    + call("shmdt", SCRATCH + 16 * PAGE)
    + call("shmctl", result(0), 0, 0),
    # ipc: msgget, msgsnd, msgctl, msgrcv (both versions), rmid
    call("ipc", 13, 0, 0o1600, 0, 0)
    + call("ipc", 11, result(0), 12, 0, words(5, 0x61616161, 7, 8), 0)
    + call("ipc", 14, result(0), one(2, 0x102), 0, OUT)
    + call("ipc", one(12, 0x1000C), result(0), one(12, 3), 0o4000, one(OUT, words(OUT, 0)), 0)
    + call("ipc", 14, result(0), 0, 0, 0),
    call("ipc", 2, 0, 9, 0o1600)
    + call("ipc", 3, result(0), 0, one(2, 0x102, 13), words(OUT))
    + call("ipc", 3, 0, 0, one(3, 0x103, 19), words(OUT))
    + call("ipc", 3, result(0), 0, 0, words(0)),
    call("ipc", 23, 0, 2 * PAGE, 0o1600)
    + call("ipc", 24, result(0), one(2, 0x102), 0, OUT)
    + call("ipc", 24, 0, one(3, 0x103, 14), 0, OUT)
    + call("ipc", 21, result(0), 0, OUT, SCRATCH + 32 * PAGE)
    + call("ipc", 22, 0, 0, 0, SCRATCH + 32 * PAGE)
    + call("ipc", 24, result(0), 0, 0, 0),
    call("ipc", 99, 0, 0, OUT),
    QUEUE
    + call("mq_timedsend", result(0), data(b"message"), 7, 1, timespec(0))
    + call("mq_getsetattr", result(0), 0, OUT)
    + call("mq_timedreceive", result(0), OUT, one(100, 200, 50), OUT, timespec(0))
    + call("close", result(0)),
    QUEUE
    + call("mq_timedsend_time64", result(0), data(b"message"), 7, 1, quads(0, 0))
    + call("mq_timedreceive_time64", result(0), OUT, one(100, 200, 50), OUT, quads(0, 0))
    + call("close", result(0)),
]

SYSTEM: list[Scenario] = [
    *each("uname", out(400)),
    *each("olduname oldolduname", out(330)),
    *each("sysinfo", OUT),
    *each("syslog", one(3, 10, 9, 99), BIG, SIZE),
    *each("getrandom", BIG, SIZE, one(0, 1)),
    *each("keyctl", 0, one(-1, -2, -3), 1),
    *each("keyctl", one(6, 11, 17), one(-1, -3, -4), OUT, SIZE),
    call("keyctl", 31, OUT, SIZE),
    call("add_key", text("user"), text("rdb"), data(b"secret"), 6, -2)
    + call("keyctl", 11, result(0), OUT, SIZE)
    + call("keyctl", 6, result(0), OUT, SIZE)
    + call("keyctl", 9, result(0), -2),
    call("perf_event_open", data(struct.pack("<II", 1, 9999) + b"\1" * 300), 0, -1, -1, 0),
    call("perf_event_open", data(struct.pack("<II", 1, 128) + b"\0" * 300), 0, -1, -1, 0)
    + call("ioctl", result(0), 0x80082407, OUT),
    call("seccomp", 3, 0, OUT),
    call("lsm_list_modules", OUT, one(ints(64), ints(3)), 0),
    call("lsm_get_self_attr", one(100, 102), OUT, ints(200), 0),
    call("landlock_create_ruleset", 0, 0, 1),
    call("bpf", 0, data(struct.pack("<5I", 2, 4, 8, 1, 0) + b"\0" * 60), 72) + call("close", result(0)),
    *each("acct syncfs nfsservctl vserver afs_syscall security tuxcall getpmsg", -1, 0),
]
