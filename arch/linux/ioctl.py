"""ioctl, by request.

A request made with the _IOC macros tells the direction and the size of its structure, and in the families listed here that is
all there is to know.  Everything else is unknown, because a structure may hold pointers through which the driver writes.

Sources: include/uapi/asm-generic/ioctl.h (two bits direction, 14 size, 8 type, 8 number), asm-generic/ioctls.h,
linux/sockios.h, linux/fs.h, linux/fiemap.h, linux/if_tun.h, linux/userfaultfd.h, linux/nsfs.h, linux/loop.h.
"""

from __future__ import annotations

from rdb.arch.linux.terms import (
    NOTHING,
    UNKNOWN,
    Call,
    Depends,
    Effect,
    Size,
    load,
    out,
    pointer,
)


def _each(effect: Effect, *requests: int) -> dict[int, Effect]:
    return dict.fromkeys(requests, effect)


def _fills(size: Size, *requests: int) -> dict[int, Effect]:
    return _each(out(2, size), *requests)


_TERMINAL = {
    **_fills("termios", 0x5401, 0x5456),  # TCGETS, TIOCGLCKTRMIOS
    **_fills("termio", 0x5405),  # TCGETA
    **_fills("winsize", 0x5413),  # TIOCGWINSZ
    **_fills("serial_struct", 0x541E),  # TIOCGSERIAL
    **_fills(16, 0x5432),  # TCGETX
    **_fills(32, 0x542E, 0x542F),  # TIOCGRS485, TIOCSRS485
    **_fills(80, 0x545D),  # TIOCGICOUNT
    # TIOCGPGRP, TIOCOUTQ, TIOCMGET, TIOCGSOFTCAR, FIONREAD, TIOCGETD, TIOCGSID, TIOCSERGETLSR
    **_fills("int", 0x540F, 0x5411, 0x5415, 0x5419, 0x541B, 0x5424, 0x5429, 0x5459),
    # TCSETS*, TCSETA*, TCSBRK, TCXONC, TCFLSH, TIOCEXCL, TIOCNXCL, TIOCSCTTY
    **_each(NOTHING, 0x5402, 0x5403, 0x5404, 0x5406, 0x5407, 0x5408, 0x5409, 0x540A, 0x540B, 0x540C, 0x540D, 0x540E),
    # TIOCSPGRP, TIOCSTI, TIOCSWINSZ, TIOCMBIS, TIOCMBIC, TIOCMSET, TIOCSSOFTCAR, TIOCCONS, TIOCSSERIAL, TIOCPKT
    **_each(NOTHING, 0x5410, 0x5412, 0x5414, 0x5416, 0x5417, 0x5418, 0x541A, 0x541D, 0x541F, 0x5420),
    # TIOCNOTTY, TIOCSETD, TCSBRKP, TIOCSBRK, TIOCCBRK, TCSETX*, TIOCVHANGUP, TIOCGPTPEER, TIOCSLCKTRMIOS, TIOCMIWAIT
    **_each(NOTHING, 0x5422, 0x5423, 0x5425, 0x5427, 0x5428, 0x5433, 0x5434, 0x5435, 0x5437, 0x5441, 0x5457, 0x545C),
    **_fills("ifreq", 0x400454CA, 0x800454D2),  # TUNSETIFF, TUNGETIFF: both numbers lie about size and direction
}

_FILE = {
    **_each(NOTHING, 0x5421, 0x5450, 0x5451, 0x5452),  # FIONBIO, FIONCLEX, FIOCLEX, FIOASYNC
    **_fills("loff_t", 0x5460),  # FIOQSIZE
    **_fills("int", 0x0001, 0x0002),  # FIBMAP, FIGETBSZ
    **_each(out(2, load(2, 4, offset=24) * 56 + 32), 0xC020660B),  # FS_IOC_FIEMAP: extents follow the head
    **_each(out(2, load(2, 2, offset=16) * 32 + 24), 0xC0189436),  # FIDEDUPERANGE
    **_each(out(2, load(2, 2, offset=2) + 4), 0xC0046686),  # FS_IOC_MEASURE_VERITY
    **_each(UNKNOWN, 0xC0286687, 0xC0096616),  # FS_IOC_READ_VERITY_METADATA, FS_IOC_GET_ENCRYPTION_POLICY_EX
    **_each(NOTHING, 0x40049409, 0x4020940D, 0x401C5820),  # FICLONE, FICLONERANGE, FS_IOC_FSSETXATTR
    **_fills(28, 0x801C581F),  # FS_IOC_FSGETXATTR
    **_fills(24, 0xC0185879),  # FITRIM
    **_each(NOTHING, 0xC0045877, 0xC0045878),  # FIFREEZE, FITHAW
}

