"""Groups of system calls by what they are about, as GDB users name them: `catch syscall group:network`.

A call may be in several groups.  Names are those of all ABIs together; which number a name has, if any, is the ABI's matter.
Which call is in which group is GDB 13's answer for x86-64 and i386.
"""

from __future__ import annotations

from collections.abc import Mapping

_GROUPS = {
    "descriptor": """
        read write open close fstat poll lseek mmap ioctl pread64 pwrite64 readv writev pipe select dup dup2 sendfile
        fcntl flock fsync fdatasync ftruncate getdents fchdir creat fchmod fchown fstatfs readahead fsetxattr
        fgetxattr flistxattr fremovexattr epoll_create getdents64 fadvise64 epoll_wait epoll_ctl inotify_init
        inotify_add_watch inotify_rm_watch openat mkdirat mknodat fchownat futimesat newfstatat unlinkat renameat
        linkat symlinkat readlinkat fchmodat faccessat pselect6 ppoll splice tee sync_file_range vmsplice utimensat
        epoll_pwait signalfd timerfd_create eventfd fallocate timerfd_settime timerfd_gettime signalfd4 eventfd2
        epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev perf_event_open fanotify_init fanotify_mark
        name_to_handle_at open_by_handle_at syncfs setns finit_module oldfstat readdir socketcall _llseek _newselect
        mmap2 ftruncate64 fstat64 fchown32 fcntl64 sendfile64 fstatfs64 fadvise64_64 fstatat64
    """,
    "file": """
        open stat lstat access execve truncate getcwd chdir rename mkdir rmdir creat link unlink symlink readlink
        chmod chown lchown utime mknod uselib statfs pivot_root chroot acct mount umount2 swapon swapoff quotactl
        setxattr lsetxattr getxattr lgetxattr listxattr llistxattr removexattr lremovexattr utimes openat mkdirat
        mknodat fchownat futimesat newfstatat unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat
        utimensat fanotify_mark name_to_handle_at oldstat umount oldlstat truncate64 stat64 lstat64 lchown32 chown32
        statfs64 fstatat64
    """,
    "ipc": """
        shmget shmat shmctl semget semop semctl shmdt msgget msgsnd msgrcv msgctl semtimedop ipc
    """,
    "memory": """
        mmap mprotect munmap brk mremap msync mincore madvise shmat shmdt mlock munlock mlockall munlockall
        remap_file_pages mbind set_mempolicy get_mempolicy migrate_pages move_pages break mmap2
    """,
    "network": """
        sendfile socket connect accept sendto recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername
        socketpair setsockopt getsockopt accept4 recvmmsg sendmmsg sendfile64
    """,
    "process": """
        clone fork vfork execve exit wait4 arch_prctl exit_group waitid unshare rt_tgsigqueueinfo waitpid
    """,
    "signal": """
        rt_sigaction rt_sigprocmask rt_sigreturn pause kill rt_sigpending rt_sigtimedwait rt_sigqueueinfo
        rt_sigsuspend sigaltstack tkill tgkill signalfd signalfd4 rt_tgsigqueueinfo signal sigaction sgetmask ssetmask
        sigsuspend sigpending sigreturn sigprocmask
    """,
}
GROUPS: Mapping[str, tuple[str, ...]] = {group: tuple(names.split()) for group, names in _GROUPS.items()}
