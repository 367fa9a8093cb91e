"""How types are spelt: `spell` in one line as a C programmer writes them, `describe` with the body of a struct opened.

C wraps a declarator in pieces that stand left and right of it: `int (*name[4])(void)`.  `_sides` walks a type from the outside in
and answers those two pieces.
"""

from __future__ import annotations

from collections.abc import Callable

from rdb.symbols.types import (
    ArrayType,
    EnumType,
    FunctionType,
    PointerType,
    QualifiedType,
    ReferenceType,
    StructType,
    Type,
    TypedefType,
)

_QUALIFIERS = ("const", "volatile", "restrict", "_Atomic")
_INDENT = "    "


def spell(type: Type, declarator: str = "") -> str:
    """`type` as whatis prints it, around `declarator` if one is given: spell(INT_ARRAY, "a") is "int a[10]"."""
    return _declare(type, declarator, _short_base)


def describe(type: Type) -> str:
    """`type` as ptype prints it: typedefs resolved, and the struct, union or enum at its heart opened one level."""
    return _declare(_resolve(type), "", lambda base: _body(base, 1, 0))


def _declare(type: Type, declarator: str, base: Callable[[Type], str]) -> str:
    left, right = _sides(type, base)
    if declarator:
        glue = "" if left.endswith(("*", "&", "(")) else " "
    else:
        after_modifier = left.endswith(("*", "&", "(")) or (right.startswith("[") and _ends_in_pointer_qualifier(left))
        glue = "" if not right or right.startswith((")", " ")) or after_modifier else " "
    return f"{left}{glue}{declarator}{right}"


def _ends_in_pointer_qualifier(left: str) -> bool:
    words = left.split()
    while words and words[-1] in _QUALIFIERS:
        words.pop()
        if words and words[-1].endswith("*"):
            return True
    return False


def _sides(type: Type, base: Callable[[Type], str]) -> tuple[str, str]:
    if isinstance(type, (PointerType, ReferenceType)):
        left, right = _sides(type.target, base)
        mark = "*" if isinstance(type, PointerType) else "&&" if type.rvalue else "&"
        if isinstance(type.target, (ArrayType, FunctionType)):
            left, right = left + (" (" if not left.endswith(("*", "(")) else "(") + mark, ")" + right
        else:
            left += mark if left.endswith(("*", "&", "(")) else " " + mark
        return left, right
    if isinstance(type, ArrayType):
        left, right = _sides(type.element, base)
        count = str(type.count) if type.count is not None else "" if type.bound is None else "variable length"
        return left, (f" __attribute__ ((vector_size({count})))" if type.vector else f"[{count}]") + right
    if isinstance(type, FunctionType):
        left, right = _sides(type.returns, base)
        return left, _parameters(type) + right
    if isinstance(type, QualifiedType):
        return _qualified_sides(type, base)
    return base(type), ""


def _qualified_sides(type: QualifiedType, base: Callable[[Type], str]) -> tuple[str, str]:
    words = " ".join(word for word, held in zip(_QUALIFIERS, (type.const, type.volatile, type.restrict, type.atomic)) if held)
    left, right = _sides(type.target, base)
    if isinstance(type.target, (PointerType, ReferenceType)):
        return f"{left} {words}", right
    return f"{words} {left}", right


def _parameters(type: FunctionType) -> str:
    spelt = [spell(parameter) for parameter in type.parameters]
    if type.varargs:
        spelt.append("...")
    if not spelt and type.prototyped:
        spelt.append("void")
    return f"({', '.join(spelt)})"


def _short_base(type: Type) -> str:
    if isinstance(type, StructType):
        return f"{type.keyword} {type.tag or '{...}'}"
    if isinstance(type, EnumType):
        return f"enum {type.tag or '{...}'}"
    return type.name or "<unnamed>"


def _resolve(type: Type) -> Type:
    """`type` without typedefs on the way to its heart; qualifiers and declarators stay."""
    if isinstance(type, TypedefType):
        return _resolve(type.target)
    if isinstance(type, PointerType):
        return PointerType(target=_resolve(type.target), size=type.size)
    if isinstance(type, ReferenceType):
        return ReferenceType(target=_resolve(type.target), size=type.size, rvalue=type.rvalue)
    if isinstance(type, ArrayType):
        return ArrayType(element=_resolve(type.element), count=type.count, size=type.size, vector=type.vector,
                         bound=type.bound)  # fmt: skip
    if isinstance(type, FunctionType):
        return FunctionType(returns=_resolve(type.returns), parameters=type.parameters, varargs=type.varargs,
                            prototyped=type.prototyped, size=type.size)  # fmt: skip
    if isinstance(type, QualifiedType):
        return QualifiedType(name=type.name, size=type.size, target=_resolve(type.target), const=type.const,
                             volatile=type.volatile, restrict=type.restrict, atomic=type.atomic)  # fmt: skip
    return type


def _body(type: Type, show: int, level: int) -> str:
    """The base of a declaration; `show` levels of named structs are opened, and one more of nameless ones."""
    if isinstance(type, StructType) and (show > 0 or (show == 0 and type.tag is None)):
        return _struct_body(type, show, level)
    if isinstance(type, EnumType) and (show > 0 or (show == 0 and type.tag is None)):
        head = f"enum {type.tag} " if type.tag else "enum "
        return head + "{" + ", ".join(_enumerators(type)) + "}"
    return _short_base(type)


def _struct_body(type: StructType, show: int, level: int) -> str:
    margin = _INDENT * (level + 1)
    lines = [f"{type.keyword} {type.tag} {{" if type.tag else f"{type.keyword} {{"]
    if type.incomplete:
        lines.append(margin + "<incomplete type>")
    elif not type.members:
        lines.append(margin + "<no data fields>")
    for member in type.members:
        text = _declare(member.type, member.name or "", lambda base: _body(base, show - 1, level + 1))
        width = f" : {member.bit_size}" if member.bit_size is not None else ""
        lines.append(f"{margin}{text}{width};")
    lines.append(_INDENT * level + "}")
    return "\n".join(lines)


def _enumerators(type: EnumType) -> list[str]:
    """The enumerators, with a value wherever it is not the previous one plus one."""
    spelt, expected = [], 0
    for name, value in type.enumerators:
        spelt.append(name if value == expected else f"{name} = {value}")
        expected = value + 1
    return spelt
