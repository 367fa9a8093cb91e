"""Asking the CPU what it is.

CPUID has no system call, so a page of machine code is mapped once and called through ctypes.  On another CPU, or where the system
refuses executable pages, every answer is zero: a CPU without extensions.

Facts: Intel SDM volume 2, CPUID and XGETBV.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
from collections.abc import Callable
from typing import NamedTuple

# void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
_CPUID = bytes.fromhex("53 89f8 89f1 4989d0 0fa2 418900 41895804 41894808 4189500c 5b c3")
# uint64_t xgetbv(uint32_t index)
_XGETBV = bytes.fromhex("89f9 0f01d0 48c1e220 4809d0 c3")
_XGETBV_AT = 64

OSXSAVE = 1 << 27
_AT_HWCAP2, _HWCAP2_FSGSBASE = 26, 1 << 1


class Answer(NamedTuple):
    """The four registers that CPUID fills."""

    eax: int
    ebx: int
    ecx: int
    edx: int


@functools.cache
def _code() -> int | None:
    """The address of the machine code, or None where it cannot run."""
    if os.uname().machine != "x86_64" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return None
    page[: len(_CPUID)] = _CPUID
    page[_XGETBV_AT : _XGETBV_AT + len(_XGETBV)] = _XGETBV
    buffer = ctypes.c_char.from_buffer(page)
    _keep.append(buffer)
    return ctypes.addressof(buffer)


_keep: list[object] = []


@functools.cache
def cpuid(leaf: int, subleaf: int = 0) -> Answer:
    """What CPUID answers to `leaf` (eax) and `subleaf` (ecx)."""
    code = _code()
    if code is None:
        return Answer(0, 0, 0, 0)
    out = (ctypes.c_uint32 * 4)()
    call: Callable[..., None] = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)(code)
    call(leaf, subleaf, ctypes.addressof(out))
    return Answer(*out)


@functools.cache
def enabled_components() -> int:
    """XCR0: the components of the extended state that the system has enabled, as a bit mask; 0 without XSAVE."""
    code = _code()
    if code is None or not cpuid(1).ecx & OSXSAVE:
        return 0
    call: Callable[..., int] = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint32)(code + _XGETBV_AT)
    return call(0)


def keeps_flags_in_ah() -> bool:
    """Whether a 64-bit program may use lahf (leaf 0x80000001, ecx bit 0)."""
    return bool(cpuid(0x80000001).ecx & 1)


@functools.cache
def reads_segment_bases() -> bool:
    """Whether a program may use rdfsbase: the CPU has it and the system allows it (HWCAP2_FSGSBASE, <asm/hwcap2.h>)."""
    auxiliary_value: Callable[[int], int] = ctypes.CDLL(None).getauxval
    return _code() is not None and bool(auxiliary_value(_AT_HWCAP2) & _HWCAP2_FSGSBASE)


@functools.cache
def vendor() -> str:
    """The CPU's maker in its own words, "GenuineIntel" or "AuthenticAMD"; empty if it cannot be asked."""
    answer = cpuid(0)
    words = (answer.ebx, answer.edx, answer.ecx)
    return b"".join(word.to_bytes(4, "little") for word in words).decode("ascii", "replace").strip("\0")
