"""Everything that `set` changes and `show` tells, as one table.

A *setting* is a name of one or more words ("print pretty"), a kind that says how its text is read and written, a default, a
one-line meaning, and the sentence by which GDB shows it.  *Settings* holds the current values; those who must react to a change,
or may refuse it, subscribe with `on_change`.  None as a value means "unlimited" (or "auto", for an automatic boolean).

The table is data only: the `set` and `show` commands are made from it, and so is their documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rdb.errors import RdbError, UsageError

SettingValue = bool | int | str | None
Evaluate = Callable[[str], int]
UINT_MAX = 2**32 - 1
INT_MAX = 2**31 - 1

YES = ("on", "1", "yes", "enable")
NO = ("off", "0", "no", "disable")


def parse_boolean(text: str) -> bool | None:
    """The truth that `text` abbreviates, or None; no text is yes, and "o" alone could be both."""
    if not text or (text != "o" and any(word.startswith(text) for word in YES)):
        return True
    return False if text != "o" and any(word.startswith(text) for word in NO) else None


class Kind:
    """How one sort of value is read from a user's text and written back."""

    takes = "VALUE"

    def parse(self, text: str, evaluate: Evaluate) -> SettingValue:
        """The value that `text` stands for; raises UsageError in GDB's words."""
        raise NotImplementedError

    def spell(self, value: SettingValue) -> str:
        """The value as `show` prints it."""
        return str(value)

    def words(self) -> tuple[str, ...]:
        """What completes a value."""
        return ()


class Boolean(Kind):
    takes = "on|off"

    def parse(self, text: str, evaluate: Evaluate) -> bool:
        value = parse_boolean(text)
        if value is None:
            raise UsageError('"on" or "off" expected.')
        return value

    def spell(self, value: SettingValue) -> str:
        return "on" if value else "off"

    def words(self) -> tuple[str, ...]:
        return ("off", "on")


