"""What people do all day at a shell, with children, pipes and threads, under the snapshot oracle."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.oracle import snapshot
from tests.oracle.recording import ENGINES
from tests.oracle.test_snapshot import real_program

pytestmark = pytest.mark.long
PERL = "if (my $child = fork) { waitpid($child, 0); print $? >> 8 } else { exit 3 }"
PYTHON = """
import subprocess, threading
sums = []
threads = [threading.Thread(target=lambda n=n: sums.append(sum(range(100 * n)))) for n in range(4)]
[each.start() for each in threads]
[each.join() for each in threads]
print(sorted(sums), subprocess.run(["echo", "hello"], capture_output=True).stdout)
"""
SQL = "create table t (a); insert into t values (1), (2); update t set a = a + 1; delete from t where a = 2; select * from t"
MAKEFILE = "all: one two\none two:\n\techo $@ > $@\n"

# {} is a folder with the files `numbers` and `many` (more of them), a Makefile, and a git repository.
COMMANDS = {
    "a pipeline in a loop": ["bash", "-c", "for i in 1 2; do ls {} | wc -l; done"],
    "tar and gzip": ["bash", "-c", "tar cf - -C {} Makefile | gzip | wc -c"],
    "tar czf": ["tar", "czf", "{}/numbers.tgz", "-C", "{}", "numbers"],
    "find": ["find", "{}", "-name", "M*", "-printf", "%p %s\n"],
    "make": ["make", "-j2", "-C", "{}"],
    "perl with a child": ["perl", "-e", PERL],
    "sqlite3 with a file": ["sqlite3", "{}/data.db", SQL],
    "git status": ["git", "-C", "{}", "status"],
    "git log": ["git", "-C", "{}", "log"],
    "gcc": ["gcc", "-x", "c", "/dev/null", "-c", "-o", "{}/empty.o"],
}
# Too many instructions for single steps.
COMPILED_ONLY = {
    "python with threads and a child": ["python3", "-I", "-S", "-c", PYTHON],
    "xz with threads": ["xz", "-T2", "-1", "--block-size=200000", "-k", "-c", "{}/many"],
    "sort with threads": ["sort", "--parallel=4", "-S", "20M", "{}/many"],
}
# sort(1) has no second thread for fewer lines than 131,072.
MANY = 140_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "numbers").write_text("".join(f"{7919 * n % 1009}\n" for n in range(1000)))
    (tmp_path / "many").write_text("".join(f"{7919 * n % 1000003}\n" for n in range(MANY)))
    (tmp_path / "Makefile").write_text(MAKEFILE)
    if shutil.which("git") is not None:
        git = ["git", "-C", str(tmp_path), "-c", "user.name=nobody", "-c", "user.email=nobody@nowhere"]
        for words in (["init", "-q"], ["add", "Makefile"], ["commit", "-q", "-m", "The first"]):
            subprocess.run([*git, *words], check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "engine"),
    [(name, engine) for name in COMMANDS for engine in ENGINES] + [(name, "compiled") for name in COMPILED_ONLY],
)
def test_everyday(name: str, engine: str, folder: Path) -> None:
    command = [word.replace("{}", str(folder)) for word in {**COMMANDS, **COMPILED_ONLY}[name]]
    report = snapshot.check(real_program(command), command[1:], engine, moments=4)
    assert not report.misses
    assert report.status == 0
