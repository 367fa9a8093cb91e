"""What the words of rdb's command line mean.

Options are GDB's: one dash or two, any unambiguous abbreviation, `--name=value` or `--name value`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Every option: the field that it sets, and whether it takes a value.
FLAG, VALUE = False, True
OPTIONS: dict[str, tuple[str, bool]] = {
    "args": ("args", FLAG), "batch": ("batch", FLAG), "batch-silent": ("batch_silent", FLAG),
    "cd": ("directory", VALUE), "command": ("x", VALUE), "x": ("x", VALUE), "eval-command": ("ex", VALUE), "ex": ("ex", VALUE),
    "init-command": ("ix", VALUE), "ix": ("ix", VALUE), "init-eval-command": ("iex", VALUE), "iex": ("iex", VALUE),
    "directory": ("sources", VALUE), "d": ("sources", VALUE), "exec": ("program", VALUE), "e": ("program", VALUE),
    "se": ("program", VALUE), "help": ("help", FLAG), "h": ("help", FLAG), "nh": ("no_home", FLAG),
    "nx": ("no_init", FLAG), "n": ("no_init", FLAG), "nw": ("ignored", FLAG), "pid": ("pid", VALUE), "p": ("pid", VALUE),
    "quiet": ("quiet", FLAG), "q": ("quiet", FLAG), "silent": ("quiet", FLAG), "return-child-result": ("child_result", FLAG),
    "tty": ("tty", VALUE), "version": ("version", FLAG), "v": ("version", FLAG),
}


class BadCommandLine(Exception):
    """The command line cannot be understood; str() tells why."""


@dataclass
class Options:
    """The command line, understood.

    `initial` and `early` hold ("x", file) and ("ex", command) pairs in the order given, early ones run before the program is
    loaded.  `arguments` is None without --args.
    """

    program: str | None = None
    process: str | None = None
    arguments: list[str] | None = None
    excess: list[str] = field(default_factory=list)
    early: list[tuple[str, str]] = field(default_factory=list)
    initial: list[tuple[str, str]] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    directory: str | None = None
    tty: str | None = None
    flags: set[str] = field(default_factory=set)

    @property
    def batch(self) -> bool:
        return bool(self.flags & {"batch", "batch_silent"})

    @property
    def quiet(self) -> bool:
        return self.batch or "quiet" in self.flags


def parse(words: list[str]) -> Options:
    """Understand the words after the program's own name; raises BadCommandLine."""
    options, positional, rest = Options(), [], list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            positional.append(word)
            if "args" in options.flags:
                break
            continue
        if word == "--":
            break
        name, equals, value = word.lstrip("-").partition("=")
        target, takes_value = OPTIONS[_full_name(name, word)]
        if takes_value and not equals:
            if not rest:
                raise BadCommandLine(f"option '-{_full_name(name, word)}' requires an argument")
            value = rest.pop(0)
        _store(options, target, value)
    _assign(options, positional, rest)
    return options


def _full_name(name: str, word: str) -> str:
    if name in OPTIONS:
        return name
    fits = [each for each in OPTIONS if name and each.startswith(name)]
    if len({OPTIONS[each] for each in fits}) != 1:
        raise BadCommandLine(f"unrecognized option '{word}'" if not fits else f"option '{word}' is ambiguous")
    return fits[0]


def _store(options: Options, target: str, value: str) -> None:
    if target in ("x", "ex"):
        options.initial.append((target, value))
    elif target in ("ix", "iex"):
        options.early.append((target[1:], value))
    elif target == "sources":
        options.sources.append(value)
    elif target == "pid":
        options.process = value
    elif target in ("program", "directory", "tty"):
        setattr(options, target, value)
    else:
        options.flags.add(target)


def _assign(options: Options, positional: list[str], rest: list[str]) -> None:
    if "args" in options.flags:
        if not positional:
            raise BadCommandLine("`--args' specified but no program specified")
        options.program, options.arguments = positional[0], [*positional[1:], *rest]
        return
    words = [*positional, *rest]
    if words and options.program is None:
        options.program = words.pop(0)
    if words and options.process is None:
        options.process = words.pop(0)
    options.excess = words