class AutoBoolean(Kind):
    """on, off, or None for auto."""

    takes = "on|off|auto"

    def parse(self, text: str, evaluate: Evaluate) -> bool | None:
        if text and ("auto".startswith(text) or text == "-1"):
            return None
        value = parse_boolean(text) if text else None
        if value is None:
            raise UsageError('"on", "off" or "auto" expected.')
        return value

    def spell(self, value: SettingValue) -> str:
        return "auto" if value is None else "on" if value else "off"

    def words(self) -> tuple[str, ...]:
        return ("auto", "off", "on")


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words, which may be abbreviated."""

    values: tuple[str, ...]

    @property
    def takes(self) -> str:  # type: ignore[override]
        return "|".join(self.values)

    def parse(self, text: str, evaluate: Evaluate) -> str:
        if not text:
            raise UsageError(f"Requires an argument. Valid arguments are {', '.join(self.values)}.")
        if text in self.values:
            return text
        fits = [value for value in self.values if value.startswith(text)]
        if len(fits) != 1:
            raise UsageError(f'Ambiguous item "{text}".' if fits else f'Undefined item: "{text}".')
        return fits[0]

    def words(self) -> tuple[str, ...]:
        return self.values


@dataclass(frozen=True)
class Integer(Kind):
    """A number, given as an expression; `unlimited` is the number that stands for no limit, if one does."""

    unlimited: int | None = None
    highest: int = INT_MAX
    lowest: int = 0

    @property
    def takes(self) -> str:  # type: ignore[override]
        return "N" if self.unlimited is None else "N|unlimited"

    def parse(self, text: str, evaluate: Evaluate) -> SettingValue:
        if not text:
            hint = "" if self.unlimited is None else ', or "unlimited"'
            raise UsageError(f"Argument required (integer to set it to{hint}).")
        if self.unlimited is not None and "unlimited".startswith(text):
            return None
        number = evaluate(text)
        if number == self.unlimited:
            return None
        if not self.lowest <= number <= self.highest:
            raise UsageError(f"integer {number} out of range")
        return number

    def spell(self, value: SettingValue) -> str:
        return "unlimited" if value is None else str(value)

    def words(self) -> tuple[str, ...]:
        return () if self.unlimited is None else ("unlimited",)


# The value of a limit that is whatever fits at the moment.
AUTO_LIMIT = "auto"


@dataclass(frozen=True)
class AutoInteger(Integer):
    """A number, or AUTO_LIMIT."""

    @property
    def takes(self) -> str:  # type: ignore[override]
        return f"{super().takes}|{AUTO_LIMIT}"

    def parse(self, text: str, evaluate: Evaluate) -> SettingValue:
        return AUTO_LIMIT if text and AUTO_LIMIT.startswith(text) else super().parse(text, evaluate)

    def words(self) -> tuple[str, ...]:
        return (AUTO_LIMIT, *super().words())


_UNITS = "KMGT"
_SIZE = re.compile(rf"(0x[\da-f]+|\d+|\(.*\))\s*([{_UNITS}])(?:i?B)?", re.IGNORECASE)


@dataclass(frozen=True)
class Size(AutoInteger):
    """A number of bytes, which may end in K, M, G or T."""

    @property
    def takes(self) -> str:  # type: ignore[override]
        return super().takes.replace("N", "N[K|M|G|T]", 1)

    def parse(self, text: str, evaluate: Evaluate) -> SettingValue:
        parts = _SIZE.fullmatch(text)
        if parts is None:
            return super().parse(text, evaluate)
        unit = 1 << 10 * (_UNITS.index(parts[2].upper()) + 1)
        return super().parse(parts[1], lambda number: evaluate(number) * unit)

    def spell(self, value: SettingValue) -> str:
        if not isinstance(value, int):
            return super().spell(value)
        shift = next((power for power in range(len(_UNITS), 0, -1) if value % (1 << 10 * power) == 0), 0)
        return f"{value >> 10 * shift}{_UNITS[shift - 1] if shift else ''}"


class Text(Kind):
    """Any text, as typed."""

    takes = "TEXT"

    def parse(self, text: str, evaluate: Evaluate) -> str:
        return text


class Filename(Kind):
    """A file name that must be given."""

    takes = "FILE"

    def parse(self, text: str, evaluate: Evaluate) -> str:
        if not text:
            raise UsageError("Argument required (filename to set it to.).")
        return text


@dataclass(frozen=True)
class Setting:
    """One row of the table; `sentence` holds {} where the value goes."""

    name: str
    kind: Kind
    default: SettingValue
    meaning: str
    sentence: str

    def show(self, value: SettingValue) -> str:
        """GDB's sentence about `value`."""
        return self.sentence.replace("{}", self.kind.spell(value))


BOOLEAN, AUTO, TEXT, FILE = Boolean(), AutoBoolean(), Text(), Filename()
LIMIT = Integer(unlimited=0, highest=UINT_MAX)          # 0 means unlimited
COUNT = Integer()
COUNT_OR_ALL = Integer(unlimited=-1)                    # -1 means unlimited

