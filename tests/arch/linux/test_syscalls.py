"""The table's own rules, and the rows that the kernel test cannot try because they end, fork or block."""

from __future__ import annotations

import itertools
import struct

import pytest

from rdb.arch.i386.syscalls import NUMBERS as NUMBERS_I386
from rdb.arch.linux import syscalls
from rdb.arch.linux.network import SOCKETCALLS
from rdb.arch.linux.output import OUTPUTS, Output, output
from rdb.arch.linux.structures import I386, X86_64, Abi
from rdb.arch.linux.syscalls import Kind, SyscallEffects, effects
from rdb.arch.x86_64.syscalls import NUMBERS as NUMBERS_X86_64
from rdb.errors import CannotAccessMemory

NAMES = {X86_64.name: NUMBERS_X86_64, I386.name: NUMBERS_I386}
BOTH = pytest.mark.parametrize("abi", [X86_64, I386], ids=lambda abi: abi.name)
AT = 0x1000


class View:
    """Memory that holds `content` from AT on, and nothing else."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = content

    def register(self, name: str) -> int:
        raise AssertionError("effects ask for arguments, never for registers")

    def memory(self, address: int, size: int) -> bytes:
        data = self.content[address - AT : address - AT + size] if address >= AT else b""
        if len(data) != size:
            raise CannotAccessMemory(address, size)
        return data


def ask(name: str | None, *arguments: int, content: bytes = b"", abi: Abi = X86_64) -> SyscallEffects:
    return effects(name, arguments, View(content), abi)


@BOTH
def test_every_call_has_a_row(abi: Abi) -> None:
    assert [name for name in NAMES[abi.name].values() if syscalls.row(name, abi) is None] == []


@BOTH
def test_numbers_name_each_call_once(abi: Abi) -> None:
    names = list(NAMES[abi.name].values())
    assert len(names) == len(set(names))


@pytest.mark.parametrize("numbers", [NUMBERS_X86_64, NUMBERS_I386], ids=["64", "32"])
def test_numbers_are_the_headers(numbers: dict[int, str]) -> None:
    bits = 64 if numbers is NUMBERS_X86_64 else 32
    try:
        with open(f"/usr/include/x86_64-linux-gnu/asm/unistd_{bits}.h") as header:
            defined = [line.split()[1:] for line in header if line.startswith("#define __NR_")]
    except FileNotFoundError:
        pytest.skip("no kernel headers for x86")
    assert {int(number): name.removeprefix("__NR_") for name, number in defined}.items() <= numbers.items()


def test_no_call_stands_under_two_subjects() -> None:
    names = list(itertools.chain(*syscalls.SUBJECTS))
    assert sorted(names) == sorted(set(names))


def test_every_name_in_a_table_is_a_call() -> None:
    calls = {*NUMBERS_X86_64.values(), *NUMBERS_I386.values(), *SOCKETCALLS}
    assert {*syscalls.EFFECTS, *syscalls.VARIANTS["i386"], *syscalls.MAY_BLOCK, *OUTPUTS} <= calls


@BOTH
@pytest.mark.parametrize("fill", [b"\xff", b"\x10\x20"])
def test_no_arguments_make_it_raise(abi: Abi, fill: bytes) -> None:
    view = View(fill * 4096)
    values = [0, 1, AT, AT + 4090, (1 << 64) - 1, -1, 1 << 31, 1 << 62]
    for name, shift in itertools.product(NAMES[abi.name].values(), range(len(values))):
        found = effects(name, (values * 2)[shift : shift + 6], view, abi)
        assert all(0 < at <= abi.mask and 0 < size <= abi.mask + 1 - at for at, size in found.writes + found.discards), name


def test_an_unknown_number_is_unknown() -> None:
    assert ask(None).unknown and not ask(None).listed
    assert ask("a_call_of_tomorrow").unknown
    assert ask("ioctl", 3, 0xDEADBEEF, AT).unknown and ask("ioctl", 3, 0xDEADBEEF, AT).listed


def test_sizes_are_given_as_asked_and_cut_at_the_end_of_the_address_space() -> None:
    assert ask("read", 0, AT, 1 << 60).writes == ((AT, 1 << 60),)
    assert ask("read", 0, AT, -1).writes == ((AT, (1 << 64) - AT),)
    assert ask("read", 0, AT, -1, abi=I386).writes == ((AT, (1 << 32) - AT),)
    assert ask("read", 0, 0, 10).writes == ()


def test_the_upper_half_of_an_int_does_not_count() -> None:
    assert ask("epoll_wait", 1, AT, 0xFFFF_FFFF_0000_0002, 0).writes == ((AT, 24),)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (("mmap", 0, 1, 3, 0x22), Kind.MAPPING),
        (("fork",), Kind.FORK),
        (("clone", 0x11), Kind.FORK),
        (("execve", AT, AT, AT), Kind.EXEC),
        (("exit_group", 0), Kind.EXIT),
        (("rt_sigreturn",), Kind.SIGRETURN),
        (("arch_prctl", 0x1002, AT), Kind.REGISTERS),
        (("arch_prctl", 0x1003, AT), Kind.NOTHING),
        (("getpid",), Kind.NOTHING),
    ],
)
def test_kinds(call: tuple[str, int], kind: Kind) -> None:
    assert ask(*call).kind is kind


def test_what_is_unmapped_is_discarded_in_whole_pages() -> None:
    assert ask("munmap", 0x5000, 1).discards == ((0x5000, 4096),)
    assert ask("mmap", 0x5000, 4097, 3, 0x32, -1, 0).discards == ((0x5000, 8192),)
    assert ask("mmap", 0x5000, 4097, 3, 0x22, -1, 0).discards == ()
    assert ask("mremap", 0x5000, 4096, 4096, 3, 0x9000).discards == ((0x5000, 4096), (0x9000, 4096))


def test_a_thread_is_born_with_its_ids_written() -> None:
    assert ask("clone", 0x3D0F00, 0x9000, 0x5000, 0x6000, 0).writes == ((0x5000, 4), (0x6000, 4))
    assert ask("clone", 0x3D0F00, 0x9000, 0x5000, 0x4000, 0x6000, abi=I386).writes == ((0x5000, 4), (0x6000, 4))
    arguments = struct.pack("<11Q", 0x3D0F00, 0, 0x6000, 0x5000, *[0] * 7)
    assert ask("clone3", AT, 88, content=arguments).writes == ((0x6000, 4), (0x5000, 4))


def test_a_child_in_our_memory_may_change_anything() -> None:
    assert ask("vfork").unknown and ask("clone", 0x4111).unknown and not ask("clone", 0x1200011).unknown
    assert ask("clone3", AT, 88, content=struct.pack("<11Q", 0x4100, *[0] * 10)).unknown


def test_ptrace_fills_what_the_request_says() -> None:
    assert ask("ptrace", 12, 1, 0, 0x5000).writes == ((0x5000, 216),)
    assert ask("ptrace", 0x4204, 1, 1, AT, content=struct.pack("<QQ", 0x5000, 64)).writes == ((0x5000, 64), (AT, 16))
    assert ask("ptrace", 7, 1, 0, 0).writes == ()


def test_compat_structures_have_short_pointers() -> None:
    vector = struct.pack("<4I", 0x5000, 3, 0x6000, 4)
    assert ask("readv", 0, AT, 2, content=vector, abi=I386).writes == ((0x5000, 3), (0x6000, 4))
    header = struct.pack("<7I", 0x5000, 16, AT + 28, 2, 0x7000, 64, 0) + vector.replace(b"\0\x50", b"\0\x55")
    found = ask("socketcall", 17, AT + 44, content=header + struct.pack("<3I", 4, AT, 0), abi=I386)
    assert found.writes == ((0x5000, 16), (0x5500, 3), (0x6000, 4), (0x7000, 64), (AT, 28)) and not found.unknown


def test_a_bad_pointer_stops_only_what_depends_on_it() -> None:
    assert ask("recvfrom", 3, 0x5000, 10, 0, 0x6000, 0x7000).writes == ((0x5000, 10), (0x7000, 4))


def test_output_of_a_write_is_what_went_out() -> None:
    view = View(b"hello, world")
    assert output("write", (1, AT, 12), 12, view, X86_64) == Output(1, b"hello, world")
    assert output("write", (1, AT, 12), 5, view, X86_64) == Output(1, b"hello")
    assert output("write", (1, AT, 12), (1 << 64) - 11, view, X86_64) is None
    assert output("read", (1, AT, 12), 12, view, X86_64) is None


def test_output_of_vectors_and_messages() -> None:
    view = View(b"hello, world" + bytes(4) + struct.pack("<4Q", AT, 5, AT + 5, 7) + struct.pack("<7Q", 0, 0, AT + 16, 2, 0, 0, 0))
    assert output("writev", (2, AT + 16, 2), 8, view, X86_64) == Output(2, b"hello, w")
    assert output("sendmsg", (7, AT + 48, 0), 12, view, X86_64) == Output(7, b"hello, world")
    compat = View(b"hello" + bytes(3) + struct.pack("<4I", 1, AT, 5, 0))
    assert output("socketcall", (9, AT + 8), 5, compat, I386) == Output(1, b"hello")


def test_output_of_many_messages() -> None:
    vectors = struct.pack("<4Q", AT, 3, AT + 3, 4)
    messages = b"".join(struct.pack("<8Q", 0, 0, AT + 8 + 16 * i, 1, 0, 0, 0, sent) for i, sent in enumerate((3, 2)))
    view = View(b"onetwo!!" + vectors + messages)
    assert output("sendmmsg", (4, AT + 40, 2, 0), 2, view, X86_64) == Output(4, b"onetw")
