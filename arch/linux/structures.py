"""The sizes of the structures that Linux fills in, as the kernel lays them out in each ABI.

They are the kernel's structures (include/uapi), which are not always the C library's: its struct sigaction and termios differ.
tests/arch/linux/test_structures.py compares this table with what a C compiler says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# The same in every ABI.
_COMMON: Mapping[str, int] = {
    "int": 4,
    "loff_t": 8,
    "fd_pair": 8,
    "sigset_t": 8,  # the kernel's 64 signals, not the C library's 1024
    "pollfd": 8,
    "timespec64": 16,
    "itimerspec64": 32,
    "timex64": 208,
    "rlimit64": 16,
    "siginfo_t": 128,
    "statx": 256,
    "oldstat": 32,
    "utsname": 390,
    "olduname": 325,
    "oldolduname": 45,
    "cachestat": 40,
    "file_handle": 8,  # its head
    "cap_header": 8,
    "cap_data": 24,
    "user_desc": 16,
    "io_event": 32,
    "io_uring_params": 120,
    "seccomp_notif_sizes": 6,
    "keyctl_pkey_query": 56,
    "dqinfo": 24,
    "fs_disk_quota": 112,
    "fs_quota_statv": 160,
    "seminfo": 40,
    "msginfo": 32,
    "termio": 18,
    "termios": 36,
    "termios2": 44,
    "winsize": 8,
    "f_owner_ex": 8,
    "tun_filter": 8,
    "arpreq": 68,
    "user_fpxregs": 512,
}

# Those that depend on the width of a long or on alignment: x86_64, i386.
_BY_ABI: Mapping[str, tuple[int, int]] = {
    "word": (8, 4),
    "long": (8, 4),
    "off_t": (8, 4),
    "time_t": (8, 4),
    "uid": (4, 2),  # of the calls without a 32 in their name
    "stat": (144, 64),
    "stat64": (144, 96),
    "statfs": (120, 64),
    "statfs64": (120, 84),
    "ustat": (32, 20),
    "old_linux_dirent": (280, 268),
    "flock": (32, 16),
    "flock64": (32, 24),
    "timeval": (16, 8),
    "timespec": (16, 8),
    "itimerval": (32, 16),
    "itimerspec": (32, 16),
    "timex": (208, 128),
    "tms": (32, 16),
    "rusage": (144, 72),
    "rlimit": (16, 8),
    "sysinfo": (112, 64),
    "sigaction": (32, 20),
    "old_sigaction": (32, 16),
    "old_sigset_t": (8, 4),
    "stack_t": (24, 12),
    "epoll_event": (12, 12),
    "msghdr": (56, 28),
    "mmsghdr": (64, 32),
    "msqid_ds": (120, 88),
    "semid_ds": (104, 64),
    "shmid_ds": (112, 84),
    "shminfo": (72, 36),
    "shm_info": (48, 24),
    "mq_attr": (64, 32),
    "dqblk": (72, 68),
    "nextdqblk": (72, 72),
    "ifreq": (40, 32),
    "ifconf": (16, 8),
    "rtentry": (120, 76),
    "fs_quota_stat": (80, 68),
    "user_regs": (216, 68),
    "user_fpregs": (512, 108),
    "iovec": (16, 8),
    "serial_struct": (72, 60),
}


@dataclass(frozen=True)
class Abi:
    """How a kind of program talks to the kernel.

    `word` is the size of a long and of a pointer, `page` that of a page, `sizes` those of the structures, all in bytes.
    `variant` names the rows of the table that this ABI has instead of the common ones.
    """

    name: str
    word: int
    page: int
    sizes: Mapping[str, int]
    variant: str = ""

    @property
    def mask(self) -> int:
        """All bits of a word."""
        return (1 << 8 * self.word) - 1


def _sizes(column: int) -> Mapping[str, int]:
    return {**_COMMON, **{name: sizes[column] for name, sizes in _BY_ABI.items()}}


X86_64 = Abi("x86_64", 8, 4096, _sizes(0))
I386 = Abi("i386", 4, 4096, _sizes(1), variant="i386")
ABIS: Mapping[str, Abi] = {abi.name: abi for abi in (X86_64, I386)}
