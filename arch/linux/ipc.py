"""Calls that processes meet through: futexes, System V and POSIX queues, semaphores and shared memory."""

from __future__ import annotations

from rdb.arch.linux.memory import DETACHES
from rdb.arch.linux.terms import (
    MAPPING,
    NOTHING,
    Call,
    Effect,
    Multiplexed,
    Place,
    Table,
    arg,
    by,
    count,
    out,
    pointer,
    rows,
)

# The operations that write a user word, without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME.  Source: uapi/linux/futex.h.
_FUTEX = {
    5: out(4, 4),  # FUTEX_WAKE_OP
    **dict.fromkeys((6, 7, 8, 13), out(0, 4)),  # FUTEX_LOCK_PI, UNLOCK_PI, TRYLOCK_PI, LOCK_PI2
    **dict.fromkeys((11, 12), out(0, 4) + out(4, 4)),  # FUTEX_WAIT_REQUEUE_PI, CMP_REQUEUE_PI
}

_IPC_64 = 0x100  # set by i386 programs that know the newer structures
_MOST_SEMAPHORES = 32000  # SEMMSL, the kernel's default for a set


def _control(command: int, place: Place, commands: dict[int, Effect]) -> Effect:
    """msgctl, semctl or shmctl: `commands` by number, with i386's flag taken off."""
    return by(count(command) & ~_IPC_64 & 0xFFFFFFFF, commands)


def _semctl(place: Place) -> Effect:
    return _control(
        2,
        place,
        {
            **dict.fromkeys((2, 18, 20), out(place, "semid_ds")),  # IPC_STAT, SEM_STAT, SEM_STAT_ANY
            **dict.fromkeys((3, 19), out(place, "seminfo")),  # IPC_INFO, SEM_INFO
            13: out(place, _MOST_SEMAPHORES * 2),  # GETALL: as many as there are
        },
    )


_MSGCTL = {
    **dict.fromkeys((2, 11, 13), out(2, "msqid_ds")),  # IPC_STAT, MSG_STAT, MSG_STAT_ANY
    **dict.fromkeys((3, 12), out(2, "msginfo")),  # IPC_INFO, MSG_INFO
}
_SHMCTL = {
    **dict.fromkeys((2, 13, 15), out(2, "shmid_ds")),  # IPC_STAT, SHM_STAT, SHM_STAT_ANY
    3: out(2, "shminfo"),  # IPC_INFO
    14: out(2, "shm_info"),  # SHM_INFO
}

IPC: Table = {
    "futex": by(count(1) & ~0x180, _FUTEX),
    "futex_time64": by(count(1) & ~0x180, _FUTEX),
    "msgrcv": out(1, arg(2) + "long"),
    "msgctl": _control(1, 2, _MSGCTL),
    "semctl": _semctl(3),
    "shmctl": _control(1, 2, _SHMCTL),
    **rows("mq_timedreceive mq_timedreceive_time64", out(1, arg(2)) + out(3, 4)),
    "mq_getsetattr": out(2, "mq_attr"),
    **rows(
        """
        futex_wait futex_wake futex_requeue futex_waitv msgget msgsnd semget semop semtimedop semtimedop_time64 shmget
        mq_open mq_unlink mq_notify mq_timedsend mq_timedsend_time64
        """
    ),
}

# i386's ipc(call, first, second, third, pointer, fifth): its calls, and which of the six arguments they get.
# Source: include/uapi/linux/ipc.h, ipc/syscall.c.
_IPC_CALLS: dict[int, tuple[Effect, tuple[int, ...]]] = {
    1: (NOTHING, ()),  # SEMOP
    2: (NOTHING, ()),  # SEMGET
    3: (_semctl(pointer(3)), (1, 2, 3, 4)),  # SEMCTL: a pointer to its last argument
    4: (NOTHING, ()),  # SEMTIMEDOP
    11: (NOTHING, ()),  # MSGSND
    12: (out(1, arg(2) + "long"), (1, 4, 2)),  # MSGRCV
    13: (NOTHING, ()),  # MSGGET
    14: (_control(1, 2, _MSGCTL), (1, 2, 4)),  # MSGCTL
    21: (MAPPING + out(2, "word"), (1, 4, 3)),  # SHMAT: the address is stored, not returned
    22: (DETACHES, (4,)),  # SHMDT
    23: (NOTHING, ()),  # SHMGET
    24: (_control(1, 2, _SHMCTL), (1, 2, 4)),  # SHMCTL
}
# Version 0 of msgrcv points to a pair: the pointer to the message, and its type.
_OLD_MSGRCV: Effect = out(pointer(1), arg(2) + "long")


def _ipc(call: Call) -> tuple[Effect, Call] | None:
    """The call that an ipc stands for.  The upper half of the number is its version."""
    version, number = divmod(call.arguments[0] & 0xFFFFFFFF, 1 << 16)
    if number not in _IPC_CALLS:
        return None
    effect, order = _IPC_CALLS[number]
    if number == 12 and version == 0:
        effect = _OLD_MSGRCV
    return effect, Call.of([call.arguments[i] for i in order], call.cpu, call.abi)


I386_IPC: Table = {
    "ipc": (Multiplexed(_ipc),),
}
