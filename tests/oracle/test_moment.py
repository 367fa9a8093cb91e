"""The oracle's eye: it must see one byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.build import program
from tests.oracle.moment import Camera
from tests.oracle.recording import Recording


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(program("oracle_libc.c", "-O1", "-static"), [], tmp_path / "output")


def test_one_byte_and_one_register(recording: Recording) -> None:
    with recording:
        camera = Camera()
        before = camera.take(recording)
        assert camera.differences(before, camera.take(recording)) == []
        stack = int.from_bytes(before.registers[f"rsp of {recording.pid}"], "little")
        byte = recording.read_memory(stack + 3, 1)[0]
        recording.process.write_memory(stack + 3, bytes([byte ^ 1]))
        (seen,) = camera.differences(before, camera.take(recording))
        assert seen == f"1 bytes differ in [stack]: {stack + 3:#x}"
        recording.process.write_memory(stack + 3, bytes([byte]))
        rbx = f"rbx of {recording.pid}"
        changed = replace(before, registers={**before.registers, rbx: bytes(7) + b"\1"})
        (seen,) = camera.differences(changed, camera.take(recording))
        assert seen == f"{rbx}: 0100000000000000 became 0000000000000000"


def test_a_mapping_that_is_gone(recording: Recording) -> None:
    with recording:
        camera = Camera()
        before = camera.take(recording)
        fewer = replace(before, memory=before.memory[1:])
        assert len(camera.differences(fewer, before)) == len(camera.differences(before, fewer)) == 1
