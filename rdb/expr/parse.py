"""The parser: precedence climbing over the operators of C, with GDB's additions (@, {type} address, ::, $history).

Whether `(name) ...` is a cast depends on what `name` means; `is_type` answers that.  Without it only keywords (`unsigned`,
`struct node`) are types, and `(name)` directly before an operand, where C allows nothing but a cast.
"""

from __future__ import annotations

from collections.abc import Callable

from rdb.errors import ExpressionError
from rdb.expr import nodes
from rdb.expr.nodes import Node
from rdb.expr.tokens import DEEPEST, TOO_DEEP, Token, Tokens, read_history
from rdb.expr.type_names import (
    KEYWORDS,
    QUALIFIERS,
    TAGGED,
    IsType,
    parse_type,
    starts_type,
)

# Binding powers.  GDB's @ stands between the shifts and the sums.
COMMA, ASSIGNMENT, CONDITION, REPEAT, UNARY = 1, 2, 3, 12, 15
BINARY = {
    "|": 6, "^": 7, "&": 8, "==": 9, "!=": 9, "<": 10, ">": 10, "<=": 10, ">=": 10, "<<": 11, ">>": 11,
    "+": 13, "-": 13, "*": 14, "/": 14, "%": 14,
}  # fmt: skip
LOGICAL = {"||": 4, "&&": 5}
ASSIGNING = {"=": None, **{f"{operator}=": operator for operator in ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]}}
STEPPING = {"++": 1, "--": -1}

WORDS = KEYWORDS | set(QUALIFIERS) | set(TAGGED)


def no_types(name: str) -> bool:
    """The answer of a parser that knows no typedef."""
    return False


def parse(text: str, is_type: IsType = no_types) -> Node:
    """The tree of a whole expression; raises ExpressionError in GDB's words."""
    parser = _Parser(text, is_type)
    node = parser.expression(COMMA)
    return parser.finish(node)


