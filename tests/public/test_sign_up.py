"""Signing up by the public page, and confirming it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from campaigns.audience import queries, services
from campaigns.audience.models import Confirmation, Consent, OptIn, Origin, Status, SuppressionReason
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.notices.models import Notice
from tests.factories import NOON, make_field, make_list, make_subscriber

DAY = timedelta(days=1)


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def make_public_list(**values):
    return make_list("Pigeon Post", **{"opt_in": OptIn.DOUBLE, "is_public": True, **values})


def sign_up(client, wanted, email: str = "ann@example.org", *, after_s: float = 5, at=None, **values):
    """Open the form, wait, send it."""
    with time_machine.travel(at or clock.now(), tick=False) as time:
        page = text_of(client.get(f"/s/{wanted.public_id}"))
        begun = re.search(r'name="begun"[^>]*value="([^"]+)"', page)[1]
        time.shift(after_s)
        data = {"email": email, "begun": begun, **values}
        return client.post(f"/s/{wanted.public_id}", data=data, headers=values.pop("headers", {}))


def mails() -> list[Notice]:
    db.session.expire_all()
    return list(db.session.scalars(sa.select(Notice).order_by(Notice.id)))


def link_in(notice: Notice) -> str:
    return re.search(r"http://localhost(/confirm/\S+)", notice.text)[1]


def status_of(email: str, wanted) -> Status:
    return queries.subscription(queries.person_by_address(email).id, wanted.id).status


def test_a_person_signs_up_and_confirms_by_the_button(client) -> None:
    make_field("first_name")
    wanted = make_public_list(description="Every month")
    answer = sign_up(client, wanted, first_name="Ann")
    assert answer.status_code == 200
    assert "Check your inbox" in text_of(answer)
    assert status_of("ann@example.org", wanted) is Status.UNCONFIRMED
    [mail] = mails()
    assert (mail.to_address, mail.subject) == ("ann@example.org", "Confirm your subscription to Pigeon Post")
    assert "Ann" not in mail.text
    assert "Subscribe" in text_of(client.get(link_in(mail)))
    assert status_of("ann@example.org", wanted) is Status.UNCONFIRMED, "looking at the link confirms nothing"
    with time_machine.travel(clock.now() + timedelta(minutes=1)):
        done = client.post(link_in(mail), headers={"User-Agent": "Firefox"})
    assert "You're subscribed" in text_of(done)
    assert status_of("ann@example.org", wanted) is Status.SUBSCRIBED
    ann = queries.person_by_address("ann@example.org")
    assert ann.fields == {"first_name": "Ann"}
    confirmed, asked = queries.consents(ann.id)
    assert (asked.act, asked.wording) == (
        "signed_up",
        "Yes, subscribe me to “Pigeon Post”. I can unsubscribe at any time.",
    )
    assert (confirmed.act, confirmed.ip, confirmed.user_agent) == ("confirmed", "127.0.0.1", "Firefox")
    assert "You're subscribed" in text_of(client.post(link_in(mail)))
    assert len(queries.consents(ann.id)) == 2, "again changes nothing"


def test_public_pages_set_no_cookie_and_are_not_indexed(client) -> None:
    answer = client.get(f"/s/{make_public_list().public_id}")
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_the_page_and_the_mail_speak_the_language_of_the_browser(client) -> None:
    wanted = make_public_list()
    page = text_of(client.get(f"/s/{wanted.public_id}", headers={"Accept-Language": "zh-CN"}))
    assert '<html lang="zh"' in page


def test_known_and_unknown_people_get_the_same_answer(client) -> None:
    wanted = make_public_list()
    make_subscriber("known@example.org", lists=[wanted], fields={"first_name": "Old"})
    make_field("first_name")
    known = sign_up(client, wanted, "known@example.org", first_name="Evil")
    unknown = sign_up(client, wanted, "unknown@example.org", first_name="New")
    assert text_of(known) == text_of(unknown)
    assert [mail.to_address for mail in mails()] == ["unknown@example.org"]
    assert queries.person_by_address("known@example.org").fields == {"first_name": "Old"}
    assert status_of("known@example.org", wanted) is Status.SUBSCRIBED


@pytest.mark.parametrize("public_id", ["isn't valid", "../x", "%00", "private"])
def test_a_list_that_is_not_public_has_no_page(client, public_id: str) -> None:
    make_list("Private", public_id="private")
    assert client.get(f"/s/{public_id}").status_code == 404
    assert client.post(f"/s/{public_id}", data={"email": "a@example.org"}).status_code == 404


@pytest.mark.parametrize("email", ["", "nonsense", "a@b\r\nBcc: c@example.org", "x" * 500 + "@example.org"])
def test_what_is_no_address_is_refused_at_the_field_and_nothing_is_lost(client, email: str) -> None:
    make_field("first_name")
    answer = sign_up(client, make_public_list(), email, first_name="Ann")
    assert answer.status_code == 422
    assert 'id="email-error"' in text_of(answer)
    assert 'value="Ann"' in text_of(answer)
    assert mails() == []


def test_a_robot_that_fills_the_trap_is_thanked_and_forgotten(client) -> None:
    answer = sign_up(client, make_public_list(), website="http://spam.example")
    assert "Check your inbox" in text_of(answer)
    assert (mails(), queries.people_count()) == ([], 0)


@pytest.mark.parametrize("after_s", [0.5, 90_000])
def test_a_form_that_was_sent_too_soon_or_too_late_asks_for_one_more_press(client, after_s: float) -> None:
    answer = sign_up(client, make_public_list(), after_s=after_s)
    assert answer.status_code == 422
    assert "Press the button again." in text_of(answer)
    assert 'value="ann@example.org"' in text_of(answer)
    assert queries.people_count() == 0


@pytest.mark.parametrize("begun", ["", "a1-00", "nonsense"])
def test_the_clock_of_the_form_can_not_be_forged(client, begun: str) -> None:
    wanted = make_public_list()
    answer = client.post(f"/s/{wanted.public_id}", data={"email": "a@example.org", "begun": begun})
    assert answer.status_code == 422
    assert queries.people_count() == 0


def test_an_address_gets_one_mail_a_day_and_three_in_all(app: Flask) -> None:
    wanted, other = make_public_list(), make_list(opt_in=OptIn.DOUBLE, is_public=True)
    start = clock.now()
    for day in range(5):
        for number, each in enumerate((wanted, wanted, other)):
            browser = app.test_client()
            address = {"REMOTE_ADDR": f"10.0.{day}.{number}"}
            browser.environ_base.update(address)
            assert sign_up(browser, each, at=start + day * DAY + timedelta(minutes=number)).status_code == 200
    assert len(mails()) == 3 + 2, "three for the one list; the two days left for the other"


def test_a_network_gets_five_tries_an_hour(client) -> None:
    wanted = make_public_list()
    answers = [sign_up(client, wanted, f"p{number}@example.org").status_code for number in range(7)]
    assert answers == [200] * 5 + [429] * 2
    assert len(mails()) == 5


def test_a_link_is_over_after_two_days_and_a_forged_one_never_was(client) -> None:
    sign_up(client, make_public_list())
    link = link_in(mails()[0])
    assert client.get("/confirm/" + "x" * 43).status_code == 404
    assert client.post("/confirm/" + "x" * 43).status_code == 404
    with time_machine.travel(clock.now() + 2 * DAY + timedelta(minutes=1)):
        assert client.get(link).status_code == 410
        late = client.post(link)
    assert late.status_code == 410
    assert "expired after 48 hours" in text_of(late)
    assert db.session.scalars(sa.select(Confirmation)).one().used_at is None


def test_single_opt_in_subscribes_at_once_but_asks_those_who_had_left(client) -> None:
    wanted = make_public_list(opt_in=OptIn.SINGLE)
    left = make_subscriber("left@example.org", lists=[wanted])
    services.unsubscribe(left.id, list_ids=None, origin=Origin.PAGE, now=NOON)
    db.session.commit()
    new, again = sign_up(client, wanted, "new@example.org"), sign_up(client, wanted, "left@example.org")
    assert text_of(new) == text_of(again)
    assert status_of("new@example.org", wanted) is Status.SUBSCRIBED
    assert status_of("left@example.org", wanted) is Status.UNSUBSCRIBED
    [mail] = mails()
    client.post(link_in(mail))
    assert status_of("left@example.org", wanted) is Status.SUBSCRIBED
    assert queries.suppression_by_address("left@example.org") is None


def test_who_complained_is_not_written_to_again(client) -> None:
    services.suppress("ann@example.org", reason=SuppressionReason.COMPLAINT, note="", now=NOON)
    db.session.commit()
    answer = sign_up(client, make_public_list())
    assert "Check your inbox" in text_of(answer)
    assert mails() == []


def test_each_sign_up_leaves_its_proof(client) -> None:
    wanted = make_public_list()
    sign_up(client, wanted)
    [proof] = db.session.scalars(sa.select(Consent))
    assert (proof.list_id, proof.origin, proof.ip) == (wanted.id, Origin.FORM, "127.0.0.1")
