"""Hosts on one machine: network namespaces joined by bridges, each with a host name and a folder of its own.

    main (10.99.0.1)  PostgreSQL, Redis, the dispatcher        inside net 10.99.0.0/24: main, ada, ben
    sink (10.99.1.1)  where mail goes                          outside net 10.99.1.0/24: sink, ada, ben
    ada, ben          nothing but a worker

Cutting a host from the inside net takes the database and Redis from it, and leaves it the way to the sink.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import forker
from tests.forker import Forked

ROOT = Path(__file__).resolve().parents[2]
MAIN, SINK = "10.99.0.1", "10.99.1.1"
SECRET_KEY = "a secret for tests that is long enough"


class NotPermitted(Exception):
    """This machine lets nobody make network namespaces here; the message says why."""


@dataclass
class Host:
    """One host; commands that are started in it are killed with it."""

    name: str
    folder: Path
    namespace: str
    processes: list[subprocess.Popen[bytes] | Forked] = field(default_factory=list)

    def start(self, *command: str, cwd: Path | None = None, **environ: str) -> subprocess.Popen[bytes]:
        """A command in this host, with nothing in its environment but what is said here; its output is a log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        named = ["unshare", "--uts", "sh", "-c", f'hostname {self.name} && exec "$@"', "sh", *command]
        log = (self.folder / "log").open("ab")
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *named],
            cwd=cwd or self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environ},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        self.processes.append(process)
        return process

    def role(self, name: str, **environ: str) -> Forked:
        """A worker or dispatcher of this checkout in this host, with as little in its environment."""
        environ = {"PATH": os.environ["PATH"], **environ}
        self.folder.mkdir(parents=True, exist_ok=True)
        with Path(os.devnull).open("rb") as nothing, (self.folder / "log").open("ab") as log:
            files = (nothing, log, log)
            there = forker.Host(self.namespace, self.name, str(self.folder))
            process = forker.start(f"campaigns.{name}", name, environ=environ, files=files, host=there)
        self.processes.append(process)
        return process

    def run(self, *command: str) -> None:
        """A command of the network, as root, to its end."""
        sh("ip", "netns", "exec", self.namespace, *command)

    def cut(self) -> None:
        """Pull its plug to the inside net."""
        self.run("ip", "link", "set", "inside", "down")

    def mend(self) -> None:
        """Put it in again."""
        self.run("ip", "link", "set", "inside", "up")

    def kill(self) -> None:
        """End every process of it with SIGKILL; work horses die with their workers."""
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
        for process in self.processes:
            process.wait(10)
        self.processes.clear()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


class Network:
    """`with Network(folder) as net:` — the four hosts, wired. Raises NotPermitted."""

    def __init__(self, folder: Path) -> None:
        self.hosts = {
            name: Host(name, folder / name, f"columba-{os.getpid()}-{name}")
            for name in ("main", "sink", "ada", "ben")
        }

    def __enter__(self) -> Network:
        try:
            for host in self.hosts.values():
                sh("ip", "netns", "add", host.namespace)
                host.run("ip", "link", "set", "lo", "up")
            self._bridge(self["main"], "inside", f"{MAIN}/24")
            self._bridge(self["sink"], "outside", f"{SINK}/24")
            for number, name in enumerate(("ada", "ben"), start=2):
                self._plug(self[name], self["main"], "inside", f"10.99.0.{number}/24")
                self._plug(self[name], self["sink"], "outside", f"10.99.1.{number}/24")
        except (OSError, subprocess.CalledProcessError) as error:
            self.__exit__()
            said = getattr(error, "stderr", "") or str(error)
            raise NotPermitted(said.strip()) from error
        return self

    def __exit__(self, *_: object) -> None:
        for host in self.hosts.values():
            host.kill()
            subprocess.run(["ip", "netns", "del", host.namespace], capture_output=True, check=False)

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def _bridge(self, host: Host, name: str, address: str) -> None:
        host.run("ip", "link", "add", name, "type", "bridge")
        host.run("ip", "addr", "add", address, "dev", name)
        host.run("ip", "link", "set", name, "up")

    def _plug(self, host: Host, hub: Host, name: str, address: str) -> None:
        """A cable from the host to the hub's bridge of that name."""
        port = f"{name}-{host.name}"
        peer = ("peer", "name", port, "netns", hub.namespace)
        sh("ip", "link", "add", name, "netns", host.namespace, "type", "veth", *peer)
        hub.run("ip", "link", "set", port, "master", name)
        hub.run("ip", "link", "set", port, "up")
        host.run("ip", "addr", "add", address, "dev", name)
        host.run("ip", "link", "set", name, "up")


def sh(*command: str) -> None:
    """Run it to its end; raises with what it said."""
    subprocess.run(list(command), check=True, capture_output=True, text=True, timeout=20)


def pairs(book: Path) -> Sequence[tuple[str, str]]:
    """What the sink has written down: who delivered, to whom."""
    lines = book.read_text().splitlines() if book.exists() else []
    return [(line.split()[0], line.split()[1]) for line in lines if line.count(" ") == 1]
