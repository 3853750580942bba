"""A timed email is in the outbox once for each time that it is due, whatever dies in between."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import suppressing
from campaigns.audience.models import SuppressionReason
from campaigns.audit.models import AuditEntry
from campaigns.core import clock, signing
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.inbound.timed import duties, services
from campaigns.inbound.timed.models import TimedMail
from campaigns.inbound.timed.next_run import Rhythm
from campaigns.inbound.timed.services import Written
from campaigns.notices.models import Notice
from campaigns.settings import queries as settings_queries
from tests.factories import make_operator
from tests.inbound.timed.timed import BEFORE, START, make_timed, posted


def test_it_goes_to_each_person_at_its_time_and_again_a_week_later(each_database: Flask) -> None:
    mail = make_timed(by="boss@team.example")
    duties.send_due(START - timedelta(seconds=1))
    assert posted() == []
    duties.send_due(START)
    duties.send_due(START + timedelta(minutes=1))
    assert posted() == [("ana@team.example", "Numbers"), ("bo@team.example", "Numbers")]
    notice = db.session.scalars(sa.select(Notice)).first()
    assert notice is not None
    assert (notice.headers, notice.text) == ({"Reply-To": "boss@team.example"}, "Send me your numbers.\n")
    db.session.refresh(mail)
    assert (mail.runs, mail.next_at, mail.status) == (1, START + timedelta(days=7), "scheduled")
    duties.send_due(START + timedelta(days=7))
    assert len(posted()) == 4


def test_what_dies_before_the_commit_is_done_again_and_what_dies_after_it_is_not(
    each_database: Flask,
) -> None:
    mail = make_timed()
    services.run(mail.id, now=START)
    db.session.rollback()
    assert posted() == []
    services.run(mail.id, now=START)
    db.session.commit()
    services.run(mail.id, now=START)
    db.session.commit()
    assert len(posted()) == 2


def test_a_run_whose_row_was_put_back_is_in_the_outbox_once(each_database: Flask) -> None:
    mail = make_timed()
    duties.send_due(START)
    db.session.execute(sa.update(TimedMail).values(next_at=START))
    db.session.commit()
    duties.send_due(START)
    assert len(posted()) == 2
    assert mail.id


def test_times_that_were_missed_are_made_up_for_once(each_database: Flask) -> None:
    mail = make_timed(rhythm=Rhythm.DAILY)
    late = START + timedelta(days=30, hours=5)
    duties.send_due(late)
    duties.send_due(late)
    db.session.refresh(mail)
    assert len(posted()) == 2
    assert mail.next_at == START + timedelta(days=31)


def test_one_that_goes_out_once_is_over_then(each_database: Flask) -> None:
    mail = make_timed(rhythm=Rhythm.ONCE)
    duties.send_due(START)
    db.session.refresh(mail)
    assert (mail.next_at, mail.status) == (None, "finished")


def test_a_paused_one_waits_and_goes_on_at_its_next_time(app: Flask) -> None:
    mail = make_timed()
    services.pause(mail, now=BEFORE)
    db.session.commit()
    duties.send_due(START)
    assert posted() == []
    services.resume(mail, now=START + timedelta(days=1))
    assert mail.next_at == START + timedelta(days=7)
    with pytest.raises(Conflict):
        services.resume(mail, now=START)


def test_nobody_who_is_suppressed_gets_it(app: Flask) -> None:
    make_timed()
    key = signing.address_key(settings_queries.link_key(), "bo@team.example")
    suppressing.suppress_key(key, email=None, reason=SuppressionReason.COMPLAINT, now=BEFORE)
    db.session.commit()
    duties.send_due(START)
    assert [to for to, _subject in posted()] == ["ana@team.example"]


def test_each_run_is_on_the_audit_log(app: Flask) -> None:
    make_timed()
    duties.send_due(START)
    found = db.session.scalars(sa.select(AuditEntry.action).where(AuditEntry.action.like("timed%"))).all()
    assert sorted(found) == ["timed_mail.created", "timed_mail.sent"]


def test_an_address_that_is_none_is_named(app: Flask) -> None:
    with pytest.raises(Invalid, match=r"“bo-team\.example” isn't an email address"):
        services.clean_recipients("ana@team.example, bo-team.example")


@pytest.mark.parametrize(
    ("recipients", "first", "field"),
    [
        ("", "2026-12-07T09:00", "recipients"),
        ("nobody", "2026-12-07T09:00", "recipients"),
        (" ".join(f"a{n}@b.example" for n in range(51)), "2026-12-07T09:00", "recipients"),
        ("ana@team.example", "2026-12-01T09:00", "first"),
        ("ana@team.example", "soon", "first"),
        ("ana@team.example", "9999-12-31T23:59", "first"),
    ],
)
def test_what_cannot_go_out_is_refused_at_its_field(
    app: Flask, recipients: str, first: str, field: str
) -> None:
    written = Written("Numbers", "Now.", recipients, Rhythm.ONCE, first, "Europe/Berlin")
    with pytest.raises(Invalid) as refused:
        services.create(written, by=make_operator(), now=BEFORE)
    assert refused.value.field == field


def test_an_editor_writes_changes_pauses_and_deletes_one(app: Flask, ben, cleo) -> None:
    later = f"{clock.now() + timedelta(days=2):%Y-%m-%dT%H:%M}"
    values = {
        "recipients": "ana@team.example",
        "subject": "Numbers",
        "text": "Please.",
        "rhythm": "weekly",
        "first": later,
        "time_zone": "Asia/Shanghai",
    }
    ben.get("/scheduled-emails")
    page = ben.post("/scheduled-emails/new", data={**values, "subject": ""})
    assert page.status_code == 422
    assert ben.post("/scheduled-emails/new", data=values).status_code == 303
    mail = db.session.scalars(sa.select(TimedMail)).one()
    ben.get(f"/scheduled-emails/{mail.id}")
    assert ben.post(f"/scheduled-emails/{mail.id}", data={**values, "subject": "Figures"}).status_code == 303
    assert "Figures" in cleo.get("/scheduled-emails").text
    assert cleo.get(f"/scheduled-emails/{mail.id}").status_code == 403
    ben.post(f"/scheduled-emails/{mail.id}/pause")
    assert "Paused" in ben.get("/scheduled-emails").text
    ben.post(f"/scheduled-emails/{mail.id}/resume")
    ben.post(f"/scheduled-emails/{mail.id}/delete")
    assert db.session.scalars(sa.select(TimedMail)).all() == []
