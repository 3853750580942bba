"""README's first command, run as a stranger runs it: until it answers, and until Ctrl-C has ended it."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.bare.broken import Broken

PATIENCE_S = 900.0
GREET_S = 60.0
STOP_S = 90.0
LAST_LINES = 12
PORTS = range(20_000, 30_000)


def free_port() -> int:
    """A port that nobody listens on right now, and that no system hands out by itself until the app is set up."""
    for port in random.sample(PORTS, k=len(PORTS)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise Broken("No port is free here.")


class MakeRun:
    """`with MakeRun(checkout, environ) as app:` answers at `app.url`; `app.seconds` is how long that took."""

    def __init__(self, checkout: Path, environ: Mapping[str, str], *, output: Path) -> None:
        self.checkout = checkout
        self.environ = dict(environ)
        self.output = output
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.seconds = 0.0

    def __enter__(self) -> MakeRun:
        started = time.monotonic()
        with self.output.open("wb") as sink:
            self.process = subprocess.Popen(
                ["make", "run", f"PORT={self.port}"],
                cwd=self.checkout,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait(started + PATIENCE_S)
        except BaseException:
            self._kill()
            raise
        self.seconds = time.monotonic() - started
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        try:
            self._end()
        except Broken:
            if kind is None:
                raise

    def lines(self) -> str:
        """All that it said so far."""
        return self.output.read_text(errors="replace")

    @property
    def welcome_link(self) -> str:
        """The printed one-time link to the first operator; it is printed a moment after the app answers."""
        deadline = time.monotonic() + GREET_S
        while time.monotonic() < deadline:
            if found := re.search(r"(http://\S+/welcome/\S+)\n", self.lines()):
                return found[1]
            time.sleep(0.1)
        raise Broken("`make run` printed no link to the first operator." + self._last())

    def _wait(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            if self._is_well():
                return
            if (code := self.process.poll()) is not None:
                raise Broken(f"`make run` ended with exit code {code} before it answered." + self._last())
            time.sleep(0.1)
        raise Broken(f"`make run` did not answer at /health within {PATIENCE_S:.0f} s." + self._last())

    def _is_well(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return set(json.load(answer).values()) == {"ok"}
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def _end(self) -> None:
        """Ctrl-C, as a terminal sends it: to everything that `make run` started."""
        self._signal(signal.SIGINT)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._kill()
            raise Broken(f"`make run` was not gone {STOP_S:.0f} s after Ctrl-C." + self._last()) from None
        if "Stopped." not in self.lines() or self._is_well():
            self._kill()
            raise Broken("`make run` ended at Ctrl-C without stopping all of it." + self._last())

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return

    def _last(self) -> str:
        return " It said:\n" + "\n".join(self.lines().splitlines()[-LAST_LINES:])
