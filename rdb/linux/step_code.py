"""The machine code of the step loop, for x86-64 hosts: bytes beside the assembly they stand for.

A step is three system calls, ptrace(SINGLESTEP), wait4 and ptrace(GETREGS), and some instructions need a fourth that reads what
they are about to overwrite.  Made from Python they cost more than the kernel's own work.

The loop keeps one pointer to the block of numbers (rbx), one to the state before the step (rbp), one to where saved bytes go
(r12).  It steps first and looks afterwards: it goes on while the instruction at which the thread has arrived is in the table of
known instructions, and within the `span` bytes from `low`.  What it is told and what it tells is in the block, by the names
below; the table's entries are ENTRY.

rdb.linux.step_loop says what all this is for; tests/linux/test_step_code.py decodes the bytes and compares.
"""

from __future__ import annotations

import mmap
import struct
from typing import NamedTuple

# Bytes of a state: 27 words of user_regs_struct, a zero, the number of the instruction.  And where pc is in it.
STATE_SIZE = 256
# The table has 2**14 entries; an instruction has the one that the low bits of its address select.
ENTRIES = 1 << 14
# address, displacement, mask, number, then one byte each: size, base, index, shift.  Size 0: nothing in memory is overwritten.
# Otherwise it is `size` bytes at (state[base] + (state[index] << shift) + displacement) & mask.
ENTRY = struct.Struct("<QQQIBBBB")
# One byte for each page of memory, selected by the low bits of its number; not zero: leave stores to this page to Python.
PAGES = 1 << 16


class Block(NamedTuple):
    """Indices of the words of the block, in whose second word the kernel stores the wait status."""

    pid: int = 0
    status: int = 1
    state: int = 2
    last: int = 3
    saved: int = 4
    file: int = 5
    table: int = 6
    pages: int = 7
    low: int = 8
    span: int = 9


BLOCK = Block()
# Where the block is in the page of the code.
BLOCK_AT = 0x800

