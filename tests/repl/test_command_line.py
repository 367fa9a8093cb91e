"""rdb as a program: options, exit status, pipes, pseudo-terminals, and nothing left behind."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rdb.repl.application import quote
from rdb.repl.options import BadCommandLine, parse
from tests.build import program

ROOT = Path(__file__).resolve().parents[2]
RDB = [sys.executable, "-m", "rdb"]
ENVIRONMENT = {**os.environ, "TERM": "dumb", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def executable() -> str:
    return str(program("commands.c"))


def run(*arguments: str, text: str = "", cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run rdb behind a pipe."""
    return subprocess.run([*RDB, *arguments], input=text, capture_output=True, text=True, timeout=60, cwd=cwd,
                          env={**ENVIRONMENT, **environment}, check=False)


@pytest.mark.parametrize(
    ("words", "check"),
    [
        (["-q", "prog"], {"program": "prog", "quiet": True, "batch": False}),
        (["--batch", "prog"], {"batch": True, "quiet": True}),
        (["-comm", "a", "-sil"], {"initial": [("x", "a")], "quiet": True}),
        (["-x", "a", "-ex", "b", "--command=c", "--eval-command", "d"],
         {"initial": [("x", "a"), ("ex", "b"), ("x", "c"), ("ex", "d")]}),
        (["-iex", "a", "-ix", "b"], {"early": [("ex", "a"), ("x", "b")]}),
        (["--args", "prog", "-x", "y"], {"program": "prog", "arguments": ["-x", "y"]}),
        (["-q", "-args", "prog"], {"arguments": []}),
        (["prog", "123"], {"program": "prog", "process": "123"}),
        (["-p", "123"], {"process": "123", "program": None}),
        (["prog", "1", "2", "3"], {"excess": ["2", "3"]}),
        (["--", "-prog"], {"program": "-prog"}),
        (["-d", "a", "-directory=b"], {"sources": ["a", "b"]}),
    ],
)
def test_options(words: list[str], check: dict[str, object]) -> None:
    options = parse(words)
    assert {name: getattr(options, name) for name in check} == check


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-foo"], "unrecognized option '-foo'"),
        (["--foo=1"], "unrecognized option '--foo=1'"),
        (["-x"], "option '-x' requires an argument"),
        (["--args"], "`--args' specified but no program specified"),
    ],
)
def test_bad_options(words: list[str], sentence: str) -> None:
    with pytest.raises(BadCommandLine) as caught:
        parse(words)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(("argument", "quoted"), [("a b", "a\\ b"), ("", "''"), ("*", "\\*"), ("x", "x"), ("'\"", "\\'\\\"")])
def test_arguments_are_quoted_for_the_shell(argument: str, quoted: str) -> None:
    assert quote(argument) == quoted


def test_version_is_quick_and_clean() -> None:
    done = run("--version")
    assert done.returncode == 0 and done.stdout.startswith("rdb ") and not done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "stdout", "stderr"),
    [
        (["-batch"], 0, "", ""),
        (["-batch", "-ex", "foo"], 1, "", 'Undefined command: "foo".  Try "help".\n'),
        (["-batch", "-ex", "foo", "-ex", "echo hi\\n"], 0, "hi\n", 'Undefined command: "foo".  Try "help".\n'),
        (["-batch", "-ex", "echo hi\\n", "-ex", "foo"], 1, "hi\n", 'Undefined command: "foo".  Try "help".\n'),
        (["-batch", "-ex", "quit 5", "-ex", "echo no"], 5, "", ""),
        (["-batch", "nosuch"], 1, "", "nosuch: No such file or directory.\n"),
        (["-batch", "nosuch", "-ex", "echo hi\\n"], 0, "hi\n", "nosuch: No such file or directory.\n"),
        (["-batch", "-x", "nosuch"], 1, "", "nosuch: No such file or directory.\n"),
        (["-batch", "/"], 1, "", "/: Is a directory.\n"),
        (["-batch", "-p", "abc"], 1, "", "Illegal process-id: abc.\n"),
        (["-batch", "-p", "999999999"], 1, "", "ptrace: No such process.\n"),
        (["-batch", "-ex", "run"], 1, "", 'No executable file specified.\nUse the "file" or "exec-file" command.\n'),
        (["-batch", "-cd", "/nonexistent"], 1, "", "/nonexistent: No such file or directory.\n"),
        (["-foo"], 1, "", "rdb: unrecognized option '-foo'\nUse `rdb --help' for a complete list of options.\n"),
        (["-batch", "-ex", "show args", "--args", sys.executable, "a b"], 0,
         'Argument list to give program being debugged when it is started is "a\\ b".\n', ""),
    ],
)
def test_batch(arguments: list[str], status: int, stdout: str, stderr: str) -> None:
    done = run("-nx", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (status, stdout, stderr)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"text\n", b"\x7fELF\x02\x01\x01" + b"\xff" * 200],
                         ids=["empty", "magic", "text", "noise"])
