"""set and show: kinds of values and GDB's sentences about them (all taken from gdb 13)."""

from __future__ import annotations

import pytest

from rdb.settings import BY_NAME, TABLE, Settings
from tests.commands.conversation import Conversation


@pytest.fixture
def talk() -> Conversation:
    return Conversation()


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        ("show listsize", "Number of source lines gdb will list by default is 10.\n"),
        ("set listsize 5+1\nshow listsize", "Number of source lines gdb will list by default is 6.\n"),
        ("set listsize unlim\nshow listsize", "Number of source lines gdb will list by default is unlimited.\n"),
        ("set listsize", 'Argument required (integer to set it to, or "unlimited").\n'),
        ("set print elements 0\nshow print elements", "Limit on string chars or array elements to print is unlimited.\n"),
        ("set print elements -1", "integer -1 out of range\n"),
        ("set record full insn-number-max 5000000000", "integer 5000000000 out of range\n"),
        ("set record full insn-number-max 0\nshow record full insn-number-max", "Record/replay buffer limit is unlimited.\n"),
        ("set can-use-hw-watchpoints", "Argument required (integer to set it to).\n"),
        ("set confirm of\nshow confirm", "Whether to confirm potentially dangerous operations is off.\n"),
        ("set confirm o", '"on" or "off" expected.\n'),
        ("set confirm maybe", '"on" or "off" expected.\n'),
        ("set breakpoint pending x", '"on", "off" or "auto" expected.\n'),
        ("show breakpoint pending", "Debugger's behavior regarding pending breakpoints is auto.\n"),
        ("set disassembly-flavor", "Requires an argument. Valid arguments are att, intel.\n"),
        ("set disassembly-flavor x", 'Undefined item: "x".\n'),
        ("set disassembly-flavor i\nshow disassembly-flavor", 'The disassembly flavor is "intel".\n'),
        ("show exec-direction", "Forward.\n"),
        ("set exec-direction reverse", "Target does not support this operation.\n"),
        ("set args a b  \nshow args", 'Argument list to give program being debugged when it is started is "a b  ".\n'),
        ("set environment X 1\nshow environment X", "X = 1\n"),
        ("set environment X = 1 2\nshow environment X", "X = 1 2\n"),
        ("set environment Y", 'Setting environment variable "Y" to null value.\n'),
        ("unset environment X\nshow environment X", 'Environment variable "X" not defined.\n'),
        ("show cwd", "You have not set the inferior's current working directory.\nThe inferior will inherit GDB's cwd if native "
                     "debugging, or the remote\nserver's cwd if remote debugging.\n"),
        ("set cwd /tmp\nshow cwd", 'Current working directory that will be used when starting the inferior is "/tmp".\n'),
        ("set", "Argument required (expression to compute).\n"),
        ("set var", "Argument required (expression to compute).\n"),
        ("set var $x = 3\nprint $x", "$1 = 3\n"),
        ("set $x = 4\nprint $x", "$1 = 4\n"),
        ("show history", "history filename:  The filename in which to record the command history is \"\".\n"
                         "history save:  Saving of the history record on exit is on.\n"),
        ("print -elements 3 -- \"abcdef\"", '$1 = "abc"...\n'),
        ("print -pretty -- 3", "$1 = 3\n"),
    ],
)
def test_set_and_show(talk: Conversation, lines: str, answer: str) -> None:
    assert talk.say(lines) == answer


def test_options_of_print_do_not_last(talk: Conversation) -> None:
    talk.say('print -elements 3 -- "abcdef"')
    assert talk.session.settings.limit("print elements") == 200


def test_an_observer_may_refuse() -> None:
    settings = Settings()

    def refuse(value: object) -> None:
        raise ValueError

    settings.on_change("confirm", refuse)
    with pytest.raises(ValueError):
        settings["confirm"] = False
    assert settings["confirm"] is True


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)
def test_every_default_can_be_shown(setting: object) -> None:
    settings = Settings()
    name = setting.name  # type: ignore[attr-defined]
    assert "{}" not in settings.show(name) and BY_NAME[name] is setting