# long steps(void): the wait status, or the negative error number of the call that failed.  `state` and `saved` are advanced.
LISTING = (
    ("53", "push %rbx"),
    ("55", "push %rbp"),
    ("4154", "push %r12"),
    ("488d1df5070000", "lea block(%rip),%rbx"),
    ("488b6b10", "mov 0x10(%rbx),%rbp"),
    ("4c8b6320", "mov 0x20(%rbx),%r12"),
    # ptrace(SINGLESTEP, pid, 0, 0)
    ("", "step:"),
    ("b865000000", "mov $0x65,%eax"),
    ("bf09000000", "mov $9,%edi"),
    ("488b33", "mov (%rbx),%rsi"),
    ("31d2", "xor %edx,%edx"),
    ("4531d2", "xor %r10d,%r10d"),
    ("0f05", "syscall"),
    ("4885c0", "test %rax,%rax"),
    ("0f8820010000", "js end"),
    # wait4(pid, &status, __WALL, 0)
    ("b83d000000", "mov $0x3d,%eax"),
    ("488b3b", "mov (%rbx),%rdi"),
    ("488d7308", "lea 8(%rbx),%rsi"),
    ("ba00000040", "mov $0x40000000,%edx"),
    ("4531d2", "xor %r10d,%r10d"),
    ("0f05", "syscall"),
    ("4885c0", "test %rax,%rax"),
    ("0f8801010000", "js end"),
    # ptrace(GETREGS, pid, 0, the next state)
    ("b865000000", "mov $0x65,%eax"),
    ("bf0c000000", "mov $0xc,%edi"),
    ("488b33", "mov (%rbx),%rsi"),
    ("31d2", "xor %edx,%edx"),
    ("4c8d9500010000", "lea 0x100(%rbp),%r10"),
    ("0f05", "syscall"),
    # A stop that is not a step's, or the last step that was asked for?
    ("48634308", "movslq 8(%rbx),%rax"),
    ("3d7f050000", "cmp $0x57f,%eax"),
    ("0f85da000000", "jne end"),
    ("4881c500010000", "add $0x100,%rbp"),
    ("483b6b18", "cmp 0x18(%rbx),%rbp"),
    ("0f83c9000000", "jae end"),
    # Has it left the range, or is the instruction at pc known?  Its number goes into the state.
    ("488b8d80000000", "mov 0x80(%rbp),%rcx"),
    ("4889ca", "mov %rcx,%rdx"),
    ("482b5340", "sub 0x40(%rbx),%rdx"),
    ("483b5348", "cmp 0x48(%rbx),%rdx"),
    ("0f83ac000000", "jae trapped"),
    ("0fb7d1", "movzwl %cx,%edx"),
    ("81e2ff3f0000", "and $0x3fff,%edx"),
    ("c1e205", "shl $5,%edx"),
    ("48035330", "add 0x30(%rbx),%rdx"),
    ("483b0a", "cmp (%rdx),%rcx"),
    ("0f8593000000", "jne trapped"),
    ("8b4218", "mov 0x18(%rdx),%eax"),
    ("488985e0000000", "mov %rax,0xe0(%rbp)"),
    ("440fb6421c", "movzbl 0x1c(%rdx),%r8d"),
    ("4585c0", "test %r8d,%r8d"),
    ("0f8443ffffff", "je step"),
    # The address it is about to write to.
    ("0fb6721d", "movzbl 0x1d(%rdx),%esi"),
    ("440fb6521e", "movzbl 0x1e(%rdx),%r10d"),
    ("0fb64a1f", "movzbl 0x1f(%rdx),%ecx"),
    ("4e8b54d500", "mov (%rbp,%r10,8),%r10"),
    ("49d3e2", "shl %cl,%r10"),
    ("4c0354f500", "add (%rbp,%rsi,8),%r10"),
    ("4c035208", "add 8(%rdx),%r10"),
    ("4c235210", "and 0x10(%rdx),%r10"),
    # Are the pages of its first and its last byte left to Python?
    ("488b7b38", "mov 0x38(%rbx),%rdi"),
    ("4c89d1", "mov %r10,%rcx"),
    ("48c1e90c", "shr $0xc,%rcx"),
    ("0fb7c9", "movzwl %cx,%ecx"),
    ("803c0f00", "cmpb $0,(%rdi,%rcx)"),
    ("7545", "jne trapped"),
    ("4b8d4c02ff", "lea -1(%r10,%r8),%rcx"),
    ("48c1e90c", "shr $0xc,%rcx"),
    ("0fb7c9", "movzwl %cx,%ecx"),
    ("803c0f00", "cmpb $0,(%rdi,%rcx)"),
    ("7533", "jne trapped"),
    # Save the address and, by pread64(file, saved + 8, size, address), the bytes, padded with zeros to whole words.
    ("4d891424", "mov %r10,(%r12)"),
    ("49c744240800000000", "movq $0,8(%r12)"),
    ("b811000000", "mov $0x11,%eax"),
    ("488b7b28", "mov 0x28(%rbx),%rdi"),
    ("498d742408", "lea 8(%r12),%rsi"),
    ("4c89c2", "mov %r8,%rdx"),
    ("0f05", "syscall"),
    ("4c39c0", "cmp %r8,%rax"),
    ("750e", "jne trapped"),
    ("4f8d64040f", "lea 0xf(%r12,%r8),%r12"),
    ("4983e4f8", "and $0xfffffffffffffff8,%r12"),
    ("e9c8feffff", "jmp step"),
    ("", "trapped:"),
    ("b87f050000", "mov $0x57f,%eax"),
    ("", "end:"),
    ("48896b10", "mov %rbp,0x10(%rbx)"),
    ("4c896320", "mov %r12,0x20(%rbx)"),
    ("415c", "pop %r12"),
    ("5d", "pop %rbp"),
    ("5b", "pop %rbx"),
    ("c3", "ret"),
)
CODE = b"".join(bytes.fromhex(code) for code, _ in LISTING)


def page() -> mmap.mmap:
    """A page that begins with the code; the block is at BLOCK_AT.  OSError where memory cannot be made executable."""
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory[: len(CODE)] = CODE
    return memory
