"""From type entries (DWARF 5, chapter 5) to rdb.symbols.types.  Each entry is read once; members of structs when they are asked
for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rdb.symbols.dies import DAMAGE, Die
from rdb.symbols.types import (
    VOID,
    ComplexType,
    EnumType,
    FloatType,
    FunctionType,
    IntegerType,
    Member,
    PointerType,
    ReferenceType,
    StructType,
    Type,
    TypedefType,
    array_of,
    canonical_name,
    qualified,
)

if TYPE_CHECKING:
    from rdb.symbols.objects import LoadedObject

_QUALIFIERS = {
    "DW_TAG_const_type": "const", "DW_TAG_volatile_type": "volatile", "DW_TAG_restrict_type": "restrict",
    "DW_TAG_atomic_type": "atomic",
}  # fmt: skip
_STRUCTS = {"DW_TAG_structure_type": "struct", "DW_TAG_union_type": "union", "DW_TAG_class_type": "class"}
_REFERENCES = {"DW_TAG_reference_type": False, "DW_TAG_rvalue_reference_type": True}
# DW_ATE codes (DWARF 5, 7.8) of integers: (signed, encoding).
_INTEGERS = {
    2: (False, "bool"),
    5: (True, "int"),
    6: (True, "char"),
    7: (False, "int"),
    8: (False, "char"),
    0x10: (False, "char"),
}
_ATE_COMPLEX, _ATE_FLOAT = 3, 4


class TypeReader:
    """The types of one object."""

    def __init__(self, object: LoadedObject) -> None:
        self._object = object
        self._types: dict[int, Type] = {}
        self._pending: set[int] = set()

    def of(self, die: Die) -> Type:
        """The type that DW_AT_type of an entry names; void if there is none, or none that can be read."""
        try:
            target = die.follow("DW_AT_type")
            return self.at(target) if target is not None else VOID
        except DAMAGE:
            return VOID

    def of_inherited(self, die: Die) -> Type:
        """The same for an entry that may be an instance of another one."""
        try:
            for _ in range(16):
                if "DW_AT_type" in die or (origin := die.origin) is None:
                    break
                die = origin
        except DAMAGE:
            return VOID
        return self.of(die)

    def at(self, die: Die) -> Type:
        """The type that a type entry describes."""
        known = self._types.get(die.offset)
        if known is not None:
            return known
        if die.offset in self._pending:
            return VOID
        self._pending.add(die.offset)
        try:
            known = self._read(die)
        except DAMAGE:
            known = VOID
        finally:
            self._pending.discard(die.offset)
        return self._types.setdefault(die.offset, known)

    def _read(self, die: Die) -> Type:
        tag = die.tag
        if tag in _QUALIFIERS:
            return qualified(self.of(die), _QUALIFIERS[tag])
        if tag in _STRUCTS:
            return self._struct(die)
        if tag in _REFERENCES:
            return ReferenceType(target=self.of(die), rvalue=_REFERENCES[tag], size=self._pointer_size(die))
        reader = _READERS.get(tag)
        return reader(self, die) if reader is not None else VOID

    def _pointer_size(self, die: Die) -> int:
        size: int = die.get("DW_AT_byte_size", die.unit.address_size)
        return size

    def _base(self, die: Die) -> Type:
        name, size, encoding = canonical_name(die.name or ""), int(die.get("DW_AT_byte_size", 0)), die.get("DW_AT_encoding")
        if encoding == _ATE_FLOAT:
            return FloatType(name=name, size=size)
        if encoding == _ATE_COMPLEX:
            return ComplexType(name=name, size=size)
        signed, kind = _INTEGERS.get(encoding, (False, "int"))
        return IntegerType(name=name, size=size, signed=signed, encoding=kind)

    def _pointer(self, die: Die) -> Type:
        return PointerType(target=self.of(die), size=self._pointer_size(die))

    def _typedef(self, die: Die) -> Type:
        target = self.of(die)
        return TypedefType(name=die.name, size=target.size, target=target)

    def _array(self, die: Die) -> Type:
        """An array entry has one subrange for each dimension, outermost first."""
        built = self.of(die)
        vector = bool(die.get("DW_AT_GNU_vector"))
        bounds = [child for child in die.children() if child.tag in ("DW_TAG_subrange_type", "DW_TAG_enumeration_type")]
        for bound in reversed(bounds):
            built = array_of(built, _count(bound), vector, bound if _is_dynamic(bound) else None)
        return built if bounds else array_of(built, None, vector)

    def function(self, die: Die) -> FunctionType:
        """The type of a function, from its own entry or that of its type."""
        try:
            return self._function(die)
        except DAMAGE:
            return FunctionType(returns=VOID, prototyped=False)

    def _function(self, die: Die) -> FunctionType:
        children = list(die.children())
        origin = die.origin
        if origin is not None and not any(child.tag == "DW_TAG_formal_parameter" for child in children):
            children = list(origin.children())
        parameters = tuple(self.of_inherited(child) for child in children if child.tag == "DW_TAG_formal_parameter")
        varargs = any(child.tag == "DW_TAG_unspecified_parameters" for child in children)
        prototyped = bool(die.inherited("DW_AT_prototyped")) or bool(parameters) or die.unit.is_cplus
        return FunctionType(
            returns=self.of_inherited(die), parameters=parameters, varargs=varargs and prototyped, prototyped=prototyped
        )

    def _struct(self, die: Die) -> Type:
        keyword, tag = _STRUCTS[die.tag], die.name
        if "DW_AT_declaration" in die:
            defined = self._definition(keyword, tag)
            return defined or StructType(name=tag, keyword=keyword, tag=tag, incomplete=True)
        return StructType(
            name=tag, size=int(die.get("DW_AT_byte_size", 0)), keyword=keyword, tag=tag, read_members=lambda: self._members(die)
        )

    def _definition(self, keyword: str, tag: str | None) -> Type | None:
        """The definition of an opaque struct, in another unit of the object."""
        if tag is None or not self._object.is_small:
            return None
        kind = "union" if keyword == "union" else "struct"
        return next((self.at(die) for die in self._object.names.find(kind, tag)), None)

    def _members(self, die: Die) -> tuple[Member, ...]:
        try:
            return tuple(self._member(child) for child in die.children() if _is_member(child))
        except DAMAGE:
            return ()

    def _member(self, die: Die) -> Member:
        type = self.of(die)
        offset = die.get("DW_AT_data_member_location", 0)
        offset = offset if isinstance(offset, int) else _constant_offset(offset)
        width = die.get("DW_AT_bit_size")
        name = die.name if die.tag == "DW_TAG_member" else die.name or type.name
        if width is None:
            return Member(name, type, offset)
        size = die.get("DW_AT_byte_size", type.size) or 1
        if "DW_AT_data_bit_offset" in die:
            # DWARF 5, 5.7.6: counted from the start of the struct, so the storage unit is the aligned one that holds it.
            whole = die.get("DW_AT_data_bit_offset")
            start = whole // (8 * size) * size
            if whole + width > 8 * (start + size):
                start = whole // 8
            return Member(name, type, start, whole - 8 * start, width)
        # DWARF 3, 5.6.6: counted from the most significant bit of the storage unit.
        return Member(name, type, offset, 8 * size - die.get("DW_AT_bit_offset", 0) - width, width)

    def _enum(self, die: Die) -> Type:
        if "DW_AT_declaration" in die:
            return EnumType(name=die.name, tag=die.name, incomplete=True)
        children = [child for child in die.children() if child.tag == "DW_TAG_enumerator"]
        size = int(die.get("DW_AT_byte_size", 4))
        underlying = self.of(die)
        values = tuple((child.name or "", int(child.get("DW_AT_const_value", 0))) for child in children)
        signed = isinstance(underlying, IntegerType) and underlying.signed
        if signed:
            values = tuple((name, value - (1 << 8 * size) if value >> (8 * size - 1) == 1 else value) for name, value in values)
        return EnumType(
            name=die.name, size=size, tag=die.name, enumerators=values, signed=signed or any(v < 0 for _, v in values)
        )


_READERS: dict[str, Callable[[TypeReader, Die], Type]] = {
    "DW_TAG_base_type": TypeReader._base,
    "DW_TAG_pointer_type": TypeReader._pointer,
    "DW_TAG_typedef": TypeReader._typedef,
    "DW_TAG_array_type": TypeReader._array,
    "DW_TAG_subroutine_type": TypeReader._function,
    "DW_TAG_enumeration_type": TypeReader._enum,
}


def _is_member(die: Die) -> bool:
    return die.tag == "DW_TAG_inheritance" or (die.tag == "DW_TAG_member" and "DW_AT_external" not in die)


def _is_dynamic(die: Die) -> bool:
    """Whether a dimension's length is an expression, or the value of a variable (DWARF 5, 2.19)."""
    forms = [die.form(name) or "" for name in ("DW_AT_count", "DW_AT_upper_bound")]
    return any(form.startswith(("DW_FORM_ref", "DW_FORM_exprloc", "DW_FORM_block")) for form in forms)


def _count(die: Die) -> int | None:
    """The length of one dimension; None if it is not known, or at run time only."""
    count, upper = die.get("DW_AT_count"), die.get("DW_AT_upper_bound")
    if _is_dynamic(die) or (count is None and upper is None):
        return None
    if isinstance(count, int):
        return count
    if not isinstance(upper, int):
        return None
    # An upper bound of -1 is how an empty array is written; it may come unsigned.
    return upper + 1 if 0 <= upper + 1 < 1 << 62 else 0


def _constant_offset(expression: bytes) -> int:
    """A member's offset that is written as an expression, DW_OP_plus_uconst, as DWARF 2 had it."""
    from rdb.symbols.leb128 import uleb

    return uleb(expression, 1)[0] if expression[:1] == b"\x23" else 0
