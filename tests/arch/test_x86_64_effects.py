"""Effects of particular instructions; the oracle sees to all the others."""

from __future__ import annotations

import time

import pytest

from rdb.arch.base import Effects, Flow, MemoryOperand
from rdb.arch.x86 import xstate
from rdb.arch.x86_64.effects import effects


def of(code: str, address: int = 0x1000) -> Effects:
    return effects(bytes.fromhex(code), address)


class Registers:
    """A CpuView of a few registers; the others are zero."""

    def __init__(self, **values: int) -> None:
        self.values = values

    def register(self, name: str) -> int:
        return self.values.get(name, 0)

    def memory(self, address: int, size: int) -> bytes:
        raise NotImplementedError


def test_a_store() -> None:
    found = of("48895df8")  # mov %rbx,-0x8(%rbp)
    assert (found.length, found.registers, found.flags, found.reads, found.slow) == (4, (), False, (), None)
    assert found.writes == (MemoryOperand("rbp", displacement=-8, size=8),)


def test_parts_of_registers_are_declared_whole() -> None:
    assert of("b001").registers == ("rax",)  # mov $1,%al
    assert of("4489c9").registers == ("rcx",)  # mov %r9d,%ecx
    assert of("b401").registers == ("rax",)  # mov $1,%ah


def test_read_modify_write() -> None:
    found = of("f0480fb10b")  # lock cmpxchg %rcx,(%rbx)
    assert found.registers == ("rax",) and found.flags
    assert found.writes == found.reads == (MemoryOperand("rbx", size=8),)


@pytest.mark.parametrize("code", ["6448890425f8ffffff", "644889042500000000"])
def test_stores_through_fs(code: str) -> None:
    (write,) = of(code).writes
    assert write.segment == "fs_base"
    assert write.extent(Registers(fs_base=0x7000))[0] in (0x6FF8, 0x7000)


def test_32_bit_addresses_wrap_before_the_segment_is_added() -> None:
    (write,) = of("67648903").writes  # mov %eax,%fs:(%ebx)
    assert write.extent(Registers(rbx=0xFFFFFFFF_00000010, fs_base=0x7F00_00000000)) == (0x7F00_00000010, 4)


@pytest.mark.parametrize(
    ("code", "flow", "target"),
    [
        ("e8fb0f0000", Flow.CALL, 0x2000),
        ("ffd0", Flow.INDIRECT_CALL, None),
        ("c3", Flow.RETURN, None),
        ("ebfe", Flow.JUMP, 0x1000),
        ("74fe", Flow.BRANCH, 0x1000),
        ("ffe0", Flow.INDIRECT_JUMP, None),
        ("0f05", Flow.SYSTEM_CALL, None),
        ("cd80", Flow.SYSTEM_CALL, None),
        ("cc", Flow.TRAP, None),
        ("0f0b", Flow.TRAP, None),
        ("90", Flow.NEXT, None),
    ],
)
def test_flow(code: str, flow: Flow, target: int | None) -> None:
    assert (of(code).flow, of(code).target) == (flow, target)


def test_system_calls_change_what_the_kernel_changes() -> None:
    assert of("0f05").registers == ("rax", "rcx", "r11")


def test_repeated_strings_are_one_instruction() -> None:
    found = of("f348ab")  # rep stos %rax,%es:(%rdi)
    assert found.repeated and set(found.registers) == {"rdi", "rcx"}
    (write,) = found.writes
    assert write.extent(Registers(rdi=0x100, rcx=4)) == (0x100, 32)
    assert write.extent(Registers(rdi=0x100, rcx=4, eflags=0x400)) == (0xE8, 32)
    assert write.extent(Registers(rdi=0x100, rcx=0)) == (0x100, 0)
    assert not of("48ab").repeated


def test_masked_stores_are_an_upper_bound() -> None:
    (write,) = of("62f17e297f07").writes  # vmovdqu32 %ymm0,(%rdi){%k1}
    assert (write.size, write.mask, write.element) == (32, "k1", 4)


def test_bit_strings_leave_their_operand() -> None:
    found = of("480fab0b")  # bts %rcx,(%rbx)
    assert found.writes == () and found.extents is not None
    assert found.extents(Registers(rbx=0x1000, rcx=64)) == [(0x1008, 8)]
    assert found.extents(Registers(rbx=0x1000, rcx=2**64 - 1)) == [(0xFF8, 8)]


def test_scatter() -> None:
    found = of("62f27d49a20c90")  # vscatterdps %zmm1,(%rax,%zmm2,4){%k1}
    assert found.extents is not None and found.partial
    indices = int.from_bytes(b"".join(number.to_bytes(4, "little", signed=True) for number in (5, -1, 7)), "little")
    assert found.extents(Registers(rax=0x1000, zmm2=indices, k1=0b11)) == [(0x1014, 4), (0xFFC, 4)]


def test_saving_state_is_bounded_by_what_is_asked_for() -> None:
    found = of("0fc721")  # xsavec (%rcx)
    assert found.extents is not None
    assert found.extents(Registers(rcx=0x4000, rax=3)) == [(0x4000, 576)]
    assert found.extents(Registers(rcx=0x4000, rax=0xFFFFFFFF, rdx=0xFFFFFFFF))[0][1] <= xstate.layout().size


def test_vector_registers_are_declared_as_far_as_they_change() -> None:
    assert of("660fefc1").extended == ((xstate.XMM, 16),)  # pxor %xmm1,%xmm0
    whole = of("c5f9efc1").extended  # vpxor %xmm1,%xmm0,%xmm0 clears the upper parts
    assert whole[0] == (xstate.XMM, 16)
    assert sum(size for _, size in whole) == {512: 16, 832: 32}.get(xstate.layout().leading, 64)


@pytest.mark.parametrize("code", ["0f58c1", "0fae13", "f20f2cc0", "c5fc58c1"])
def test_floating_point_sets_flags_in_mxcsr(code: str) -> None:
    assert any(start <= xstate.MXCSR < start + size for start, size in of(code).extended)


@pytest.mark.parametrize("code", ["d9c0", "0f6fc1", "dbe3", "d933", "0f77", "660f7ec0"])
def test_x87_and_mmx(code: str) -> None:
    declared = any(start == 0 for start, _ in of(code).extended)
    assert declared == (code != "660f7ec0")


def test_string_functions_do_not_touch_mxcsr() -> None:
    extended = of("c5fd740f").extended  # vpcmpeqb (%rdi),%ymm0,%ymm1
    assert extended[0] == (xstate.XMM + 16, 16)


@pytest.mark.parametrize("code", ["0f0103", "0f00c0", "8ed0", "c7f800000000"])
def test_what_a_single_step_runs_past(code: str) -> None:
    assert of(code).overruns


def test_writing_segment_bases() -> None:
    assert of("f3480faed0").registers == ("fs_base",)  # wrfsbase %rax
    assert set(of("8ee0").registers) == {"fs", "fs_base"}  # mov %eax,%fs


def test_pause_with_rex_b_is_an_exchange() -> None:
    assert set(of("f34190").registers) == {"rax", "r8"}
    assert of("f390").registers == ()


def test_unknown_encodings_leave_nothing_out() -> None:
    found = of("06")
    assert found.slow and found.unknown_memory and found.length == 0
    assert found.extended == ((0, xstate.layout().size),) and "rax" in found.registers


def test_a_call_costs_little() -> None:
    code = bytes.fromhex("62f17c49290500000000")
    effects(code, 0)
    start = time.perf_counter()
    for _ in range(200):
        effects(code, 0)
    assert (time.perf_counter() - start) / 200 < 200e-6
