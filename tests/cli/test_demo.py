"""The demo's history: it adds up everywhere, is the same again, and is written in few steps."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa
from flask import Flask, has_app_context

from campaigns.audience import queries as audience_queries
from campaigns.audience.imports.models import Import
from campaigns.audience.models import Status, Subscriber, Subscription, Suppression
from campaigns.cli import demo
from campaigns.cli.demo_data import history
from campaigns.content.templates import queries as template_queries
from campaigns.core import config
from campaigns.core.db import db
from campaigns.delivery import queries as delivery_queries
from campaigns.delivery.dispatch import invariants
from campaigns.delivery.ledger import tallies
from campaigns.delivery.models import Batch, Bounce, Delivery, State, Wave
from campaigns.planning import preflight
from campaigns.planning.models import Campaign
from campaigns.planning.models import Status as CampaignStatus
from campaigns.practice import store
from campaigns.reports import home, report
from campaigns.reports import queries as reports_queries
from campaigns.settings import services as settings_services
from campaigns.settings.models import Server
from campaigns.tracking.models import Actor, Event, Kind
from tests.conftest import make_app, make_config
from tests.factories import make_list

NOW = datetime(2026, 11, 30, 9, 15, tzinfo=UTC)
PASSWORD = "bread and feathers 417"
MOST_STATEMENTS = 1200
OVER = (CampaignStatus.FINISHED, CampaignStatus.PAUSED)


@pytest.fixture(scope="module")
def statements() -> list[str]:
    """What was asked of the database while the history was written."""
    return []


@pytest.fixture(scope="module")
def told(
    blank_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, statements: list[str]
) -> Iterator[Flask]:
    """The history, written once for all tests here."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copyfile(blank_sqlite, folder / "columba.db")
    app = make_app(make_config(folder, f"sqlite:///{folder / 'columba.db'}"))
    with app.app_context():
        settings_services.ensure_practice_server(2525, now=NOW)
        listen = lambda *told: statements.append(told[2])  # noqa: E731
        sa.event.listen(db.engine, "before_cursor_execute", listen)
        demo.fill(PASSWORD, now=NOW)
        db.session.remove()
        sa.event.remove(db.engine, "before_cursor_execute", listen)
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(autouse=True)
def begin_anew() -> Iterator[None]:
    yield
    if has_app_context():  # not every test here asks for the history
        db.session.rollback()


def campaigns(*statuses: CampaignStatus) -> list[Campaign]:
    found = sa.select(Campaign).where(Campaign.status.in_(statuses)).order_by(Campaign.id)
    return list(db.session.scalars(found))


def test_the_history_is_that_of_a_club_in_its_third_month(told: Flask) -> None:
    by_status = Counter(each.status for each in campaigns(*CampaignStatus))
    assert by_status == {
        CampaignStatus.FINISHED: 6,
        CampaignStatus.PAUSED: 1,
        CampaignStatus.SCHEDULED: 1,
        CampaignStatus.DRAFT: 2,
    }
    assert len(audience_queries.lists()) == 4
    sent = campaigns(CampaignStatus.FINISHED)
    assert sent[-1].started_at - sent[0].started_at > timedelta(days=50)
    last, usual = home.last_campaigns(now=NOW)
    assert usual is not None
    assert all(each.is_settled for each in last)
    assert reports_queries.comparison(sent[-1], now=NOW) is not None
    assert not home.needs(now=NOW).servers
    first_two_days = [
        each for each in opened_at(sent[-1]) if each - sent[-1].started_at < timedelta(hours=48)
    ]
    assert len({each.replace(minute=0, second=0, microsecond=0) for each in first_two_days}) > 24
    assert max(each.at for each in db.session.scalars(sa.select(Event))) <= NOW
    assert db.session.scalar(sa.select(sa.func.max(Subscription.changed_at))) <= NOW


def opened_at(campaign: Campaign) -> list[datetime]:
    opened = sa.select(Delivery.opened_at).filter_by(campaign_id=campaign.id)
    return list(db.session.scalars(opened.where(Delivery.opened_at.is_not(None))))


def test_the_totals_add_up_in_ledger_tallies_events_and_reports(told: Flask) -> None:
    assert tallies.faults(Campaign.status.in_(OVER), most=1000) == []
    assert invariants.check(now=NOW) == []
    for each in campaigns(*OVER):
        rows: dict[Any, int] = dict(
            db.session.execute(
                sa.select(Delivery.state, sa.func.count())
                .filter_by(campaign_id=each.id)
                .group_by(Delivery.state)
            ).all()
        )
        shown = report.of(each, now=NOW)
        wave = db.session.get_one(Wave, (each.id, 1))
        assert shown.counts.states == rows
        assert sum(rows.values()) == wave.audience
        for kind, number in (
            (Kind.CLICK, shown.figures.clicks),
            (Kind.UNSUBSCRIBE, shown.figures.unsubscribes),
        ):
            assert people_who(each, kind) == number
        assert people_who(each, Kind.OPEN, Kind.CLICK) == shown.figures.opens
        machines = report.machines(each)
        assert machines.opens.people + machines.opens.unsure == shown.figures.opens
        bounces = sa.select(sa.func.count()).select_from(Bounce).filter_by(campaign_id=each.id)
        assert db.session.scalar(bounces) == sum(
            number
            for state, reason, number in shown.reasons
            if reason == "bad_address" and state is State.FAILED
        )
        assert all(link.clicks for link in report.places(each).links)


