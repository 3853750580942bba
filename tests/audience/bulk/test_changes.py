"""Changes of many people: fixed first, carried out in parts, put back for 30 days; on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import queries
from campaigns.audience import services as people_services
from campaigns.audience.bulk import queries as bulk_queries
from campaigns.audience.bulk import running, services
from campaigns.audience.bulk.models import BulkAct, BulkChange, Kind, Stage
from campaigns.audience.models import (
    Consent,
    FieldKind,
    List,
    OptIn,
    Origin,
    Status,
    Subscriber,
    Subscription,
    Suppression,
)
from campaigns.audience.search import Search
from campaigns.audience.tags import queries as tag_queries
from campaigns.audience.tags import services as tag_services
from campaigns.audit.models import AuditEntry
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.delivery.dispatch import tasks
from tests.factories import NOON, make_field, make_list, make_operator, make_subscriber

LEADS = Search(text="lead")
LATER = NOON + timedelta(hours=1)  # than everybody joined


@pytest.fixture
def loft(each_database: Flask, monkeypatch: pytest.MonkeyPatch) -> List:
    """Seven leads: two on the list, one unconfirmed, one who left it; and one other person on it."""
    monkeypatch.setattr(running, "PART", 3)
    loft = make_list("Loft")
    for number in range(3):
        make_subscriber(f"lead{number}@example.org", fields={"city": "Graz"} if number else {})
    for number in (3, 4):
        make_subscriber(f"lead{number}@example.org", lists=[loft])
    make_subscriber("lead5@example.org", lists=[loft], status=Status.UNCONFIRMED)
    make_subscriber("lead6@example.org", lists=[loft], status=Status.UNSUBSCRIBED)
    make_subscriber("other@example.org", lists=[loft])
    return loft


def carry_out(kind: Kind, **about) -> BulkAct:
    act = services.begin(kind, LEADS, now=LATER, operator_id=make_operator().id, **about)
    db.session.commit()
    assert running.run(act.id, now=lambda: LATER)
    return fresh(act.id)


def put_back(act: BulkAct, *, at=LATER + timedelta(days=1)) -> BulkAct:
    services.undo(act, now=at, operator_id=make_operator().id)
    db.session.commit()
    assert running.run(act.id, now=lambda: at)
    return fresh(act.id)


def fresh(act_id: int) -> BulkAct:
    db.session.rollback()
    db.session.expire_all()
    return bulk_queries.act(act_id)


def statuses(list_: List) -> dict[str, int]:
    rows = (
        db.session.execute(sa.select(Subscription.status).where(Subscription.list_id == list_.id))
        .scalars()
        .all()
    )
    return {each.value: rows.count(each) for each in Status}


def state_of_everybody() -> list[object]:
    """What undoing has to bring back."""
    db.session.rollback()
    db.session.expire_all()
    people = db.session.scalars(sa.select(Subscriber).order_by(Subscriber.id)).all()
    tags = tag_queries.of_people([each.id for each in people])
    held = queries.subscriptions_of([each.id for each in people])
    return [
        (
            each.email,
            each.fields,
            [tag.name for tag in tags[each.id]],
            [(one.list_id, one.status, one.origin, one.unsubscribed_at) for one in held[each.id]],
            queries.suppression_of(each) is not None,
        )
        for each in people
    ]


def about(kind: Kind, loft: List) -> dict[str, object]:
    if kind in (Kind.ADD, Kind.UNSUBSCRIBE):
        return {"list_": loft}
    if kind in (Kind.TAG, Kind.UNTAG):
        vip, press = tag_services.find_or_create(["VIP", "Press"], now=NOON)
        tag_services.give([vip], [each.id for each in db.session.scalars(sa.select(Subscriber).limit(2))])
        return {"tags": [vip, press]}
    if kind is Kind.FIELD:
        return {"field": make_field("city"), "value": "Vienna"}
    return {}


CHANGED = {Kind.ADD: 3, Kind.UNSUBSCRIBE: 3, Kind.TAG: 7, Kind.UNTAG: 2, Kind.FIELD: 7, Kind.SUPPRESS: 7}


@pytest.mark.parametrize("kind", list(CHANGED))
def test_an_undo_brings_everybody_back(loft: List, kind: Kind) -> None:
    given = about(kind, loft)
    db.session.commit()
    before = state_of_everybody()
    act = carry_out(kind, **given)
    assert (act.stage, act.people, act.done, act.changed) == (Stage.FINISHED, 7, 7, CHANGED[kind])
    assert state_of_everybody() != before
    undone = put_back(act)
    assert (undone.stage, undone.restored, undone.not_restored) == (Stage.UNDONE, CHANGED[kind], 0)
    assert state_of_everybody() == before
    entries = db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert entries[-2:] == [running._ACTIONS[kind], "people.change_undone"]


def test_who_left_by_themselves_stays_away(loft: List) -> None:
    act = carry_out(Kind.UNSUBSCRIBE, list_=loft)
    person = db.session.scalar(sa.select(Subscriber).filter_by(email="lead3@example.org"))
    people_services.unsubscribe(person.id, list_ids=[loft.id], origin=Origin.ONE_CLICK, now=LATER)
    db.session.commit()
    undone = put_back(act)
    assert (undone.restored, undone.not_restored) == (2, 1)
    assert queries.subscription(person.id, loft.id).origin is Origin.ONE_CLICK
    acts = db.session.scalars(sa.select(Consent.act).where(Consent.subscriber_id != person.id)).all()
    assert sorted(acts) == ["resubscribed", "resubscribed", "unsubscribed", "unsubscribed"]


def test_a_field_changed_since_and_an_erased_person_are_left_alone(loft: List) -> None:
    city = make_field("city")
    act = carry_out(Kind.FIELD, field=city, value="Vienna")
    edited, erased = db.session.scalars(sa.select(Subscriber).order_by(Subscriber.id).limit(2)).all()
    edited.fields = {"city": "Linz"}
    people_services.delete_person(erased, now=LATER)
    db.session.commit()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(BulkChange)) == 6
    undone = put_back(act)
    assert (undone.restored, undone.not_restored) == (5, 2)
    assert db.session.get_one(Subscriber, edited.id).fields == {"city": "Linz"}


def test_deletions_leave_nothing_and_can_not_be_undone(loft: List) -> None:
    act = carry_out(Kind.DELETE)
    assert (act.people, act.changed) == (7, 7)
    assert [each.email for each in db.session.scalars(sa.select(Subscriber))] == ["other@example.org"]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(BulkChange)) == 0
    with pytest.raises(Conflict):
        services.undo(act, now=LATER, operator_id=make_operator().id)


def test_after_thirty_days_it_stays_and_nothing_is_kept_of_the_people(loft: List) -> None:
    act = carry_out(Kind.SUPPRESS)
    late = LATER + timedelta(days=30)
    with pytest.raises(Conflict):
        services.undo(act, now=late, operator_id=make_operator().id)
    tasks.clean_up(now=late - timedelta(days=1))
    assert db.session.scalar(sa.select(sa.func.count()).select_from(BulkChange)) == 7
    tasks.clean_up(now=late + timedelta(seconds=1))
    assert db.session.scalar(sa.select(sa.func.count()).select_from(BulkChange)) == 0
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Suppression)) == 7


def test_another_worker_goes_on_where_one_was_killed(loft: List) -> None:
    act_id = services.begin(Kind.SUPPRESS, LEADS, now=LATER, operator_id=make_operator().id).id
    db.session.commit()
    assert not running.run(act_id, until=LATER, now=lambda: LATER)  # one part
    assert (fresh(act_id).done, fresh(act_id).stage) == (3, Stage.RUNNING)
    held = running._claim(act_id, now=LATER)  # and is killed
    assert held == 2
    make_subscriber("lead7@example.org")  # who came later is not changed
    assert not running.run(act_id, now=lambda: LATER)
    assert bulk_queries.waiting(now=LATER) == []
    after = LATER + running.LEASE + timedelta(seconds=1)
    assert bulk_queries.waiting(now=after) == [act_id]
    assert running.run(act_id, now=lambda: after)
    assert fresh(act_id).changed == 7
    assert not running._part(act_id, held, now=after)  # the first one can write nothing any more


def test_what_can_not_be_done_is_refused(loft: List) -> None:
    who = make_operator().id
    with pytest.raises(Conflict, match="asks people to confirm"):
        services.begin(Kind.ADD, LEADS, now=LATER, operator_id=who, list_=make_list(opt_in=OptIn.DOUBLE))
    with pytest.raises(Invalid):
        services.begin(
            Kind.FIELD,
            LEADS,
            now=LATER,
            operator_id=who,
            field=make_field("n", kind=FieldKind.NUMBER),
            value="x",
        )
    with pytest.raises(Invalid):
        services.begin(Kind.TAG, LEADS, now=LATER, operator_id=who)
    with pytest.raises(Invalid):
        services.begin(Kind.FIELD, LEADS, now=LATER, operator_id=who)


def test_the_page_counts_changes_and_undoes(app: Flask, ben) -> None:
    single = make_list("Single")
    for number in range(52):
        make_subscriber(f"lead{number}@example.org")
    assert 'href="/people/results?q=lead">Select all 52 results</a>' in ben.get("/people?q=lead").text
    page = ben.get("/people/results?q=lead").text
    assert "52 results" in page and "Single: 52 people" in page and "Suppress 52 addresses" in page
    stale = ben.post("/people/results?q=lead", data={"act": "add", "list": single.id, "number": 51})
    assert stale.location == "/people/results?q=lead"
    assert queries.list_sizes()[single.id].total == 0
    done = ben.post("/people/results?q=lead", data={"act": "add", "list": str(single.id), "number": "52"})
    assert done.location == "/people?q=lead"
    db.session.rollback()
    assert queries.list_sizes()[single.id].total == 52
    assert "52 people added to Single." in ben.get(done.location).text
    act_id = db.session.scalar(sa.select(BulkAct.id))
    undone = ben.post(f"/people/changes/{act_id}/undo", follow_redirects=True).text
    assert "Undone for 52 people." in undone
    db.session.rollback()
    assert queries.list_sizes()[single.id].total == 0
    again = ben.post(f"/people/changes/{act_id}/undo", follow_redirects=True).text
    assert "This change can no longer be undone." in again


def test_a_large_change_is_left_to_a_worker(app: Flask, ben, cleo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "AT_ONCE", 1)
    for number in range(2):
        make_subscriber(f"lead{number}@example.org")
    data = {"act": "tag", "tags": "VIP, New", "number": "2"}
    assert ben.post("/people/results?q=lead", data=data).location == "/people/changes"
    page = cleo.get("/people/changes").text
    assert "0 of 2 people" in page and 'hx-trigger="every 2s"' in page and "/undo" not in page
    act_id = db.session.scalar(sa.select(BulkAct.id))
    assert cleo.post(f"/people/changes/{act_id}/undo").status_code == 403
    assert running.run(act_id)
    page = ben.get("/people/changes").text
    assert "2 people tagged: VIP, New." in page and "/undo" in page


def test_checked_people_are_changed_alone(app: Flask, ben) -> None:
    ann, bob, _eve = (make_subscriber() for _each in range(3))
    chosen = ben.post("/people/selection", data={"id": [ann.id, bob.id]})
    assert chosen.location == f"/people/results?ids={ann.id}.{bob.id}"
    assert "2 results" in ben.get(chosen.location).text
    ben.post(chosen.location, data={"act": "suppress", "number": "2"})
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Suppression)) == 2
    assert ben.post("/people/selection").location == "/people"


def test_several_people_leave_a_list_and_come_back(app: Flask, ben) -> None:
    loft = make_list("Loft")
    people = [make_subscriber(lists=[loft]) for _each in range(2)]
    data = {"id": [each.id for each in people], "list": str(loft.id), "back": "q=example"}
    asked = ben.post("/people/unsubscription", data=data).text
    assert "Unsubscribe 2 people from Loft?" in asked and 'href="/people?q=example"' in asked
    page = ben.post("/people/unsubscriptions", data=data, follow_redirects=True).text
    assert "2 people unsubscribed from Loft." in page
    nobody = ben.post("/people/unsubscriptions", data=data, follow_redirects=True).text
    assert "None of the selected people are subscribed to Loft." in nobody
