"""An import is paused, resumed and cancelled while it runs, and each of them ends the work of its worker."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from campaigns.audience import queries
from campaigns.audience.imports import outlook, runner, services
from campaigns.audience.imports import queries as import_queries
from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from tests.audience.imports.files import after, make_import, undone
from tests.factories import make_list

ROWS = "Email\n" + "".join(f"p{number}@example.org\n" for number in range(35))


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    monkeypatch.setattr(runner, "BATCH_ROWS", 10)


def interrupted(made: Import, act) -> Import:
    """The import after `act` was done to it when ten rows had been processed."""
    heard: list[int] = []

    def once(position: int) -> None:
        heard.append(position)
        if len(heard) == 1:
            act(import_queries.import_(made.id))
            db.session.commit()

    assert not runner.run(made.id, on_progress=once)
    return after(made.id)


def test_a_paused_import_goes_on_where_it_was(each_database: Flask) -> None:
    paused = interrupted(make_import(ROWS, make_list()), lambda made: services.pause(made, now=clock.now()))
    assert (paused.status, paused.rows) == (ImportStatus.PAUSED, 10)
    assert runner.run(paused.id), "nobody has anything to do"
    assert queries.people_count() == 10
    assert import_queries.waiting_imports(now=clock.now()) == []
    services.resume(after(paused.id), now=clock.now())
    db.session.commit()
    assert import_queries.waiting_imports(now=clock.now()) == [paused.id]
    assert runner.run(paused.id)
    assert (after(paused.id).status, after(paused.id).new) == (ImportStatus.FINISHED, 35)


def test_a_cancelled_import_keeps_what_it_did_and_can_be_undone(each_database: Flask) -> None:
    ended = interrupted(make_import(ROWS, make_list()), lambda made: services.cancel(made, now=clock.now()))
    assert (ended.status, ended.rows, queries.people_count()) == (ImportStatus.CANCELLED, 10, 10)
    assert undone(ended).undone == {"deleted": 10}
    assert queries.people_count() == 0


@pytest.mark.parametrize("act", [services.pause, services.resume, services.cancel, services.ask_undo])
def test_each_step_is_refused_when_there_is_nothing_to_do(app: Flask, act) -> None:
    made = make_import("Email\nbad\n", make_list())
    assert runner.run(made.id)
    with pytest.raises(Conflict):
        act(after(made.id), now=clock.now())


def test_pages_offer_and_do_each_step(app: Flask, ben, cleo) -> None:
    made = make_import(ROWS, make_list())
    url = f"/imports/{made.id}"
    assert cleo.post(f"{url}/pause").status_code == 403
    assert f'action="{url}/pause"' in ben.get(url).text
    assert ben.post(f"{url}/pause").status_code == 303
    page = ben.get(url).text
    assert "The import is paused." in page
    assert f'action="{url}/pause/deletion"' in page
    assert ben.post(f"{url}/pause/deletion").status_code == 303
    assert runner.run(made.id)
    page = ben.get(url).text
    assert "You can undo this import until" in page
    assert ben.post(f"{url}/undo").status_code == 303
    assert after(made.id).status is ImportStatus.UNDOING
    assert ben.post(f"{url}/undo").status_code == 409
    assert ben.post(f"{url}/cancellation").status_code == 409
    assert "restored so far" in ben.get(f"{url}/progress").text


def test_the_rate_and_the_time_left_come_from_what_was_done(app: Flask) -> None:
    made = make_import(ROWS, make_list())
    began = clock.now()
    made.started_at, made.status, made.mapping = began, ImportStatus.RUNNING, {"start": 6}
    made.size_bytes, made.byte_position, made.rows = 1006, 256, 400
    assert outlook.pace(made, now=began) == outlook.Pace()
    found = outlook.pace(made, now=began + timedelta(seconds=40))
    assert (found.rows_per_second, found.seconds_left, found.minutes_left) == (10, 120, 2)