TABLE: tuple[Setting, ...] = (
    Setting("args", TEXT, "", "arguments given to the program when it starts",
            'Argument list to give program being debugged when it is started is "{}".'),
    Setting("backtrace limit", LIMIT, None, "how many frames a backtrace may have",
            "An upper bound on the number of backtrace levels is {}."),
    Setting("breakpoint pending", AUTO, None, "keep a breakpoint whose location is not known yet",
            "Debugger's behavior regarding pending breakpoints is {}."),
    Setting("can-use-hw-watchpoints", COUNT, 1, "0 makes every watchpoint a software watchpoint",
            "Debugger's willingness to use watchpoint hardware is {}."),
    Setting("confirm", BOOLEAN, True, "ask before something is lost",
            "Whether to confirm potentially dangerous operations is {}."),
    Setting("cwd", TEXT, "", "directory in which the program starts",
            'Current working directory that will be used when starting the inferior is "{}".'),
    Setting("detach-on-fork", BOOLEAN, True, "let the process that is not followed after a fork run on by itself",
            "Whether gdb will detach the child of a fork is {}."),
    Setting("disable-randomization", BOOLEAN, True, "start programs at the same addresses every time",
            "Disabling randomization of debuggee's virtual address space is {}."),
    Setting("disassembly-flavor", Choice(("att", "intel")), "att", "syntax of x86 disassembly",
            'The disassembly flavor is "{}".'),
    Setting("exec-direction", Choice(("forward", "reverse")), "forward", "direction of step, next, continue and their kin",
            "{}."),
    Setting("follow-exec-mode", Choice(("new", "same")), "same", "whether a program that is executed is a new inferior",
            'Follow exec mode is "{}".'),
    Setting("follow-fork-mode", Choice(("child", "parent")), "parent", "which process is debugged after a fork",
            'Debugger response to a program call of fork or vfork is "{}".'),
    Setting("height", LIMIT, None, "accepted for the sake of scripts: rdb never pauses its output",
            "Number of lines gdb thinks are in a page is {}."),
    Setting("history filename", TEXT, "", "file that keeps the commands between sessions",
            'The filename in which to record the command history is "{}".'),
    Setting("history save", BOOLEAN, True, "write the commands to the history file",
            "Saving of the history record on exit is {}."),
    Setting("inferior-tty", TEXT, "", "terminal that the program is given",
            'Terminal for future runs of program being debugged is "{}".'),
    Setting("listsize", COUNT_OR_ALL, 10, "how many source lines `list` shows",
            "Number of source lines gdb will list by default is {}."),
    Setting("logging enabled", BOOLEAN, False, "copy the output to a file", "Logging is {}."),
    Setting("logging file", FILE, "rdb.txt", "the file that gets the copy", 'The current logfile is "{}".'),
    Setting("logging overwrite", BOOLEAN, False, "start the copy afresh instead of appending",
            "Whether logging overwrites or appends to the log file is {}."),
    Setting("logging redirect", BOOLEAN, False, "send output to the file only", "The logging output mode is {}."),
    Setting("max-value-size", Integer(unlimited=-1), 65536, "largest value, in bytes, that is read at once",
            "Maximum value size is {} bytes."),
    Setting("pagination", BOOLEAN, True, "accepted for the sake of scripts: rdb never pauses its output",
            "State of pagination is {}."),
    Setting("print address", BOOLEAN, True, "addresses in backtraces, pointers and stops", "Printing of addresses is {}."),
    Setting("print array", BOOLEAN, False, "one array element on each line", "Pretty formatting of arrays is {}."),
    Setting("print array-indexes", BOOLEAN, False, "the index before each array element", "Printing of array indexes is {}."),
    Setting("print elements", LIMIT, 200, "how many array elements or characters are printed",
            "Limit on string chars or array elements to print is {}."),
    Setting("print entry-values", Choice(("no", "only", "preferred", "if-needed", "both", "compact", "default")), "default",
            "arguments as they were at function entry", 'Printing of function arguments at function entry is "{}".'),
    Setting("print finish", BOOLEAN, True, "the value that `finish` brings back",
            "Printing of return value after `finish' is {}."),
    Setting("print frame-arguments", Choice(("all", "scalars", "none", "presence")), "scalars",
            "which arguments a frame line shows",
            'Printing of non-scalar frame arguments is "{}".'),
    Setting("print inferior-events", BOOLEAN, True, "tell when inferiors come and go",
            "Printing of inferior events is {}."),
    Setting("print max-depth", Integer(unlimited=-1), 20, "how deeply nested structures are printed",
            "Maximum print depth is {}."),
    Setting("print null-stop", BOOLEAN, False, "end character arrays at the first null",
            "Printing of char arrays to stop at first null char is {}."),
    Setting("print pretty", BOOLEAN, False, "one structure member on each line", "Pretty formatting of structures is {}."),
    Setting("print repeats", LIMIT, 10, "how many equal elements are folded into one",
            "Threshold for repeated print elements is {}."),
    Setting("print sevenbit-strings", BOOLEAN, False, "characters above 127 as octal escapes",
            "Printing of 8-bit characters in strings as \\nnn is {}."),
    Setting("print symbol", BOOLEAN, True, "the symbol that a pointer points to",
            "Printing of symbols when printing pointers is {}."),
    Setting("print thread-events", BOOLEAN, True, "tell when threads come and go",
            "Printing of thread events is {}."),
    Setting("print union", BOOLEAN, True, "unions inside structures", "Printing of unions interior to structures is {}."),
    Setting("prompt", TEXT, "(rdb) ", "the prompt", 'Gdb\'s prompt is "{}".'),
    Setting("record full compare-limit", LIMIT, 1 << 28,
            "how many bytes of memory are compared to record what nothing else describes",
            "The most memory that is compared to record one instruction is {} bytes."),
    Setting("record full engine", Choice(("step", "compiled", "auto")), "auto",
            "how instructions are recorded: by single steps, by translated code, or (auto) by translated code where that can be",
            "Instructions are recorded by the engine {}."),
    Setting("record full insn-number-max", AutoInteger(unlimited=0, highest=UINT_MAX), AUTO_LIMIT,
            "how many instructions the recording keeps; auto: 200000 with single steps, all with translated code",
            "Record/replay buffer limit is {}."),
    Setting("record full log-size-max", Size(unlimited=0, highest=1 << 62), AUTO_LIMIT,
            "how many bytes the recording takes; auto: a quarter of the memory that is free when it begins",
            "The most memory that the recording takes is {}."),
    Setting("record full stop-at-limit", BOOLEAN, True,
            "ask, instead of dropping the oldest instructions, when the recording reaches one of its limits",
            "Whether record/replay stops when record/replay buffer becomes full is {}."),
    Setting("record full translation-cache", BOOLEAN, True,
            "keep translated code for the next run, in ~/.cache/rdb/translations (which may be deleted at any time)",
            "Keeping of translated code from one run to the next is {}."),
    Setting("record full verify", BOOLEAN, False, "compare each recorded instruction with what really changed",
            "Verification of recorded instructions is {}."),
    Setting("scheduler-locking", Choice(("off", "on", "step", "replay")), "replay",
            "which threads run: all (off, replay), the current one (on), the current one while it steps (step)",
            'Mode for locking scheduler during execution is "{}".'),
    Setting("startup-with-shell", BOOLEAN, True, "start the program through a shell, which expands its arguments",
            "Use of shell to start subprocesses is {}."),
    Setting("step-mode", BOOLEAN, False, "let `step` stop in functions without line information",
            "Mode of the step operation is {}."),
    Setting("trace-commands", BOOLEAN, False, "print each command of a script before it runs",
            "State of GDB CLI command tracing is {}."),
    Setting("width", LIMIT, None, "accepted for the sake of scripts: rdb never breaks lines",
            "Number of characters gdb thinks are in a line is {}."),
)
BY_NAME: dict[str, Setting] = {setting.name: setting for setting in TABLE}

