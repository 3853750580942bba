"""Everything on one machine, `python -m campaigns.everything`: what `flask up` becomes once the database is ready.

What the processes need is loaded here, once, and each is forked from here: they share the memory that none of them
writes to. So no thread begins here, and no connection is open when a child is made.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from campaigns.cli import redis_server
from campaigns.cli.processes import Child, Supervisor
from campaigns.core import config as configuration
from campaigns.core import files, heap
from campaigns.core.config import Config
from campaigns.core.errors import ConfigError

START_TIMEOUT_S = 30.0
PROCESSES = ("mailbox", "webserver.__main__", "dispatcher", "worker", "reader")


@dataclass(frozen=True)
class Plan:
    """What to run, and what to say once it answers."""

    host: str
    port: int
    workers: int
    lines: list[str]
    lock: int  # an open file whose lock keeps every other `up` from this data folder


def hand_over(plan: Plan) -> str:
    """Keep the plan in a pipe, which no other user can read as they can arguments; its number, for `main`."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        json.dump(asdict(plan), pipe)
    for each in (reading, plan.lock):
        os.set_inheritable(each, True)
    return str(reading)


def main() -> None:
    """Start everything, say where it is once it answers, and stay until a signal."""
    with os.fdopen(int(sys.argv[1])) as pipe:
        plan = Plan(**json.load(pipe))
    with os.fdopen(plan.lock, "w") as lock:
        os.set_inheritable(plan.lock, False)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is something to stop
        try:
            files.write_for_oneself()
            config = configuration.from_env()
            load()
        except ConfigError as error:
            sys.exit(f"Error: {error}")
        _run(plan, config, lock)


def load() -> None:
    """What any of the processes needs, with as much made of it as needs no connection."""
    heap.one_for_all_threads()
    from sqlalchemy.orm import configure_mappers

    from campaigns import bootstrap, create_app
    from campaigns.core.jobs import JOBS

    for name in (*PROCESSES, *(("intake",) if "INTAKE" in os.environ else ())):
        import_module(f"campaigns.{name}")
    for job in JOBS:
        import_module(job.rpartition(".")[0])
    create_app()  # each process makes its own; the pages, their forms and rules are there afterwards
    bootstrap.without_pages()
    configure_mappers()
    gc.collect()
    gc.freeze()  # what the garbage collector marks would be copied into each child


def _run(plan: Plan, config: Config, lock: IO[str]) -> None:
    supervisor = Supervisor(_children(plan, config, lock), say=_say)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: supervisor.stop.set())
    try:
        supervisor.start()
        _await_answer(supervisor, plan, config)
        for line in ("", *plan.lines, ""):
            _say(line)
        supervisor.watch()
    finally:
        _say("Stopping …")
        supervisor.stop_all()
        lock.close()
        _say("Stopped.")


def _children(plan: Plan, config: Config, lock: IO[str]) -> list[Child]:
    logs = config.data_dir / "log"

    def child(
        name: str,
        *,
        order: int,
        module: str = "",
        arguments: tuple[str, ...] = (),
        command: tuple[str, ...] = (),
        grace_s: float = 10.0,
    ) -> Child:
        log = logs / f"{name.replace(' ', '-')}.log"
        work = _work(module, arguments) if module else None
        return Child(name, command, dict(os.environ), log, order, grace_s, work=work, not_theirs=(lock,))

    listening = ("--host", plan.host, "--port", str(plan.port))
    children = [
        child("test inbox", module="mailbox", order=3),
        child("web", module="webserver.__main__", arguments=listening, order=0),
        child("dispatcher", module="dispatcher", order=1),
    ]
    children += [
        child(f"worker {number}", module="worker", order=2, grace_s=60.0)
        for number in range(1, plan.workers + 1)
    ]
    children.append(child("reader", module="reader", order=2, grace_s=60.0))
    if config.intake:
        children.append(child("intake", module="intake", order=0))
    if "REDIS_URL" not in os.environ:
        socket_path = Path(config.redis_url.removeprefix("unix://"))
        command = redis_server.command(socket_path, config.data_dir / "redis")
        children.insert(0, child("redis", command=tuple(command), order=4))
    return children


def _work(module: str, arguments: tuple[str, ...]) -> Callable[[], None]:
    """The same as `python -m campaigns.<module>` with these arguments."""

    def work() -> None:
        sys.argv = [module, *arguments]
        main: Any = import_module(f"campaigns.{module}").main
        main()

    return work


def _await_answer(supervisor: Supervisor, plan: Plan, config: Config) -> None:
    """Wait until the web server and Redis answer, looking after the children meanwhile."""
    target = reachable(plan.host).strip("[]")
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and not supervisor.stop.is_set():
        if _connects(target, plan.port) and _redis_answers(config):
            return
        for child in supervisor.children:
            if not child.is_running and child.name in ("web", "redis"):
                tail = child.log.read_text(errors="replace").strip().splitlines()[-3:]
                sys.exit(f"Error: {child.name} did not start: " + " / ".join(tail))
        time.sleep(0.05)
    if not supervisor.stop.is_set():
        sys.exit(f"Error: The app did not answer within {START_TIMEOUT_S:.0f} seconds. See its logs.")


def reachable(host: str) -> str:
    """The address under which this machine reaches a server that listens on `host`."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 (the operator chose to listen everywhere)
    return everywhere.get(host, f"[{host}]" if ":" in host else host)


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 0.5).close()
    except OSError:
        return False
    return True


def _redis_answers(config: Config) -> bool:
    from redis.exceptions import RedisError

    from campaigns.core import redis_queue

    with closing(redis_queue.connect(config.redis_url)) as client:  # closed before another child is made
        try:
            return bool(client.ping())
        except (RedisError, OSError):
            return False


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