def test_what_is_no_program(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    done = run("-nx", "-batch", str(path))
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "format" in done.stderr


def test_a_script_that_fails_in_the_middle(tmp_path: Path, executable: str) -> None:
    script = tmp_path / "script.rdb"
    script.write_text("break main\nrun\nprint nosuch\necho not reached\n")
    done = run("-nx", "-batch", "-x", str(script), executable)
    assert done.returncode == 1
    assert done.stderr == f'{script}:3: Error in sourced command file:\nNo symbol "nosuch" in current context.\n'
    assert "not reached" not in done.stdout


def test_init_files(tmp_path: Path) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    for folder, word in ((home, "home"), (here, "here")):
        folder.mkdir()
        (folder / ".rdbinit").write_text(f"echo {word}\\n\n")
    assert run("-batch", cwd=here, HOME=str(home)).stdout == "home\nhere\n"
    assert run("-batch", "-nh", cwd=here, HOME=str(home)).stdout == "here\n"
    assert run("-batch", "-nx", cwd=here, HOME=str(home)).stdout == ""
    (here / ".rdbinit").chmod(0o666)
    assert "untrusted" in run("-batch", "-nh", cwd=here, HOME=str(home)).stderr


def test_a_pipe(executable: str) -> None:
    done = run("-q", "-nx", executable, text="break main\nrun\nprint x\n\nfoo\nquit\n")
    assert "\x1b" not in done.stdout and done.returncode == 0
    assert done.stdout.count("(rdb) ") == 6
    assert "Breakpoint 1, main (argc=1, argv=0x" in done.stdout
    assert "will be killed.\n\nQuit anyway? (y or n) [answered Y; input not from terminal]\n" in done.stdout
    assert done.stderr == 'Undefined command: "foo".  Try "help".\n'


def test_end_of_input_quits_and_kills(executable: str) -> None:
    done = run("-q", "-nx", executable, text="break main\nrun\n")
    assert done.returncode == 0 and done.stdout.endswith("[answered Y; input not from terminal]\n")


def test_the_banner_is_short() -> None:
    banner = run("-nx", text="").stdout.removesuffix("(rdb) ")
    assert 2 <= banner.count("\n") <= 3 and "\x1b" not in banner


def test_a_reader_that_goes_away(executable: str) -> None:
    pipeline = f"{sys.executable} -m rdb -batch -nx -ex 'help all' -ex 'help all' {executable} | head -1"
    done = subprocess.run(["sh", "-c", pipeline], capture_output=True, text=True, timeout=60, env=ENVIRONMENT, check=False)
    assert done.stdout.count("\n") == 1 and not done.stderr


def test_the_status_of_the_program(executable: str) -> None:
    assert run("-nx", "-batch", "--return-child-result", "-ex", "run", executable).returncode == 3


class Person:
    """Someone at a pseudo-terminal."""

    def __init__(self, *arguments: str, term: str = "dumb") -> None:
        self.seen, self._read = "", 0
        self.pid, self.descriptor = pty.fork()
        if not self.pid:
            os.execve(sys.executable, [*RDB, *arguments], {**ENVIRONMENT, "TERM": term})

    def waits_for(self, text: str) -> str:
        """Read on to behind the next `text`; what was read."""
        deadline = time.monotonic() + 120  # a loaded machine
        while text not in self.seen[self._read:] and time.monotonic() < deadline:
            if select.select([self.descriptor], [], [], 0.2)[0]:
                try:
                    piece = os.read(self.descriptor, 4096)
                except OSError:
                    break
                self.seen += piece.decode(errors="replace")
                if b"\x1b[6n" in piece:          # an editing terminal asks where the cursor is
                    os.write(self.descriptor, b"\x1b[1;1R")
        assert text in self.seen[self._read:], self.seen
        begin, self._read = self._read, self.seen.index(text, self._read) + len(text)
        return self.seen[begin:self._read]

    def types(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def leaves(self) -> int:
        """Wait for the end of rdb; its exit status."""
        deadline = time.monotonic() + 30
        try:
            while time.monotonic() < deadline:
                if select.select([self.descriptor], [], [], 0.2)[0] and not os.read(self.descriptor, 4096):
                    break
            else:
                os.kill(self.pid, signal.SIGKILL)
        except OSError:
            pass                            # the other side is closed: rdb has ended
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[str]:
    source = tmp_path / "endless.c"
    source.write_text("volatile long n; int main(void) { for (;;) n++; }\n")
    path = tmp_path / "endless"
    subprocess.run(["gcc", "-g", "-O0", str(source), "-o", str(path)], check=True)
    yield str(path)
    assert subprocess.run(["pgrep", "-f", f"^{path}$"], capture_output=True, check=False).returncode, "the program still runs"


def test_a_terminal_without_art(endless: str) -> None:
    person = Person("-q", "-nx", endless)
    person.waits_for("(rdb) ")
    person.types("\x03")
    person.waits_for("Quit\r\n(rdb) ")
    person.types("run\n")
    person.waits_for("Starting program: ")
    time.sleep(1)
    person.types("\x03")
    person.waits_for("Program received signal SIGINT, Interrupt.")
    person.waits_for("(rdb) ")
    person.types("quit\n")
    person.waits_for("Quit anyway? (y or n) ")
    person.types("maybe\n")
    person.waits_for("Please answer y or n.")
    person.types("n\n")
    person.waits_for("Not confirmed.\r\n(rdb) ")
    person.types("\x04")
    person.waits_for("Quit anyway? (y or n) ")
    person.types("y\n")
    assert person.leaves() == 0
    assert "\x1b" not in person.seen


def test_a_terminal_with_editing(endless: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "HOME", str(tmp_path))
    person = Person("-q", "-nx", endless, term="xterm")
    person.waits_for("(rdb)")
    person.types("info lin\t main\r")
    person.waits_for('Line 1 of "')
    person.waits_for("(rdb)")               # what is typed before the prompt has the terminal is lost
    person.types("\x04")
    assert person.leaves() == 0


def test_ctrl_c_behind_a_pipe(endless: str) -> None:
    rdb = subprocess.Popen([*RDB, "-q", "-nx", endless], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT)
    assert rdb.stdin and rdb.stdout
    rdb.stdin.write(b"run\n")
    rdb.stdin.flush()
    while b"Starting" not in rdb.stdout.readline():
        pass
    time.sleep(1.5)
    rdb.send_signal(signal.SIGINT)
    output, _ = rdb.communicate(timeout=30)
    assert b"Program received signal SIGINT, Interrupt." in output and rdb.returncode == 0


def test_a_terminated_rdb_takes_its_program_along(endless: str) -> None:
    rdb = subprocess.Popen([*RDB, "-q", "-nx", "-ex", "run", endless], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, env=ENVIRONMENT)
    assert rdb.stdout
    while b"Starting" not in rdb.stdout.readline():
        pass
    time.sleep(1)
    rdb.terminate()
    rdb.communicate(timeout=30)
    assert rdb.returncode == 128 + signal.SIGTERM
