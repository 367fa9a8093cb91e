"""Calls on the machine and the kernel: names, random numbers, keys, bpf, security modules, tracing."""

from __future__ import annotations

from rdb.arch.linux.terms import (
    NOTHING,
    UNKNOWN,
    Table,
    arg,
    by,
    count,
    load,
    out,
    pointer,
    rows,
)

# Source: include/uapi/linux/keyctl.h.
_KEYCTL = {
    **dict.fromkeys((6, 11, 17), out(2, arg(3))),  # KEYCTL_DESCRIBE, READ, GET_SECURITY
    23: out(2, arg(3)),  # KEYCTL_DH_COMPUTE
    24: out(4, "keyctl_pkey_query"),  # KEYCTL_PKEY_QUERY
    **dict.fromkeys((25, 26, 27), out(4, load(1, 4, offset=8))),  # KEYCTL_PKEY_ENCRYPT, DECRYPT, SIGN: struct keyctl_pkey_params
    31: out(1, arg(2)),  # KEYCTL_CAPABILITIES
}

# The commands that only read their attributes; the others fill in the attributes, a value or a log.  Source: uapi/linux/bpf.h.
# BPF_MAP_CREATE, MAP_UPDATE_ELEM, MAP_DELETE_ELEM, OBJ_PIN, OBJ_GET, PROG_ATTACH, PROG_DETACH, *_GET_FD_BY_ID,
# RAW_TRACEPOINT_OPEN, MAP_FREEZE, LINK_CREATE, LINK_UPDATE, ENABLE_STATS, ITER_CREATE, LINK_DETACH, PROG_BIND_MAP
_BPF = dict.fromkeys((0, 2, 3, 6, 7, 8, 9, 13, 14, 17, 19, 22, 28, 29, 30, 32, 33, 34, 35), NOTHING)

SYSTEM: Table = {
    "uname": out(0, "utsname"),
    "olduname": out(0, "olduname"),
    "oldolduname": out(0, "oldolduname"),
    "sysinfo": out(0, "sysinfo"),
    "syslog": by(count(0), dict.fromkeys((2, 3, 4), out(1, count(2)))),  # SYSLOG_ACTION_READ, READ_ALL, READ_CLEAR
    "getrandom": out(0, arg(1)),
    # struct __sysctl_args: name, its length, old value, a pointer to its length, new value, its length
    "_sysctl": out(pointer(0, 2), load(pointer(0, 3), "word")) + out(pointer(0, 3), "word"),
    "keyctl": by(count(0), _KEYCTL),
    "bpf": by(count(0), _BPF, otherwise=UNKNOWN),
    "perf_event_open": out(0, 4, offset=4),  # the size that the kernel knows, if ours is too big
    "seccomp": by(count(0), {3: out(2, "seccomp_notif_sizes")}),  # SECCOMP_GET_NOTIF_SIZES
    "lsm_get_self_attr": out(1, load(2)) + out(2, 4),
    "lsm_list_modules": out(0, load(1)) + out(1, 4),
    **rows(
        """
        add_key request_key lsm_set_self_attr landlock_create_ruleset landlock_add_rule landlock_restrict_self
        sethostname setdomainname reboot kexec_load kexec_file_load init_module finit_module delete_module acct vhangup bdflush
        uselib uprobe uretprobe
        """
    ),
    # Numbers that no kernel since 2.6 serves
    **rows(
        """
        create_module get_kernel_syms query_module nfsservctl getpmsg putpmsg afs_syscall tuxcall security vserver
        break ftime gtty stty idle lock mpx prof profil ulimit
        """
    ),
}