def people_who(campaign: Campaign, *kinds: Kind) -> int:
    by_people = Event.verdict != Actor.MACHINE
    return db.session.scalar(
        sa.select(sa.func.count(Event.delivery_id.distinct())).where(
            Event.campaign_id == campaign.id, Event.kind.in_(kinds), by_people
        )
    )


def test_who_bounced_or_left_gets_no_campaign_after_that(told: Flask) -> None:
    suppressed = set(
        db.session.scalars(sa.select(Suppression.address_key).where(Suppression.campaign_id.is_not(None)))
    )
    assert suppressed
    later = sa.select(Delivery.address_key).where(
        Delivery.campaign_id == campaigns(CampaignStatus.FINISHED)[-1].id, Delivery.state == State.SENT
    )
    first = db.session.scalars(
        sa.select(Suppression.address_key).filter_by(campaign_id=campaigns(CampaignStatus.FINISHED)[0].id)
    )
    assert not set(first) & set(db.session.scalars(later))
    left = sa.select(sa.func.count()).select_from(Subscription).filter_by(status=Status.UNSUBSCRIBED)
    events = sa.select(sa.func.count()).select_from(Event).filter_by(kind=Kind.UNSUBSCRIBE)
    assert db.session.scalar(left) >= db.session.scalar(events) > 20


def test_imports_say_what_they_brought(told: Flask) -> None:
    brought = db.session.scalars(sa.select(Import).order_by(Import.id)).all()
    assert [each.file_name for each in brought] == ["people.csv", "harbour-fair.csv"]
    for each in brought:
        assert each.new + each.refused == each.rows_total
    people = db.session.scalar(sa.select(sa.func.count()).select_from(Subscriber))
    assert sum(each.new for each in brought) < people <= 2000


@pytest.mark.postgres
def test_the_same_day_tells_the_same_story_on_postgresql(told: Flask, postgres_app: Flask) -> None:
    def story() -> tuple[Any, Any]:
        figures = reports_queries.figures([campaign.id for campaign in campaigns(*OVER)])
        return figures, sorted(delivery_queries.reasons(campaigns(CampaignStatus.FINISHED)[0].id))

    with told.app_context():
        first = story()
    settings_services.ensure_practice_server(2525, now=NOW)
    demo.fill(PASSWORD, now=NOW)
    assert story() == first


def test_the_history_is_written_in_few_statements(told: Flask, statements: list[str]) -> None:
    """It takes seconds because it is written in sets, not person by person."""
    assert 100 < len(statements) < MOST_STATEMENTS


def test_a_second_start_writes_nothing_and_lets_the_operator_in_again(told: Flask) -> None:
    before = db.session.scalar(sa.select(sa.func.count()).select_from(Delivery))
    lines = demo.prepare("http://127.0.0.1:8123")
    assert len(lines) == 1
    assert re.search(r"http://127.0.0.1:8123 – sign in as greta@example.com with the password \S+$", lines[0])
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == before
    inbox = db.session.scalars(sa.select(Server).filter_by(is_practice=True)).one()
    relay = db.session.scalars(sa.select(Server).filter_by(name=history.SERVER)).one()
    assert (relay.host, relay.port) == (inbox.host, inbox.port), "its email leaves this machine"


def test_a_folder_in_use_is_left_alone(app: Flask) -> None:
    make_list("Real readers")
    with pytest.raises(click.ClickException, match="DATA_DIR"):
        demo.fill(PASSWORD, now=NOW)


def test_the_test_inbox_holds_emails_of_the_last_campaign(told: Flask) -> None:
    page = store.page(config.current())
    assert page.total > 20
    assert "loft opens its doors" in page.items[0].subject


def test_every_batch_of_a_finished_campaign_is_done(told: Flask) -> None:
    waiting = sa.select(Batch.campaign_id).where(Batch.settled_at.is_(None)).distinct()
    assert set(db.session.scalars(waiting)) == {each.id for each in campaigns(CampaignStatus.PAUSED)}


def test_a_draft_is_in_the_layout_of_the_club_and_templates_have_versions(told: Flask) -> None:
    draft, _other = campaigns(CampaignStatus.DRAFT)
    assert draft.layout is not None
    assert draft.layout.is_layout
    for words in ("Twenty-four children", "Saturdays from ten to four", "In winter we close at three."):
        assert words in draft.html
    found = template_queries.templates().items
    assert {each.name for each in found} == {"House style", "Race results"}
    assert draft.layout.version == 2
    assert all(each.created_by is not None and each.updated_at < NOW for each in found)
    assert not preflight.of(draft).must_fix
