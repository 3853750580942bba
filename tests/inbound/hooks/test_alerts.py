"""Alerts as their sources send them: mailed at once, repeated quietly, and ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from campaigns.core.db import db
from campaigns.inbound.hooks.alerts import intake, rhythm
from campaigns.inbound.hooks.alerts.models import Alert, AlertSource
from campaigns.notices import services as notices_services
from campaigns.notices.models import Notice
from campaigns.settings import sharing
from tests.factories import make_server
from tests.inbound.hooks.doors import make_source, path_of, post

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def subjects() -> list[str]:
    db.session.flush()
    return [each.subject for each in db.session.query(Notice).order_by(Notice.id)]


def take(source: AlertSource, *values: dict[str, Any], now: datetime = NOON) -> list[int]:
    posted = intake.take(source.id, json.dumps(list(values)).encode(), now=now)
    db.session.commit()
    return posted


def disk(status: str = "firing", **more: Any) -> dict[str, Any]:
    return {"title": "Disk full", "key": "disk", "status": status, **more}


def test_an_alert_is_mailed_at_once_to_each_recipient(app: Flask) -> None:
    source = make_source(recipients="ops@example.com, ada@example.com")
    assert post(app, path_of(source), json.dumps(disk(text="/var 95%")).encode()).status_code == 200
    db.session.rollback()
    mails = db.session.query(Notice).order_by(Notice.id).all()
    assert [each.to_address for each in mails] == ["ops@example.com", "ada@example.com"]
    assert all(each.is_urgent and each.subject == "Firing: Disk full" for each in mails)
    assert "/var 95%" in mails[0].text


def test_what_its_source_repeats_is_not_mailed_again(app: Flask) -> None:
    source = make_source()
    assert len(take(source, disk())) == 1
    for minute in range(1, 50):
        assert take(source, disk(text="still"), now=NOON + minute * MINUTE) == []
    (alert,) = db.session.query(Alert)
    assert (alert.told, alert.last_at, alert.fired_at) == (1, NOON + 49 * MINUTE, NOON)


def test_a_firing_alert_is_told_again_quietly(each_database: Flask) -> None:
    source = make_source()
    take(source, disk())
    for hours, mails in (
        (0.9, 0),
        (1.1, 1),
        (1.2, 0),
        (3.9, 0),
        (4.1, 1),
        (23, 0),
        (24.1, 1),
        (47, 0),
        (48.5, 1),
    ):
        assert len(intake.tell_due(now=NOON + hours * HOUR)) == mails
        db.session.commit()
    assert subjects()[1:] == ["Still firing: Disk full"] * 4


def test_a_resolved_alert_is_told_once_and_may_fire_again(app: Flask) -> None:
    source = make_source()
    take(source, disk())
    take(source, disk("resolved"), now=NOON + MINUTE)
    take(source, disk("resolved"), now=NOON + 2 * MINUTE)
    assert intake.tell_due(now=NOON + 30 * HOUR) == []
    take(source, disk(), now=NOON + 31 * HOUR)
    assert subjects() == ["Firing: Disk full", "Resolved: Disk full", "Firing: Disk full"]
    assert db.session.query(Alert).count() == 1


def test_what_never_fired_is_not_resolved(app: Flask) -> None:
    assert take(make_source(), disk("resolved")) == []
    assert db.session.query(Alert).count() == 0


def test_alerts_of_one_request_share_a_mail(app: Flask) -> None:
    take(make_source(), *({"title": f"Host {number} down"} for number in range(30)))
    assert subjects() == ["Firing: Host 0 down and 29 more"]
    (mail,) = db.session.query(Notice)
    assert "More alerts: 10" in mail.text


def test_a_storm_becomes_one_mail_in_a_while(app: Flask) -> None:
    source = make_source()
    posted = [take(source, {"title": f"Host {number} down"}) for number in range(60)]
    assert sum(map(bool, posted)) == rhythm.MOST_MAILS
    assert intake.tell_due(now=NOON + MINUTE) == []
    later = NOON + rhythm.SPAN + MINUTE
    assert len(intake.tell_due(now=later)) == 1
    db.session.commit()
    assert subjects()[-1] == "Firing: Host 10 down and 49 more"
    assert take(source, disk(), now=later + MINUTE)


def test_a_source_has_only_so_many_alerts(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_source()
    for first in range(0, 600, 150):
        take(source, *({"title": f"Host {first + number}"} for number in range(150)))
    assert db.session.query(Alert).count() == intake.MOST_FIRING


def test_two_sources_do_not_share_alerts(app: Flask) -> None:
    one, two = make_source("One"), make_source("Two")
    take(one, disk())
    take(two, disk())
    take(one, disk("resolved"))
    assert {each.source_id: each.is_firing for each in db.session.query(Alert)} == {
        one.id: False,
        two.id: True,
    }


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[1]", 400), (b"{}", 400), (b" " * 1_100_000, 413)]
)
def test_what_is_no_alert_is_refused_and_leaves_nothing(app: Flask, body: bytes, status: int) -> None:
    source = make_source()
    assert post(app, path_of(source), body).status_code == status
    db.session.rollback()
    assert (db.session.query(Alert).count(), db.session.query(Notice).count()) == (0, 0)
    assert db.session.get_one(AlertSource, source.id, populate_existing=True).last_at is None


def test_titles_cannot_add_header_fields(app: Flask) -> None:
    take(make_source(), disk(title="Disk\r\nBcc: eve@example.org"))
    assert subjects() == ["Firing: Disk Bcc: eve@example.org"]


def test_old_resolved_alerts_are_forgotten(app: Flask) -> None:
    source = make_source()
    take(source, disk(), {"title": "Other"})
    take(source, disk("resolved"), now=NOON + MINUTE)
    intake.forget_resolved(NOON + HOUR)
    assert [each.title for each in db.session.query(Alert)] == ["Other"]


def test_urgent_notices_come_first(app: Flask) -> None:
    plain = notices_services.post(_text("Plain"), kind="reset", to="a@example.com", now=NOON)
    urgent = notices_services.post(
        _text("Now"), kind="m", to="a@example.com", now=NOON + MINUTE, is_urgent=True
    )
    assert notices_services.due(now=NOON + HOUR) == [urgent.id, plain.id]
    assert notices_services.urgent(now=NOON + HOUR) == [urgent.id]
    assert notices_services.urgent(now=NOON) == []


def test_urgent_mail_takes_the_fastest_server_that_works(app: Flask) -> None:
    make_server("Default", is_default=True, measured_per_minute=100)
    make_server("Fast", measured_per_minute=9000)
    make_server("Faster but closed", measured_per_minute=20000, closed_until=NOON + HOUR)
    make_server("Faster but broken", measured_per_minute=20000, last_error_at=NOON, last_error="no")
    make_server("Not for us", measured_per_minute=30000, sender_domains="other.example")
    found = [each.name for each in sharing.fastest("example.com", now=NOON)]
    assert found == ["Fast", "Default", "Faster but broken", "Faster but closed"]
    assert [each.name for each in sharing.fastest("example.com", now=NOON + 2 * HOUR)][:2] == [
        "Faster but closed",
        "Fast",
    ]


def test_without_a_server_of_ones_own_it_goes_to_the_test_inbox(app: Flask) -> None:
    assert sharing.fastest("example.com", now=NOON) == []
    make_server("Test inbox", is_default=True, is_practice=True)
    make_server("Real", measured_per_minute=5)
    assert [each.name for each in sharing.fastest("example.com", now=NOON)] == ["Test inbox"]


def _text(subject: str):
    from campaigns.core.mailtext import MailText

    return MailText(subject, "Text\n")
