"""One campaign has the same numbers wherever they are shown, and every percentage is of the same people."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.models import Reason, State
from campaigns.planning.models import Campaign, Status
from campaigns.reports import queries
from campaigns.reports import report as reports
from campaigns.web import percent_text
from tests.browser_client import BrowserClient
from tests.factories import HOUR, make_campaign, make_delivery, make_list, make_revision, make_subscriber

ROOT = Path(__file__).resolve().parents[2]
SENT, OPENED, CLICKED, LEFT, FAILED, BOUNCED, SKIPPED = 9, 4, 2, 1, 2, 1, 3
DELIVERED_SHARE, OPENED_SHARE, CLICKED_SHARE, LEFT_SHARE = "75.0%", "44.4%", "22.2%", "11.1%"


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    """Finished: 15 people, of whom 3 were skipped, 2 failed, and one email came back later."""
    now = clock.now()
    ended = {"started_at": now - 2 * HOUR, "finished_at": now - HOUR, "status": Status.FINISHED}
    made = make_campaign(name="News", lists=[make_list()], **ended)
    make_revision(made, links=("https://example.com/one",))
    for number in range(SENT):
        done = {
            "opened_at": now if number < OPENED else None,
            "clicked_at": now if number < CLICKED else None,
            "unsubscribed_at": now if number < LEFT else None,
        }
        make_delivery(made, make_subscriber(), **done)
    for _number in range(FAILED):
        make_delivery(made, make_subscriber(), state=State.FAILED, reason=Reason.BAD_ADDRESS)
    for _number in range(BOUNCED):
        make_delivery(made, make_subscriber(), bounced_at=now)
    for _number in range(SKIPPED):
        make_delivery(made, make_subscriber(), state=State.SKIPPED, reason=Reason.SUPPRESSED)
    db.session.commit()
    return made


def shown(page: str) -> list[str]:
    """All percentages of a page, in order."""
    return re.findall(r"\d+\.\d%", re.sub(r"<progress.*?</progress>", "", page))


def test_each_page_shows_the_same_shares(ada: BrowserClient, campaign: Campaign) -> None:
    activity = [OPENED_SHARE, CLICKED_SHARE, LEFT_SHARE]
    report = ada.get(f"/campaigns/{campaign.id}/report").get_data(as_text=True)
    assert shown(report)[:5] == [DELIVERED_SHARE, *activity, "8.3%"]
    assert shown(ada.get("/campaigns").get_data(as_text=True)) == activity
    assert shown(ada.get("/").get_data(as_text=True))[:4] == [DELIVERED_SHARE, *activity]
    [domain] = reports.places(campaign).domains
    assert (domain.wanted, domain.sent, domain.failed) == (SENT + FAILED + BOUNCED, SENT, FAILED)
    figures = queries.figures([campaign.id])[campaign.id]
    assert percent_text(figures.rates()["opens"]) == OPENED_SHARE


def test_a_command_counts_the_same_people(app: Flask, campaign: Campaign) -> None:
    done = app.test_cli_runner().invoke(args=["campaign", "status", str(campaign.id), "--json"])
    said = json.loads(done.output)
    found = [said[name] for name in ("audience", "opens", "clicks", "unsubscribes")]
    assert found == [SENT + FAILED + BOUNCED + SKIPPED, OPENED, CLICKED, LEFT]
    assert said["states"]["sent"] == SENT


def test_an_export_counts_the_same_people(ada: BrowserClient, campaign: Campaign) -> None:
    answer = ada.get(f"/campaigns/{campaign.id}/recipients.csv", buffered=True)
    text = answer.get_data(as_text=True).lstrip("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    done = [sum(bool(row[f"{name}_at"]) for row in rows) for name in ("opened", "clicked", "unsubscribed")]
    assert done == [OPENED, CLICKED, LEFT]
    assert sum(row["state"] == "sent" for row in rows) == SENT


def test_nobody_counts_for_nothing() -> None:
    assert queries.Figures(audience=3).of_wanted(0) is None
    assert queries.Figures(audience=3, wanted=2).of_sent(0) is None
    assert queries.Figures().rates() == {"opens": 0.0, "clicks": 0.0, "unsubscribes": 0.0}


@pytest.mark.parametrize("folder", ["reports", "planning"])
def test_no_template_chooses_what_a_percentage_is_of(folder: str) -> None:
    """They show shares of `Figures`; what a share is of stands in `reports.queries.Shares` alone."""
    texts = {path.name: path.read_text() for path in (ROOT / "templates" / folder).rglob("*.html")}
    assert {name for name, text in texts.items() if "percent(" in text} == set()
