"""break, watch, and what becomes of them: condition, ignore, commands, enable, disable, delete, info breakpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rdb.breakpoints import Breakpoint, Catchpoint, Stoppoint, Watchpoint
from rdb.commands.answers import BreakpointRow, BreakpointTable
from rdb.commands.arguments import number_of, numbers, regexp, switches
from rdb.commands.clauses import split_clauses
from rdb.commands.registry import Body, Repeat, command
from rdb.commands.script import Bodies, spell
from rdb.errors import NoLocation, NoSymbolTable, RdbError, UsageError
from rdb.events import WatchKind

if TYPE_CHECKING:
    from rdb.commands.console import Console

PLACE = "[LOCATION] [thread ID] [if CONDITION]"
BAD_NUMBER = "Bad breakpoint number '{}'"
# What is listed between the names, of the events that have some.
_BETWEEN = {"syscall": ", ", "signal": " "}
PENDING_QUESTION = "Make breakpoint pending on future shared library load? "


# Setting.


def mention(point: Stoppoint) -> str:
    """What is told of a new breakpoint or watchpoint."""
    if isinstance(point, Watchpoint):
        return f"{point.title} {point.number}: {point.expression}"
    if isinstance(point, Catchpoint):
        return f"Catchpoint {point.number} ({_named(point)})"
    assert isinstance(point, Breakpoint)
    hardware = "ardware assisted breakpoint" if point.hardware else "reakpoint"
    initial = "h" if point.hardware else "b"
    name = f"Temporary {initial}{hardware}" if point.temporary else f"{initial.upper()}{hardware}"
    if not point.locations:
        return f"{name} {point.number} ({point.spec}) pending."
    first = point.locations[0]
    text = f"{name} {point.number} at {first.address:#x}"
    if len(point.locations) > 1:
        return f"{text}: {point.spec}. ({len(point.locations)} locations)"
    return text if first.path is None else f"{text}: file {first.path}, line {first.line}."


def _named(point: Catchpoint) -> str:
    """What a catchpoint is for, as it is told when it is made."""
    if point.event not in _BETWEEN:
        return point.event
    if not point.about:
        return _all_of(point)
    names = (f"'{name}' [{n}]" if point.event == "syscall" and name != str(n) else name for n, name in point.about.items())
    return f"{_kind(point)} {' '.join(names)}"


def _event_listed(point: Catchpoint) -> str:
    """What a catchpoint is for, as it is listed."""
    if point.event not in _BETWEEN:
        return f"{point.event}, {point.seen} " if point.seen else point.event
    names = _BETWEEN[point.event].join(point.about.values()) or f"<{_all_of(point)}>"
    return f'{_kind(point)} "{names}" '


def _kind(point: Catchpoint) -> str:
    return f"{point.event}{'s' if len(point.about) > 1 else ''}"


def _all_of(point: Catchpoint) -> str:
    """What a catchpoint is for that names nothing."""
    return "standard signals" if point.event == "signal" and not point.all else f"any {point.event}"


def _break(console: Console, arguments: str, temporary: bool = False, hardware: bool = False) -> Iterator[object]:
    session = console.session
    _, rest = switches(arguments, {"-qualified": False, "-force-condition": False})
    wish = split_clauses(session, rest)
    spec, condition = wish.subject, wish.condition
    if not spec and session.frame is None:
        raise UsageError("No default breakpoint address now.")
    if condition == "":
        raise UsageError("A syntax error in expression, near `'.")
    try:
        point = session.break_at(spec, temporary, condition, hardware, thread=wish.thread)
    except (NoLocation, NoSymbolTable) as error:
        if not _may_pend(console, error):
            return
        point = session.break_at(spec, temporary, condition, pending=True, thread=wish.thread)
    if console.from_prompt:
        yield from _notes(console, point)
    yield mention(point)


def _may_pend(console: Console, error: RdbError) -> bool:
    """Whether a breakpoint without a location is to be kept for later; raises `error` if the user never wants that."""
    choice = console.session.settings["breakpoint pending"]
    if choice is False:
        raise error
    console.terminal.complain(error)
    return choice is True or console.terminal.ask(PENDING_QUESTION, default=False)


def _notes(console: Console, point: Breakpoint) -> Iterator[str]:
    """That other breakpoints are at the same place already."""
    for location in point.locations:
        others = [each for each in console.session.breakpoints.breakpoints if each is not point and each.at(location.address)]
        if not others:
            continue
        texts = [_noted(each, point) for each in others]
        listed = texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
        yield f"Note: breakpoint{'s' if len(texts) > 1 else ''} {listed} also set at pc {location.address:#x}."


def _noted(other: Breakpoint, point: Breakpoint) -> str:
    """Another breakpoint at the place of `point`, with the threads for which it is where they are not the same for both."""
    threads = f" (thread {other.thread})" if other.thread is not None else " (all threads)" if point.thread is not None else ""
    return f"{other.number}{threads}{'' if other.enabled else ' (disabled)'}"


@command("break", "b", "br", "bre", "brea", group="breakpoints", arguments=PLACE, completes="location")
def break_(console: Console, arguments: str) -> Iterator[object]:
    """Stop the program at a place: FUNCTION, LINE, FILE:LINE, FILE:FUNCTION, +OFFSET or *ADDRESS.
    Without a place, where the selected frame goes on.  With a thread, stop only when that thread gets there; with a condition,
    stop only if it is not zero."""
    yield from _break(console, arguments)


@command("tbreak", "tb", group="breakpoints", arguments=PLACE, completes="location")
def tbreak(console: Console, arguments: str) -> Iterator[object]:
    """Like break, but the breakpoint is deleted when it is hit."""
    yield from _break(console, arguments, temporary=True)


@command("hbreak", "hb", group="breakpoints", arguments=PLACE, completes="location")
def hbreak(console: Console, arguments: str) -> Iterator[object]:
    """Like break, with a breakpoint that does not change the program's code."""
    yield from _break(console, arguments, hardware=True)


