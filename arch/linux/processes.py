"""Calls on processes, threads, scheduling, identity, signals and limits."""

from __future__ import annotations

from rdb.arch.linux.terms import (
    FORK,
    MAPPING,
    REGISTERS,
    UNKNOWN,
    Effect,
    Kind,
    Table,
    arg,
    by,
    count,
    load,
    out,
    pointer,
    rows,
    when,
)

# A child that shares the memory of its waiting parent (vfork, posix_spawn) changes whatever it likes in there.
_CLONE_VFORK = 0x4000


def _clone(parent_tid: int, child_tid: int) -> Effect:
    return FORK + out(parent_tid, 4) + out(child_tid, 4) + when(arg(0), _CLONE_VFORK, UNKNOWN)


# struct clone_args: 64-bit fields; flags 0, pidfd 8, child_tid 16, parent_tid 24.
_CLONE3 = (
    FORK
    + out(load(0, 8, offset=8), 4)
    + out(load(0, 8, offset=16), 4)
    + out(load(0, 8, offset=24), 4)
    + when(load(0, 8), _CLONE_VFORK, UNKNOWN)
)

# Source: include/uapi/linux/prctl.h.
_PRCTL = {
    # PR_GET_PDEATHSIG, UNALIGN, FPEMU, FPEXC, ENDIAN, TSC, CHILD_SUBREAPER
    **dict.fromkeys((2, 5, 9, 11, 19, 25, 37), out(1, 4)),
    16: out(1, 16),  # PR_GET_NAME
    40: out(1, "word"),  # PR_GET_TID_ADDRESS
    35: by(arg(1), {15: out(2, 4)}),  # PR_SET_MM: PR_SET_MM_MAP_SIZE
    62: by(arg(1), {0: out(4, 8)}),  # PR_SCHED_CORE: PR_SCHED_CORE_GET
    0x41555856: out(1, arg(2)),  # PR_GET_AUXV
}

# Source: arch/x86/include/uapi/asm/prctl.h.
_ARCH_PRCTL = {
    **dict.fromkeys((0x1001, 0x1002, 0x1011, 0x1012), REGISTERS),  # ARCH_SET_GS, SET_FS, GET_CPUID, SET_CPUID
    **dict.fromkeys((0x1003, 0x1004), out(1, "word")),  # ARCH_GET_FS, GET_GS
    **dict.fromkeys((0x1021, 0x1022, 0x1024, 0x5005), out(1, 8)),  # ARCH_GET_XCOMP_SUPP, PERM, GUEST_PERM, SHSTK_STATUS
    **dict.fromkeys((0x2001, 0x2002, 0x2003, 0x5001, 0x5002), MAPPING),  # ARCH_MAP_VDSO_*, ARCH_SHSTK_ENABLE, DISABLE
    **dict.fromkeys((0x4001, 0x4003), out(1, "word")),  # ARCH_GET_UNTAG_MASK, GET_MAX_TAG_BITS
}

# Source: include/uapi/linux/ptrace.h, arch/x86/include/uapi/asm/ptrace-abi.h.  Requests not listed only tell the other process.
_PTRACE = {
    **dict.fromkeys((1, 2, 3, 0x4201), out(3, "word")),  # PEEKTEXT, PEEKDATA, PEEKUSER, GETEVENTMSG
    12: out(3, "user_regs"),
    14: out(3, "user_fpregs"),
    18: out(3, "user_fpxregs"),
    25: out(3, "user_desc"),  # GET_THREAD_AREA
    30: by(arg(3), _ARCH_PRCTL | {0x1003: out(2, "word"), 0x1004: out(2, "word")}),  # ARCH_PRCTL
    0x4202: out(3, "siginfo_t"),
    0x4204: out(pointer(3, 0), pointer(3, 1)) + out(3, "iovec"),  # GETREGSET
    0x4209: out(3, load(2, 4, offset=12) * "siginfo_t"),  # PEEKSIGINFO
    0x420A: out(3, arg(2)),  # GETSIGMASK
    0x420C: UNKNOWN,  # SECCOMP_GET_FILTER
    **dict.fromkeys((0x420D, 0x420E, 0x420F, 0x4211), out(3, arg(2))),  # SECCOMP_GET_METADATA, GET_SYSCALL_INFO, RSEQ, DISPATCH
}

