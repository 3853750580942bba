"""Doors for anyone, with the links as they stand in mails."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Consent, Status, Subscription, Suppression
from campaigns.core import signing
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Delivery
from campaigns.settings import queries as settings_queries
from campaigns.tracking.models import Actor, Event, Kind
from tests.factories import make_campaign, make_delivery, make_list, make_revision, make_subscriber

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
FORGED = "a1-" + "0" * 32


class Mail:
    """A mail that reached Ana, and the tokens in it."""

    def __init__(self) -> None:
        self.list = make_list("Pigeon Post")
        self.ana = make_subscriber("ana@example.org", lists=[self.list], fields={"first_name": "Ana & Co"})
        self.campaign = make_campaign(lists=[self.list])
        links = ("https://example.com/one?a=1&b=2", "https://example.com/hi?name={{ first_name }}")
        make_revision(self.campaign, links=links)
        self.delivery_id = make_delivery(self.campaign, self.ana).id

    def token(self, purpose: Purpose) -> str:
        return signing.sign(settings_queries.link_key(), purpose, self.delivery_id)

    @property
    def ledger(self) -> Delivery:
        db.session.expire_all()
        return db.session.get_one(Delivery, self.delivery_id)

    @property
    def status(self) -> Status:
        db.session.expire_all()
        return db.session.get_one(Subscription, (self.list.id, self.ana.id)).status


@pytest.fixture
def mail(app: Flask) -> Mail:
    return Mail()


@pytest.fixture
def reader(client):
    client.environ_base["HTTP_USER_AGENT"] = BROWSER
    return client


def events(kind: Kind) -> list[Event]:
    db.session.expire_all()
    return list(db.session.scalars(sa.select(Event).filter_by(kind=kind)))


def test_the_pixel_is_a_picture_and_counts_a_person_once(mail: Mail, reader) -> None:
    for _ in range(2):
        answer = reader.get(f"/o/{mail.token(Purpose.TRACK)}.gif")
        assert (answer.status_code, answer.mimetype) == (200, "image/gif")
        assert "no-store" in answer.headers["Cache-Control"]
        assert "Set-Cookie" not in answer.headers
    first = mail.ledger.opened_at
    assert first is not None
    assert len(events(Kind.OPEN)) == 1  # the same once more at once is no second visit
    assert events(Kind.OPEN)[0].at == first


def test_a_machine_open_is_kept_but_is_nobodys_first_open(mail: Mail, client) -> None:
    client.get(f"/o/{mail.token(Purpose.TRACK)}.gif", headers={"User-Agent": "Mozilla/5.0"})
    assert mail.ledger.opened_at is None
    assert [event.verdict for event in events(Kind.OPEN)] == [Actor.MACHINE]


def test_head_counts_nothing(mail: Mail, reader) -> None:
    assert reader.head(f"/o/{mail.token(Purpose.TRACK)}.gif").status_code == 200
    assert reader.head(f"/c/{mail.token(Purpose.TRACK)}/1").status_code == 302
    assert events(Kind.OPEN) == events(Kind.CLICK) == []


def test_a_click_leads_to_the_stored_place_and_implies_an_open(mail: Mail, reader) -> None:
    answer = reader.get(f"/c/{mail.token(Purpose.TRACK)}/1?url=https://evil.example")
    assert (answer.status_code, answer.location) == (302, "https://example.com/one?a=1&b=2")
    assert mail.ledger.clicked_at == mail.ledger.opened_at is not None
    assert mail.ana.last_clicked_at is not None


def test_fields_in_a_link_are_filled_in_and_escaped(mail: Mail, reader) -> None:
    answer = reader.get(f"/c/{mail.token(Purpose.TRACK)}/2")
    assert answer.location == "https://example.com/hi?name=Ana%20%26%20Co"


@pytest.mark.parametrize("path", [f"/c/{FORGED}/1", "/c/rubbish/1", f"/w/{FORGED}"])
def test_a_forged_link_leads_nowhere(mail: Mail, reader, path: str) -> None:
    assert reader.get(path).status_code == 404
    assert events(Kind.CLICK) == []


def test_an_unknown_number_leads_nowhere(mail: Mail, reader) -> None:
    assert reader.get(f"/c/{mail.token(Purpose.TRACK)}/99").status_code == 404


def test_a_tracking_token_can_not_unsubscribe(mail: Mail, reader) -> None:
    reader.post(f"/u/{mail.token(Purpose.TRACK)}", data={"List-Unsubscribe": "One-Click"})
    assert mail.status is Status.SUBSCRIBED


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_asking_never_unsubscribes_H07(mail: Mail, reader, method: str) -> None:
    answer = reader.open(f"/u/{mail.token(Purpose.SUBSCRIPTION)}", method=method)
    assert answer.status_code == 200
    assert mail.status is Status.SUBSCRIBED


def test_the_page_shows_no_full_address(mail: Mail, reader) -> None:
    page = reader.get(f"/u/{mail.token(Purpose.SUBSCRIPTION)}").text
    assert "ana@example.org" not in page
    assert "a…@example.org" in page
    assert "Pigeon Post" in page


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_needs_nothing_but_the_token_H05_H06(mail: Mail, client, content_type: str) -> None:
    for _ in range(2):
        answer = client.post(
            f"/u/{mail.token(Purpose.SUBSCRIPTION)}",
            data={"List-Unsubscribe": "One-Click"},
            content_type=content_type,
            csrf=False,
        )
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
    assert mail.status is Status.UNSUBSCRIBED
    assert mail.ledger.unsubscribed_at is not None
    assert len(events(Kind.UNSUBSCRIBE)) == 1
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Consent)) == 1


def test_one_click_answers_200_to_strangers_too_H05(mail: Mail, client) -> None:
    for token in (
        FORGED,
        "rubbish",
        signing.sign(settings_queries.link_key(), Purpose.SUBSCRIPTION, 999_999),
    ):
        answer = client.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"}, csrf=False)
        assert answer.status_code == 200
    assert mail.status is Status.SUBSCRIBED


def test_the_button_unsubscribes_and_can_be_taken_back(mail: Mail, reader) -> None:
    token = mail.token(Purpose.SUBSCRIPTION)
    page = reader.post(f"/u/{token}", data={"scope": "lists"}, csrf=False)
    assert "You're unsubscribed" in page.text
    assert mail.status is Status.UNSUBSCRIBED
    reader.post(f"/u/{token}/undo", csrf=False)
    assert mail.status is Status.SUBSCRIBED
    assert mail.ledger.unsubscribed_at is None


def test_leaving_everything_suppresses_the_address(mail: Mail, reader) -> None:
    reader.post(f"/u/{mail.token(Purpose.SUBSCRIPTION)}", data={"scope": "everything"}, csrf=False)
    assert db.session.scalar(sa.select(Suppression.address_key)) == mail.ana.address_key


def test_preferences_leave_and_come_back(mail: Mail, reader) -> None:
    url = f"/p/{mail.token(Purpose.SUBSCRIPTION)}"
    assert "Pigeon Post" in reader.get(url).text
    reader.post(url, data={}, csrf=False)
    assert mail.status is Status.UNSUBSCRIBED
    assert "Saved." in reader.post(url, data={"list": str(mail.list.id)}, csrf=False).text
    assert mail.status is Status.SUBSCRIBED


def test_preferences_open_no_list_that_the_person_was_never_on(mail: Mail, reader) -> None:
    other = make_list("Secret")
    reader.post(f"/p/{mail.token(Purpose.SUBSCRIPTION)}", data={"list": [mail.list.id, other.id]}, csrf=False)
    assert db.session.get(Subscription, (other.id, mail.ana.id)) is None


def test_a_test_mails_links_say_so_and_change_nothing(mail: Mail, reader) -> None:
    token = signing.sign(settings_queries.link_key(), Purpose.SUBSCRIPTION, 0)
    assert "test email" in reader.get(f"/u/{token}").text


def test_the_web_view_is_the_mail_in_a_sandbox(mail: Mail, reader) -> None:
    answer = reader.get(f"/w/{mail.token(Purpose.VIEW)}")
    assert "Hello Ana &amp; Co" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert "/u/" in answer.text


def test_pages_speak_the_readers_language(mail: Mail, reader) -> None:
    page = reader.get(f"/u/{mail.token(Purpose.SUBSCRIPTION)}", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert 'lang="zh"' in page.text


def test_health_says_what_answers(client) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json == {"database": "ok", "redis": "away"}


def test_who_has_left_is_not_asked_again(mail: Mail, reader) -> None:
    url = f"/u/{mail.token(Purpose.SUBSCRIPTION)}"
    assert "Unsubscribe?" in reader.get(url).text
    for scope in ("lists", "everything"):
        reader.post(url, data={"scope": scope})
        page = reader.get(url).text
        assert "Unsubscribe?" not in page
        assert f'action="{url}/undo"' in page
    reader.post(f"{url}/undo")
    assert "Unsubscribe?" in reader.get(url).text


def test_a_broken_unsubscribe_link_claims_to_know_nobody(mail: Mail, reader) -> None:
    broken = f"/u/{mail.token(Purpose.SUBSCRIPTION)[:-3]}"
    for page in (reader.get(broken).text, reader.post(broken, data={"scope": "lists"}).text):
        assert "This link doesn't work" in page
        assert "use the unsubscribe link in the latest one" in page
        assert "gets no mail" not in page and "not on this list" not in page
    assert mail.status is Status.SUBSCRIBED
