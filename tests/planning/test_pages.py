"""The pages of campaigns: written in a browser, checked, tried, let go and taken back."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audit.models import AuditEntry
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning import queries, services
from campaigns.planning.models import Campaign, Status
from campaigns.settings import queries as settings_queries
from campaigns.settings import senders
from campaigns.settings.models import Server
from tests.browser_client import BrowserClient
from tests.factories import (
    OFFICE_HOURS,
    make_campaign,
    make_field,
    make_list,
    make_sender,
    make_server,
    make_subscriber,
)
from tests.fakes.smtp_server import SmtpServer


def make_ready(**values: Any) -> Campaign:
    """A campaign that nothing keeps from going out, to two people."""
    letters = make_list()
    make_field("first_name")
    make_subscriber("zoe@example.org", lists=[letters], fields={"first_name": "Zoë"})
    make_subscriber("bare@example.org", lists=[letters])
    make_sender("news@example.com")
    if not db.session.query(Server).count():
        make_server(is_default=True)
    return make_campaign(lists=[letters], **values)


def typed(campaign: Campaign, **changes: Any) -> dict[str, Any]:
    """What the editor sends."""
    values: dict[str, Any] = {
        "version": campaign.version,
        "name": campaign.name,
        "subject": campaign.subject,
        "preheader": campaign.preheader,
        "sender": "kept",
        "reply_to": campaign.reply_to or "",
        "lists": [each.id for each in campaign.lists],
        "server": "",
        "html": campaign.html,
        "text": campaign.text,
        "track_opens": "y",
    }
    sender = db.session.execute(db.text("SELECT id FROM sender")).scalar()
    return {**values, "sender": str(sender) if sender else "", **changes}


def page_of(response: Any) -> str:
    return response.get_data(as_text=True)


def mail(browser: BrowserClient, url: str) -> Any:
    """A mail as the frame gets it: not one of our pages, so not held to their rules."""
    db.session.rollback()
    return FlaskClient.open(browser, url)


def json_of(response: Any) -> Any:
    return response.get_json()


def now_of(campaign_id: int) -> Campaign:
    db.session.rollback()
    db.session.expire_all()
    return queries.campaign(campaign_id)


# -- the list


def test_the_first_visit_says_what_to_do(ada: BrowserClient) -> None:
    assert "Create campaign" in page_of(ada.get("/campaigns"))


def test_campaigns_are_filtered_and_searched(ada: BrowserClient) -> None:
    make_campaign(name="Autumn", subject="{{ first_name }} & co")
    make_campaign(name="Winter", status=Status.FINISHED)
    everything = page_of(ada.get("/campaigns"))
    assert "Autumn" in everything
    assert "Winter" in everything
    finished = page_of(ada.get("/campaigns?status=finished"))
    assert "Winter" in finished
    assert "Autumn" not in finished
    assert "Autumn" in page_of(ada.get("/campaigns?q=co"))
    assert "No matching campaigns" in page_of(ada.get("/campaigns?q=nothing&status=nonsense&page=zz"))


def test_a_campaign_leads_to_the_page_of_its_status(ada: BrowserClient) -> None:
    pages = {
        Status.DRAFT: "edit",
        Status.SCHEDULED: "sending",
        Status.SENDING: "sending",
        Status.PAUSED: "sending",
        Status.FINISHED: "report",
        Status.CANCELLED: "report",
    }
    for status, page in pages.items():
        campaign = make_campaign(status=status)
        answer = ada.get(f"/campaigns/{campaign.id}")
        assert answer.location == f"/campaigns/{campaign.id}/{page}"
    assert ada.get("/campaigns/4711").status_code == 404


@pytest.mark.parametrize("start", ["letter", "newsletter", "event", "blank-html"])
def test_a_campaign_begins_with_a_starter(ada: BrowserClient, start: str) -> None:
    letters = make_list()
    make_sender("news@example.com", reply_to="desk@example.com")
    assert ada.get("/campaigns/new").status_code == 200
    answer = ada.post("/campaigns/new", data={"name": "Autumn", "start": start})
    made = now_of(int(answer.location.split("/")[2]))
    assert (made.name, made.from_email, made.reply_to) == ("Autumn", "news@example.com", "desk@example.com")
    assert made.lists == [db.session.merge(letters)]
    assert bool(made.html) == (start != "blank-html")
    assert ada.get(answer.location).status_code == 200


def test_a_campaign_begins_as_a_copy_with_a_name_of_its_own(ada: BrowserClient) -> None:
    old = make_campaign(subject="As before")
    answer = ada.post("/campaigns/new", data={"name": "Again", "start": f"copy-{old.id}"})
    made = now_of(int(answer.location.split("/")[2]))
    assert (made.name, made.subject) == ("Again", "As before")


def test_without_a_name_nothing_begins_and_nothing_is_lost(ada: BrowserClient) -> None:
    answer = ada.post("/campaigns/new", data={"name": " ", "start": "newsletter"})
    assert answer.status_code == 422
    assert re.search(r'checked[^>]*value="newsletter"|value="newsletter"[^>]*checked', page_of(answer))
    assert ada.post("/campaigns/new", data={"name": "A", "start": "../x"}).status_code == 422


def test_copy_and_delete_from_the_list(ada: BrowserClient) -> None:
    old = make_campaign(name="Autumn").id
    answer = ada.post(f"/campaigns/{old}/copies")
    assert now_of(int(answer.location.split("/")[2])).name == "Autumn (copy)"
    assert ada.post(f"/campaigns/{old}/delete").location == "/campaigns"
    assert ada.get(f"/campaigns/{old}").status_code == 404
    sent = make_campaign(status=Status.FINISHED)
    ada.post(f"/campaigns/{sent.id}/delete")
    assert now_of(sent.id).status is Status.FINISHED


# -- writing


def test_what_is_typed_is_saved(ada: BrowserClient) -> None:
    campaign = make_ready()
    other = make_list()
    data = typed(campaign, subject="New", lists=[other.id], track_opens="", html="<p>\r\nHi</p>")
    assert ada.post(f"/campaigns/{campaign.id}/edit", data=data).location == f"/campaigns/{campaign.id}/edit"
    saved = now_of(campaign.id)
    assert (saved.subject, saved.html, saved.track_opens) == ("New", "<p>\nHi</p>", False)
    assert [each.id for each in saved.lists] == [other.id]
    assert saved.from_email == "news@example.com"


def test_check_and_send_saves_first(ada: BrowserClient) -> None:
    campaign = make_ready()
    answer = ada.post(f"/campaigns/{campaign.id}/edit", data=typed(campaign, subject="New", then="check"))
    assert answer.location == f"/campaigns/{campaign.id}/check"
    assert now_of(campaign.id).subject == "New"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reply_to": "nobody"}, "Enter an email address"),
        ({"subject": "s" * 501}, "longer than 500"),
        ({"name": ""}, "Enter a campaign name"),
        ({"lists": "4711"}, "not a valid choice"),
        ({"html": "x" * 530_000}, "at most 512 KB"),
    ],
)
def test_what_can_not_be_saved_is_said_at_its_field(
    ada: BrowserClient, changes: dict[str, Any], sentence: str
) -> None:
    campaign = make_ready()
    data = typed(campaign, **{"preheader": "kept words", **changes})
    answer = ada.post(f"/campaigns/{campaign.id}/edit", data=data)
    assert answer.status_code == 422
    assert sentence in page_of(answer)
    assert "kept words" in page_of(answer)
    assert now_of(campaign.id).preheader == ""


def test_the_page_of_the_second_tab_shows_both(ada: BrowserClient) -> None:
    campaign = make_ready()
    first, second = typed(campaign, html="<p>first</p>"), typed(campaign, html="<p>second</p>")
    ada.post(f"/campaigns/{campaign.id}/edit", data=first)
    answer = ada.post(f"/campaigns/{campaign.id}/edit", data=second)
    assert answer.status_code == 409
    page = page_of(answer)
    assert "in another tab" in page
    assert "&lt;p&gt;first&lt;/p&gt;" in page
    assert "&lt;p&gt;second&lt;/p&gt;" in page
    assert 'name="version" type="hidden" value="2"' in page
    assert now_of(campaign.id).html == "<p>first</p>"
    ada.post(f"/campaigns/{campaign.id}/edit", data={**second, "version": "2"})
    assert now_of(campaign.id).html == "<p>second</p>"


def test_autosave_answers_with_the_time_and_the_new_version(ada: BrowserClient) -> None:
    campaign = make_ready()
    url = f"/campaigns/{campaign.id}/autosave"
    answer = ada.post(url, data=typed(campaign, subject="One"))
    assert json_of(answer)["version"] == 2
    assert re.fullmatch(r"\d\d:\d\d", json_of(answer)["saved"])
    assert json_of(ada.post(url, data=typed(campaign, subject="Two", version=2)))["version"] == 3
    stale = ada.post(url, data=typed(campaign, subject="Late", version=2))
    assert stale.status_code == 409
    assert "another tab" in json_of(stale)["error"]
    wrong = ada.post(url, data=typed(campaign, reply_to="x", version=3))
    assert (wrong.status_code, json_of(wrong)["error"]) == (
        422,
        "Enter an email address like name@example.com.",
    )
    assert now_of(campaign.id).subject == "Two"


def test_a_scheduled_campaign_is_not_edited(ada: BrowserClient) -> None:
    campaign = make_ready(status=Status.SCHEDULED)
    assert ada.get(f"/campaigns/{campaign.id}/edit").location == f"/campaigns/{campaign.id}"
    answer = ada.post(f"/campaigns/{campaign.id}/edit", data=typed(campaign, subject="Late"))
    assert answer.status_code == 409
    assert now_of(campaign.id).subject != "Late"


def test_a_sender_that_is_gone_stays_in_its_drafts(ada: BrowserClient) -> None:
    campaign = make_campaign(from_name="Old", from_email="old@example.com")
    assert "Old &lt;old@example.com&gt;" in page_of(ada.get(f"/campaigns/{campaign.id}/edit"))
    ada.post(f"/campaigns/{campaign.id}/edit", data=typed(campaign, sender="kept", subject="New"))
    saved = now_of(campaign.id)
    assert (saved.subject, saved.from_name, saved.from_email) == ("New", "Old", "old@example.com")


# -- the preview


def test_the_preview_is_the_mail_of_one_real_person(ada: BrowserClient) -> None:
    campaign = make_ready()
    url = f"/campaigns/{campaign.id}/preview"
    assert "Hello Zoë" in page_of(mail(ada, f"{url}?address=ZOE@example.org"))
    assert "Hello friend" in page_of(mail(ada, f"{url}?as=missing"))
    assert "Hello friend" in page_of(mail(ada, url))
    assert "Hello friend" in page_of(mail(ada, f"{url}?address=stranger@example.org"))
    assert "Hello Zoë" in page_of(mail(ada, f"{url}?part=text&address=zoe@example.org"))
    assert "Hello friend" in page_of(mail(ada, f"{url}?as=99999999999999999999"))


def test_the_preview_can_run_and_send_nothing(ada: BrowserClient) -> None:
    campaign = make_ready(html="<html><head></head><body><script>alert(1)</script>Hi</body></html>")
    answer = mail(ada, f"/campaigns/{campaign.id}/preview")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy
    assert "form-action 'none'" in policy
    frame = re.search(r"<iframe[^>]*>", page_of(ada.get(f"/campaigns/{campaign.id}/edit")))
    assert frame
    assert "allow-scripts" not in frame[0]


def test_a_broken_template_shows_its_line_instead(ada: BrowserClient) -> None:
    campaign = make_ready(html="<p>\n{{ 9**9 }}</p>")
    assert "Line 2" in page_of(mail(ada, f"/campaigns/{campaign.id}/preview"))
    assert ada.get(f"/campaigns/{campaign.id}/edit").status_code == 200
    assert "Line 2" in page_of(ada.get(f"/campaigns/{campaign.id}/check"))


def test_the_inbox_line_shows_the_subject_of_that_person(ada: BrowserClient) -> None:
    campaign = make_ready(preheader="For {{ first_name }}")
    line = page_of(ada.get(f"/campaigns/{campaign.id}/preview/line?address=zoe@example.org"))
    assert "Hello Zoë" in line
    assert "For Zoë" in line
    unknown = page_of(ada.get(f"/campaigns/{campaign.id}/preview/line?address=x@example.org"))
    assert "x@example.org isn't in your people" in unknown


# -- checking and letting go


def test_the_check_page_shows_who_gets_it_and_what_was_found(ada: BrowserClient) -> None:
    campaign = make_ready(subject="BUY PIGEONS NOW")
    page = page_of(ada.get(f"/campaigns/{campaign.id}/check"))
    assert "Send to 2 people" in page
    assert "all capitals" in page
    campaign = make_campaign()
    page = page_of(ada.get(f"/campaigns/{campaign.id}/check"))
    assert "Choose at least one list" in page
    assert "Send to" not in page.replace("Send to</label>", "")


def test_now_is_in_a_minute_and_can_be_taken_back(ada: BrowserClient) -> None:
    campaign = make_ready()
    before = clock.now()
    data = {"version": campaign.version, "when": "now"}
    answer = ada.post(f"/campaigns/{campaign.id}/schedule", data=data)
    assert answer.location == f"/campaigns/{campaign.id}/sending"
    scheduled = now_of(campaign.id)
    assert scheduled.status is Status.SCHEDULED
    assert scheduled.send_at
    assert timedelta(seconds=59) < scheduled.send_at - before < timedelta(seconds=70)
    answer = ada.post(f"/campaigns/{campaign.id}/schedule/delete")
    assert answer.location == f"/campaigns/{campaign.id}/edit"
    assert now_of(campaign.id).status is Status.DRAFT


def test_a_time_is_meant_in_the_zone_of_the_operator(ada: BrowserClient) -> None:
    campaign = make_ready()
    db.session.execute(db.text("UPDATE operator SET time_zone = 'Asia/Tokyo'"))
    db.session.commit()
    day = (clock.now() + timedelta(days=3)).date()
    data = {"version": campaign.version, "when": "later", "at": f"{day}T09:00"}
    ada.post(f"/campaigns/{campaign.id}/schedule", data=data)
    send_at = now_of(campaign.id).send_at
    assert send_at
    assert f"{send_at:%Y-%m-%d %H:%M}" == f"{day} 00:00"


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        ("", "Choose a day"),
        ("x", "Choose a day"),
        ("2020-01-01T09:00", "is in the past"),
        ("2199-01-01T09:00", "a year away"),
    ],
)
def test_a_bad_time_is_said_at_its_field_and_kept(ada: BrowserClient, at: str, sentence: str) -> None:
    campaign = make_ready()
    data = {"version": campaign.version, "when": "later", "at": at}
    answer = ada.post(f"/campaigns/{campaign.id}/schedule", data=data)
    assert answer.status_code == 422
    assert sentence in page_of(answer)
    assert f'value="{at}"' in page_of(answer)
    assert now_of(campaign.id).status is Status.DRAFT


def test_two_tabs_that_schedule_the_same_draft(ada: BrowserClient, ben: BrowserClient) -> None:
    campaign = make_ready()
    data = {"version": campaign.version, "when": "now"}
    url = f"/campaigns/{campaign.id}/schedule"
    assert ada.post(url, data=data).location == f"/campaigns/{campaign.id}/sending"
    send_at = now_of(campaign.id).send_at
    assert ben.post(url, data=data).location == f"/campaigns/{campaign.id}"
    with ben.session_transaction() as cookie:
        said = str(cookie["_flashes"])
    assert "already scheduled" in said
    assert now_of(campaign.id).send_at == send_at


def test_what_must_be_fixed_keeps_it_back(ada: BrowserClient) -> None:
    campaign = make_ready(subject="")
    answer = ada.post(f"/campaigns/{campaign.id}/schedule", data={"version": "1", "when": "now"})
    assert answer.status_code == 422
    assert "Enter a subject." in page_of(answer)
    assert now_of(campaign.id).status is Status.DRAFT


# -- test mails


def test_a_test_mail_arrives_as_that_person_would_get_it(ada: BrowserClient) -> None:
    with SmtpServer() as server:
        make_server(port=server.port, is_default=True, name="wire")
        campaign = make_ready()
        person = queries.person_by_address("zoe@example.org")
        assert person
        data = {"to": "me@example.com, you@example.com", "person": str(person.id)}
        answer = ada.post(f"/campaigns/{campaign.id}/test-mails", data=data)
        assert answer.status_code == 303
    assert [rcpt for _from, rcpt, _raw in server.messages] == ["me@example.com", "you@example.com"]
    raw = server.messages[0][2]
    assert message_from_bytes(raw, policy=default)["Subject"] == "[Test] Hello Zoë"
    assert b"https://example.com/one" in raw
    assert b"/c/" not in raw
    assert b"/o/" not in raw
    page = page_of(ada.get(f"/campaigns/{campaign.id}/check"))
    assert "wire accepted the test email to me@example.com" in page


def test_a_test_mail_has_no_bounce_address_of_its_own_and_no_address_to_unsubscribe(
    ada: BrowserClient,
) -> None:
    with SmtpServer() as fake:
        campaign = make_ready(server_id=make_server(port=fake.port).id)
        senders.set_bounce_address(settings_queries.sender(1), "@bounce.example.com")
        db.session.commit()
        ada.post(f"/campaigns/{campaign.id}/test-mails", data={"to": "me@example.com"})
    mail_from, _rcpt_to, raw = fake.messages[0]
    assert mail_from == "news@example.com"
    assert b"mailto:" not in raw.partition(b"\r\n\r\n")[0]


def test_what_the_server_says_to_a_test_mail_is_told(ada: BrowserClient) -> None:
    with SmtpServer(replies={"RCPT": "550 5.1.1 no such user"}) as server:
        make_server(port=server.port, is_default=True, name="wire")
        campaign = make_ready()
        ada.post(f"/campaigns/{campaign.id}/test-mails", data={"to": "gone@example.com"})
    page = page_of(ada.get(f"/campaigns/{campaign.id}/check"))
    assert "wire rejected the test email to gone@example.com" in page
    assert "no such user" in page
    ada.post(f"/campaigns/{campaign.id}/test-mails", data={"to": "gone@example.com"})
    assert "through wire" in page_of(ada.get(f"/campaigns/{campaign.id}/check"))


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("me@example.com, nobody", "Enter addresses like"),
        ("a@example.com\r\nRCPT TO:<b@example.com>", "Enter addresses like"),
        (" ".join(f"a{n}@example.com" for n in range(11)), "at most 10"),
    ],
)
def test_bad_addresses_of_a_test_mail_are_refused(ada: BrowserClient, to: str, sentence: str) -> None:
    campaign = make_ready()
    answer = ada.post(f"/campaigns/{campaign.id}/test-mails", data={"to": to})
    assert answer.status_code == 422
    assert sentence in page_of(answer)


def test_a_draft_that_is_no_mail_yet_is_not_sent_as_a_test(ada: BrowserClient) -> None:
    campaign = make_ready(html="", from_email="")
    answer = ada.post(f"/campaigns/{campaign.id}/test-mails", data={"to": "me@example.com"})
    assert answer.status_code == 422


# -- rights


WRITES = ["copies", "delete", "edit", "autosave", "test-mails", "schedule", "schedule/delete"]


def test_who_may_only_look_changes_nothing(cleo: BrowserClient) -> None:
    campaign = make_ready()
    for page in ("/campaigns", f"/campaigns/{campaign.id}/check"):
        assert cleo.get(page).status_code == 200
    assert cleo.get(f"/campaigns/{campaign.id}").location == f"/campaigns/{campaign.id}/check"
    assert mail(cleo, f"/campaigns/{campaign.id}/preview").status_code == 200
    assert cleo.get("/campaigns/new").status_code == 403
    assert cleo.get(f"/campaigns/{campaign.id}/edit").status_code == 403
    for act in WRITES:
        assert cleo.post(f"/campaigns/{campaign.id}/{act}", data=typed(campaign)).status_code == 403
    assert now_of(campaign.id).version == 1


def test_strangers_get_the_sign_in_page(app: Flask, client: BrowserClient) -> None:
    campaign = make_ready()
    for page in ("/campaigns", f"/campaigns/{campaign.id}/edit", f"/campaigns/{campaign.id}/preview"):
        assert client.get(page).location.startswith("/sign-in")
    for act in WRITES:
        assert client.post(f"/campaigns/{campaign.id}/{act}").location.startswith("/sign-in")


def test_a_form_without_its_token_is_refused(ada: BrowserClient) -> None:
    campaign = make_ready()
    answer = ada.post(f"/campaigns/{campaign.id}/schedule", data={"when": "now"}, csrf=False)
    assert answer.status_code == 400
    assert now_of(campaign.id).status is Status.DRAFT


# -- bad input


@pytest.mark.parametrize("rubbish", ["", "-1", "9" * 40, "\u00b2", "x", "\0", "1 OR 1=1"])
def test_rubbish_in_a_version_is_an_old_version(ada: BrowserClient, rubbish: str) -> None:
    campaign = make_ready()
    answer = ada.post(f"/campaigns/{campaign.id}/edit", data=typed(campaign, version=rubbish, subject="New"))
    assert answer.status_code == 409
    data = {"version": rubbish, "when": "now"}
    assert ada.post(f"/campaigns/{campaign.id}/schedule", data=data).status_code == 303
    assert now_of(campaign.id).status is Status.DRAFT


@pytest.mark.parametrize("path", ["9" * 30, "0", "2147483648"])
def test_a_number_that_is_no_campaign_is_not_found(ada: BrowserClient, path: str) -> None:
    for page in ("", "/edit", "/check", "/preview"):
        assert ada.get(f"/campaigns/{path}{page}").status_code == 404


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ ''.__class__.__mro__ }}",
        "{% for a in range(10**9) %}x{% endfor %}",
        "{{ 9**9**9 }}",
        "<table><tr>" * 5000,
        "{% include '/etc/passwd' %}",
        "\0\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
        "]]><!--<a href='{{'",
    ],
)
def test_a_hostile_template_is_kept_as_text_and_harms_nothing(ada: BrowserClient, hostile: str) -> None:
    campaign = make_ready()
    data = typed(campaign, html=hostile, subject=hostile[:200], preheader=hostile[:200])
    assert ada.post(f"/campaigns/{campaign.id}/edit", data=data).status_code == 303
    for page in ("edit", "check"):
        assert ada.get(f"/campaigns/{campaign.id}/{page}").status_code == 200
    assert mail(ada, f"/campaigns/{campaign.id}/preview").status_code == 200
    for act, form in (
        ("test-mails", {"to": "me@example.com"}),
        ("schedule", {"when": "now", "version": "2"}),
    ):
        assert ada.post(f"/campaigns/{campaign.id}/{act}", data=form).status_code in (303, 422)


def test_sending_hours_are_kept_and_shown(ada: BrowserClient) -> None:
    campaign = make_ready()
    data = {"version": campaign.version, "when": "now", **OFFICE_HOURS}
    assert ada.post(f"/campaigns/{campaign.id}/schedule", data=data).status_code == 303
    assert now_of(campaign.id).sending_hours == "mon-fri 09:00-17:00 Europe/Vienna"
    assert "Mon–Fri 09:00–17:00 (Europe/Vienna)" in page_of(ada.get(f"/campaigns/{campaign.id}/sending"))


def test_a_suggested_time_keeps_the_sending_hours_also_without_script(ada: BrowserClient) -> None:
    campaign = make_ready()
    page = page_of(ada.get(f"/campaigns/{campaign.id}/check"))
    found = re.search(r'<button[^>]*name="suggested" value="([^"]+)" formaction="([^"]+)"', page)
    assert found, "no time is suggested"
    data = {"version": campaign.version, "when": "later", **OFFICE_HOURS, "suggested": found[1]}
    answer = ada.post(found[2], data=data)
    assert answer.status_code == 303
    page = page_of(ada.get(answer.location))
    assert re.search(r'<input[^>]*value="later"[^>]*checked|<input[^>]*checked[^>]*value="later"', page)
    assert f'value="{found[1]}"' in re.search(r'<input[^>]*id="at"[^>]*>', page)[0]  # type: ignore[index]
    assert "checked" in re.search(r'<input[^>]*id="keeps_hours"[^>]*>', page)[0]  # type: ignore[index]
    assert now_of(campaign.id).status is Status.DRAFT
    refused = ada.post(found[2], data={**data, "window_days": []})
    assert refused.status_code == 422
    assert "Choose at least one day" in page_of(refused)
    scheduled = make_campaign(status=Status.SCHEDULED)
    assert ada.post(f"/campaigns/{scheduled.id}/schedule/time", data=data).status_code == 303
    assert now_of(scheduled.id).sending_hours is None


def test_sending_hours_without_a_day_are_refused_at_their_field(ada: BrowserClient) -> None:
    campaign = make_ready()
    data = {"version": campaign.version, "when": "now", **OFFICE_HOURS, "window_days": []}
    answer = ada.post(f"/campaigns/{campaign.id}/schedule", data=data)
    assert answer.status_code == 422
    assert "Choose at least one day" in page_of(answer)
    assert now_of(campaign.id).status is Status.DRAFT


def test_a_campaign_with_sending_hours_by_command(app: Flask, tmp_path: Path) -> None:
    make_list("Readers")
    letter = tmp_path / "letter.html"
    letter.write_text("<p>Hello</p>")
    typed = ["campaign", "create", "--name", "March", "--subject", "Hello", "--from", "news@example.com"]
    typed += ["--list", "Readers", "--html", str(letter)]
    result = app.test_cli_runner().invoke(args=[*typed, "--window", "daily 22:00-06:00 UTC"])
    assert result.exit_code == 0, result.output
    assert db.session.scalar(db.select(Campaign)).sending_hours == "daily 22:00-06:00 UTC"
    result = app.test_cli_runner().invoke(args=[*typed, "--window", "at night"])
    assert result.exit_code == 1
    assert "mon-fri 09:00-17:00" in result.stderr


def test_a_campaign_scheduled_by_command_can_be_undone_for_the_same_minute(app: Flask) -> None:
    campaign = make_ready(name="March")
    run = app.test_cli_runner().invoke
    before = clock.now()
    done = run(args=["campaign", "schedule", str(campaign.id)])
    assert done.exit_code == 0, done.output
    assert f"campaign unschedule {campaign.id}" in done.output
    scheduled = now_of(campaign.id)
    assert scheduled.status is Status.SCHEDULED
    assert scheduled.send_at and scheduled.send_at >= before + services.GRACE
    assert run(args=["campaign", "unschedule", str(campaign.id)]).exit_code == 0
    assert now_of(campaign.id).status is Status.DRAFT
    again = run(args=["campaign", "unschedule", str(campaign.id)])
    assert again.exit_code == 1
    assert run(args=["campaign", "schedule", str(campaign.id), "--grace", "0"]).exit_code == 0
    send_at = now_of(campaign.id).send_at
    assert send_at and send_at <= clock.now()
    entries = db.session.scalars(db.select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(each.action, each.subject) for each in entries] == [
        ("campaign.scheduled", "March"),
        ("campaign.taken_back", "March"),
        ("campaign.scheduled", "March"),
    ]
    assert all(each.actor.endswith("(command line)") for each in entries)
    assert entries[0].details["at"]
