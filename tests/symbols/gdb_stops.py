"""Run inside gdb's own Python: print, as JSON, what gdb sees at a number of stops.  The tests compare rdb with that.

$RDB_ORACLE names the exchange file, which holds {"stops": [linespec…], "count": n, "resume": command,
"arguments": of the program} at first.
"""

from __future__ import annotations

import json
import os
import re
import struct
from typing import Any

import gdb  # type: ignore[import-untyped,import-not-found,unused-ignore]

REGISTERS = (
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip", "eflags",
    "fs_base", "gs_base",
)  # fmt: skip


def registers(frame: Any) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for name in REGISTERS:
        try:
            found[name] = int(frame.read_register(name)) & (1 << 64) - 1
        except (gdb.error, ValueError):
            found[name] = None
    return found


def mappings() -> list[Any]:
    rows = []
    for line in gdb.execute("info proc mappings", to_string=True).splitlines():
        match = re.match(r"\s+0x(\w+)\s+0x(\w+)\s+0x\w+\s+0x(\w+)\s+(\S+)\s*(.*)$", line)
        if match:
            rows.append([int(match[1], 16), int(match[2], 16), int(match[3], 16), match[5], "w" in match[4]])
    return rows


def memory(rows: list[Any]) -> list[Any]:
    """What the program can have written, and the vdso; all else is in the files."""
    found = []
    for start, end, _, name, writable in rows:
        # What is read-only now may have been relocated before; such pages are few.
        if (writable or end - start <= 1 << 15) and name != "[vvar]" and end - start <= 4 << 20:
            try:
                found.append([start, bytes(gdb.selected_inferior().read_memory(start, end - start)).hex()])
            except gdb.MemoryError:
                continue
    return found


def variables(frame: Any) -> list[Any]:
    """(name, is_argument, value as raw bytes or None) of the frame's blocks, innermost block first."""
    found: list[Any] = []
    try:
        block = frame.block()
    except RuntimeError:
        return found
    while block is not None:
        for symbol in block:
            kinds = symbol.is_variable or symbol.is_argument or symbol.is_constant
            if not kinds or str(symbol.type) == "__CORE_ADDR":  # the type of labels
                continue
            row = [symbol.name, symbol.is_argument, symbol.line, None, str(symbol.type)]
            try:
                value = symbol.value(frame)
                if not value.is_optimized_out and value.type.sizeof <= 4096:
                    row[3] = memory_of(value).hex()
            except (gdb.error, ValueError, TypeError, KeyError):
                pass
            found.append(row)
        if block.function is not None:
            break
        block = block.superblock
    return found


def memory_of(value: Any) -> bytes:
    """The bytes of a value of any type, by way of a char array."""
    size = int(value.type.sizeof)
    if value.type.strip_typedefs().code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY):
        if value.address is None:
            raise ValueError
        return bytes(gdb.selected_inferior().read_memory(int(value.address), size))
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_FLT:
        return struct.pack({4: "<f", 8: "<d"}[size], float(value))
    return (int(value) & (1 << 8 * size) - 1).to_bytes(size, "little")


def frame_facts(frame: Any) -> dict[str, Any]:
    line = frame.find_sal()
    return {
        "pc": frame.pc(),
        "name": frame.name(),
        "type": frame.type(),
        "line": line.line,
        "file": line.symtab.filename if line.symtab else None,
        "registers": registers(frame),
        "variables": variables(frame),
    }


def stop_facts() -> dict[str, Any]:
    frames = []
    frame = gdb.newest_frame()
    while frame is not None:
        frames.append(frame_facts(frame))
        frame = frame.older()
    rows = mappings()
    frame = gdb.newest_frame()
    return {"mappings": rows, "memory": memory(rows), "registers": registers(frame), "frames": frames,
            "backtrace": gdb.execute("backtrace", to_string=True)}


def main() -> None:
    path = os.environ["RDB_ORACLE"]
    with open(path) as file:
        request = json.load(file)
    for setting in ("pagination off", "confirm off", "width 0", "breakpoint pending on", "language c"):
        gdb.execute("set " + setting)
    for name in request["stops"]:
        try:
            gdb.execute("break " + name, to_string=True)
        except gdb.error:
            pass
    gdb.execute("run " + request["arguments"] + " >/dev/null", to_string=True)
    facts: list[Any] = []
    while len(facts) < request["count"] and gdb.selected_inferior().threads():
        facts.append(stop_facts())
        gdb.execute(request.get("resume", "continue"), to_string=True)
    if gdb.selected_inferior().threads():
        gdb.execute("kill")
    with open(path, "w") as file:
        json.dump({"stops": facts}, file)


main()