Observer = Callable[[SettingValue], None]


def literal(text: str) -> int:
    """The number that `text` spells in C; the evaluator for those who have none."""
    try:
        return int(text, 0)
    except ValueError:
        raise UsageError(f'No symbol "{text}" in current context.') from None


class Settings:
    """The current value of every setting of the table."""

    def __init__(self) -> None:
        self._values: dict[str, SettingValue] = {setting.name: setting.default for setting in TABLE}
        self._observers: dict[str, list[Observer]] = {}

    def __getitem__(self, name: str) -> SettingValue:
        return self._values[name]

    def __setitem__(self, name: str, value: SettingValue) -> None:
        """Change a setting; observers run first and may refuse by raising an RdbError."""
        if name not in self._values:
            raise RdbError(f"No setting is called {name}.")
        for observer in self._observers.get(name, ()):
            observer(value)
        self._values[name] = value

    def on_change(self, name: str, observer: Observer) -> None:
        """Call `observer` with each new value of `name`, before it is stored."""
        self._observers.setdefault(name, []).append(observer)

    def set_text(self, name: str, text: str, evaluate: Evaluate = literal) -> None:
        """Change a setting by what the user typed; `evaluate` turns an expression into a number."""
        self[name] = BY_NAME[name].kind.parse(text, evaluate)

    def show(self, name: str) -> str:
        """GDB's sentence about the current value."""
        return BY_NAME[name].show(self._values[name])

    def flag(self, name: str) -> bool:
        """A boolean setting."""
        return bool(self._values[name])

    def limit(self, name: str) -> int | None:
        """A numeric setting; None when it is unlimited."""
        value = self._values[name]
        return None if value is None else int(value)

    def text(self, name: str) -> str:
        """A textual setting or a choice."""
        return str(self._values[name])
