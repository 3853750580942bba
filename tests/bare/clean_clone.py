"""`python3 -m tests.bare.clean_clone`: the committed HEAD on a path with nothing but what a minimal Debian has.

The short cut of `make bare` for every machine: no chroot, so it sees missing programs, but not missing libraries.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.bare import machine, registries
from tests.bare.broken import Broken
from tests.bare.make_run import MakeRun

ROOT = Path(__file__).resolve().parents[2]
ABSENT = (
    "node", "nodejs", "npm", "npx", "redis-server", "valkey-server", "chromium", "chromium-browser", "google-chrome",
    "go", "gcc", "cc", "psql", "pip", "curl",
)  # fmt: skip
GIVEN = ("make", "git")  # what README asks for, beside Python
ALTERNATIVES = ("awk", "which")  # in no package's list of files


def main() -> int:
    if shutil.which("dpkg-query") is None:
        print("No dpkg here to say what a bare Debian has: the clean clone is not tried.")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="columba-clone-"))
    try:
        seconds = try_clone(folder)
    except Broken as error:
        print(f"README's first command on a bare machine is broken: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"A clean clone runs on a bare path, {seconds:.0f} s after `make run`.")
    return 0


def try_clone(folder: Path) -> float:
    """How long `make run` took from a clean clone until it answered, in seconds; raises Broken."""
    checkout, path = folder / "columba", folder / "bin"
    lay_path(path)
    machine.clone(ROOT, checkout)
    environ = {
        "PATH": str(path),
        "HOME": os.environ.get("HOME", "/root"),
        "TMPDIR": tempfile.gettempdir(),
        "PYTHON": python(),
        **registries.environ(os.environ),
    }
    with MakeRun(checkout, environ, output=folder / "output.txt") as app:
        return app.seconds


def lay_path(folder: Path) -> None:
    """Fill a folder with links to the programs of a minimal Debian and of what README asks for."""
    folder.mkdir()
    for name, program in programs().items():
        (folder / name).symlink_to(program)


def programs() -> dict[str, Path]:
    """Name and place of each program on a bare machine, as far as this one has it."""
    files = (Path(line) for line in _dpkg("-L", *required_packages()).splitlines())
    found = {path.name: path for path in files if path.parent.name in ("bin", "sbin") and path.is_file()}
    for name in (*GIVEN, *ALTERNATIVES):
        if place := shutil.which(name):
            found[name] = Path(place)
    return {**found, "python3": Path(python())}


def required_packages() -> Iterable[str]:
    """The packages that no Debian is without, and apt."""
    form = "${Package}\t${Essential}\t${Priority}\t${db:Status-Status}\n"
    rows = (line.split("\t") for line in _dpkg("-W", "-f", form).splitlines())
    found = {name for name, essential, priority, state in rows
             if state == "installed" and (essential == "yes" or priority == "required")}  # fmt: skip
    return sorted(found | {"apt"})


def python() -> str:
    """This Python, not the virtual environment that it may run in."""
    return str(Path(getattr(sys, "_base_executable", "") or sys.executable).resolve())


def _dpkg(*arguments: str) -> str:
    done = subprocess.run(["dpkg-query", *arguments], capture_output=True, text=True, check=False)
    if not done.stdout:
        raise Broken(f"dpkg does not say what a bare Debian has: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
