"""The sizes in the table against the kernel's headers, as a C compiler lays them out for each ABI."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from rdb.arch.linux.structures import ABIS, I386, X86_64

# Header, and the structures of it: name in the table -> name in C.  Kernel headers only: they need no C library for the ABI.
HEADERS = {
    "linux/types.h": {"int": "int", "word": "void *", "long": "long", "off_t": "__kernel_off_t", "loff_t": "__kernel_loff_t"},
    "asm/stat.h": {"stat": "struct stat", "oldstat": "struct __old_kernel_stat"},
    "linux/stat.h": {"statx": "struct statx"},
    "asm/statfs.h": {"statfs": "struct statfs", "statfs64": "struct statfs64"},
    "asm/signal.h": {"old_sigaction": "struct sigaction", "stack_t": "stack_t"},
    "asm/siginfo.h": {"siginfo_t": "siginfo_t"},
    "asm/termbits.h": {"termios": "struct termios", "termios2": "struct termios2"},
    "asm/termios.h": {"termio": "struct termio", "winsize": "struct winsize"},
    "asm/ldt.h": {"user_desc": "struct user_desc"},
    "asm/sembuf.h": {"semid_ds": "struct semid64_ds"},
    "asm/msgbuf.h": {"msqid_ds": "struct msqid64_ds"},
    "asm/shmbuf.h": {"shmid_ds": "struct shmid64_ds", "shminfo": "struct shminfo64"},
    "linux/sem.h": {"seminfo": "struct seminfo"},
    "linux/msg.h": {"msginfo": "struct msginfo"},
    "linux/sysinfo.h": {"sysinfo": "struct sysinfo"},
    "linux/utsname.h": {
        "utsname": "struct new_utsname",
        "olduname": "struct old_utsname",
        "oldolduname": "struct oldold_utsname",
    },
    "linux/mqueue.h": {"mq_attr": "struct mq_attr"},
    "linux/resource.h": {"rusage": "struct rusage", "rlimit": "struct rlimit", "rlimit64": "struct rlimit64"},
    "linux/times.h": {"tms": "struct tms"},
    "linux/time_types.h": {
        "timespec64": "struct __kernel_timespec",
        "itimerspec64": "struct __kernel_itimerspec",
        "timespec": "struct __kernel_old_timespec",
        "timeval": "struct __kernel_old_timeval",
        "itimerval": "struct __kernel_old_itimerval",
    },
    "linux/timex.h": {"timex64": "struct __kernel_timex"},
    "linux/fcntl.h": {"flock": "struct flock", "f_owner_ex": "struct f_owner_ex"},
    "linux/eventpoll.h": {"epoll_event": "struct epoll_event"},
    "linux/aio_abi.h": {"io_event": "struct io_event"},
    "linux/io_uring.h": {"io_uring_params": "struct io_uring_params"},
    "linux/uio.h": {"iovec": "struct iovec"},
    "linux/seccomp.h": {"seccomp_notif_sizes": "struct seccomp_notif_sizes"},
    "linux/keyctl.h": {"keyctl_pkey_query": "struct keyctl_pkey_query"},
    "linux/quota.h": {"dqinfo": "struct if_dqinfo", "dqblk": "struct if_dqblk", "nextdqblk": "struct if_nextdqblk"},
    "linux/dqblk_xfs.h": {
        "fs_disk_quota": "struct fs_disk_quota",
        "fs_quota_stat": "struct fs_quota_stat",
        "fs_quota_statv": "struct fs_quota_statv",
    },
    "linux/serial.h": {"serial_struct": "struct serial_struct"},
    "linux/poll.h": {"pollfd": "struct pollfd"},
}
# The C library's headers, where they have the kernel's layout; only those of the compiler's own ABI are installed.
LIBRARY = {
    "sys/socket.h": {"msghdr": "struct msghdr", "mmsghdr": "struct mmsghdr"},
    "sys/timex.h": {"timex": "struct timex"},
    "net/if.h": {"ifreq": "struct ifreq", "ifconf": "struct ifconf"},
    "net/route.h": {"rtentry": "struct rtentry"},
    "net/if_arp.h": {"arpreq": "struct arpreq"},
    "sys/user.h": {"user_regs": "struct user_regs_struct", "user_fpregs": "struct user_fpregs_struct"},
    "time.h": {"itimerspec": "struct itimerspec", "time_t": "time_t"},
    "sys/shm.h": {"shm_info": "struct shm_info"},
}
FLAGS = {"x86_64": ["-m64"], "i386": ["-m32", "-D_UNISTD_H"]}


def _sizes(header: str, types: dict[str, str], flags: list[str], folder: Path) -> dict[str, int] | None:
    """sizeof each type, read from the assembly; None if this machine lacks the header for the ABI."""
    source = folder / "sizes.c"
    numbers = "".join(f"const long size_of_{name} = sizeof({spelling});\n" for name, spelling in types.items())
    source.write_text(f"#include <linux/types.h>\ntypedef __SIZE_TYPE__ size_t;\n#include <{header}>\n{numbers}")
    command = ["gcc", "-w", "-S", "-O0", "-fno-asynchronous-unwind-tables", *flags, "-I/usr/include/x86_64-linux-gnu"]
    done = subprocess.run([*command, str(source), "-o", "-"], capture_output=True, text=True)
    if done.returncode:
        return None
    return {name: int(size) for name, size in re.findall(r"size_of_(\w+):\s+\.(?:quad|long)\s+(\d+)", done.stdout)}


@pytest.mark.parametrize("abi", ABIS)
def test_sizes_are_the_headers(abi: str, tmp_path: Path) -> None:
    checked = 0
    for header, types in {**HEADERS, **(LIBRARY if abi == "x86_64" else {})}.items():
        found = _sizes(header, types, FLAGS[abi], tmp_path)
        if found is not None:
            assert found == {name: ABIS[abi].sizes[name] for name in types}, header
            checked += len(found)
    if not checked:
        pytest.skip("no kernel headers")
    assert checked > 30


def test_every_size_has_a_name_in_both_abis() -> None:
    assert set(X86_64.sizes) == set(I386.sizes)