_SOCKET = {
    **_each(NOTHING, 0x8901, 0x8902, 0x890B, 0x890C, 0x8914, 0x8916, 0x891A, 0x891C, 0x8922, 0x8924, 0x894C),  # the setters
    **_fills("int", 0x8903, 0x8904, 0x8905, 0x894B),  # FIOGETOWN, SIOCGPGRP, SIOCATMARK, SIOCOUTQNSD
    **_fills("timeval", 0x8906),  # SIOCGSTAMP
    **_fills("timespec", 0x8907),  # SIOCGSTAMPNS
    **_fills(16, 0x80108906, 0x80108907),  # SIOCGSTAMP_NEW, SIOCGSTAMPNS_NEW
    0x8912: out(2, 4) + out(pointer(2, 1), load(2)),  # SIOCGIFCONF: a length and a buffer
    # SIOCGIFNAME, FLAGS, ADDR, DSTADDR, BRDADDR, NETMASK, METRIC, MTU, HWADDR
    **_fills("ifreq", 0x8910, 0x8913, 0x8915, 0x8917, 0x8919, 0x891B, 0x891D, 0x8921, 0x8927),
    # SIOCGIFENCAP, SIOCGIFSLAVE, SIOCGIFINDEX, SIOCGIFPFLAGS, SIOCGIFCOUNT, SIOCGIFTXQLEN, SIOCGMIIPHY, SIOCGMIIREG, SIOCGIFMAP
    **_fills("ifreq", 0x8925, 0x8929, 0x8933, 0x8935, 0x8938, 0x8942, 0x8947, 0x8948, 0x8970),
    **_fills("arpreq", 0x8954, 0x8961),  # SIOCGARP, SIOCGRARP
}

_BLOCK = {
    **_fills("long", 0x1260, 0x1263, 0x1265),  # BLKGETSIZE, BLKRAGET, BLKFRAGET
    # BLKROGET, BLKSSZGET, BLKIOMIN, BLKIOOPT, BLKALIGNOFF, BLKPBSZGET, BLKDISCARDZEROES
    **_fills("int", 0x125E, 0x1268, 0x1278, 0x1279, 0x127A, 0x127B, 0x127C),
    **_fills(2, 0x1267, 0x127E),  # BLKSECTGET, BLKROTATIONAL
    # BLKROSET, BLKRRPART, BLKFLSBUF, BLKRASET, BLKFRASET, BLKSECTSET, BLKDISCARD, BLKSECDISCARD, BLKZEROOUT
    **_each(NOTHING, 0x125D, 0x125F, 0x1261, 0x1262, 0x1264, 0x1266, 0x1277, 0x127D, 0x127F),
    **_each(UNKNOWN, 0xC0101282),  # BLKREPORTZONE: zones follow the head
    **_fills(168, 0x4C03),  # LOOP_GET_STATUS
    **_fills(232, 0x4C05),  # LOOP_GET_STATUS64
    # LOOP_SET_FD, CLR_FD, SET_STATUS, SET_STATUS64, CHANGE_FD, SET_CAPACITY, SET_DIRECT_IO, SET_BLOCK_SIZE, CONFIGURE, CTL_*
    **_each(NOTHING, 0x4C00, 0x4C01, 0x4C02, 0x4C04, 0x4C06, 0x4C07, 0x4C08, 0x4C09, 0x4C0A, 0x4C80, 0x4C81, 0x4C82),
}

_KERNEL = {
    **_each(NOTHING, 0xB701, 0xB702, 0xB703),  # NS_GET_USERNS, NS_GET_PARENT, NS_GET_NSTYPE
    **_fills("int", 0xB704),  # NS_GET_OWNER_UID
    **_each(NOTHING, 0x2400, 0x2401, 0x2402, 0x2403, 0x2405),  # PERF_EVENT_IOC_ENABLE, DISABLE, REFRESH, RESET, SET_OUTPUT
    **_fills(8, 0x80082407, 0x80042407),  # PERF_EVENT_IOC_ID
    0x80104592: out(load(2, 8, offset=8), load(2, 4, offset=4)),  # EVIOCGMASK
    0xC028AA03: out(2, 40) + out(load(2, 8), load(2, 8, offset=16)),  # UFFDIO_COPY
    0xC020AA04: out(2, 32) + out(load(2, 8), load(2, 8, offset=8)),  # UFFDIO_ZEROPAGE
    # UFFDIO_MOVE empties the source as well.
    0xC028AA05: out(2, 40) + out(load(2, 8), load(2, 8, offset=16)) + out(load(2, 8, offset=8), load(2, 8, offset=16)),
}

REQUESTS = {**_TERMINAL, **_FILE, **_SOCKET, **_BLOCK, **_KERNEL}

# The type bytes of families whose structures are flat: terminals and tun, block devices, inode flags, input, FAT, RTC and PPS,
# random, seccomp notifications, namespaces, pidfds, userfaultfd.
_FLAT = frozenset(b"TfErpR!\x12\xb7\xff\xaa")


def _request(call: Call) -> Effect:
    """What an ioctl writes.  A request of a flat family may write its structure whichever direction it claims: some lie."""
    request = call.arguments[1] & 0xFFFFFFFF
    size, family = request >> 16 & 0x3FFF, request >> 8 & 0xFF
    if request in REQUESTS:
        return REQUESTS[request]
    return out(2, size) if size and family in _FLAT else UNKNOWN


IOCTL: Effect = (Depends(_request),)