PROCESSES: Table = {
    # Birth and death
    "fork": FORK,
    "vfork": FORK + UNKNOWN,
    "clone": _clone(2, 3),
    "clone3": _CLONE3,
    **rows("execve execveat", (Kind.EXEC,)),
    **rows("exit exit_group", (Kind.EXIT,)),
    "wait4": out(1, 4) + out(3, "rusage"),
    "waitpid": out(1, 4),
    "waitid": out(2, "siginfo_t") + out(4, "rusage"),
    # What a process is
    "getrusage": out(1, "rusage"),
    "times": out(0, "tms"),
    **rows("getrlimit ugetrlimit", out(1, "rlimit")),
    "prlimit64": out(3, "rlimit64"),
    "getgroups": out(1, count(0) * "uid"),
    "getgroups32": out(1, count(0) * 4),
    **rows("getresuid getresgid", out(0, "uid") + out(1, "uid") + out(2, "uid")),
    **rows("getresuid32 getresgid32", out(0, 4) + out(1, 4) + out(2, 4)),
    # The kernel answers an unknown version with its own.
    "capget": out(0, "cap_header") + out(1, "cap_data"),
    "capset": out(0, "cap_header"),
    "prctl": by(count(0), _PRCTL),
    "ptrace": by(arg(0), _PTRACE),
    # Threads
    "get_robust_list": out(1, "word") + out(2, "word"),
    "rseq": out(0, count(1)),
    "arch_prctl": by(arg(0), _ARCH_PRCTL),
    "set_thread_area": out(0, 4),
    "get_thread_area": out(0, "user_desc"),
    "modify_ldt": by(count(0), dict.fromkeys((0, 2), out(1, arg(2)))),
    "getcpu": out(0, 4) + out(1, 4),
    **rows("vm86 vm86old", UNKNOWN + REGISTERS),
    # Scheduling
    "sched_getparam": out(1, 4),
    "sched_getattr": out(1, count(2)),
    "sched_setattr": out(1, 4),  # the size that the kernel knows, if ours is too big
    "sched_getaffinity": out(2, count(1)),
    "sched_rr_get_interval": out(1, "timespec"),
    "sched_rr_get_interval_time64": out(1, "timespec64"),
    # Signals
    "rt_sigaction": out(2, "sigaction"),
    "sigaction": out(2, "old_sigaction"),
    "rt_sigprocmask": out(2, arg(3)),
    "sigprocmask": out(2, "old_sigset_t"),
    "rt_sigpending": out(0, arg(1)),
    "sigpending": out(0, "old_sigset_t"),
    **rows("rt_sigtimedwait rt_sigtimedwait_time64", out(1, "siginfo_t")),
    "sigaltstack": out(1, "stack_t"),
    **rows("rt_sigreturn sigreturn", (Kind.SIGRETURN,)),
    # The rest of a call that a signal or a stop has interrupted: nanosleep's, poll's, futex's.
    "restart_syscall": UNKNOWN,
    **rows(
        """
        getpid gettid getppid getpgid getpgrp setpgid getsid setsid getpriority setpriority nice personality
        getuid geteuid getgid getegid setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups
        getuid32 geteuid32 getgid32 getegid32 setuid32 setgid32 setreuid32 setregid32 setresuid32 setresgid32 setfsuid32
        setfsgid32 setgroups32 setrlimit set_tid_address set_robust_list unshare setns kcmp
        sched_yield sched_setparam sched_setscheduler sched_getscheduler sched_get_priority_max sched_get_priority_min
        sched_setaffinity ioprio_set ioprio_get iopl ioperm
        kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo rt_sigsuspend sigsuspend signal sgetmask ssetmask pause
        signalfd signalfd4 pidfd_open pidfd_send_signal pidfd_getfd
        """
    ),
}

I386_PROCESSES: Table = {
    "clone": _clone(2, 4),
}
