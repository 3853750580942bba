"""The base of courses: one app and one database for all, reset to the moment after a launch.

The database stays open from course to course. Its rows are replaced, so that connections and prepared
statements need not be created again.
"""

from __future__ import annotations

import functools
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from campaigns.core.db import db
from campaigns.delivery.dispatch import launch
from campaigns.delivery.sender import composer
from campaigns.planning.models import Status
from campaigns.schema import bring_up_to_date
from tests.conftest import make_app, make_config
from tests.factories import make_campaign, make_list, make_server, make_subscriber
from tests.simulation.course import DOMAINS
from tests.simulation.world import Clock

HTML = "<p>Hello {{ first_name }}</p>.<p><a href='{{ unsubscribe_url }}'>Leave</a></p>"
Rows = dict[str, list[tuple[Any, ...]]]  # of each table


# The audit log can only grow; the index and the counters of people are triggers' business.
LEFT_ALONE = ("sqlite_", "audit_", "person_text", "audience_count", "bulk_write")


class Ground:
    """`reader` sees committed rows, independently of the app: for the simulation's own checks."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.clock = Clock()
        path = folder / "columba.db"
        self.app: Flask = make_app(make_config(folder, f"sqlite:///{path}"))
        self._images: dict[tuple[int, int], Rows] = {}
        # The same content for all courses: compiled once, not by every lane.
        composer.compile_all = _compiled_once(composer.compile_all)
        with self.app.app_context():
            bring_up_to_date()
            db.session.remove()
            sa.event.listen(db.engine, "connect", self._on_connect)
            db.engine.dispose()
        self.reader = sqlite3.connect(path, isolation_level=None)
        self.reader.execute("PRAGMA foreign_keys=OFF")
        self._drop_counters()
        self._tables = [
            name
            for (name,) in self.reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith(LEFT_ALONE)
        ]
        self._blank = self._all_rows()

    def _drop_counters(self) -> None:
        """Rows are put and taken by hand here: nothing needs to count or index people meanwhile."""
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('subscriber', 'subscription')"
        for (name,) in self.reader.execute(triggers).fetchall():
            self.reader.execute(f"DROP TRIGGER {name}")

    def _on_connect(self, connection: Any, _record: Any) -> None:
        connection.create_function("strftime", -1, self.clock.strftime)

    def lay(self, people: int, size: int) -> None:
        """Set up a campaign that was just launched, to `people` recipients in batches of `size`."""
        image = self._images.get((people, size))
        if image is None:
            image = self._images[people, size] = self._launched(people, size)
        self._put(image)
        self.clock.seconds = 1001.0

    def one(self, text: str, *values: Any) -> Any:
        """The first row of a SELECT."""
        return self.reader.execute(text, values).fetchone()

    def _put(self, image: Rows) -> None:
        db.session.remove()
        (self._folder / "watermark").unlink(missing_ok=True)
        self.reader.execute("BEGIN IMMEDIATE")
        for name in self._tables:
            self.reader.execute(f"DELETE FROM {name}")
        for name, rows in image.items():
            places = ",".join("?" * len(rows[0]))
            self.reader.executemany(f"INSERT INTO {name} VALUES ({places})", rows)
        self.reader.execute("COMMIT")

    def _all_rows(self) -> Rows:
        found = {name: self.reader.execute(f"SELECT * FROM {name}").fetchall() for name in self._tables}
        return {name: rows for name, rows in found.items() if rows}

    def _launched(self, people: int, size: int) -> Rows:
        self._put(self._blank)
        self.clock.seconds = 1000.0
        readers = make_list()
        for number in range(people):
            make_subscriber(
                f"p{number}@{DOMAINS[number % len(DOMAINS)]}",
                lists=[readers],
                fields={"first_name": f"Zoë {number}"},
            )
        campaign = make_campaign(
            lists=[readers],
            status=Status.SCHEDULED,
            send_at=self.clock.now() - timedelta(seconds=1),
            server_id=make_server(host="127.0.0.1").id,
            html=HTML,
        )
        launch.launch(campaign.id, self.clock.now(), size=size)
        db.session.commit()
        return self._all_rows()


def _compiled_once(compile_all: Any) -> Any:
    known: dict[str, Any] = {}

    @functools.wraps(compile_all)
    def compiled(sources: Any) -> Any:
        key = repr(sources)
        if key not in known:
            known[key] = compile_all(sources)
        return known[key]

    return compiled
