"""What setup.cfg says is what lies in the folders, and the package works outside the checkout under its one name."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import rdb

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def config() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


@pytest.fixture(scope="module")
def packages(config: configparser.RawConfigParser) -> list[str]:
    return config["options"]["packages"].split()


def folders_with_code() -> set[str]:
    """The dotted names of all folders that hold Python files of the product."""
    found = set()
    for folder, name in ((ROOT / "rdb", "rdb"), (ROOT / "arch", "rdb.arch")):
        for path in folder.rglob("*.py"):
            inner = path.parent.relative_to(folder).parts
            if name == "rdb" and inner[:1] == ("arch",):
                continue  # the symbolic link rdb/arch
            found.add(".".join((name, *inner)))
    return found


def test_every_folder_is_a_listed_package(packages: list[str]) -> None:
    assert packages == sorted(packages)
    assert set(packages) == folders_with_code()


def test_every_package_has_its_opening_file(packages: list[str]) -> None:
    assert not [name for name in packages if not (ROOT / name.replace(".", "/") / "__init__.py").exists()]


def test_the_link_to_arch_is_relative() -> None:
    assert (ROOT / "rdb" / "arch").is_symlink()
    assert os.readlink(ROOT / "rdb" / "arch") == "../arch"


def test_arch_has_one_name() -> None:
    run = subprocess.run([sys.executable, "-c", "import arch"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode != 0
    assert "rdb.arch" in run.stderr


def test_the_licence_is_in_the_open(config: configparser.RawConfigParser) -> None:
    assert config["metadata"]["license"] == "GPL-2.0-or-later"
    text = (ROOT / "LICENSE").read_text()
    assert "either version 2 of the License, or (at your\noption) any later version" in text
    assert "GNU GENERAL PUBLIC LICENSE" in text


@pytest.mark.long
def test_the_wheel_works_outside_the_checkout(packages: list[str], tmp_path: Path) -> None:
    source = shutil.copytree(ROOT, tmp_path / "source", symlinks=True, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(source)], check=True, stdout=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith(f"rdb_debugger-{rdb.__version__}-py3")
    files = [Path(name) for name in zipfile.ZipFile(wheel).namelist()]
    assert {file.parts[0] for file in files} == {"rdb", f"rdb_debugger-{rdb.__version__}.dist-info"}
    assert {".".join(file.parent.parts) for file in files if file.suffix == ".py"} == set(packages)
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); import rdb.arch.base, rdb.events; print(rdb.arch.base.__file__)"
    run = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert str(wheel) in run.stdout
