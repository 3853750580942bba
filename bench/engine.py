"""The whole engine as in production: `up` with web, dispatcher, Redis and RQ workers, beside a sink.

The clock of a send runs from the first to the last message at the sink.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from bench import content, crowd, sink, usage
from campaigns import create_app
from campaigns.core.config import from_env
from campaigns.core.db import db
from tests.running import Running, free_port

PATIENCE_S = 900
LOOK_S = 0.25
SENDER = "The Pigeon Post <news@example.com>"


@dataclass(frozen=True, slots=True)
class Way:
    """How messages go to the sink: what it offers, and how far away it is."""

    name: str
    pipelining: bool = True
    chunking: bool = True
    delay_s: float = 0.0
    tarpit_s: float | None = None  # that it takes for a mail to `sink.TARPIT`


@dataclass(frozen=True, slots=True)
class Sent:
    """What a send came to: messages per second, and CPU per message of everything but the sink (µs)."""

    per_s: float
    cpu_us: float


@dataclass
class Engine:
    """A running site with some lists of people on it."""

    site: Running
    folder: Path
    connections: int
    workers: int
    postmaster: int | None
    _number: int = 0
    _people: int = 0

    def load(self, people: int, *, at_one_of_10: tuple[int, str] = (0, "")) -> str:
        """A list of that many people, so many of ten at that one domain; its name."""
        name = f"Readers {people}"
        self.site.flask("list", "create", name)
        app = create_app(from_env(self.site.environ))
        with app.app_context():
            list_id = db.session.scalar(sa.text("SELECT max(id) FROM list"))
            crowd.make(list_id, people, after=self._people, at_one_of_10=at_one_of_10)
            self._people += people
            db.session.remove()
            db.engine.dispose()
        return name

    def sign_for(self, domain: str, algorithm: str) -> None:
        """Sign the mails of that domain from now on, as if its records had been found."""
        self.site.flask("domain", "create", domain, "--algorithm", algorithm)
        app = create_app(from_env(self.site.environ))
        with app.app_context():
            db.session.execute(sa.text("UPDATE dkim_key SET state = 'signing'"))
            db.session.commit()
            db.session.remove()
            db.engine.dispose()

    def send(self, way: Way, *, to: str, people: int, sender: str = SENDER) -> Sent:
        """Send one campaign to a fresh sink, until it has counted so many."""
        self._number += 1
        port, name = free_port(), f"sink-{self._number}"
        process = sink.start(
            port,
            delay_s=way.delay_s,
            pipelining=way.pipelining,
            chunking=way.chunking,
            tarpit_s=way.tarpit_s,
        )
        try:
            self.begin(self.prepare(name, port, to, sender))
            while not sink.stat(port)[0]:
                time.sleep(0.01)
            before = self._cpu_s()
            return Sent(_rate(port, people), 1e6 * (self._cpu_s() - before) / people)
        finally:
            process.kill()
            process.wait()

    def prepare(self, name: str, port: int, to: str, sender: str = SENDER) -> int:
        """A server at that port, and a campaign over it that is ready to go; its id."""
        html, text = self.folder / "mail.html", self.folder / "mail.txt"
        html.write_text(content.HTML)
        text.write_text(content.TEXT)
        self.site.flask(
            *("server", "create", name, "--host", "127.0.0.1", "--port", str(port), "--security", "none"),
            *("--connections", str(self.connections)),
        )
        made = self.site.json(
            *("campaign", "create", "--name", name, "--subject", content.SUBJECT, "--list", to),
            *("--from", sender, "--server", name, "--html", str(html), "--text", str(text)),
        )
        return int(made["id"])

    def begin(self, campaign_id: int) -> None:
        """Send it now."""
        self.site.flask("campaign", "schedule", str(campaign_id), "--grace", "0")

    def _cpu_s(self) -> float:
        return usage.cpu_s(self.site.process.pid) + usage.cpu_s(self.postmaster)


@contextmanager
def running(
    folder: Path, *, database_url: str | None, postmaster: int | None, workers: int, connections: int
) -> Iterator[Engine]:
    """The engine on that database (None: SQLite), with `connections` of a server in each worker."""
    environ = {"DATABASE_URL": database_url} if database_url else {}
    with Running(folder / "data", workers=workers, **environ) as site:
        yield Engine(site, folder, connections, workers, postmaster)


def _rate(port: int, people: int) -> float:
    deadline = time.monotonic() + PATIENCE_S
    accepted = 0
    while time.monotonic() < deadline:
        accepted, first, last = sink.stat(port)
        if accepted >= people:
            return accepted / (last - first)
        time.sleep(LOOK_S)
    raise RuntimeError(f"only {accepted} of {people} messages arrived")
