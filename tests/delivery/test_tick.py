"""A tick of the dispatcher: it asks as little for a hundred campaigns as for one, and one that is broken stops none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.autopause import finishing
from campaigns.delivery.dispatch import invariants, launch, tasks
from campaigns.delivery.dispatch.dispatcher import Dispatcher, Ticks
from campaigns.delivery.dispatch.rounds import Rounds
from campaigns.delivery.models import Batch, CampaignRun, Delivery, Wave
from campaigns.planning.models import Campaign, Status
from tests.delivery.factories import fresh, id_of, make_due, make_launched, states
from tests.delivery.waiting_work import statements
from tests.factories import make_server
from tests.fakes.smtp_server import SmtpServer

MANY = 100
# All duties at every tick, but the looks at campaigns one by one, of which a tick does as many as it has time for.
ALL_DUTIES = Ticks(hints=0, takeovers=0, invariants=0, repairs=3600, budget=0)


def make_under_way(number: int) -> list[int]:
    """That many campaigns that could send, and nobody to send them; their ids."""
    with SmtpServer() as server:
        row = make_server(port=server.port)
        first = make_launched(server, people=3, server_id=row.id)
    copies = [copied(id_of(first)) for _each in range(number - 1)]
    db.session.commit()
    return [id_of(first), *copies]


def copied(campaign_id: int) -> int:
    """Another campaign that was launched for the same people."""
    columns = [each for each in Campaign.__table__.c if each.name != "id"]
    source = sa.select(*columns).where(Campaign.id == campaign_id)
    db.session.execute(sa.insert(Campaign).from_select([each.name for each in columns], source))
    copy_id = db.session.scalar(sa.select(sa.func.max(Campaign.id))) or 0
    for model in (Wave, Batch, Delivery):
        columns = [each for each in model.__table__.c if each.name not in ("id", "campaign_id")]
        rows = sa.select(sa.literal(copy_id, sa.Integer), *columns).where(model.campaign_id == campaign_id)
        db.session.execute(sa.insert(model).from_select(["campaign_id", *(c.name for c in columns)], rows))
    return copy_id


def test_a_tick_asks_the_database_as_often_for_a_hundred_campaigns_as_for_two(each_database: Flask) -> None:
    make_under_way(2)
    for_two = asked_in_a_tick()
    make_under_way(MANY)
    for_many = asked_in_a_tick()
    # A campaign has one batch here, and so many of all are counted again to see whether their tallies are right.
    assert len(for_many) - len(for_two) <= invariants.TALLIES_LOOKED_AT
    assert len(for_two) < 60


def test_a_tick_asks_three_things_of_a_campaign_that_needs_nothing(each_database: Flask) -> None:
    make_under_way(12)
    asked = []
    for campaigns in (2, 12):
        found = db.session.scalars(sa.select(Campaign.id).where(Campaign.status == Status.SENDING)).all()
        with statements() as said:
            tasks.repair(now=clock.now(), rounds=_Only(found[:campaigns]))
        asked.append(len(said))
    assert asked[1] - asked[0] <= 10 * 3


class _Only(Rounds):
    """Rounds over some of the campaigns."""

    def __init__(self, ids: Sequence[int]) -> None:
        super().__init__(0, budget_s=3600)
        self._ids = ids

    def go(self, ids: Iterable[int], work: Callable[[int], object]) -> bool:
        return super().go([each for each in ids if each in self._ids], work)


def asked_in_a_tick() -> list[str]:
    dispatcher = Dispatcher(ALL_DUTIES)
    with statements() as said:
        assert dispatcher.tick()
    dispatcher.let_go()
    return said


def test_a_tick_with_a_hundred_campaigns_takes_little_time(
    each_database: Flask, record_property: Callable[[str, Any], None]
) -> None:
    """50 ms on a machine that is idle; the limit here is for one that is not."""
    make_under_way(MANY)
    dispatcher = Dispatcher(Ticks())
    dispatcher.tick()  # with all duties of the minute, and with compiling the statements
    took_ms = []
    for _tick in range(10):
        began = time.monotonic()
        assert dispatcher.tick()
        took_ms.append(1000 * (time.monotonic() - began))
    record_property("tick_ms", round(sorted(took_ms)[len(took_ms) // 2]))
    assert min(took_ms) < 1000


def test_all_have_their_turn_however_little_time_a_tick_has() -> None:
    seen: list[int] = []
    rounds = Rounds(3600, budget_s=0)
    assert [rounds.go([1, 2, 3], seen.append) for _tick in range(5)] == [True, True, False, False, False]
    assert seen == [1, 2, 3]
    rounds.go([1, 2, 3, 4], seen.append)
    assert seen == [1, 2, 3, 4]


def test_within_its_time_a_tick_looks_after_all_and_not_more_often_than_it_has_to() -> None:
    seen: list[int] = []
    rounds = Rounds(3600, budget_s=60)
    for _tick in range(3):
        rounds.go([1, 2, 3], seen.append)
    assert seen == [1, 2, 3]
    again = Rounds(0, budget_s=60)
    again.go([1], seen.append)
    again.go([1], seen.append)
    assert seen == [1, 2, 3, 1, 1]


def test_a_campaign_that_breaks_its_launch_keeps_no_other_from_it(
    each_database: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = make_due(people=1), make_due(people=2)
    real = launch.launch

    def breaks(campaign_id: int, *rest: Any) -> Status:
        if campaign_id == id_of(broken):
            raise ZeroDivisionError("something nobody thought of")
        return real(campaign_id, *rest)

    monkeypatch.setattr(launch, "launch", breaks)
    tasks.launch_due(now=clock.now())
    assert states(sound) == {"pending": 2}
    assert fresh(broken).status is Status.SCHEDULED
    assert f"Campaign {id_of(broken)} could not be launched" in caplog.text


def test_a_campaign_that_can_not_be_looked_after_keeps_no_other_from_it(
    each_database: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = make_under_way(2)
    db.session.execute(sa.update(Batch).values(state=2))
    db.session.execute(sa.update(Delivery).values(state=3))
    db.session.commit()
    real = finishing.finish

    def breaks(campaign_id: int, **values: Any) -> bool:
        if campaign_id == broken:
            raise ZeroDivisionError("something nobody thought of")
        return real(campaign_id, **values)

    monkeypatch.setattr(finishing, "finish", breaks)
    tasks.repair(now=clock.now())
    db.session.rollback()
    assert db.session.get_one(Campaign, sound).status is Status.FINISHED
    assert f"Campaign {broken} could not be looked after" in caplog.text


def test_a_campaign_that_could_send_and_does_not_move_is_found(each_database: Flask) -> None:
    [campaign_id] = make_under_way(1)
    assert tasks.check(now=clock.now()) == []
    long_ago = clock.now() - timedelta(minutes=9)
    db.session.execute(sa.update(Campaign).values(updated_at=long_ago))
    db.session.commit()
    assert [fault for fault in tasks.check(now=clock.now()) if f"Campaign {campaign_id} has batches" in fault]
    run = {"campaign_id": campaign_id, "epoch": 1, "begun": 1, "served_at": long_ago}
    db.session.execute(sa.insert(CampaignRun).values(**run, moved_at=clock.now()))
    db.session.commit()
    assert tasks.check(now=clock.now()) == [], "a lane of it has recorded answers since"


def test_a_campaign_that_waits_for_its_server_is_not_stuck(each_database: Flask) -> None:
    [campaign_id] = make_under_way(1)
    db.session.execute(
        sa.update(Campaign).values(updated_at=clock.now() - timedelta(minutes=9), fails_over=False)
    )
    found = db.session.get_one(Campaign, campaign_id).server
    assert found
    found.closed_until = clock.now() - timedelta(minutes=1)
    db.session.commit()
    assert tasks.check(now=clock.now()) == [], "five minutes ago it was closed"
