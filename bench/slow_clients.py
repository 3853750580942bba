"""How long readers wait while slow clients hold connections to the real web server.

`python -m bench.slow_clients`: 500 clients that send a byte a second, 1,000 idle connections and 50 half bodies
stand before the app as `make run` starts it; health, clicks and one-click unsubscribes are timed, each over a
connection of its own, for half of the time without the crowd and then with it, and the processes' memory is read.
`--port 8000 --data DIR` asks an app that runs already, `--command "… {port}"` another web server than ours.
"""

from __future__ import annotations

import argparse
import http.client
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench import usage
from bench.tracking import AGENT, ONE_CLICK, _write_people
from campaigns import create_app
from campaigns.core import signing
from campaigns.core.config import from_env
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.schema import bring_up_to_date
from campaigns.settings import queries as settings_queries
from tests.running import ROOT, Running, free_port

MOST_MS = 250
WARMING = 60  # requests that are not timed
Call = tuple[str, str, str]  # kind, method, path
Wait = tuple[str, float]  # kind, seconds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--rate", type=float, default=60, help="requests a second, of all clients together")
    options.add_argument("--drips", type=int, default=500)
    options.add_argument("--idle", type=int, default=1000)
    options.add_argument("--halves", type=int, default=50)
    options.add_argument("--port", type=int, help="of an app that runs already, on the folder --data")
    options.add_argument("--data", type=Path)
    options.add_argument(
        "--command", help="a web server to begin instead of the whole app; {port} stands for its port"
    )
    chosen = options.parse_args()
    with _site(chosen) as (port, data, pid):
        number = int(chosen.seconds * chosen.rate) + 1
        calls = _calls(data, WARMING + number * 3 // 2)
        _timed(port, calls[:WARMING], chosen)  # the first request of a kind has its statements compiled
        alone = _timed(port, calls[WARMING : WARMING + number // 2], chosen)
        _say("nobody else", alone)
        with _crowd(port, chosen):
            among = _timed(port, calls[WARMING + number // 2 :], chosen)
            _say("slow crowd", among)
            _compare(alone, among)
            if pid:
                sys.stdout.write(f"memory of it all: {usage.family_pss_mib(pid):.0f} MiB PSS\n")


@contextmanager
def _site(chosen: argparse.Namespace) -> Iterator[tuple[int, Path, int | None]]:
    if chosen.port:
        yield chosen.port, chosen.data, None
        return
    with tempfile.TemporaryDirectory(prefix="columba-bench-") as folder:
        if not chosen.command:
            with Running(Path(folder), workers=2) as site:
                time.sleep(5)
                sys.stdout.write(f"at rest: {usage.family_pss_mib(site.process.pid):.0f} MiB PSS\n")
                yield site.port, Path(folder), site.process.pid
            return
        with _server(chosen.command, Path(folder)) as (port, pid):
            yield port, Path(folder), pid


@contextmanager
def _server(command: str, data: Path) -> Iterator[tuple[int, int]]:
    port = free_port()
    environ = {**os.environ, "DATA_DIR": str(data), "REDIS_URL": "redis://127.0.0.1:1/0"}
    with create_app(from_env({"DATA_DIR": str(data)})).app_context():
        bring_up_to_date()
        db.engine.dispose()
    process = subprocess.Popen(
        shlex.split(command.format(port=port, python=sys.executable)),
        cwd=ROOT,
        env=environ,
        start_new_session=True,
    )
    try:
        for _attempt in range(300):
            with suppress(OSError):
                _ask(port, ("health", "GET", "/health"), 5)
                break
            time.sleep(0.1)
        yield port, process.pid
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def _calls(data: Path, number: int) -> list[Call]:
    app = create_app(from_env({"DATA_DIR": str(data)}))
    with app.app_context():
        people, key = _write_people(number), settings_queries.link_key()
        db.engine.dispose()
    found: list[Call] = []
    for each in people:
        track, leave = signing.sign(key, Purpose.TRACK, each), signing.sign(key, Purpose.SUBSCRIPTION, each)
        kinds = [
            ("health", "GET", "/health"),
            ("click", "GET", f"/c/{track}/1"),
            ("leave", "POST", f"/u/{leave}"),
        ]
        found.append(kinds[len(found) % 3])
    return found


@contextmanager
def _crowd(port: int, chosen: argparse.Namespace) -> Iterator[None]:
    sizes = [f"--{name}={getattr(chosen, name)}" for name in ("drips", "idle", "halves")]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.slow_crowd", str(port), *sizes],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    last = ["nobody"]

    def read() -> None:
        for line in process.stdout or ():
            last.append(line.strip())

    threading.Thread(target=read, daemon=True).start()
    end = time.monotonic() + 90
    while "standing" not in last and time.monotonic() < end:
        time.sleep(0.1)
    try:
        yield
    finally:
        sys.stdout.write(f"the crowd (connections held, cut so far): {last[-1]}\n")
        process.terminate()
        process.wait(10)


def _timed(port: int, calls: list[Call], chosen: argparse.Namespace) -> list[Wait]:
    waits: list[Wait] = []
    threads = [
        threading.Thread(target=_client, args=(port, calls[number :: chosen.clients], chosen, waits))
        for number in range(chosen.clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def _client(port: int, calls: list[Call], chosen: argparse.Namespace, waits: list[Wait]) -> None:
    began, pause = time.perf_counter(), chosen.clients / chosen.rate
    for number, call in enumerate(calls):
        time.sleep(max(0.0, began + number * pause - time.perf_counter()))
        asked = time.perf_counter()
        try:
            is_right = _ask(port, call, 30) in (200, 302)
        except OSError:
            is_right = False
        waits.append((call[0] if is_right else f"{call[0]} (failed)", time.perf_counter() - asked))
        if time.perf_counter() - began > chosen.seconds * 2:
            return


def _ask(port: int, call: Call, timeout_s: float) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    body = ONE_CLICK if call[1] == "POST" else None
    headers = {"User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request(call[1], call[2], body=body, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


def _say(what: str, waits: list[Wait]) -> None:
    for kind, times in _by_kind(waits).items():
        p50, p99 = _share(times, 50), _share(times, 99)
        is_right = p99 <= MOST_MS and "failed" not in kind
        sys.stdout.write(
            f"{what:12} {kind:16} {len(times):5} times: median {p50:.1f} ms, p99 {p99:.1f}, longest {times[-1]:.1f}"
            f" {'' if is_right else f'(may be {MOST_MS})'}\n"
        )
    sys.stdout.flush()


def _compare(alone: list[Wait], among: list[Wait]) -> None:
    before, now = _by_kind(alone), _by_kind(among)
    for kind in before.keys() & now.keys():
        times = _share(now[kind], 99) / _share(before[kind], 99)
        sys.stdout.write(f"{kind:29} p99 with the crowd: {times:.1f} times that without\n")


def _by_kind(waits: list[Wait]) -> dict[str, list[float]]:
    """Milliseconds of each kind, the shortest first."""
    kinds = sorted({kind for kind, _wait in waits})
    return {kind: sorted(wait * 1000 for each, wait in waits if each == kind) for kind in kinds}


def _share(times: list[float], percent: int) -> float:
    return times[min(len(times) - 1, len(times) * percent // 100)]


if __name__ == "__main__":
    main()
