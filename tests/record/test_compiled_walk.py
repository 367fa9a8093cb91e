"""Bulk moves that the program's process makes itself, against moves by numpy and against what may not be touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from iced_x86 import Decoder, Formatter, FormatterSyntax

from rdb.arch.translation import Shape
from rdb.arch.x86_64.translation import walk
from rdb.events import Resume
from rdb.linux.procfs import PAGE
from rdb.record.compiled.walk import Walk
from tests.build import program
from tests.oracle.moment import Camera
from tests.oracle.recording import Recording

SHAPE = Shape(((0x50, 8, 0), (0x1A0, 4, 8)), ((16, 1), (32, 64)), True, 104)


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recording]:
    """A recording of some thousand blocks, at its newest position."""
    with Recording(program("oracle_libc.c", "-O2", "-g"), (), tmp_path / "output", "compiled") as recording:
        recording.go(Resume())
        assert recording.ended
        yield recording


def listing(code: bytes) -> list[str]:
    formatter = Formatter(FormatterSyntax.NASM)
    return [formatter.format(instruction) for instruction in Decoder(64, code)]


def _sum(base: int, skip: str) -> str:
    return f"{base + int(skip[1:-1] or '0', 16):X}h" if skip else f"{base:X}h"


def test_stub() -> None:
    """Every instruction of a stub, forwards; going back, memory comes in the opposite order."""
    forward, back = (walk.stub(SHAPE, direction, 0x4000) for direction in (True, False))
    vector = [
        line
        for skip in ("", "+10h", "+20h", "+30h")
        for line in (
            "mov rax,[rsi+20h]",
            f"movups xmm0,[rsi+{_sum(0x28, skip)}]",
            f"movups xmm1,[rax{skip}]",
            f"movups [rax{skip}],xmm0",
            f"movups [rsi+{_sum(0x28, skip)}],xmm1",
        )
    ]
    assert listing(forward.code) == [
        *("mov rax,[rsi+10h]", "movzx ecx,byte [rsi+18h]", "movzx edx,byte [rax]", "mov [rax],cl", "mov [rsi+18h],dl"),
        *vector,
        *("mov rcx,[rsi]", "mov rdx,[rbx+50h]", "mov [rbx+50h],rcx", "mov [rsi],rdx"),
        *("mov ecx,[rsi+8]", "mov edx,[rbx+1A0h]", "mov [rbx+1A0h],ecx", "mov [rsi+8],edx"),
        *("movzx ecx,word [rdi+4]", "movzx edx,word [rbx+4000h]", "mov [rbx+4000h],cx", "mov [rdi+4],dx"),
        *("lea rsi,[rsi+68h]", "lea rdi,[rdi+8]", "dec r9", f"jne short {len(forward.code) - 7:016X}h", "int3"),
        *("mov eax,[rdi]", "jmp qword [r8+rax*8]"),
    ]
    assert listing(back.code)[0] == "lea rsi,[rsi-68h]"
    assert [piece.skip for piece in back.pieces] == [0, 16, 32, 48, 0]
    assert [piece.at for piece in back.pieces] == [32, 32, 32, 32, 16]


def test_as_numpy_does(recorded: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back and forth in both ways, in every combination: the same registers and bytes."""
    camera, end = Camera(), recorded.position
    newest = camera.take(recorded)
    recorded.goto(0)
    oldest = camera.take(recorded)
    for by_process in (True, False, True):
        with monkeypatch.context() as patch:
            if not by_process:
                patch.setattr(Walk, "move", lambda *arguments: False)
            recorded.goto(end)
            assert not camera.differences(newest, camera.take(recorded))
            recorded.goto(0)
            assert not camera.differences(oldest, camera.take(recorded))


def test_read_only(recorded: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process may not write is exchanged through the debugger: here the stack that is in use."""
    pieces: list[object] = []
    helping = Walk._help

    def help_and_tell(*arguments: Any) -> None:
        pieces.append(arguments)
        helping(*arguments)

    monkeypatch.setattr(Walk, "_help", help_and_tell)
    camera, end = Camera(), recorded.position
    newest = camera.take(recorded)
    injector, stack = recorded.engine.space.injector, next(m for m in recorded.mappings() if m.name == "[stack]")
    sp = int.from_bytes(recorded.registers()["rsp"], "little") & -PAGE
    injector.call("mprotect", sp - PAGE, stack.end - sp + PAGE, 1)
    recorded.goto(end - 2000)
    assert pieces
    recorded.goto(end)
    injector.call("mprotect", sp - PAGE, stack.end - sp + PAGE, 3)
    assert not camera.differences(newest, camera.take(recorded))
