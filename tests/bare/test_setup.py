"""`scripts/setup` says in a sentence what it can't do, and `.ci/run` tries it on a path that is really bare."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.bare import clean_clone

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9/simple"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs of a minimal Debian."""
    if shutil.which("dpkg-query") is None:
        pytest.skip("no dpkg here to say what a bare Debian has")
    folder = tmp_path_factory.mktemp("bare") / "bin"
    clean_clone.lay_path(folder)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the set-up reads first, and nothing that it made."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup", tmp_path / "scripts")
    for name in ("package.json", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def setup(checkout: Path, path: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up on that path alone."""
    return subprocess.run(
        [checkout / "scripts" / "setup", *options],
        env={"PATH": str(path), "HOME": str(checkout), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_bare_path_has_what_readme_asks_for_and_none_of_what_it_says_it_brings(path: Path) -> None:
    assert [name for name in clean_clone.ABSENT if shutil.which(name, path=str(path))] == []
    for name in ("sh", "bash", "make", "git", "python3", "awk", "sed", "cmp", "cksum", "apt-get"):
        assert shutil.which(name, path=str(path)), name


def test_an_unknown_option_is_named(path: Path, checkout: Path) -> None:
    done = setup(checkout, path, "--brwoser")
    assert done.returncode == 1
    assert done.stderr == "setup: There is no option --brwoser, only --dev and --browser.\n"


def test_without_python_it_says_what_to_install(path: Path, checkout: Path, tmp_path: Path) -> None:
    without = tmp_path / "bin"
    shutil.copytree(path, without, symlinks=True)
    (without / "python3").unlink()
    done = setup(checkout, without)
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed (Debian: apt install python3)." in done.stderr


@pytest.mark.long
@pytest.mark.slow
def test_an_index_out_of_reach_ends_in_a_sentence_and_is_asked_again(path: Path, checkout: Path) -> None:
    nowhere = {"PIP_INDEX_URL": NOWHERE, "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    for _ in range(2):
        done = setup(checkout, path, PYTHON=clean_clone.python(), **nowhere)
        assert done.returncode == 1
        assert "setup: requirements.txt can't be installed: pip says why above." in done.stderr
