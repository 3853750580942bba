"""Taking several people off a list asks first, and can be undone for a minute."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from campaigns.audience import queries, services, undoing
from campaigns.audience.models import List, Origin, Status
from campaigns.core import clock
from campaigns.core.db import db
from tests.factories import NOON, make_list, make_subscriber


@pytest.fixture
def loft(app) -> List:
    return make_list("Loft")


def statuses(list_: List) -> list[str]:
    db.session.rollback()
    db.session.expire_all()
    held = queries.subscriptions_of([each.id for each in queries.people_by_id(range(100))])
    return sorted(each.status.value for some in held.values() for each in some if each.list_id == list_.id)


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def make_people(loft: List) -> list[str]:
    """Two subscribed, one unconfirmed, one who left by themselves, one on another list."""
    people = [
        make_subscriber("ann@example.org", lists=[loft]),
        make_subscriber("bob@example.org", lists=[loft]),
        make_subscriber("eve@example.org", lists=[loft], status=Status.UNCONFIRMED),
        make_subscriber("gone@example.org", lists=[loft], status=Status.UNSUBSCRIBED),
        make_subscriber("other@example.org", lists=[make_list()]),
    ]
    return [str(each.id) for each in people]


def test_it_asks_first_and_counts_those_who_are_on_the_list(ben, loft: List) -> None:
    data = {"id": make_people(loft), "list": str(loft.id), "back": "q=example"}
    assert 'formaction="/people/unsubscription"' in text_of(ben.get("/people"))
    asked = text_of(ben.post("/people/unsubscription", data=data))
    assert "Unsubscribe 3 people from Loft?" in asked
    assert "Unsubscribe 3 people</button>" in asked
    assert "gone@example.org" not in asked
    assert 'href="/people?q=example"' in asked
    assert statuses(loft) == ["subscribed", "subscribed", "unconfirmed", "unsubscribed"]
    nobody = ben.post("/people/unsubscription", data={**data, "id": data["id"][3:]}, follow_redirects=True)
    assert "None of the selected people are subscribed to Loft." in text_of(nobody)


def test_everybody_is_as_they_were_after_an_undo(ben, loft: List) -> None:
    data = {"id": make_people(loft), "list": str(loft.id), "back": "q=example"}
    page = text_of(ben.post("/people/unsubscriptions", data=data, follow_redirects=True))
    assert "3 people unsubscribed from Loft." in page
    assert 'action="/people/unsubscriptions/deletion"' in page
    assert statuses(loft) == ["unsubscribed"] * 4
    undone = ben.post("/people/unsubscriptions/deletion", data={"back": "q=example"})
    assert undone.location == "/people?q=example"
    page = text_of(ben.get(undone.location))
    assert "Undone: 3 people are back on the list." in page
    assert 'action="/people/unsubscriptions/deletion"' not in page
    assert statuses(loft) == ["subscribed", "subscribed", "unconfirmed", "unsubscribed"]
    again = ben.post("/people/unsubscriptions/deletion", follow_redirects=True)
    assert "too late to undo" in text_of(again)


def test_who_left_by_themselves_meanwhile_stays_away(ben, loft: List) -> None:
    ann, *_others = make_people(loft)
    ben.post("/people/unsubscriptions", data={"id": [ann], "list": str(loft.id)})
    services.resubscribe(int(ann), list_ids=[loft.id], origin=Origin.PAGE, now=clock.now())
    services.unsubscribe(int(ann), list_ids=[loft.id], origin=Origin.ONE_CLICK, now=clock.now())
    db.session.commit()
    ben.post("/people/unsubscriptions/deletion")
    assert statuses(loft) == ["subscribed", "unconfirmed", "unsubscribed", "unsubscribed"]


def test_after_a_minute_it_is_too_late(ben, loft: List) -> None:
    ids = make_people(loft)
    ben.post("/people/unsubscriptions", data={"id": ids, "list": str(loft.id)})
    with ben.session_transaction() as kept:
        at = datetime.fromisoformat(kept["unsubscribed"]["at"])
        kept["unsubscribed"] = {**kept["unsubscribed"], "at": (at - timedelta(seconds=61)).isoformat()}
    assert "unsubscribed from" not in text_of(ben.get("/people"))
    late = ben.post("/people/unsubscriptions/deletion", follow_redirects=True)
    assert "too late to undo" in text_of(late)
    assert statuses(loft) == ["unsubscribed"] * 4


def test_two_hundred_people_can_be_undone_from_a_cookie(ben, loft: List) -> None:
    done = undoing.Unsubscribed(loft.id, NOON, {Status.SUBSCRIBED: list(range(9_876_543_000, 9_876_543_200))})
    with ben.session_transaction() as kept:
        kept["unsubscribed"] = done.as_json()
    cookie = ben.get_cookie(ben.application.config["SESSION_COOKIE_NAME"])
    assert len(cookie.value) < 3000
    assert undoing.Unsubscribed.from_json(done.as_json()) == done