@command("thbreak", "thb", group="breakpoints", arguments=PLACE, completes="location")
def thbreak(console: Console, arguments: str) -> Iterator[object]:
    """Like hbreak, but the breakpoint is deleted when it is hit."""
    yield from _break(console, arguments, temporary=True, hardware=True)


@command("rbreak", group="breakpoints", arguments="REGEXP", repeat=Repeat.NEVER)
def rbreak(console: Console, arguments: str) -> Iterator[object]:
    """Set a breakpoint on every function of the program whose name matches a regular expression."""
    objects, pattern = console.session.table.objects[:1], regexp(arguments)
    names = sorted({name for each in objects for name in each.minimal_names() if pattern.search(name)})
    for name in names:
        if console.session.table.functions_named(name):
            yield from _break(console, name)


def _watch(console: Console, arguments: str, kind: WatchKind) -> str:
    found, rest = switches(arguments, {"-l": False, "-location": False})
    wish = split_clauses(console.session, rest)
    if not wish.subject:
        raise UsageError("Argument required (expression to compute).")
    if wish.condition == "":
        raise UsageError("Invalid character '' in expression.")
    return mention(console.session.watch(wish.subject, kind, bool(found), wish.condition, wish.thread))


WATCHES = (
    (WatchKind.WRITE, "Stop the program when the value of an expression changes."),
    (WatchKind.READ, "Stop the program when it reads what an expression stands for."),
    (WatchKind.ACCESS, "Stop the program when it reads or writes what an expression stands for."),
)


def _declare_watch(kind: WatchKind, meaning: str) -> None:
    def handler(console: Console, arguments: str) -> str:
        return _watch(console, arguments, kind)

    handler.__doc__ = (f"{meaning}\nWith -location (or -l), watch the memory where the expression's value is now, whatever "
                       "becomes of its variables.\nIt works backwards too: it stops before the write, with the old value back.")
    usage = "[-location] EXPRESSION [thread ID] [if CONDITION]"
    command(kind.value, group="breakpoints", arguments=usage, completes="expression")(handler)


for _row in WATCHES:
    _declare_watch(*_row)


# Changing.


def _point(console: Console, text: str) -> Stoppoint:
    number = next(numbers(console.session, text, "Bad breakpoint argument: '{}'"))
    found: Stoppoint = console.session.breakpoints[number]
    return found


@command("condition", group="breakpoints", arguments="NUMBER [CONDITION]")
def condition(console: Console, arguments: str) -> str | None:
    """Give a breakpoint a condition, or take it away."""
    if not arguments:
        raise UsageError("Argument required (breakpoint number).")
    word, _, text = arguments.partition(" ")
    point = _point(console, word)
    console.session.set_condition(point, text.strip() or None)
    if not text.strip() and console.from_prompt:
        return f"Breakpoint {point.number} now unconditional."
    return None


