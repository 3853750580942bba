"""Content made to cost as much as it can: each page that reads it answers soon.

Beyond its own time, a page that is long at work keeps everybody's waiting.
"""

from __future__ import annotations

from contextvars import Context

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.core import signing
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.planning.models import Campaign
from campaigns.settings import queries as settings_queries
from tests.browser_client import BrowserClient
from tests.factories import (
    make_campaign,
    make_delivery,
    make_field,
    make_list,
    make_revision,
    make_server,
    make_subscriber,
)
from tests.patterns.clock import at_most_cpu_s

SIZE = 60_000
# Of processor time, however busy the machine is: what is quadratic takes half a minute and more for so much.
LONGEST_S = 10
PAGES = ("check", "preview")
FOOTER = '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
PUMPS = {
    "comments of templates that never end": ("", "{#"),
    "spaces after an attribute": ('<a href="x', " "),
    "spaces before the end of a line": ("<p>a", " \t"),
    "heads that never end": ("", "<head "),
    "links that never end": ("", '<a href="https://a.example/'),
    "quotes": ("<a href=", "\"'"),
    "comments": ("", "<!--"),
    "rules of a style that never ends": ("<style>", "a{"),
    "comments of a style": ("<style>", "/*"),
    "entities": ("", "&"),
    "parentheses in an address": ("https://a.example/", ")"),
    "tags in tags": ("", "<b><p>"),
    "attributes full of fields": ("<p", " a='{{ b }}'"),
}


def mailed(html: str) -> Campaign:
    """A campaign with that content, ready to be scheduled."""
    make_server(is_default=True)
    return make_campaign(html=html, lists=[make_list()])


def opened(browser: BrowserClient, path: str) -> int:
    """The status of a page, which is not looked at: a preview is its author's page."""
    db.session.rollback()
    return Context().run(FlaskClient.open, browser, path).status_code


@pytest.mark.parametrize("name", PUMPS)
def test_an_author_keeps_no_page_at_work(ben: BrowserClient, name: str) -> None:
    beginning, pump = PUMPS[name]
    html = (beginning + pump * (SIZE // len(pump)))[: SIZE - len(FOOTER)] + FOOTER
    number = mailed(html).id
    for page in PAGES:
        with at_most_cpu_s(LONGEST_S):
            assert opened(ben, f"/campaigns/{number}/{page}") in (200, 422), page
    with at_most_cpu_s(LONGEST_S):
        assert ben.post(f"/campaigns/{number}/schedule", data={"when": "now"}).status_code < 500


@pytest.mark.parametrize("name", PUMPS)
def test_a_reader_keeps_no_web_view_at_work(app: Flask, client: BrowserClient, name: str) -> None:
    beginning, pump = PUMPS[name]
    html = (beginning + pump * (SIZE // len(pump)))[: SIZE - len(FOOTER)] + FOOTER
    campaign = make_campaign(html=html, lists=[make_list()])
    make_revision(campaign)
    delivery = make_delivery(campaign, make_subscriber())
    token = signing.sign(settings_queries.link_key(), Purpose.VIEW, delivery.id)
    with at_most_cpu_s(LONGEST_S):
        assert opened(client, f"/w/{token}") in (200, 422)


def test_filters_of_a_long_field_keep_no_preview_at_work(ben: BrowserClient) -> None:
    field, readers = make_field("about"), make_list()
    values = {field.key: "a b " * 2_500}
    person = make_subscriber("ann@example.org", lists=[readers], fields=values)
    source = "".join("{{ about" + "|title" * 20 + f"|default('{number}') }}}}" for number in range(100))
    make_server(is_default=True)
    number = make_campaign(html=f"<p>{source}</p>{FOOTER}", lists=[readers]).id
    for page in ("preview", "email", "check"):
        with at_most_cpu_s(LONGEST_S):
            status = opened(ben, f"/campaigns/{number}/{page}?address={person.email}")
        assert status in (200, 422), page
