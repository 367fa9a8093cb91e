"""Calls on files, directories, file systems and descriptors."""

from __future__ import annotations

from rdb.arch.linux.ioctl import IOCTL
from rdb.arch.linux.terms import Table, arg, by, count, load, out, rows, vector

# fcntl's commands; on 64-bit ABIs the *64 ones do not exist.  Source: include/uapi/asm-generic/fcntl.h.
_FCNTL = by(
    count(1),
    {
        5: out(2, "flock"),  # F_GETLK
        12: out(2, "flock64"),  # F_GETLK64
        16: out(2, "f_owner_ex"),  # F_GETOWN_EX
        17: out(2, 8),  # F_GETOWNER_UIDS
        36: out(2, "flock64"),  # F_OFD_GETLK
        1035: out(2, 8),  # F_GET_RW_HINT
        1037: out(2, 8),  # F_GET_FILE_RW_HINT
    },
)

# Quota commands stand above the type's eight bits.  Source: include/uapi/linux/quota.h, dqblk_xfs.h.
_QUOTA = {
    0x800004: out(3, 4),  # Q_GETFMT
    0x800005: out(3, "dqinfo"),  # Q_GETINFO
    0x800007: out(3, "dqblk"),  # Q_GETQUOTA
    0x800009: out(3, "nextdqblk"),  # Q_GETNEXTQUOTA
    0x5803: out(3, "fs_disk_quota"),  # Q_XGETQUOTA
    0x5805: out(3, "fs_quota_stat"),  # Q_XGETQSTAT
    0x5808: out(3, "fs_quota_statv"),  # Q_XGETQSTATV
    0x5809: out(3, "fs_disk_quota"),  # Q_XGETNEXTQUOTA
}

FILES: Table = {
    "read": out(1, arg(2)),
    "pread64": out(1, arg(2)),
    **rows("readv preadv preadv2", vector(1, arg(2))),
    # vmsplice fills the vector when the descriptor is the reading end of a pipe.
    "vmsplice": vector(1, arg(2)),
    "sendfile": out(2, "off_t"),
    "sendfile64": out(2, "loff_t"),
    **rows("splice copy_file_range", out(1, "loff_t") + out(3, "loff_t")),
    "_llseek": out(3, "loff_t"),
    **rows("pipe pipe2", out(0, "fd_pair")),
    # What a file is
    **rows("stat fstat lstat", out(1, "stat")),
    **rows("stat64 fstat64 lstat64", out(1, "stat64")),
    **rows("oldstat oldfstat oldlstat", out(1, "oldstat")),
    "newfstatat": out(2, "stat"),
    "fstatat64": out(2, "stat64"),
    "statx": out(4, "statx"),
    **rows("statfs fstatfs", out(1, "statfs")),
    **rows("statfs64 fstatfs64", out(2, "statfs64")),
    "ustat": out(1, "ustat"),
    "sysfs": by(count(0), {2: out(2, 256)}),  # the name of a file system type
    "cachestat": out(2, "cachestat"),
    "file_getattr": out(2, arg(3)),
    "name_to_handle_at": out(2, load(2) + "file_handle") + out(3, 8),
    # Names
    "getcwd": out(0, arg(1)),
    "readlink": out(1, count(2)),
    "readlinkat": out(2, count(3)),
    **rows("getdents getdents64", out(1, count(2))),
    "readdir": out(1, "old_linux_dirent"),
    "lookup_dcookie": out(1, arg(2)),
    # Extended attributes
    **rows("getxattr lgetxattr fgetxattr", out(2, arg(3))),
    "getxattrat": out(load(4, 8), load(4, 4, offset=8)),
    **rows("listxattr llistxattr flistxattr", out(1, arg(2))),
    "listxattrat": out(3, arg(4)),
    # Mounts and quotas
    "statmount": out(1, arg(2)),
    "listmount": out(1, arg(2) * 8),
    "listns": out(1, arg(2) * 8),
    "quotactl": by(count(0) >> 8, _QUOTA),
    "quotactl_fd": by(count(1) >> 8, _QUOTA),
    # By command
    **rows("fcntl fcntl64", _FCNTL),
    "ioctl": IOCTL,
    **rows(
        """
        write pwrite64 writev pwritev pwritev2 tee
        open openat openat2 creat close close_range dup dup2 dup3 lseek access faccessat faccessat2 open_by_handle_at
        umask chdir fchdir chroot mkdir mkdirat rmdir rename renameat renameat2 link linkat unlink unlinkat symlink symlinkat
        mknod mknodat chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat chown32 fchown32 lchown32
        utime utimes utimensat utimensat_time64 futimesat truncate truncate64 ftruncate ftruncate64 fallocate
        flock sync syncfs fsync fdatasync sync_file_range readahead fadvise64 fadvise64_64 file_setattr
        setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat
        mount umount umount2 mount_setattr move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick pivot_root
        inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_init fanotify_mark
        eventfd eventfd2 memfd_create
        """
    ),
}

# i386 passes a 64-bit argument in two words.
I386_FILES: Table = {
    "lookup_dcookie": out(2, arg(3)),
}
