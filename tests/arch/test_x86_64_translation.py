"""Translated blocks: what they consist of, and that they do what they must (tests.oracle.blocks says how that is seen)."""

from __future__ import annotations

import platform
import random
from collections.abc import Iterator

import pytest
from iced_x86 import Decoder, Formatter, FormatterSyntax

from rdb.arch.x86_64.translation import encoding as emit
from rdb.arch.x86_64.translation import head, spreading
from rdb.arch.x86_64.translation.encoding import Place
from rdb.arch.x86_64.translation.instruction import Known, Reader
from rdb.arch.x86_64.translation.translator import X86Translator
from tests.oracle import blocks
from tests.oracle.encodings import Encoder, opcodes

HERE = 0x40000000
PC = 0x401000
on_x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an x86-64 CPU")


def listing(code: bytes, address: int = HERE) -> list[str]:
    formatter = Formatter(FormatterSyntax.NASM)
    formatter.branch_leading_zeros = False
    return [formatter.format(instruction) for instruction in Decoder(64, code, ip=address)]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (emit.store(Place(11, displacement=8), 12), "mov [r11+8],r12"),
        (emit.store(Place(13), 0), "mov [r13],rax"),
        (emit.store(Place(12, 9, 4, -0x200), 5), "mov [r12+r9*4-200h],rbp"),
        (emit.store(Place(4), 1), "mov [rsp],rcx"),
        (emit.store_word(Place(10, displacement=4), 0), "mov [r10+4],ax"),
        (emit.store_number(Place(11), 77), "mov dword [r11],4Dh"),
        (emit.store_part(Place(0), 1, 1), "mov [rax],cl"),
        (emit.load(9, Place(None, 3, 8, 0x10), fs=True), "mov r9,[fs:rbx*8+10h]"),
        (emit.load_zero_extended(10, Place(10), 1), "movzx r10d,byte [r10]"),
        (emit.load_zero_extended(0, Place(0), 2), "movzx eax,word [rax]"),
        (emit.load_zero_extended(5, Place(5), 4), "mov ebp,[rbp]"),
        (emit.lea(15, Place(5, displacement=-1)), "lea r15,[rbp-1]"),
        (emit.move(8, 1), "mov r8,rcx"),
        (emit.move_number(9, 0x1234), "mov r9d,1234h"),
        (emit.move_number(2, -1), "mov rdx,0FFFFFFFFFFFFFFFFh"),
        (emit.gs_store(0x10, 14), "mov [gs:10h],r14"),
        (emit.gs_load(0, 0x10000, 0, 8), "mov rax,[gs:rax*8+10000h]"),
        (emit.gs_load_word(0, 0x21), "movzx eax,word [gs:21h]"),
        (emit.gs_jump(0x28), "jmp [gs:28h]"),
        (emit.read_fs_base(11), "rdfsbase r11"),
        (emit.store_vector(Place(11, displacement=16), 9, 16), "movups [r11+10h],xmm9"),
        (emit.store_vector(Place(3, displacement=64), 12, 32), "vmovups [rbx+40h],ymm12"),
        (emit.store_vector(Place(12, displacement=24), 25, 64), "vmovdqu64 [r12+18h],zmm25"),
        (emit.store_mask(Place(8, displacement=8), 3), "kmovq [r8+8],k3"),
        (emit.store_mxcsr(Place(10, displacement=8)), "stmxcsr [r10+8]"),
        (emit.jump_if_rcx_zero(0x10), "jrcxz 40000012h"),
        (emit.near_jump(-5), "jmp 40000000h"),
    ],
)
def test_encoding(code: bytes, text: str) -> None:
    assert [each.replace("near ", "").replace("short ", "").replace("qword ", "") for each in listing(code)] == [text]


def test_a_pushed_number() -> None:
    """A return address above 2**31 takes two stores."""
    assert listing(emit.push_number(PC)) == [f"push {PC:X}h"]
    assert listing(emit.push_number(0x7FFFF7801234)) == ["push 0FFFFFFFFF7801234h", "mov dword [rsp+4],7FFFh"]


def test_what_a_block_is_made_of() -> None:
    """add rax,rbx; mov [rsi+8],eax; jne: flags and rax are saved once, the store's target in front of it."""
    code = bytes.fromhex("4801d8 894608 7510")
    made = X86Translator().translate(code, PC, HERE, 77)
    assert made is not None
    assert made.addresses == (PC, PC + 3, PC + 6) and made.end == PC + 8
    assert made.flags and made.size == 24
    assert [(piece.bank, piece.size) for piece in made.registers] == [(0, 8)]
    assert [(write.instruction, write.size, write.at) for write in made.writes] == [(1, 4, 8)]
    assert [jump.target for jump in made.jumps] == [PC + 24, PC + 8]
    assert made.lookup == 0 and made.returns is None
    text = listing(made.code)
    save, store = text.index("lea r11,[rsi+8]"), text.index("mov [rsi+8],eax")
    assert text.index("lahf") < text.index("add rax,rbx") < save < store
    assert text[save:store] == [
        "lea r11,[rsi+8]",
        "mov [r10+8],r11",
        "mov r11d,[r11]",
        "mov [r10+10h],r11",
        "mov r10,[gs:0]",
        "mov r11,[gs:8]",
    ]


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("90 90 c3", 3),
        ("90 0f05", 1),  # up to a system call
        ("0f05", 0),
        ("0f31 90", 1),  # rdtsc is alone
        ("90 0f31", 1),
        ("fd", 0),  # std: a flag that is not arithmetic
        ("658b0425 00000000", 0),  # gs is ours
        ("d9e8 90", 2),  # x87
        ("f3aa 90", 1),  # rep stosb is saved in pieces
        ("90 f3aa", 1),
        ("67f3aa", 0),  # the same, counted by ecx
        ("9c 90", 1),  # pushf, popf
        ("9d 90", 1),
        ("480fc7642440 90", 1),  # xsavec64, xrstor64
        ("480fae6c2440 90", 1),
        ("f3a6 90", 1),  # repe cmpsb writes no memory, but one step is not all of it
        ("cc", 0),
        ("8ed8", 0),  # mov ds,eax
    ],
)
def test_where_a_block_ends(code: str, count: int) -> None:
    made = X86Translator().translate(bytes.fromhex(code), PC, HERE, 1)
    assert (len(made.addresses) if made else 0) == count


