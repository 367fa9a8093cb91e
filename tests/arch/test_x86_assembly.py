"""Disassembly in GDB's look."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from rdb.arch.x86.assembly import disassemble


def text(code: str, flavor: str = "att", bits: int = 64, address: int = 0x1000) -> str:
    (line,) = disassemble(bits, bytes.fromhex(code), address, flavor)
    return f"{line.mnemonic:<6} {line.operands}".rstrip()


@pytest.mark.parametrize(
    ("code", "att", "intel"),
    [
        ("4889e5", "mov    %rsp,%rbp", "mov    rbp,rsp"),
        ("8b45f8", "mov    -0x8(%rbp),%eax", "mov    eax,DWORD PTR [rbp-0x8]"),
        ("c745fc05000000", "movl   $0x5,-0x4(%rbp)", "mov    DWORD PTR [rbp-0x4],0x5"),
        ("eb3a", "jmp    0x103c", "jmp    0x103c"),
        ("ff1424", "call   *(%rsp)", "call   QWORD PTR [rsp]"),
        ("c3", "ret", "ret"),
        ("f348ab", "rep stos %rax,%es:(%rdi)", "rep stos QWORD PTR es:[rdi],rax"),
        ("a4", "movsb  %ds:(%rsi),%es:(%rdi)", "movs   BYTE PTR es:[rdi],BYTE PTR ds:[rsi]"),
        ("662e0f1f840000000000", "cs nopw 0x0(%rax,%rax,1)", "cs nop WORD PTR [rax+rax*1+0x0]"),
        ("66488d3d80bf1600", "data16 lea 0x16bf80(%rip),%rdi", "data16 lea rdi,[rip+0x16bf80]"),
        ("64488b042528000000", "mov    %fs:0x28,%rax", "mov    rax,QWORD PTR fs:0x28"),
        ("f00fb10b", "lock cmpxchg %ecx,(%rbx)", "lock cmpxchg DWORD PTR [rbx],ecx"),
        ("d1e8", "shr    %eax", "shr    eax,1"),
        ("4898", "cltq", "cdqe"),
        ("dec9", "fmulp  %st,%st(1)", "fmulp  st(1),st"),
        ("9bd97c2402", "fstcw  0x2(%rsp)", "fstcw  WORD PTR [rsp+0x2]"),
        ("62f1fe286f4c16fc", "vmovdqu64 -0x80(%rsi,%rdx,1),%ymm1", "vmovdqu64 ymm1,YMMWORD PTR [rsi+rdx*1-0x80]"),
        ("69c06d4ec641", "imul   $0x41c64e6d,%eax,%eax", "imul   eax,eax,0x41c64e6d"),
        ("48bbf8bffffffffff7ff", "movabs $0xfff7ffffffffbff8,%rbx", "movabs rbx,0xfff7ffffffffbff8"),
        ("06", "(bad)", "(bad)"),
    ],
)
def test_gdbs_look(code: str, att: str, intel: str) -> None:
    assert (text(code), text(code, "intel")) == (att, intel)


def test_references() -> None:
    jump, load = disassemble(64, bytes.fromhex("eb3a488d1d00010000"), 0x1000, "att")
    assert (jump.reference, jump.comment) == (0x103C, False)
    assert (load.reference, load.comment) == (0x1109, True)


def test_everything_is_decoded_and_bytes_are_kept() -> None:
    code = bytes.fromhex("55 06 c3 48")
    lines = disassemble(64, code, 0, "att")
    assert b"".join(line.code for line in lines) == code
    assert [line.mnemonic for line in lines] == ["push", "(bad)", "ret", "(bad)"]


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is the reference")
@pytest.mark.parametrize("flavor", ["att", "intel"])
def test_a_stretch_of_a_real_program(flavor: str) -> None:
    commands = ("set pagination off", f"set disassembly-flavor {flavor}", "starti", "disassemble /r $pc,$pc+3000")
    arguments = [argument for command in commands for argument in ("-ex", command)]
    output = subprocess.run(
        ["gdb", "-q", "-nx", "-batch", *arguments, "/bin/true"], capture_output=True, text=True, check=False
    ).stdout
    compared = 0
    for line in output.splitlines():
        found = re.match(r"(?:=>)?\s*0x([0-9a-f]+)[^:]*:\t([0-9a-f ]+)\t(.*)", line)
        if found:
            theirs = re.sub(r"\s*(#.*|<.*>)$", "", found[3]).rstrip()
            assert text(found[2].replace(" ", ""), flavor, address=int(found[1], 16)) == theirs
            compared += 1
    assert compared > 100