class _Parser:
    def __init__(self, text: str, is_type: IsType) -> None:
        self.tokens = Tokens(text)
        self.is_type = is_type
        self.depth = 0

    def finish(self, node: Node) -> Node:
        """`node`, if it is all that the text holds."""
        token = self.tokens.next
        if token.kind != "end":
            raise self.tokens.syntax_error()
        if token.start < len(self.tokens.text):
            raise ExpressionError("Junk after end of expression.")
        return node

    def expression(self, least: int) -> Node:
        """An expression whose operators all bind at least as tightly as `least`."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise ExpressionError(TOO_DEEP)
        node = self._unary()
        while self.tokens.next.kind == "operator":
            extended = self._infix(node, self.tokens.next.text, least)
            if extended is None:
                break
            node = extended
        self.depth -= 1
        return node

    def _infix(self, left: Node, operator: str, least: int) -> Node | None:
        """`left` extended by the operator that comes next, or None if that binds less tightly than `least`."""
        if operator in BINARY and BINARY[operator] >= least:
            self.tokens.take()
            return nodes.Binary(operator, left, self.expression(BINARY[operator] + 1))
        if operator in LOGICAL and LOGICAL[operator] >= least:
            self.tokens.take()
            return nodes.Logical(operator, left, self.expression(LOGICAL[operator] + 1))
        if operator == "@" and least <= REPEAT:
            self.tokens.take()
            return nodes.Repeat(left, self.expression(REPEAT + 1))
        if operator in ASSIGNING and least <= ASSIGNMENT:
            self.tokens.take()
            return nodes.Assign(left, ASSIGNING[operator], self.expression(ASSIGNMENT))
        if operator == "?" and least <= CONDITION:
            return self._conditional(left)
        if operator == "," and least <= COMMA:
            self.tokens.take()
            return nodes.Comma(left, self.expression(COMMA + 1))
        return None

    def _conditional(self, condition: Node) -> Node:
        self.tokens.take()
        yes = self.expression(COMMA)
        self.tokens.expect(":")
        return nodes.Conditional(condition, yes, self.expression(CONDITION))

    def _unary(self) -> Node:
        token = self.tokens.next
        if token.kind == "operator":
            make = _PREFIX.get(token.text)
            if make is not None:
                self.tokens.take()
                return make(self.expression(UNARY))
            if token.text == "(" and (cast := self._cast()) is not None:
                return cast
            if token.text == "{":
                return self._braces()
        elif token.kind == "name" and token.text in ("sizeof", "_Alignof"):
            return self._sizeof()
        return self._postfix(self._primary())

    def _cast(self) -> Node | None:
        """A cast, if the parenthesis that comes next opens one."""
        after = self.tokens.peek()
        if after.kind != "name" or not (after.text in WORDS or self.is_type(after.text) or self._must_be_cast()):
            return None
        self.tokens.take()
        type = parse_type(self.tokens, lambda name: True)
        self.tokens.expect(")")
        return nodes.Cast(type, self.expression(UNARY))

    def _must_be_cast(self) -> bool:
        """Whether `(name)` and then an operand comes next."""
        lookahead = Tokens(self.tokens.text[self.tokens.next.start :])
        try:
            texts = [lookahead.take().text for _ in range(3)]
        except ExpressionError:
            return False
        token = lookahead.next
        return texts[2] == ")" and (token.kind in ("name", "constant", "dollar", "quoted") or lookahead.at("!", "~"))

    def _braces(self) -> Node:
        """{type} address, or an array literal."""
        self.tokens.take()
        if starts_type(self.tokens, self.is_type):
            type = parse_type(self.tokens, self.is_type)
            self.tokens.expect("}")
            return nodes.Reinterpret(type, self.expression(UNARY))
        items = [self.expression(ASSIGNMENT)]
        while self.tokens.accept(","):
            items.append(self.expression(ASSIGNMENT))
        self.tokens.expect("}")
        return self._postfix(nodes.ArrayLiteral(tuple(items)))

    def _sizeof(self) -> Node:
        alignment = self.tokens.take().text == "_Alignof"
        if self.tokens.at("("):
            after = self.tokens.peek()
            if after.kind == "name" and (after.text in WORDS or self.is_type(after.text)):
                self.tokens.take()
                type = parse_type(self.tokens, self.is_type)
                self.tokens.expect(")")
                return nodes.SizeOfType(type, alignment)
        if alignment:
            raise self.tokens.syntax_error()
        return nodes.SizeOf(self.expression(UNARY))

    def _primary(self) -> Node:
        token = self.tokens.next
        if token.node is not None:
            self.tokens.take()
            return self._strings(token.node) if isinstance(token.node, nodes.String) else token.node
        if token.kind == "dollar":
            self.tokens.take()
            return read_history(token.text) or nodes.Dollar(token.text[1:])
        if token.kind in ("name", "quoted"):
            return self._name(token)
        if self.tokens.accept("("):
            inner = self.expression(COMMA)
            self.tokens.expect(")")
            return inner
        if self.tokens.accept("::"):
            return nodes.Scoped(None, self._identifier())
        raise self.tokens.syntax_error()

    def _strings(self, first: nodes.String) -> nodes.String:
        """A string with those that directly follow it; the widest prefix rules."""
        codes, type = first.codes, first.type
        while isinstance(self.tokens.next.node, nodes.String):
            following = self.tokens.next.node
            codes, type = codes + following.codes, following.type if type == "char" else type
            self.tokens.take()
        return nodes.String(codes, type)

    def _name(self, token: Token) -> Node:
        if token.kind == "name" and starts_type(self.tokens, self.is_type) and self.tokens.peek().text != "::":
            return nodes.TypeExpression(parse_type(self.tokens, self.is_type))
        self.tokens.take()
        if self.tokens.accept("::"):
            return nodes.Scoped(token.text, self._identifier())
        return nodes.Name(token.text)

    def _identifier(self) -> str:
        if self.tokens.next.kind not in ("name", "quoted"):
            raise self.tokens.syntax_error()
        return self.tokens.take().text

    def _postfix(self, node: Node) -> Node:
        while self.tokens.next.kind == "operator":
            operator = self.tokens.next.text
            if operator in (".", "->"):
                self.tokens.take()
                if self.tokens.next.kind != "name":
                    raise self.tokens.syntax_error()
                node = nodes.MemberOf(node, self.tokens.take().text, operator == "->")
            elif operator == "[":
                self.tokens.take()
                node = nodes.Index(node, self.expression(COMMA))
                self.tokens.expect("]")
            elif operator == "(":
                node = nodes.Call(node, self._arguments())
            elif operator in STEPPING:
                self.tokens.take()
                node = nodes.Step(node, STEPPING[operator], prefix=False)
            else:
                break
        return node

    def _arguments(self) -> tuple[Node, ...]:
        self.tokens.expect("(")
        arguments: list[Node] = []
        while not self.tokens.at(")"):
            arguments.append(self.expression(ASSIGNMENT))
            if not self.tokens.accept(","):
                break
        self.tokens.expect(")")
        return tuple(arguments)


_PREFIX: dict[str, Callable[[Node], Node]] = {
    "+": lambda operand: nodes.Unary("+", operand),
    "-": lambda operand: nodes.Unary("-", operand),
    "!": lambda operand: nodes.Unary("!", operand),
    "~": lambda operand: nodes.Unary("~", operand),
    "*": nodes.Dereference,
    "&": nodes.AddressOf,
    "++": lambda operand: nodes.Step(operand, 1, prefix=True),
    "--": lambda operand: nodes.Step(operand, -1, prefix=True),
}
