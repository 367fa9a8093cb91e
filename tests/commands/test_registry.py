"""The rules by which words find commands, as tables; expectations come from gdb 13."""

from __future__ import annotations

import pytest

from rdb.commands import everything
from rdb.commands.registry import Declaration, Registry, Repeat
from rdb.errors import UsageError


@pytest.fixture(scope="module")
def registry() -> Registry:
    everything.load()
    return Registry()


@pytest.mark.parametrize(
    ("line", "name", "arguments"),
    [
        ("step", "step", ""),
        ("s 3", "step", "3"),
        ("p/x 5", "print", "/x 5"),
        ("x/4xw $sp", "x", "/4xw $sp"),
        ("info line 12", "info line", "12"),
        ("i li", "info line", ""),
        ("inf b", "info breakpoints", ""),
        ("i r rip", "info registers", "rip"),
        ("b main", "break", "main"),
        ("br f.c:3", "break", "f.c:3"),
        ("rc", "reverse-continue", ""),
        ("rs", "reverse-step", ""),
        ("rsi 2", "reverse-stepi", "2"),
        ("reverse-c", "reverse-continue", ""),
        ("c", "continue", ""),
        ("cont", "continue", ""),
        ("n", "next", ""),
        ("ni", "nexti", ""),
        ("si", "stepi", ""),
        ("u", "until", ""),
        ("fin", "finish", ""),
        ("f 1", "frame", "1"),
        ("bt", "backtrace", ""),
        ("where 2", "backtrace", "2"),
        ("l", "list", ""),
        ("d 1", "delete", "1"),
        ("dis 1", "disable", "1"),
        ("disas main", "disassemble", "main"),
        ("en once 1", "enable once", "1"),
        ("enable 1", "enable", "1"),
        ("delete display 1", "delete display", "1"),
        ("!ls -l", "shell", "ls -l"),
        ("shell ls", "shell", "ls"),
        ("set var x = 1", "set variable", "x = 1"),
        ("set x = 1", "set", "x = 1"),
        ("set pr ele 4", "set print elements", "4"),
        ("set record full insn-number-max 10", "set record full insn-number-max", "10"),
        ("show version", "show version", ""),
        ("rec s", "record stop", ""),
        ("record goto begin", "record goto begin", ""),
        ("record goto 12", "record goto", "12"),
        ("maint print target-stack", "maintenance print target-stack", ""),
        ("mt pr tar", "maintenance print target-stack", ""),
        ("dump binary memory f 0 1", "dump binary memory", "f 0 1"),
        ("tb main", "tbreak", "main"),
        ("  print   1  ", "print", "1"),
    ],
)
def test_a_line_finds_its_command(registry: Registry, line: str, name: str, arguments: str) -> None:
    found = registry.find(line)
    assert (found.node.name, found.arguments) == (name, arguments)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("foo", 'Undefined command: "foo".  Try "help".'),
        ("foo-bar baz", 'Undefined command: "foo-bar".  Try "help".'),
        ("123", 'Undefined command: "123".  Try "help".'),
        ("$x + 1", 'Undefined command: "$x".  Try "help".'),
        ("(1)", 'Undefined command: "".  Try "help".'),
        ("LIST", 'Undefined command: "LIST".  Try "help".'),
        ("status", 'Undefined command: "status".  Try "help".'),
        ("info foo", 'Undefined info command: "foo".  Try "help info".'),
        ("info l x", 'Ambiguous info command "l x": line, locals.'),
        ("show foo", 'Undefined show command: "foo".  Try "help show".'),
        ("set print foo", 'Undefined set print command: "foo".  Try "help set print".'),
        ("set record foo", 'Undefined set record command: "foo".  Try "help set record".'),
        ("set print e 4", 'Ambiguous set print command "e 4": elements, entry-values.'),
        ("record foo", 'Undefined record command: "foo".  Try "help record".'),
        ("wh", 'Ambiguous command "wh": whatis, where, while.'),
    ],
)
def test_a_line_that_finds_none(registry: Registry, line: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        registry.find(line)
    assert str(caught.value) == sentence


def test_a_long_list_of_candidates_is_cut() -> None:
    declarations = [Declaration(f"command-{number:02}", (), print, "support", "", "") for number in range(20)]
    with pytest.raises(UsageError) as caught:
        Registry(declarations).find("comm")
    listed = str(caught.value).partition(": ")[2]
    assert listed.startswith("command-00, command-01, ") and listed.endswith("...") and len(listed) < 105


def test_an_exact_name_wins_over_longer_ones(registry: Registry) -> None:
    assert registry.find("up").node.name == "up"
    assert registry.find("record").node.name == "record"


def test_every_command_is_documented(registry: Registry) -> None:
    for node in registry.walk():
        summary = node.declaration.summary
        assert summary and summary[-1] in ".:)" , node.name
        assert all(len(line) <= 130 for line in node.declaration.help.splitlines()), node.name


def test_every_alias_leads_to_its_command(registry: Registry) -> None:
    for node in registry.walk():
        for name in node.names():
            assert registry.exact(name) is node


@pytest.mark.parametrize("name", ["run", "start", "kill", "detach", "delete", "quit", "define", "record"])
def test_dangerous_commands_do_not_repeat(registry: Registry, name: str) -> None:
    assert registry.exact(name).declaration.repeat is Repeat.NEVER


@pytest.mark.parametrize("name", ["list", "x", "info line"])
def test_some_commands_go_on_when_repeated(registry: Registry, name: str) -> None:
    assert registry.exact(name).declaration.repeat is Repeat.BARE