@command("ignore", group="breakpoints", arguments="NUMBER COUNT")
def ignore(console: Console, arguments: str) -> str | None:
    """Pass a breakpoint COUNT times before stopping at it."""
    if not arguments:
        raise UsageError("Argument required (a breakpoint number).")
    word, _, text = arguments.partition(" ")
    if not text.strip():
        raise UsageError("Second argument (specified ignore-count) is missing.")
    point = _point(console, word)
    point.ignore = max(number_of(console.session, text), 0)
    if not console.from_prompt:
        return None
    if point.ignore == 0:
        return f"Will stop next time breakpoint {point.number} is reached."
    crossings = "next crossing" if point.ignore == 1 else f"next {point.ignore} crossings"
    return f"Will ignore {crossings} of breakpoint {point.number}."


def _check_commands(console: Console, arguments: str) -> None:
    points = list(_command_points(console, arguments))
    if console.from_prompt and console.terminal.interactive:
        listed = ", ".join(str(point.number) for point in points)
        console.terminal.show(f"Type commands for breakpoint(s) {listed}, one per line.\nEnd with a line saying just \"end\".")


def _command_points(console: Console, arguments: str) -> Iterator[Stoppoint]:
    points = console.session.breakpoints
    if arguments:
        for number in numbers(console.session, arguments, BAD_NUMBER):
            yield points[number]
    elif points.last_number == 0:
        raise UsageError("No breakpoints specified.")
    else:
        yield points[points.last_number]


@command("commands", group="breakpoints", arguments="[NUMBER ...]", repeat=Repeat.NEVER, body=Body.COMMANDS,
         check=_check_commands)
def commands(console: Console, arguments: str, bodies: Bodies) -> None:
    """Give breakpoints commands that run when they are hit; without numbers, the breakpoint set last.
    The commands follow, up to a line saying just "end".  If the first is "silent", the stop is not told."""
    for point in _command_points(console, arguments):
        point.commands = spell(bodies[0], 0).splitlines()


@command("silent", group="breakpoints")
def silent(console: Console, arguments: str) -> None:
    """As the first command of a breakpoint: do not tell the stop."""


Change = Callable[[Stoppoint], None]


def _change_all(console: Console, arguments: str, change: Change, refusal: str = BAD_NUMBER) -> Iterator[str]:
    points = console.session.breakpoints
    if not arguments:
        for point in points:
            change(point)
    for number in numbers(console.session, arguments, refusal):
        try:
            change(points[number])
        except RdbError as error:
            yield from filter(None, [str(error) if number else refusal.format(number)])


def _set_enabled(enabled: bool, once: bool = False, temporary: bool = False) -> Change:
    def change(point: Stoppoint) -> None:
        point.enabled = enabled
        if once or temporary:
            point.once, point.temporary = once, temporary

    return change


ENABLING = (
    ("enable", ("en",), _set_enabled(True), "Enable breakpoints"),
    ("enable once", (), _set_enabled(True, once=True), "Enable breakpoints, and disable them when they are hit"),
    ("enable delete", (), _set_enabled(True, temporary=True), "Enable breakpoints, and delete them when they are hit"),
    ("disable", ("disa", "dis"), _set_enabled(False), "Disable breakpoints"),
    ("enable breakpoints", (), _set_enabled(True), "Enable breakpoints"),
    ("disable breakpoints", (), _set_enabled(False), "Disable breakpoints"),
)


def _declare_enabling(name: str, aliases: tuple[str, ...], change: Change, meaning: str) -> None:
    def handler(console: Console, arguments: str) -> Iterator[str]:
        yield from _change_all(console, arguments, change)

    handler.__doc__ = f"{meaning}; without numbers, all of them."
    command(name, *aliases, group="breakpoints", arguments="[NUMBER ...]", any_argument=True)(handler)


for _each in ENABLING:
    _declare_enabling(*_each)


@command("delete", "del", "d", group="breakpoints", arguments="[NUMBER ...]", any_argument=True, repeat=Repeat.NEVER)
def delete(console: Console, arguments: str) -> Iterator[str]:
    """Delete breakpoints and watchpoints; without numbers, all of them."""
    points = console.session.breakpoints
    if not arguments:
        if len(points) and (not console.from_prompt or console.confirm("Delete all breakpoints? ")):
            points.clear()
        return
    yield from _change_all(console, arguments, lambda point: points.delete(point.number), "")


command("delete breakpoints", group="breakpoints", arguments="[NUMBER ...]", repeat=Repeat.NEVER)(delete)


