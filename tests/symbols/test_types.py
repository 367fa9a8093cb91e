"""Types: their spelling and their bodies as gdb prints them, and what Type objects say about layout."""

from __future__ import annotations

import pytest

from rdb.symbols.types import (
    BASIC,
    ArrayType,
    EnumType,
    FunctionType,
    IntegerType,
    PointerType,
    StructType,
    canonical_name,
    describe,
    pointer_to,
    spell,
    strip,
)
from tests.build import program
from tests.symbols.oracle import gdb_commands, needs_gdb
from tests.symbols.test_lines import loaded

FLAGS = [
    ("-O0", "-g"),
    ("-O2", "-g", "-gdwarf-4"),
    ("-O0", "-g", "-gdwarf-3", "-gstrict-dwarf"),
    ("-O0", "-g", "-fdebug-types-section"),
]


@needs_gdb
@pytest.mark.parametrize("flags", FLAGS[:3], ids=" ".join)
@pytest.mark.parametrize("source", ["sym_types.c", "expr_values.c", "sym_blocks.c"])
def test_every_variable(source: str, flags: tuple[str, ...]) -> None:
    path = program(source, *flags)
    table = loaded(path)
    names = [name for name in table.objects[0].names.names("variable") if table.variable(name, None) is not None]
    commands = [f"{command} {name}" for name in names for command in ("whatis", "ptype")]
    mine = []
    for name in names:
        variable = table.variable(name, None)
        assert variable is not None
        mine += [f"type = {spell(variable.type)}", f"type = {describe(variable.type)}"]
    assert dict(zip(commands, mine)) == dict(zip(commands, gdb_commands(path, commands)))


@needs_gdb
@pytest.mark.parametrize("flags", FLAGS[:3], ids=" ".join)
@pytest.mark.parametrize("source", ["sym_types.c", "sym_blocks.c", "sym_frames.c"])
def test_every_function(source: str, flags: tuple[str, ...]) -> None:
    path = program(source, *flags)
    table = loaded(path)
    names = [name for name in table.objects[0].names.names("function") if table.functions_named(name)]
    commands = [f"whatis {name}" for name in names]
    mine = [f"type = {spell(table.functions_named(name)[0].type)}" for name in names]
    assert dict(zip(commands, mine)) == dict(zip(commands, gdb_commands(path, commands)))


@needs_gdb
def test_type_names() -> None:
    path = program("sym_types.c", "-O0", "-g")
    table = loaded(path)
    names = [
        "struct node",
        "union either",
        "enum color",
        "thing",
        "callback",
        "yourlong",
        "size_t",
        "unsigned long",
        "long unsigned int",
        "struct node *",
        "char",
        "struct list",
        "short int",
        "unsigned",
        "row",
        "struct wide",
        "_Bool",
        "vector4",
    ]
    found = {name: table.type_named(name) for name in names}
    mine = {name: describe(type) for name, type in found.items() if type is not None}
    theirs = gdb_commands(path, [f"ptype {name}" for name in names])
    assert {name: f"type = {text}" for name, text in mine.items()} == dict(zip(names, theirs))
    sizes = gdb_commands(path, [f"output sizeof({name})" for name in names])
    assert [str(type.size) for type in found.values() if type is not None] == sizes


@needs_gdb
def test_offsets_and_bit_fields() -> None:
    """Every member of every struct lies where gdb's ptype /o says."""
    path = program("sym_types.c", "-O0", "-g")
    table = loaded(path)
    for name in ("node", "wide", "tight", "list"):
        struct = table.type_named(f"struct {name}")
        assert isinstance(struct, StructType)
        named = [member for member in struct.members if member.name]
        commands = [f"output/d (long) &((struct {name} *) 0)->{member.name}" for member in named if member.bit_size is None]
        offsets = [str(member.offset) for member in named if member.bit_size is None]
        assert gdb_commands(path, commands) == offsets
        for member in named:
            if member.bit_size is not None and member.bit_offset is not None:
                assert (
                    member.bit_offset + member.bit_size <= 8 * member.type.size or member.offset + member.type.size <= struct.size
                )


@pytest.mark.parametrize("flags", [("-O0", "-g"), ("-O0", "-g", "-gdwarf-3", "-gstrict-dwarf")], ids=" ".join)
def test_bit_positions(flags: tuple[str, ...]) -> None:
    table = loaded(program("sym_types.c", *flags))
    struct = table.type_named("struct node")
    assert isinstance(struct, StructType)
    places = {member.name: (8 * member.offset + (member.bit_offset or 0), member.bit_size) for member in struct.members}
    assert places == {"a": (0, None), "next": (64, None), "b": (128, 3), "c": (133, 5)}
    wide = table.type_named("struct wide")
    assert isinstance(wide, StructType)
    places = {member.name: (8 * member.offset + (member.bit_offset or 0), member.bit_size) for member in wide.members}
    assert places == {"first": (0, 40), "second": (40, 20), "tail": (64, None), "flag": (72, 1)}


def test_recursive_and_lazy() -> None:
    table = loaded(program("sym_types.c"))
    node = table.type_named("struct node")
    assert isinstance(node, StructType) and node.tag == "node" and node.keyword == "struct"
    link = node.members[1].type
    assert isinstance(link, PointerType) and link.target is node


def test_kinds() -> None:
    table = loaded(program("sym_types.c"))

    def type_of(name: str) -> object:
        variable = table.variable(name, None)
        assert variable is not None
        return strip(variable.type)

    signs = type_of("si")
    assert isinstance(signs, EnumType) and signs.signed and ("MINUS", -3) in signs.enumerators
    array = type_of("arr")
    assert isinstance(array, ArrayType) and (array.count, array.size) == (2, 24)
    assert isinstance(array.element, ArrayType) and array.element.count == 3
    pointer = type_of("fp")
    assert isinstance(pointer, PointerType) and isinstance(pointer.target, FunctionType) and len(pointer.target.parameters) == 2
    opaque = type_of("op")
    assert isinstance(opaque, PointerType) and isinstance(opaque.target, StructType) and opaque.target.incomplete
    flexible = type_of("fx")
    assert isinstance(flexible, PointerType) and isinstance(flexible.target, StructType)
    last = flexible.target.members[-1].type
    assert isinstance(last, ArrayType) and last.count in (None, 0)


def test_basic_types() -> None:
    assert BASIC["unsigned long"].size == 8
    assert isinstance(BASIC["char"], IntegerType) and BASIC["char"].encoding == "char"
    assert canonical_name("long unsigned int") == "unsigned long"
    assert canonical_name("unsigned") == "unsigned int"
    assert canonical_name("short int") == "short"
    assert canonical_name("unsigned char") == "unsigned char"
    assert canonical_name("size_t") == "size_t"
    assert spell(pointer_to(pointer_to(BASIC["char"])), "argv") == "char **argv"
