"""The command language: repetition, user-defined commands, control, scripts, help."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdb.commands.console import Leave
from rdb.commands.script import ScriptError
from rdb.errors import RdbError
from tests.commands.conversation import Conversation


@pytest.fixture
def talk() -> Conversation:
    return Conversation()


def test_an_empty_line_repeats(talk: Conversation) -> None:
    assert talk.talk(["print 1", "", "  "]) == ["$1 = 1\n", "$2 = 1\n", "$3 = 1\n"]


def test_what_failed_or_is_no_command_repeats_as_in_gdb(talk: Conversation) -> None:
    assert talk.talk(["print 1", "# nothing", ""]) == ["$1 = 1\n", "", ""]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("echo a\\tb\\n", "a\tb\n"),
        ("echo \\101\\\\\\n", "A\\\n"),
        ("echo a  ", "a"),
        ('printf "%d %s|%5.2f|%x %c%%\\n", 1, "abc", 1.5, 255, 65', "1 abc| 1.50|ff A%\n"),
        ('printf "%5d|%-5d|%05d\\n", 1, 2, 3', "    1|2    |00003\n"),
        ("printf", "Argument required (format-control string and values to print).\n"),
        ('printf "%d"', "Wrong number of arguments for specified format-string\n"),
        ('printf "a', "Bad format string, non-terminated '\"'.\n"),
        ('printf "%q", 1', "Unrecognized format specifier 'q' in printf\n"),
        ("output 5", "5"),
        ("output/x 17", "0x11"),
        ("print/c 65", "$1 = 65 'A'\n"),
        ("python print(1)", 'Scripting in the "Python" language is not supported in this copy of GDB.\n'),
        ("end", "This command cannot be used at the top level.\n"),
        ("loop_break", "This command cannot be used at the top level.\n"),
        ("if", "if command requires an argument.\n"),
        ("while", "while command requires an argument.\n"),
        ("source", "source command requires file name of file to source.\n"),
        ("source /nonexistent", "/nonexistent: No such file or directory.\n"),
    ],
)
def test_single_lines(talk: Conversation, text: str, answer: str) -> None:
    assert talk.say(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("if 1\necho a\nelse\necho b\nend", "a"),
        ("if 0\necho a\nelse\necho b\nend", "b"),
        ("if 0\necho a\nend", ""),
        ("set $i = 0\nwhile $i < 3\nprintf \"%d\", $i\nset $i = $i + 1\nend", "012"),
        ("set $i = 0\nwhile 1\nset $i = $i + 1\nif $i == 3\nloop_break\nend\nif $i == 1\nloop_continue\nend\necho x\nend", "x"),
        ("define hi\necho hi $argc $arg0;\nend\nhi there\nhi 'a b' 2", "hi 1 there;hi 2 'a b';"),
        ("define all\necho $arg*\nend\nall a b c", "a b c"),
        ("define two\necho $arg1\nend\ntwo a", "Missing argument 1 in user function.\n"),
        ("define hook-echo\nprintf \"<\"\nend\ndefine hookpost-echo\nprintf \">\"\nend\necho x", "<x>"),
        ("define a\nif $argc == 1\necho one\nelse\necho other\nend\nend\na 1\na", "oneother"),
        ("define loop\nloop\nend\nloop", "Max user call depth exceeded -- command aborted.\n"),
        ("python\nprint(1)\nend\necho x", 'Scripting in the "Python" language is not supported in this copy of GDB.\nx'),
        ("define\necho x", "Argument required (name of command to define).\nx"),
        ("define a b\nend", 'Undefined command: "a".  Try "help".\nThis command cannot be used at the top level.\n'),
        ("document nothing\nend", 'Undefined command: "nothing".\nThis command cannot be used at the top level.\n'),
    ],
)
def test_bodies(talk: Conversation, text: str, answer: str) -> None:
    if text.startswith("define a b"):
        answer = talk.say("define a b").splitlines(keepends=True)[0] + answer.splitlines(keepends=True)[-1]
    assert talk.say(text) == answer


def test_a_documented_command_has_its_help(talk: Conversation) -> None:
    talk.say("define hi\necho hi\nend\ndocument hi\nGreets.\n  Twice.\nend")
    assert talk.say("help hi") == "Greets.\n  Twice.\n"
    assert "hi -- Greets." in talk.say("help user-defined")
    assert talk.say("show user hi") == 'User command "hi":\n  echo hi\n\n'


def test_redefining_asks(talk: Conversation) -> None:
    talk.say("define hi\necho 1\nend")
    talk.answers = [False, True]
    assert talk.say("define hi\necho 2\nend\nhi").startswith('Command "hi" not redefined.')
    assert talk.say("define list\necho l\nend\nlist") == "l"
    assert talk.questions == ['Redefine command "hi"? ', 'Really redefine built-in command "list"? ']


def test_an_error_in_a_script_tells_its_place_and_ends_it(talk: Conversation, tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.write_text("# comment\n\nfoo\necho not reached\n")
    outer.write_text(f"echo one\nsource {inner}\necho two\n")
    assert talk.say(f"source {outer}") == (
        f"one{outer}:2: Error in sourced command file:\n{inner}:3: Error in sourced command file:\n"
        'Undefined command: "foo".  Try "help".\n')


def test_an_error_in_a_body_has_the_line_of_its_end(talk: Conversation, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("if 1\nfoo\nend\n")
    with pytest.raises(ScriptError) as caught:
        talk.console.run_file(str(script))
    assert caught.value.line == 3


def test_source_verbosely(talk: Conversation, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("print 1\n")
    assert talk.say(f"source -v {script}") == "+print 1\n$1 = 1\n"
    assert talk.say(f"source {script}") == "$2 = 1\n"


def test_a_script_without_its_end_runs(talk: Conversation, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("if 1\necho x\n")
    assert talk.say(f"source {script}") == "x"


def test_help(talk: Conversation) -> None:
    assert talk.say("help").startswith("List of classes of commands:\n\naliases -- ")
    assert "\nbreak, b, br, bre, brea -- " in talk.say("help breakpoints")
    assert talk.say("help rc").startswith("reverse-continue, rc\n")
    assert "set record full insn-number-max -- " in talk.say("help set record full")
    assert talk.say("help nosuch") == 'Undefined command: "nosuch".  Try "help".\n'
    assert "record goto -- " in talk.say("apropos moment of the recording")


def test_info_alone_lists_its_children(talk: Conversation) -> None:
    assert talk.say("info").startswith("List of info subcommands:\n\ninfo address -- ")


@pytest.mark.parametrize(("line", "words"), [
    ("info li", ["line"]), ("reverse-s", ["reverse-step", "reverse-stepi"]), ("set print el", ["elements"]),
    ("set confirm o", ["off", "on"]), ("help info li", ["info line"]), ("set disassembly-flavor ", ["att", "intel"]),
])
def test_completion(talk: Conversation, line: str, words: list[str]) -> None:
    from rdb.commands.completion import complete_line

    assert complete_line(talk.console, line)[1] == words


def test_shell(talk: Conversation) -> None:
    talk.say("shell exit 3")
    assert talk.say("print $_shell_exitcode") == "$1 = 3\n"


def test_quit(talk: Conversation) -> None:
    with pytest.raises(Leave) as caught:
        talk.say("quit 5")
    assert caught.value.status == 5


def test_alias(talk: Conversation) -> None:
    assert talk.say("alias pp = print\npp 3") == "$1 = 3\n"
    assert talk.say("alias print = list") == "Alias already exists: print\n"


def test_errors_are_of_the_family(talk: Conversation) -> None:
    with pytest.raises(RdbError):
        talk.console.execute("print nosuch")