@command("clear", "cl", group="breakpoints", arguments="[LOCATION]", completes="location")
def clear(console: Console, arguments: str) -> str:
    """Delete the breakpoints at a place; without one, where the selected frame stands."""
    session = console.session
    if arguments:
        places = {location.address for location in session.locations(arguments)}
    elif session.frame is None:
        raise UsageError("No source file specified.")
    else:
        places = _addresses_of_line(console)
    doomed = [point for point in session.breakpoints.breakpoints if any(point.at(address) for address in places)]
    if not doomed:
        raise UsageError(f"No breakpoint at {arguments or 'this line'}.")
    for point in doomed:
        session.breakpoints.delete(point.number)
    listed = "".join(f"{point.number} " for point in doomed)
    return f"Deleted breakpoint{'s' if len(doomed) > 1 else ''} {listed}"


def _addresses_of_line(console: Console) -> set[int]:
    frame = console.session.need_frame()
    line = frame.line
    if line is None:
        return {frame.pc}
    return {frame.pc, *console.session.table.addresses_of(line.path, line.line)[1]}


# Telling.


def rows_of(point: Stoppoint) -> Iterator[BreakpointRow]:
    """The rows of `info breakpoints` about one wish, with the lines beneath."""
    notes = []
    if point.condition:
        notes.append(f"\tstop only if {point.condition}")
    if point.thread is not None:
        notes.append(f"\tstop only in thread {point.thread}")
    if point.hits:
        kind = "catchpoint" if isinstance(point, Catchpoint) else "breakpoint"
        notes.append(f"\t{kind} already hit {point.hits} time{'' if point.hits == 1 else 's'}")
    if point.ignore:
        notes.append(f"\tignore next {point.ignore} hits")
    notes += [f"        {line}" for line in point.commands]
    only = f" thread {point.thread}" if point.thread is not None else ""
    number, state = str(point.number), (point.disposition, "y" if point.enabled else "n")
    if isinstance(point, Watchpoint):
        yield BreakpointRow(number, _watch_type(point), *state, None, point.expression + only, tuple(notes))
        return
    if isinstance(point, Catchpoint):
        yield BreakpointRow(number, "catchpoint", *state, None, _event_listed(point), tuple(notes))
        return
    assert isinstance(point, Breakpoint)
    kind = "hw breakpoint" if point.hardware else "breakpoint"
    if not point.locations:
        yield BreakpointRow(number, kind, *state, "<PENDING>", point.spec + only, tuple(notes))
    elif len(point.locations) == 1:
        yield BreakpointRow(number, kind, *state, point.locations[0].address, _what(point, 0) + only, tuple(notes))
    else:
        yield BreakpointRow(number, kind, *state, "<MULTIPLE>", only, tuple(notes))
        for index, location in enumerate(point.locations):
            yield BreakpointRow(f"{number}.{index + 1}", "", "", "y", location.address, _what(point, index), ())


def _watch_type(point: Watchpoint) -> str:
    return {WatchKind.READ: "read watchpoint", WatchKind.ACCESS: "acc watchpoint"}.get(
        point.kind, "hw watchpoint" if point.hardware else "watchpoint")


def _what(point: Breakpoint, index: int) -> str:
    location = point.locations[index]
    if location.path is not None:
        return f"in {location.function} at {location.path}:{location.line}"
    return f"<{location.function}>" if location.function else ""


@command("info breakpoints", "b", group="status", arguments="[NUMBER ...]")
def info_breakpoints(console: Console, arguments: str) -> object:
    """List the breakpoints and watchpoints, with their conditions, hits and commands."""
    return _listed(console, arguments, list(console.session.breakpoints), "breakpoint or watchpoint")


@command("info watchpoints", group="status", arguments="[NUMBER ...]")
def info_watchpoints(console: Console, arguments: str) -> object:
    """List the watchpoints."""
    return _listed(console, arguments, list(console.session.breakpoints.watchpoints), "watchpoint")


def _listed(console: Console, arguments: str, points: list[Stoppoint], what: str) -> object:
    if arguments:
        wanted = set(numbers(console.session, arguments, BAD_NUMBER))
        points = [point for point in points if point.number in wanted]
        if not points:
            return f"No {what} matching '{arguments}'."
    if not points:
        return f"No {' or '.join(word + 's' for word in what.split(' or '))}."
    addresses = [location.address for point in points if isinstance(point, Breakpoint) for location in point.locations]
    if addresses:
        console.session.convenience["_"] = console.session.evaluate(f"(void *) {addresses[-1]:#x}")
    rows = tuple(row for point in points for row in rows_of(point))
    return BreakpointTable(rows, console.session.arch.pointer_size)
