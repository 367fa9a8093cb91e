"""Run inside gdb's own Python: print, as JSON, what gdb sees at a number of stops.  The tests compare rdb with that.

The script's arguments come in the variable RDB_FACTS: {"stops": [linespec…], "count": n, "out": path}.
"""

import json
import os
import re

import gdb

REGISTERS = (
    "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags fs_base gs_base".split()
)


def registers(frame):
    found = {}
    for name in REGISTERS:
        try:
            found[name] = int(frame.read_register(name)) & (1 << 64) - 1
        except (gdb.error, ValueError):
            found[name] = None
    return found


def mappings():
    rows = []
    for line in gdb.execute("info proc mappings", to_string=True).splitlines():
        match = re.match(r"\s+0x(\w+)\s+0x(\w+)\s+0x\w+\s+0x(\w+)\s+(\S+)\s*(.*)$", line)
        if match:
            rows.append([int(match[1], 16), int(match[2], 16), int(match[3], 16), match[5]])
    return rows


def memory(rows):
    """Everything writable, and the vdso: the rest is in the files."""
    found = []
    for start, end, _, name in rows:
        if name == "[vvar]":
            continue
        if name in ("[stack]", "[vdso]", "[heap]", "") or not name.startswith("/") or ".so" in name or "/.build/" in name:
            if end - start > 4 << 20:
                continue
            try:
                data = bytes(gdb.selected_inferior().read_memory(start, end - start))
            except gdb.MemoryError:
                continue
            if name != "[vdso]" and name.startswith("/") and not os.path.basename(name):
                continue
            found.append([start, data.hex()])
    return found


def variables(frame):
    """(name, is_argument, value as raw bytes or None) of the frame's blocks, innermost block first."""
    found = []
    try:
        block = frame.block()
    except RuntimeError:
        return found
    while block is not None:
        for symbol in block:
            if not (symbol.is_variable or symbol.is_argument):
                continue
            row = [symbol.name, symbol.is_argument, symbol.line, None, str(symbol.type)]
            try:
                value = symbol.value(frame)
                if not value.is_optimized_out and value.type.sizeof <= 4096:
                    row[3] = memory_of(value).hex()
            except (gdb.error, ValueError, TypeError):
                pass
            found.append(row)
        if block.function is not None:
            break
        block = block.superblock
    return found


def memory_of(value):
    """The bytes of a value of any type, by way of a char array."""
    size = value.type.sizeof
    gdb.set_convenience_variable("facts", value)
    if value.type.strip_typedefs().code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY):
        if value.address is None:
            raise ValueError
        return bytes(gdb.selected_inferior().read_memory(int(value.address), size))
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_FLT:
        import struct

        return struct.pack({4: "<f", 8: "<d"}[size], float(value))
    return (int(value) & (1 << 8 * size) - 1).to_bytes(size, "little")


def frame_facts(frame):
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


def stop_facts():
    frames = []
    frame = gdb.newest_frame()
    while frame is not None:
        frames.append(frame_facts(frame))
        frame = frame.older()
    rows = mappings()
    frame = gdb.newest_frame()
    return {"mappings": rows, "memory": memory(rows), "registers": registers(frame), "frames": frames,
            "backtrace": gdb.execute("backtrace", to_string=True)}


def main():
    request = json.loads(os.environ["RDB_FACTS"])
    gdb.execute("set pagination off")
    gdb.execute("set confirm off")
    gdb.execute("set width 0")
    for name in request["stops"]:
        try:
            gdb.execute("break " + name, to_string=True)
        except gdb.error:
            pass
    gdb.execute("run >/dev/null", to_string=True)
    facts = []
    while len(facts) < request["count"] and gdb.selected_inferior().threads():
        facts.append(stop_facts())
        gdb.execute(request.get("resume", "continue"), to_string=True)
    if gdb.selected_inferior().threads():
        gdb.execute("kill")
    with open(request["out"], "w") as file:
        json.dump(facts, file)


main()
