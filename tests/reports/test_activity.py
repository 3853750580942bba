"""Who clicked which link, the base of shares, and charts of a report."""

from __future__ import annotations

import re

from flask import Flask

from campaigns.core.db import db
from campaigns.delivery.models import Delivery, Reason, State
from campaigns.planning.models import Campaign, Status
from campaigns.reports import recipients, report, series
from campaigns.reports.recipients import Filter
from campaigns.tracking import services as tracking_services
from campaigns.tracking.services import Visitor
from tests.factories import (
    HOUR,
    NOON,
    make_campaign,
    make_delivery,
    make_list,
    make_revision,
    make_subscriber,
)

FIREFOX = Visitor(
    agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", ip="192.0.2.1"
)
SCANNER = Visitor(agent="Barracuda Sentinel (EE)", ip="192.0.2.9")


def make_clicked() -> tuple[Campaign, list[Delivery]]:
    """Four people: one clicked the first link, one the second twice, one's scanner both, one is skipped."""
    campaign = make_campaign(lists=[make_list()], status=Status.FINISHED, started_at=NOON, finished_at=NOON)
    make_revision(campaign, links=("https://example.com/one", "https://example.com/two"))
    sent = [make_delivery(campaign, make_subscriber()) for _each in range(3)]
    make_delivery(campaign, make_subscriber(), state=State.SKIPPED, reason=Reason.SUPPRESSED)
    tracking_services.record_click(sent[0].id, 1, FIREFOX, at=NOON + HOUR)
    for later in (1, 2):
        tracking_services.record_click(sent[1].id, 2, FIREFOX, at=NOON + later * HOUR)
    tracking_services.record_click(sent[2].id, 1, SCANNER, at=NOON + HOUR)
    db.session.commit()
    return campaign, sent


def test_a_link_leads_to_the_people_who_clicked_it(each_database: Flask) -> None:
    campaign, sent = make_clicked()
    for number, who in ((1, sent[0]), (2, sent[1])):
        found = recipients.page(campaign.id, Filter(link=number))
        assert [row.Delivery.id for row in found.items] == [who.id]
        assert found.total == 1
        assert len(list(recipients.export(campaign.id, Filter(link=number)))) == 2
    assert {link.number: link.people for link in report.places(campaign).links} == {1: 1, 2: 1}


def test_the_report_links_to_them_and_their_page_says_which_link(app: Flask, cleo) -> None:
    campaign, _sent = make_clicked()
    page = cleo.get(f"/campaigns/{campaign.id}/report").text
    url = f"/campaigns/{campaign.id}/recipients?link=1"
    assert f'href="{url}"' in page
    shown = cleo.get(url).text
    assert "People who clicked this link:" in shown
    assert "https://example.com/one" in shown
    assert "1 person" in shown


def test_shares_are_of_those_who_were_to_get_it_and_the_skipped_are_named_beneath(app: Flask, cleo) -> None:
    campaign, _sent = make_clicked()
    page = cleo.get(f"/campaigns/{campaign.id}/report").text
    assert "Delivered to 3 of 3 people." in page
    table = page.split("All recipients by status", 1)[1]
    shares = re.findall(r'<td class="num">([\d.]+%|–)</td>', table.split("</table>", 1)[0])
    assert shares == ["100.0%", "–", "–"]


def test_counts_of_hours_can_be_added_up(app: Flask, cleo) -> None:
    campaign, _sent = make_clicked()
    found = series.Series([NOON, NOON + HOUR, NOON + 2 * HOUR], [2, 0, 3], [1, 1, 0])
    assert (found.cumulated().opens, found.cumulated().clicks) == ([2, 2, 5], [1, 2, 2])
    url = f"/campaigns/{campaign.id}/report"
    assert 'data-kind="bars"' in cleo.get(url).text
    assert 'data-kind="steps"' in cleo.get(f"{url}?total=1").text
