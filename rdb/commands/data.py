"""print, x, output, display, whatis, ptype: looking at data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.commands.answers import Raw, ShownValue
from rdb.commands.arguments import option_settings, split_format
from rdb.commands.program import instruction
from rdb.commands.registry import Repeat, command
from rdb.errors import RdbError, UsageError

if TYPE_CHECKING:
    from rdb.commands.console import Console
    from rdb.expr.format_spec import Format
    from rdb.expr.value import Value


def print_format(text: str, name: str) -> Format:
    """The format of print and its kin, which show one value."""
    from rdb.expr.format_spec import check_print_format, parse_format

    format = parse_format(text)
    check_print_format(format, name)
    return format


def _value(console: Console, expression: str) -> Value:
    """The value of an expression, read at once; without an expression the last one of the history."""
    from rdb.expr.value import void

    session = console.session
    if not expression:
        history = session.history
        return history[-1] if history else void()
    value: Value = session.evaluate(expression)
    return value.snapshot()


@command("print", "inspect", "p", group="data", arguments="[/FORMAT] [EXPRESSION]", completes="expression")
def print_(console: Console, arguments: str) -> Iterator[object]:
    """Print the value of an expression, and keep it in the value history as $1, $2 ...
    FORMAT is a letter: x hexadecimal, d decimal, u unsigned, o octal, t binary, z hexadecimal with leading zeros,
    a address, c character, f floating point, s string.  Options such as -pretty come first, ended by --."""
    with option_settings(console.session.settings, arguments) as rest:
        letters, expression = split_format(rest)
        format = print_format(letters, "print")
        value = _value(console, expression)
        yield from _recorded(console, value, format.letter)


def _recorded(console: Console, value: Value, letter: str | None) -> Iterator[object]:
    session = console.session
    yield ShownValue(value, session, letter, f"${session.remember(value)} = ")


@command("call", group="data", arguments="[/FORMAT] EXPRESSION", completes="expression")
def call(console: Console, arguments: str) -> Iterator[object]:
    """Like print, but a void value is not shown."""
    from rdb.symbols.types import VoidType, strip

    letters, expression = split_format(arguments)
    if not expression:
        raise UsageError("The history is empty.") if not console.session.history else UsageError("Argument required.")
    value = _value(console, expression)
    if not isinstance(strip(value.type), VoidType):
        yield from _recorded(console, value, print_format(letters, "call").letter)


@command("output", group="data", arguments="[/FORMAT] EXPRESSION", completes="expression")
def output(console: Console, arguments: str) -> ShownValue:
    """Print the value of an expression and nothing else: no name, no newline, no entry in the history."""
    letters, expression = split_format(arguments)
    if not expression:
        raise UsageError("Argument required (expression to compute).")
    format = print_format(letters, "output")
    return ShownValue(_value(console, expression), console.session, format.letter, tail="")


@command("printf", group="data", arguments='"FORMAT", EXPRESSION, ...', completes="expression")
def printf(console: Console, arguments: str) -> Raw:
    """Print values as the C function printf does."""
    from rdb.commands.formatting import formatted

    return Raw(formatted(console.session, arguments))


@command("eval", group="data", arguments='"FORMAT", EXPRESSION, ...', completes="expression")
def eval_(console: Console, arguments: str) -> None:
    """Run the command that printf would print."""
    from rdb.commands.formatting import formatted

    console.execute(formatted(console.session, arguments))


@command("whatis", group="data", arguments="EXPRESSION|TYPE", completes="expression")
def whatis(console: Console, arguments: str) -> str:
    """Print the type of an expression; of a typedef name, what it stands for."""
    from rdb.expr.evaluate import type_of
    from rdb.symbols.types import TypedefType, spell

    kind, is_type = type_of(arguments or "$", console.session)
    if is_type and isinstance(kind, TypedefType):
        kind = kind.target
    return f"type = {spell(kind)}"


@command("ptype", group="data", arguments="EXPRESSION|TYPE", completes="expression")
def ptype(console: Console, arguments: str) -> str:
    """Print the definition of the type of an expression."""
    from rdb.expr.evaluate import type_of
    from rdb.symbols.types import describe

    kind, _ = type_of(arguments or "$", console.session)
    return f"type = {describe(kind)}"


# The x command.


@command("x", group="data", arguments="[/FORMAT] [ADDRESS]", repeat=Repeat.BARE, completes="expression")
def examine(console: Console, arguments: str) -> Iterator[Raw]:
    """Show memory: x/COUNT LETTER SIZE ADDRESS.
    Letters are those of print, and i for instructions, s for strings; sizes are b (1 byte), h (2), w (4) and g (8).
    What is left out is as it was the last time; without an address, go on behind what was shown last."""
    from rdb.expr.examine import examined_address
    from rdb.expr.format_spec import parse_format

    session, examiner = console.session, console.examiner
    letters, expression = split_format(arguments)
    format = parse_format(letters)
    start = examined_address(session.evaluate(expression), session) if expression else None
    if start is None and examiner.address is None:
        raise UsageError("Argument required (starting display address).")
    for piece in examiner.examine(format, session, lambda address: instruction(session, address), start):
        yield Raw(piece)


# Expressions on display.


class Displays:
    """What is shown at every stop: number -> Display."""

    def __init__(self) -> None:
        self.all: dict[int, Display] = {}
        self.last = 0


class Display:
    """One expression on display."""

    def __init__(self, number: int, expression: str, format: Format, spelled: str) -> None:
        self.number, self.expression, self.format, self.spelled, self.enabled = number, expression, format, spelled, True


@command("display", group="data", arguments="[/FORMAT] [EXPRESSION]", completes="expression", repeat=Repeat.SAME)
def display(console: Console, arguments: str) -> Iterator[object]:
    """Show an expression now and each time the program stops.
    With a format i or s, or a size, it shows memory as x does.  Without an argument, show all expressions on display."""
    from rdb.expr.evaluate import parse_in
    from rdb.expr.format_spec import parse_format

    displays: Displays = console.state(Displays)
    letters, expression = split_format(arguments)
    if not expression:
        yield from show_displays(console)
        return
    format = parse_format(letters)
    parse_in(expression, console.session)
    displays.last += 1
    shown = Display(displays.last, expression, format, _spelled(format, letters))
    displays.all[shown.number] = shown
    if console.from_prompt:
        yield from _show_one(console, shown)


def _spelled(format: Format, letters: str) -> str:
    if not letters:
        return ""
    if format.letter in ("i", "s") or format.size is not None:
        count = f"{format.count}"
        return f"/{count}{format.size or 'b'}{format.letter or 'x'} " if format.letter in ("i", "s") \
            else f"/{count}{format.letter or 'x'}{format.size} "
    return f"/{format.letter} "


def show_displays(console: Console) -> Iterator[object]:
    """The expressions on display, with their values."""
    displays: Displays = console.state(Displays)
    for shown in list(displays.all.values()):
        if shown.enabled:
            yield from _show_one(console, shown)


def _show_one(console: Console, shown: Display) -> Iterator[object]:
    from rdb.expr.examine import Examiner, examined_address

    scope, format = console.session, shown.format
    lead = f"{shown.number}: "
    name = f"/{format.letter} {shown.expression}" if format.letter else shown.expression
    named = f"{lead}{name} = "
    try:
        if format.letter in ("i", "s") or format.size is not None:
            letters = (str(format.count) if format.count != 1 else "") + (format.letter or "x") + (format.size or "")
            named = f"{lead}x/{letters} {shown.expression}" + ("\n" if format.letter == "i" or format.count != 1 else "  ")
            start = examined_address(console.session.evaluate(shown.expression), scope)
            yield Raw(named)
            for piece in Examiner().examine(format, scope, lambda address: instruction(scope, address), start):
                yield Raw(piece)
            return
        value = console.session.evaluate(shown.expression).snapshot()
        yield ShownValue(value, scope, format.letter, named)
    except RdbError as error:
        if "current context" in str(error):
            return
        yield Raw(f"{named}<error: {error}>\n")


@command("undisplay", group="data", arguments="[NUMBER ...]", repeat=Repeat.NEVER)
def undisplay(console: Console, arguments: str) -> Iterator[str]:
    """Take expressions off the display; without numbers, all of them."""
    displays: Displays = console.state(Displays)
    if not arguments:
        if not console.from_prompt or not displays.all or console.confirm("Delete all auto-display expressions? "):
            displays.all.clear()
        return
    for number in display_numbers(console, arguments):
        if displays.all.pop(number, None) is None:
            yield f"No display number {number}."


def display_numbers(console: Console, text: str) -> list[int]:
    """The numbers in the argument of undisplay and its kin."""
    from rdb.commands.arguments import numbers

    return list(numbers(console.session, text, "Arguments must be display numbers."))


command("delete display", group="data", arguments="[NUMBER ...]", repeat=Repeat.NEVER)(undisplay)


def _enable(name: str, enabled: bool) -> None:
    def handler(console: Console, arguments: str) -> Iterator[str]:
        displays: Displays = console.state(Displays)
        for number in display_numbers(console, arguments) if arguments else list(displays.all):
            if number in displays.all:
                displays.all[number].enabled = enabled
            else:
                yield f"No display number {number}."

    handler.__doc__ = f"{name.capitalize()} some expressions on display; without numbers, all of them."
    command(f"{name} display", group="data", arguments="[NUMBER ...]")(handler)


_enable("enable", True)
_enable("disable", False)


@command("info display", group="status")
def info_display(console: Console, arguments: str) -> Iterator[str]:
    """List the expressions on display."""
    displays: Displays = console.state(Displays)
    if not displays.all:
        yield "There are no auto-display expressions now."
        return
    yield "Auto-display expressions now in effect:\nNum Enb Expression"
    for shown in displays.all.values():
        yield f"{shown.number}:   {'ny'[shown.enabled]}  {shown.spelled}{shown.expression}"


@command("show values", group="status", arguments="[NUMBER]")
def show_values(console: Console, arguments: str) -> Iterator[ShownValue]:
    """Show the last ten values of the history, or ten around a number."""
    from rdb.commands.arguments import number_of

    scope = console.session
    count = len(scope.history)
    first = number_of(console.session, arguments) - 5 if arguments else count - 9
    for number in range(max(first, 1), min(max(first, 1) + 9, count) + 1):
        yield ShownValue(scope.history[number - 1], scope, None, f"${number} = ")


@command("show convenience", "conv", group="status")
def show_convenience(console: Console, arguments: str) -> Iterator[ShownValue]:
    """Show the convenience variables."""
    scope = console.session
    for name, value in reversed(list(scope.convenience.items())):
        yield ShownValue(value, scope, None, f"${name} = ")
