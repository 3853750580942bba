"""Merge tags in the From name and Reply-to of a draft: saved, refused, previewed, tested and answered."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import Any

import pytest
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import launch
from campaigns.planning import services as planning_services
from campaigns.planning import testmails
from campaigns.planning.models import Campaign
from tests.browser_client import BrowserClient
from tests.delivery.factories import send
from tests.factories import make_campaign, make_field, make_list, make_sender, make_server, make_subscriber
from tests.fakes.smtp_server import SmtpServer

NAME, ANSWERS = '{{ company | default("Columba") }} news', '{{ manager | default("desk@example.com") }}'


def make_draft(**values: Any) -> Campaign:
    readers = make_list()
    for key in ("company", "manager"):
        make_field(key)
    fields = {"company": "Acme", "manager": "zoe@example.com"}
    make_subscriber("reader@example.org", lists=[readers], fields=fields)
    make_sender("news@example.com", name="The Loft")
    make_server(is_default=True)
    return make_campaign(lists=[readers], from_name="The Loft", from_email="news@example.com", **values)


def save(browser: BrowserClient, campaign: Campaign, **changes: Any) -> Any:
    sender = db.session.execute(db.text("SELECT id FROM sender")).scalar()
    typed = {
        "version": campaign.version,
        "name": campaign.name,
        "subject": campaign.subject,
        "sender": str(sender),
        "lists": [each.id for each in campaign.lists],
        "html": campaign.html,
        **changes,
    }
    answer = browser.post(f"/campaigns/{campaign.id}/edit", data=typed)
    db.session.rollback()
    db.session.expire_all()
    return answer


def test_a_campaign_goes_out_under_a_name_of_its_own_from_the_senders_address(ada: BrowserClient) -> None:
    campaign = make_draft()
    save(ada, campaign, from_name=NAME, reply_to=ANSWERS)
    assert (campaign.from_name, campaign.from_email) == (NAME, "news@example.com")
    assert campaign.reply_to == ANSWERS
    page = ada.get(f"/campaigns/{campaign.id}/edit").get_data(as_text=True)
    assert "&#123;&#123; company | default(" in page
    assert '<option selected value="1">The Loft' in page
    save(ada, campaign, from_name="")
    assert campaign.from_name == "The Loft"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"from_name": "{{ company"}, "closed. Check"),
        ({"reply_to": "{{ manager"}, "closed. Check"),
        ({"reply_to": "Call {{ manager }}"}, "never prints an email address"),
    ],
)
def test_what_can_not_stand_in_a_header_is_not_saved(
    ada: BrowserClient, changes: dict[str, str], said: str
) -> None:
    campaign = make_draft()
    answer = save(ada, campaign, **changes)
    assert answer.status_code == 422
    assert said in answer.get_data(as_text=True)
    assert campaign.from_name == "The Loft"


def test_unknown_tags_are_found_while_they_are_written(ada: BrowserClient) -> None:
    campaign = make_draft()
    typed = {
        "from_name": "{{ compny }}",
        "reply_to": "{{ manger }}",
        "html": "<p>Hello</p>",
        "subject": "Hello",
    }
    told = ada.post(f"/campaigns/{campaign.id}/preview/unsaved", data=typed).get_json()
    assert "compny" in told["faults"]["from_name"]
    assert "manger" in told["faults"]["reply_to"]
    check = ada.get(f"/campaigns/{campaign.id}/check")
    assert "compny" not in check.get_data(as_text=True)
    save(ada, campaign, from_name="{{ compny }}")
    assert "Did you mean “company”" in ada.get(f"/campaigns/{campaign.id}/check").get_data(as_text=True)


def test_the_inbox_line_shows_the_name_that_is_typed_and_where_answers_go(ada: BrowserClient) -> None:
    campaign = make_draft(reply_to=ANSWERS)
    typed = {"from_name": NAME, "html": "<p>Hello</p>", "subject": "Hello"}
    assert (
        ada.post(f"/campaigns/{campaign.id}/preview/unsaved", data=typed).get_json()["sender"] == "Acme news"
    )
    save(ada, campaign, from_name=NAME, reply_to=ANSWERS)
    line = ada.get(f"/campaigns/{campaign.id}/preview/line").get_data(as_text=True)
    assert "Acme news" in line
    assert "Replies go to zoe@example.com" in line


def test_a_test_email_has_the_name_and_the_address_of_its_person(ada: BrowserClient) -> None:
    campaign = make_draft()
    save(ada, campaign, from_name=NAME, reply_to=ANSWERS)
    person = testmails.previews.person_for(campaign, "reader@example.org")
    assert person is not None
    read = message_from_bytes(testmails.source_of(campaign, person, now=clock.now()), policy=policy.default)
    assert str(read["From"]) == "Acme news <news@example.com>"
    assert str(read["Reply-To"]) == "zoe@example.com"


def test_each_person_gets_an_email_under_the_name_made_for_them(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_draft(reply_to=ANSWERS, html="<p>The same for everyone</p>", subject="Hello")
        campaign.from_name = NAME
        campaign.server_id = make_server(port=server.port).id
        make_subscriber("bare@example.org", lists=campaign.lists, fields={"manager": "nobody"})
        planning_services.schedule(campaign, at=clock.now(), now=clock.now())
        db.session.commit()
        launch.launch(campaign.id, clock.now())
        send(campaign)
    read = [message_from_bytes(raw, policy=policy.default) for _path, _to, raw in server.messages]
    assert {str(mail["To"]): (str(mail["From"]), str(mail["Reply-To"])) for mail in read} == {
        "reader@example.org": ("Acme news <news@example.com>", "zoe@example.com"),
        "bare@example.org": ("Columba news <news@example.com>", "desk@example.com"),
    }
