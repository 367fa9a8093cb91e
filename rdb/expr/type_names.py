"""The grammar of type names: `unsigned long`, `struct node *`, `int (*)[3]`, `const char *const`.

A declarator is read from the outside in and applied from the inside out, so its steps are collected in the order in which they
wrap the base type (C11 6.7.7).
"""

from __future__ import annotations

from collections.abc import Callable

from rdb.expr.nodes import ArrayOf, FunctionOf, Number, PointerTo, TypeName
from rdb.expr.tokens import Tokens

Step = PointerTo | ArrayOf | FunctionOf
IsType = Callable[[str], bool]

QUALIFIERS = {"const": "const", "volatile": "volatile", "restrict": "restrict", "__restrict": "restrict", "_Atomic": "atomic"}
TAGGED = ("struct", "union", "enum", "class")

# What the words of an arithmetic type may be, in any order, and the type that they spell.
_SPELLINGS = {
    "void": "void",
    "char": "char",
    "signed char": "signed char",
    "unsigned char": "unsigned char",
    "short": "short",
    "int": "int",
    "long": "long",
    "long long": "long long",
    "__int128": "__int128",
    "float": "float",
    "double": "double",
    "long double": "long double",
    "_Bool": "_Bool",
    "_Complex float": "complex float",
    "_Complex double": "complex double",
    "_Complex long double": "complex long double",
}
_SIGNED = ("short", "int", "long", "long long", "__int128")


def _word_table() -> dict[tuple[str, ...], str]:
    table = {tuple(sorted(spelling.split())): name for spelling, name in _SPELLINGS.items()}
    for name in _SIGNED:
        words = name.split()
        for optional in ([], ["int"]) if name in ("short", "long", "long long") else ([],):
            table[tuple(sorted(words + optional))] = name
            table[tuple(sorted([*words, *optional, "signed"]))] = name
            table[tuple(sorted([*words, *optional, "unsigned"]))] = f"unsigned {name}"
    table["signed",] = "int"
    table["unsigned",] = "unsigned int"
    return table


_WORDS = _word_table()
KEYWORDS = frozenset(word for words in _WORDS for word in words)


def _may_continue(words: list[str]) -> bool:
    """Whether some arithmetic type is spelt with all of `words`."""
    return any(all(words.count(word) <= spelt.count(word) for word in words) for spelt in _WORDS)


def starts_type(tokens: Tokens, is_type: IsType) -> bool:
    """Whether a type name comes next."""
    token = tokens.next
    if token.kind != "name":
        return False
    return token.text in KEYWORDS or token.text in QUALIFIERS or token.text in TAGGED or is_type(token.text)


def parse_type(tokens: Tokens, is_type: IsType) -> TypeName:
    """The type name that comes next; raises a syntax error."""
    base, qualifiers = _base(tokens, is_type)
    return TypeName(base, qualifiers, tuple(_declarator(tokens, is_type)))


def _qualifiers(tokens: Tokens) -> set[str]:
    found = set()
    while tokens.next.kind == "name" and tokens.next.text in QUALIFIERS:
        found.add(QUALIFIERS[tokens.take().text])
    return found


def _base(tokens: Tokens, is_type: IsType) -> tuple[str, frozenset[str]]:
    qualifiers = _qualifiers(tokens)
    if tokens.next.kind != "name":
        raise tokens.syntax_error()
    if tokens.next.text in TAGGED:
        keyword = tokens.take().text
        if tokens.next.kind != "name":
            raise tokens.syntax_error()
        name = f"{keyword} {tokens.take().text}"
    elif tokens.next.text in KEYWORDS:
        name = _arithmetic(tokens, qualifiers)
    elif is_type(tokens.next.text):
        name = tokens.take().text
    else:
        raise tokens.syntax_error()
    return name, frozenset(qualifiers | _qualifiers(tokens))


def _arithmetic(tokens: Tokens, qualifiers: set[str]) -> str:
    words: list[str] = []
    while tokens.next.kind == "name" and tokens.next.text in KEYWORDS and _may_continue([*words, tokens.next.text]):
        words.append(tokens.take().text)
        qualifiers |= _qualifiers(tokens)
    name = _WORDS.get(tuple(sorted(words)))
    if name is None:
        raise tokens.syntax_error()
    return name


def _declarator(tokens: Tokens, is_type: IsType) -> list[Step]:
    """The steps of an abstract declarator, in the order in which they wrap the base."""
    pointers: list[Step] = []
    while tokens.at("*", "&", "&&"):
        mark = tokens.take().text
        pointers.append(PointerTo(mark, frozenset(_qualifiers(tokens))))
    inner: list[Step] = []
    if tokens.at("(") and _opens_declarator(tokens):
        tokens.take()
        inner = _declarator(tokens, is_type)
        tokens.expect(")")
    suffixes: list[Step] = []
    while tokens.at("[", "("):
        suffixes.append(_array(tokens) if tokens.at("[") else _function(tokens, is_type))
    return pointers + suffixes[::-1] + inner


def _opens_declarator(tokens: Tokens) -> bool:
    """Whether the parenthesis that comes next groups a declarator, rather than holding parameters."""
    after = tokens.peek()
    return after.kind == "operator" and after.text in ("*", "&", "&&", "(", "[")


def _array(tokens: Tokens) -> ArrayOf:
    tokens.expect("[")
    count = None
    node = tokens.next.node
    if isinstance(node, Number) and isinstance(node.value, int):
        tokens.take()
        count = node.value
    tokens.expect("]")
    return ArrayOf(count)


def _function(tokens: Tokens, is_type: IsType) -> FunctionOf:
    tokens.expect("(")
    if tokens.accept(")"):
        return FunctionOf((), prototyped=False)
    parameters: list[TypeName] = []
    varargs = False
    while not varargs:
        if parameters and tokens.accept("..."):
            varargs = True
        else:
            parameters.append(parse_type(tokens, is_type))
            if not tokens.accept(","):
                break
    tokens.expect(")")
    if parameters == [TypeName("void")] and not varargs:
        parameters = []
    return FunctionOf(tuple(parameters), varargs)