def test_breakpoints_and_changing_code_end_blocks() -> None:
    code = bytes.fromhex("90 8907 90 90 c3")
    translator = X86Translator()
    stopped = translator.translate(code, PC, HERE, 1, stops={PC + 3})
    assert stopped is not None and stopped.end == PC + 3
    guarded = translator.translate(code, PC, HERE, 1, guarded=True)
    # It may write over the instruction behind it.
    assert guarded is not None and guarded.end == PC + 3 and len(guarded.changed) == 2


@pytest.mark.parametrize(("code", "count"), [("90 418b02 90", 1), ("418b02 90", 1), ("58 5b 90", 3), ("418902 90 90", 3)])
def test_what_is_read_of_others_cannot_be_read_again(code: str, count: int) -> None:
    """In fickle code loads are alone, but neither pops nor stores."""
    made = X86Translator().translate(bytes.fromhex(code), PC, HERE, 1, fickle=True)
    assert made is not None and len(made.addresses) == count


def test_a_pc_relative_operand_stays_where_it_was() -> None:
    code = bytes.fromhex("488b0510000000 c3")
    made = X86Translator().translate(code, PC, HERE, 1)
    assert made is not None
    assert f"mov rax,[rel {PC + 7 + 0x10:X}h]" in listing(made.code)


@on_x86_64
@pytest.mark.parametrize(("code", "address"), [("64488903", "[rbx+{}]"), ("644889548c10", "[rsp+{}]")])
def test_the_address_of_an_operand_in_a_segment(code: str, address: str) -> None:
    """The stack pointer can be the base of an address, but not its index."""
    made = X86Translator().translate(bytes.fromhex(code + "c3"), PC, HERE, 1)
    assert made is not None
    assert any(f"lea {register},{address.format(register)}" in listing(made.code) for register in ("rax", "r10", "r11"))


@on_x86_64
def test_random_blocks() -> None:
    report = blocks.run(3000, seed=11)
    assert report.misses == []
    assert len(report.instructions) > 900 and report.faulted > 500


@on_x86_64
def test_the_oracle_notices_what_is_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "saves", head.saves.__wrapped__)
    monkeypatch.setattr(head, "_save_unit", lambda *_: b"")
    assert any("undone" in miss for miss in blocks.run(400, seed=5).misses)


@on_x86_64
@pytest.mark.parametrize("name", ["_save", "_checks"])
def test_the_oracle_notices_what_is_not_saved_in_pieces_or_not_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without: dict[str, object] = {"_save": lambda *_: emit.gs_load(10, 0x10) + emit.gs_load(11, 0x18), "_checks": lambda *_: []}
    monkeypatch.setattr(spreading, name, without[name])
    assert any("undone" in miss for miss in blocks.run(400, seed=5).misses)


@on_x86_64
def test_pieces_are_saved() -> None:
    """Of strings of no iterations at all and of thousands; a share of the blocks is left to single steps."""
    report = blocks.run(1500, seed=23)
    assert report.misses == []
    assert report.pieces > 1000 and report.refused > 5


def _variants(raw: bytes, choice: random.Random) -> Iterator[bytes]:
    """Instructions that differ from `raw` in the displacement and the immediate operand."""
    decoder = Decoder(64, raw)
    places = decoder.get_constant_offsets(decoder.decode())
    for _ in range(3):
        other = bytearray(raw)
        for at, size in (
            (places.displacement_offset, places.displacement_size),
            (places.immediate_offset, places.immediate_size),
        ):
            other[at : at + size] = choice.randbytes(size)
        yield bytes(other)


def _read(reader: Reader, raw: bytes, pc: int) -> Known | None:
    return reader.next(reader.decoder(raw, pc), raw, 0)


def _touches(known: Known) -> tuple[object, ...]:
    """All that is known of an instruction, save what its effects say of displacements and of its length."""
    effects = known.effects
    operands = [[each._replace(displacement=0) for each in some] for some in (effects.reads, effects.writes)]
    plain = effects._replace(length=0, reads=(), writes=(), extents=None, target=None)
    told = {name: value for name, value in known._asdict().items() if name not in ("effects", "instruction")}
    return told, plain, operands


def test_what_is_known_of_a_form_is_true_of_all_of_it() -> None:
    """Whatever was read before, an instruction is found to be what it is found to be by itself."""
    choice = random.Random(11)
    encoder, reader, compared = Encoder(64, choice), Reader(), 0
    for opcode in opcodes(64):
        made = encoder.make(opcode)
        for raw in _variants(made[0], choice) if made is not None else ():
            pc = HERE + choice.randrange(1 << 20)
            _read(reader, raw, HERE)
            known, alone = _read(reader, raw, pc), _read(Reader(), raw, pc)
            assert (known is None) == (alone is None)
            if known is not None and alone is not None:
                assert _touches(known) == _touches(alone), raw.hex()
                compared += 1
    assert compared > 5000
