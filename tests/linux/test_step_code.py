"""The machine code of the step loop is what its listing says."""

from __future__ import annotations

import re

from iced_x86 import Decoder, Formatter, FormatterSyntax

from rdb.linux.step_code import BLOCK_AT, CODE, LISTING


def labels() -> dict[str, int]:
    """Where each label is, in bytes from the beginning of the code."""
    found, at = {"block": BLOCK_AT}, 0
    for code, text in LISTING:
        if text.endswith(":"):
            found[text[:-1]] = at
        at += len(bytes.fromhex(code))
    return found


def resolved(text: str) -> str:
    """A line of assembly with numbers for labels, as iced-x86 prints it."""
    known = labels()
    text = re.sub(r"(\w+)\(%rip\)", lambda match: f"{known[match[1]]:#x}(%rip)", text)
    mnemonic, _, operand = text.partition(" ")
    return f"{mnemonic} {known[operand]:#x}" if operand in known else text


def test_the_bytes_are_the_assembly_beside_them() -> None:
    formatter = Formatter(FormatterSyntax.GAS)
    formatter.hex_prefix, formatter.uppercase_hex = "0x", False
    formatter.branch_leading_zeros, formatter.rip_relative_addresses = False, False
    listed = [(code, resolved(text)) for code, text in LISTING if code]
    decoded = []
    for instruction in Decoder(64, CODE):
        text = formatter.format(instruction)
        if instruction.is_ip_rel_memory_operand:
            text = re.sub(r"\S+\(%rip\)|0x[0-9a-f]+(?=,)", f"{instruction.ip_rel_memory_address:#x}(%rip)", text)
        decoded.append((CODE[instruction.ip : instruction.next_ip].hex(), text))
    assert decoded == listed


def test_the_code_ends_in_front_of_its_block() -> None:
    assert len(CODE) <= BLOCK_AT
