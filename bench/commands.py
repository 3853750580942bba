"""What a command costs: CPU from its start to its end, as a ratio to what Python and its libraries alone cost.

`python -m bench.commands [--runs 7]`. Each is run in turn with the others, so that a busy machine slows all of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLASK = [sys.executable, "-m", "flask", "--app", "wsgi"]
BASES = {
    "python": [sys.executable, "-c", "pass"],
    "import flask, sqlalchemy": [sys.executable, "-c", "import flask.cli, flask_sqlalchemy"],
}
COMMANDS = (
    "--help",
    "campaign --help",
    "campaign status 1",
    "campaign pause 1",
    "operator create --help",
    "server create --help",
    "list create News",
    "audit verify",
)


def main() -> None:
    """Print a line for each command: CPU seconds, and how many times each base that is."""
    parser = argparse.ArgumentParser(prog="python -m bench.commands", description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        environ = _environ(Path(folder))
        subprocess.run([*FLASK, "db", "upgrade"], cwd=ROOT, env=environ, check=True, capture_output=True)
        all_of_them = {**BASES, **{each: [*FLASK, *each.split()] for each in COMMANDS}}
        least = {name: float("inf") for name in all_of_them}
        for _ in range(runs):
            for name, command in all_of_them.items():
                least[name] = min(least[name], cpu_s(command, environ))
    print(f"{'least CPU of ' + str(runs):<28}" + "".join(f"{name:>28}" for name in ["", *BASES]))
    for name, found in least.items():
        ratios = "".join(f"{found / least[base]:>26.1f} ×" for base in BASES)
        print(f"{name:<28}{found * 1000:>25.0f} ms{ratios}")


def cpu_s(command: Sequence[str], environ: dict[str, str]) -> float:
    """Seconds of CPU, its own and the system's, until the command has ended."""
    started = subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _pid, _status, used = os.wait4(started.pid, 0)
    started.returncode = 0
    return used.ru_utime + used.ru_stime


def _environ(folder: Path) -> dict[str, str]:
    """Ours with a data folder of its own; bytecode is kept, as on a machine where the app has run before."""
    dropped = ("DATABASE_URL", "REDIS_URL", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "DATA_DIR": str(folder)}


if __name__ == "__main__":
    main()
