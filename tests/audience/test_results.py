"""Acts on all results of a search: counted first, done in one statement, undone within a minute."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from campaigns.audience import queries, results, services
from campaigns.audience.models import (
    Consent,
    List,
    OptIn,
    Origin,
    Status,
    Subscriber,
    Subscription,
    Suppression,
)
from campaigns.audience.results import Act, Done
from campaigns.audience.search import Search
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from tests.factories import NOON, make_list, make_operator, make_subscriber

LEADS = Search(text="lead")
LATER = NOON + timedelta(hours=1)  # than everybody joined


@pytest.fixture
def loft(each_database: Flask) -> List:
    """Sixty leads: two on the list, one who left it, and one other person on it."""
    loft = make_list("Loft")
    for number in range(57):
        make_subscriber(f"lead{number}@example.org")
    for number in (57, 58):
        make_subscriber(f"lead{number}@example.org", lists=[loft])
    make_subscriber("lead59@example.org", lists=[loft], status=Status.UNSUBSCRIBED)
    make_subscriber("other@example.org", lists=[loft])
    return loft


def statuses(list_: List) -> dict[Status, int]:
    db.session.commit()
    rows = db.session.query(Subscription.status).filter_by(list_id=list_.id).all()
    return {status: sum(row[0] is status for row in rows) for status in Status}


def test_all_results_join_a_list_but_those_who_left_it(loft: List) -> None:
    who = make_operator().id
    done = results.add(LEADS, loft, now=LATER, operator_id=who)
    assert done == Done(Act.ADD, loft.id, LATER, 57)
    assert statuses(loft)[Status.SUBSCRIBED] == 60
    assert statuses(loft)[Status.UNSUBSCRIBED] == 1
    assert db.session.query(Consent).filter_by(act="added", operator_id=who).count() == 57
    assert results.add(LEADS, loft, now=LATER + timedelta(seconds=1), operator_id=who).number == 0
    assert results.undo(done, now=LATER, operator_id=who) == 57
    assert statuses(loft)[Status.SUBSCRIBED] == 3


def test_people_who_have_to_confirm_are_not_added_all_at_once(loft: List) -> None:
    doubled = make_list("Doubled", opt_in=OptIn.DOUBLE)
    with pytest.raises(Conflict, match="asks people to confirm"):
        results.add(LEADS, doubled, now=LATER, operator_id=make_operator().id)


def test_all_results_leave_a_list_and_come_back(loft: List) -> None:
    who = make_operator().id
    done = results.unsubscribe(LEADS, loft, now=LATER, operator_id=who)
    assert done.number == 2
    assert statuses(loft)[Status.SUBSCRIBED] == 1
    assert results.undo(done, now=LATER + timedelta(seconds=9), operator_id=who) == 2
    assert statuses(loft) == {Status.SUBSCRIBED: 3, Status.UNSUBSCRIBED: 1, Status.UNCONFIRMED: 0}
    acts = [row.act for row in db.session.query(Consent).order_by(Consent.id)]
    assert sorted(acts) == ["resubscribed", "resubscribed", "unsubscribed", "unsubscribed"]


def test_who_left_by_themselves_meanwhile_stays_away(loft: List) -> None:
    who = make_operator().id
    done = results.unsubscribe(LEADS, loft, now=LATER, operator_id=who)
    left = db.session.query(Subscription).filter_by(list_id=loft.id, changed_at=LATER).first()
    left.origin, left.changed_at = Origin.PAGE, LATER + timedelta(seconds=3)
    db.session.commit()
    assert results.undo(done, now=LATER + timedelta(seconds=9), operator_id=who) == 1


def test_who_asks_to_leave_after_they_were_taken_off_stays_away(loft: List) -> None:
    """Their own word counts although it changed nothing that they could see."""
    who = make_operator().id
    done = results.unsubscribe(LEADS, loft, now=LATER, operator_id=who)
    person = db.session.query(Subscriber).filter_by(email="lead57@example.org").one()
    for _click in range(2):
        changed = services.unsubscribe(
            person.id, list_ids=[loft.id], origin=Origin.ONE_CLICK, now=LATER + timedelta(seconds=9)
        )
        assert changed == (1 if _click == 0 else 0)
    assert results.undo(done, now=LATER + timedelta(seconds=20), operator_id=who) == 1
    held = db.session.query(Subscription).filter_by(subscriber_id=person.id).one()
    assert (held.status, held.origin) == (Status.UNSUBSCRIBED, Origin.ONE_CLICK)
    with pytest.raises(Conflict, match="only rejoin by signing up"):
        services.subscribe_by_operator(person, loft, now=LATER + timedelta(days=1), operator_id=who)


def test_all_results_are_suppressed_and_lifted(loft: List) -> None:
    done = results.suppress(LEADS, now=LATER)
    assert done.number == 60
    assert results.suppress(LEADS, now=LATER + timedelta(seconds=1)).number == 0
    assert results.undo(done, now=LATER, operator_id=make_operator().id) == 60
    assert db.session.query(Suppression).count() == 0


def test_the_page_counts_acts_and_undoes(app: Flask, ben) -> None:
    single = make_list("Single")
    for number in range(52):
        make_subscriber(f"lead{number}@example.org")
    assert 'href="/people/results?q=lead">Select all 52 results</a>' in ben.get("/people?q=lead").text
    page = ben.get("/people/results?q=lead").text
    assert "52 results" in page and "Single: 52 people" in page and "Suppress 52 addresses" in page
    stale = ben.post("/people/results?q=lead", data={"act": "add", "list": single.id, "number": 51})
    assert stale.location == "/people/results?q=lead"
    assert queries.list_sizes()[single.id].total == 0
    data = {"act": "add", "list": str(single.id), "number": "52"}
    done = ben.post("/people/results?q=lead", data=data)
    assert done.location == "/people?q=lead"
    assert "52 people added to Single." in ben.get(done.location).text
    assert "Undone for 52 people." in ben.post("/people/results/deletion", follow_redirects=True).text
    db.session.rollback()
    assert queries.list_sizes()[single.id].total == 0
    assert "too late" in ben.post("/people/results/deletion", follow_redirects=True).text


def test_after_a_minute_it_stays(app: Flask, ben, monkeypatch) -> None:
    single = make_list("Single")
    make_subscriber("lead@example.org")
    data = {"act": "add", "list": str(single.id), "number": "1"}
    ben.post("/people/results?q=lead", data=data)
    late = clock.now() + timedelta(seconds=61)
    monkeypatch.setattr(clock, "now", lambda: late)
    assert "too late" in ben.post("/people/results/deletion", follow_redirects=True).text
    assert queries.list_sizes()[single.id].total == 1


def test_lists_say_how_many_can_be_delivered_to(loft: List) -> None:
    results.suppress(Search(text="lead58"), now=LATER)
    size = queries.list_sizes()[loft.id]
    assert (size.subscribed, size.deliverable) == (3, 2)
