"""Exports of people: whom a search finds, and nobody else."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest

from campaigns.audience.models import Status, Suppression, SuppressionReason
from campaigns.audit.models import AuditEntry
from campaigns.core.db import db
from tests.factories import NOON, make_field, make_list, make_subscriber


@pytest.fixture
def list_id(app) -> int:
    """Leads on a list, one of them unsubscribed and one suppressed, and somebody on no list."""
    make_field("city")
    leads = make_list("Leads")
    make_subscriber("lead42@example.org", lists=[leads], fields={"city": "Bonn"})
    make_subscriber("lead43@example.org", lists=[leads], fields={"city": "Graz"})
    make_subscriber("gone@example.org", lists=[leads], status=Status.UNSUBSCRIBED)
    key = make_subscriber("bounced@example.org", lists=[leads]).address_key
    db.session.add(Suppression(address_key=key, reason=SuppressionReason.OPERATOR, created_at=NOON))
    make_subscriber("lead42@elsewhere.example")
    db.session.commit()
    return leads.id


def exported_from(browser, search: str) -> set[str]:
    """The addresses in the file that the search's page links to."""
    page = browser.get(f"/people?{search}").get_data(as_text=True)
    [link] = re.findall(r'href="([^"]+/export[^"]*)"', page)
    answer = browser.post(html.unescape(link), data={"columns": ["email"], "format": "csv"})
    text = browser.get(answer.location, buffered=True).get_data(as_text=True)
    return {row["email"] for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))}


LEADS = {"lead42@example.org", "lead43@example.org"}


SEARCHES = {
    "q=lead42": {"lead42@example.org", "lead42@elsewhere.example"},
    "q=lead42&list={list}": {"lead42@example.org"},
    "q=graz": {"lead43@example.org"},
    "q=nobody": set(),
    "status=suppressed": {"bounced@example.org"},
    "list={list}&status=suppressed": {"bounced@example.org"},
    "status=unsubscribed": {"gone@example.org"},
    "list={list}&status=unsubscribed": {"gone@example.org"},
    "list={list}": {*LEADS, "gone@example.org", "bounced@example.org"},
    "": {*LEADS, "gone@example.org", "bounced@example.org", "lead42@elsewhere.example"},
}


def test_an_export_holds_whom_the_search_shows(ben, list_id: int) -> None:
    found = {search: exported_from(ben, search.format(list=list_id)) for search in SEARCHES}
    assert found == SEARCHES


def test_the_audit_log_says_how_many_left_without_the_words_searched_for(ben, list_id: int) -> None:
    exported_from(ben, "q=lead42")
    exported_from(ben, f"q=lead42&list={list_id}&status=subscribed")
    found = [
        (each.action, each.subject, each.details)
        for each in db.session.query(AuditEntry)
        .filter(AuditEntry.action.endswith("exported"))
        .order_by(AuditEntry.id)
    ]
    assert found == [
        ("people.exported", "", {"people": 2, "status": "all", "searched": True}),
        ("list.exported", "Leads", {"people": 1, "status": "subscribed", "searched": True}),
    ]
