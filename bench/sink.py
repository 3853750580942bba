"""The SMTP sink of the measurements: `sink.c`, built where it is needed. A process of its own.

In C, because on two cores a sink in Python takes as much of them as what is measured.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
START_TIMEOUT_S = 15
TARPIT = "tarpit.example"


def build() -> Path:
    """The sink's program, compiled once for each version of its source."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("The sink needs a C compiler. Install one (Debian: apt install gcc libc6-dev).")
    name = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    program = Path(tempfile.gettempdir()) / f"columba-sink-{name}"
    if not program.exists():
        fresh = program.with_suffix(".new")
        subprocess.run([compiler, "-O2", "-o", fresh, SOURCE], check=True)
        fresh.rename(program)
    return program


def start(
    port: int,
    *,
    delay_s: float = 0.0,
    pipelining: bool = True,
    chunking: bool = True,
    tarpit_s: float | None = None,
) -> subprocess.Popen[bytes]:
    """A running sink, which listens when this returns. `delay_s` answers that much later: a round trip.

    With `tarpit_s` it takes that long for each message to TARPIT, and counts only the others.
    """
    command = [str(build()), str(port), "-d", str(delay_s * 1000)]
    command += ([] if pipelining else ["-P"]) + ([] if chunking else ["-C"])
    command += [] if tarpit_s is None else ["-t", TARPIT, str(tarpit_s * 1000)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return process
        time.sleep(0.02)
    process.kill()
    raise RuntimeError("the sink did not start")


def stat(port: int) -> tuple[int, float, float]:
    """Messages accepted so far, and the moments of the first and the last (monotonic seconds)."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection, connection.makefile("rwb") as file:
        file.readline()
        file.write(b"XSTAT\r\n")
        file.flush()
        _code, count, first, last = file.readline().split()
    return int(count), float(first), float(last)
