"""Files and events of campaigns: attached, frozen, sent to each person, and read back as they were."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from flask import Flask
from icalendar import Calendar

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.delivery.dispatch import launch
from campaigns.planning import preflight, testmails
from campaigns.planning import services as planning_services
from campaigns.planning.attachments import files, queries, services
from campaigns.planning.attachments.models import Attachment, FileBlob
from campaigns.planning.models import Campaign
from tests.delivery.factories import send
from tests.factories import make_campaign, make_list, make_server, make_subscriber
from tests.fakes.smtp_server import SmtpServer

NOON = datetime(2027, 3, 28, 12, 0, tzinfo=UTC)
FILES = {"Programm für März.pdf": b"%PDF-1.7 " + bytes(range(256)), "日程.ics": b"\r\n.\r\n"}


def make_with_files(**values) -> Campaign:
    readers = make_list()
    for name in ("ana", "bo"):
        make_subscriber(f"{name}@example.com", lists=[readers])
    campaign = make_campaign(lists=[readers], **values)
    for name, data in FILES.items():
        services.add(campaign, name, data, now=clock.now())
    services.set_event(
        campaign,
        title="Spring fair, with “doves”",
        starts_at=NOON,
        ends_at=NOON + timedelta(hours=2),
        zone="Europe/Vienna",
        place="Loft 3; yard, left",
        description="Bring\nbread",
        now=clock.now(),
    )
    db.session.commit()
    return campaign


def invitation_of(mail: EmailMessage) -> EmailMessage:
    """The part that calendars read: the last alternative, which is no file."""
    (found,) = [
        part for part in mail.walk() if part.get_content_type() == "text/calendar" and not part.get_filename()
    ]
    return found


def test_each_person_gets_the_files_and_an_invitation_of_their_own(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_with_files(server_id=make_server(port=server.port).id)
        planning_services.schedule(campaign, at=clock.now(), now=clock.now())
        db.session.commit()
        launch.launch(campaign.id, clock.now())
        send(campaign)
    invited = set()
    for _sender, _recipient, raw in server.messages:
        mail = message_from_bytes(raw, policy=policy.default)
        assert not [part.defects for part in mail.walk() if part.defects]
        got = {part.get_filename(): part.get_payload(decode=True) for part in mail.iter_attachments()}
        assert got == FILES
        calendar = invitation_of(mail)
        event = Calendar.from_ical(calendar.get_content()).walk("VEVENT")[0]
        assert event["SUMMARY"] == "Spring fair, with “doves”"
        assert event["LOCATION"] == "Loft 3; yard, left"
        assert event["DESCRIPTION"] == "Bring\nbread"
        assert (event["DTSTART"].dt, event["DTEND"].dt) == (NOON, NOON + timedelta(hours=2))
        assert event["ORGANIZER"] == "mailto:news@example.com"
        invited.add((str(event["ATTENDEE"]), mail["To"]))
    assert invited == {(f"mailto:{name}@example.com", f"{name}@example.com") for name in ("ana", "bo")}


def test_a_test_email_has_what_is_attached(app: Flask) -> None:
    make_server(is_default=True)
    ready = testmails.prepare(make_with_files(), to=["me@example.com"], person=None, now=clock.now())
    mail = message_from_bytes(ready.envelopes[0].message, policy=policy.default)
    assert {part.get_filename() for part in mail.iter_attachments()} == set(FILES)


def test_what_was_launched_keeps_its_files_when_a_copy_loses_them(each_database: Flask) -> None:
    campaign = make_with_files()
    revision = planning_services.freeze_revision(campaign, clock.now())
    copied = planning_services.copy_campaign(campaign, now=clock.now())
    for each in queries.of(copied):
        services.remove(copied, each, now=clock.now())
    assert {each.name for each in queries.of(revision)} == set(FILES)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(FileBlob)) == len(FILES)
    assert queries.event(copied).title == queries.event(revision).title


def test_bytes_that_no_campaign_has_any_more_are_gone(each_database: Flask) -> None:
    campaign = make_with_files()
    for each in queries.of(campaign):
        services.remove(campaign, each, now=clock.now())
    assert db.session.scalar(sa.select(sa.func.count()).select_from(FileBlob)) == 0
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Attachment)) == 0


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.pdf", b"", "is empty"),
        ("run.exe", b"x", "is a program"),
        ("photo.png", b"MZ\x90", "is a program"),
        ("a.JS", b"x", "is a program"),
        ("{{ first_name }}.pdf", b"x", "can't contain merge tags"),
        ("big.bin", b"x" * (files.LARGEST_TOTAL + 1), "at most 10 MB"),
    ],
)
def test_what_can_not_be_attached_is_refused_with_a_reason(
    app: Flask, name: str, data: bytes, says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        services.add(make_campaign(), name, data, now=clock.now())


def test_no_more_than_twenty_files(app: Flask) -> None:
    campaign = make_campaign()
    for number in range(files.MOST_FILES):
        services.add(campaign, f"{number}.txt", b"x", now=clock.now())
    with pytest.raises(Invalid, match="at most 20"):
        services.add(campaign, "one more.txt", b"x", now=clock.now())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": " "}, "title"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"ends_at": NOON}, "ends"),
        ({"ends_at": NOON + timedelta(days=100)}, "ends"),
    ],
)
def test_an_event_that_is_none_is_refused(app: Flask, changes: dict, field: str) -> None:
    values = {"title": "Fair", "starts_at": NOON, "ends_at": NOON + timedelta(hours=1), "zone": "UTC"}
    with pytest.raises(Invalid) as refused:
        services.set_event(make_campaign(), **values | changes, now=clock.now())
    assert refused.value.field == field


def test_hostile_words_in_an_event_stay_words(app: Flask) -> None:
    make_server(is_default=True)
    campaign = make_with_files()
    hostile = "x\r\nATTENDEE:mailto:evil@example.com\r\nEND:VEVENT\u2028BEGIN:VEVENT;,\\n" + "ü" * 400
    services.set_event(
        campaign, title=hostile, starts_at=NOON, ends_at=NOON + timedelta(hours=1), zone="UTC",
        place=hostile, description=hostile, now=clock.now(),
    )  # fmt: skip
    ready = testmails.prepare(campaign, to=["me@example.com"], person=None, now=clock.now())
    mail = message_from_bytes(ready.envelopes[0].message, policy=policy.default)
    calendar = invitation_of(mail)
    text = calendar.get_content()
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    events = Calendar.from_ical(text).walk("VEVENT")
    assert len(events) == 1
    assert str(events[0]["ATTENDEE"]) == "mailto:me@example.com"


def test_large_files_and_a_missing_one_are_said_before_sending(app: Flask) -> None:
    make_server(is_default=True)
    readers = make_list()
    make_subscriber(lists=[readers])
    campaign = make_campaign(lists=[readers], html="<p>See the attached programme.</p>")
    assert [each.sentence for each in preflight.of(campaign).look_at if each.where == "files"] == [
        "The text mentions an attachment, but no file is attached."
    ]
    styled = make_campaign(lists=[readers], html='<p style="background-attachment: fixed">Hello</p>')
    assert [each for each in preflight.of(styled).look_at if each.where == "files"] == []
    services.add(campaign, "a.bin", b"x" * 600 * 1024, now=clock.now())
    (found,) = [each for each in preflight.of(campaign).look_at if each.where == "files"]
    assert "600 KB" in str(found.sentence)


def test_nothing_changes_once_it_is_scheduled(app: Flask) -> None:
    make_server(is_default=True)
    campaign = make_with_files()
    planning_services.schedule(campaign, at=clock.now(), now=clock.now())
    with pytest.raises(Conflict, match="no longer a draft"):
        services.add(campaign, "late.txt", b"x", now=clock.now())
    with pytest.raises(Conflict, match="no longer a draft"):
        services.remove_event(campaign, now=clock.now())


def test_an_operator_attaches_files_and_an_event_and_takes_them_off(ben) -> None:
    number = make_campaign().id
    path = f"/campaigns/{number}/attachments"
    assert path in ben.get(f"/campaigns/{number}/edit").text
    data = {"file": [(io.BytesIO(b"one"), "één.txt"), (io.BytesIO(b"two"), "two.txt")]}
    assert ben.post(path, data=data, content_type="multipart/form-data").status_code == 303
    page = ben.get(path)
    assert "één.txt" in page.text
    event = {"title": "Fair", "starts": "2027-03-28T14:00", "ends": "", "zone": "Europe/Vienna"}
    assert ben.post(f"/campaigns/{number}/event", data=event).status_code == 303
    assert "2 files and an event attached" in ben.get(f"/campaigns/{number}/edit").text
    campaign = db.session.get_one(Campaign, number)
    assert queries.event(campaign).starts_at == NOON
    first = queries.of(campaign)[0].id
    ben.post(f"{path}/{first}/delete")
    ben.post(f"/campaigns/{number}/event/delete")
    assert "1 file attached" in ben.get(f"/campaigns/{number}/edit").text


def test_a_refused_file_is_said_on_the_page(ben) -> None:
    number = make_campaign().id
    page = ben.post(
        f"/campaigns/{number}/attachments",
        data={"file": [(io.BytesIO(b"MZ"), "a.exe")]},
        content_type="multipart/form-data",
    )
    assert (page.status_code, "is a program" in page.text) == (422, True)
