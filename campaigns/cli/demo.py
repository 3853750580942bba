"""`flask demo`: the main job on sample data, through the same doors as everybody's."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import click
from flask import current_app

from campaigns.accounts import services as accounts_services
from campaigns.accounts.models import Operator, Role
from campaigns.audience import queries as audience_queries
from campaigns.audience import services as audience_services
from campaigns.audience.models import ImportStatus, List, OptIn, SuppressionReason
from campaigns.cli import readers, up
from campaigns.cli.output import command
from campaigns.core import clock, queue
from campaigns.core.config import Config
from campaigns.core.db import db
from campaigns.delivery import queries as delivery_queries
from campaigns.planning import queries as planning_queries
from campaigns.planning import services as planning_services
from campaigns.planning.models import Campaign, Status
from campaigns.practice import store
from campaigns.settings import senders
from campaigns.settings.domains import services as domain_services

SAMPLE = Path(__file__).parent / "sample"
PATIENCE_S = 180.0
EMAIL = "greta@example.com"
DOMAIN = "example.com"
SENDER = f"The Pigeon Post <post@{DOMAIN}>"


@click.command("demo")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@command
def demo(host: str, port: int, workers: int) -> None:
    """Run the main job on sample data (2,000 people), then leave the app running."""
    up.run(host=host, port=port, workers=workers, then=play)


def play(url: str) -> None:
    """Import, write, send, read. Says what it does; does nothing when it was played before."""
    if audience_queries.lists():
        click.echo("  The demo data already exists. Remove the data folder to create it again.")
        return
    password = secrets.token_urlsafe(12)
    operator = _prepare(password, now=clock.now())
    letters = _import(operator)
    sent = _send(letters)
    if sent is None:
        return
    _read(sent)
    _leave_more_to_do(letters, now=clock.now())
    click.echo("")
    click.echo(f"  Sign in at {url}/sign-in as {EMAIL} with the password {password}")
    click.echo(f"  The report: {url}/campaigns/{sent}/report")
    click.echo("")


def _prepare(password: str, *, now: datetime) -> Operator:
    operator = accounts_services.create_operator(
        EMAIL, role=Role.ADMIN, password=password, name="Greta Adler", now=now
    )
    senders.find_or_create_sender(SENDER, now=now)
    db.session.commit()
    return operator


def _import(operator: Operator) -> List:
    now = clock.now()
    letters = audience_services.create_list("Pigeon Post", opt_in=OptIn.SINGLE, now=now)
    with (SAMPLE / "people.csv").open("rb") as stream:
        made = audience_services.create_import(
            stream, file_name="people.csv", list_=letters, now=now, operator_id=operator.id
        )
    db.session.commit()
    click.echo("  Importing 2,000 people …")
    queue.enqueue("campaigns.audience.jobs.run_import", made.id)
    _wait(lambda: audience_queries.import_(made.id).status in (ImportStatus.FINISHED, ImportStatus.FAILED))
    done = audience_queries.import_(made.id)
    click.echo(f"  {done.created} created, {done.rejected} rejected.")
    return letters


def _send(letters: List) -> int | None:
    now = clock.now()
    made = _draft(
        letters,
        name="The autumn flight",
        subject='{{ first_name | default("Dear reader") }}, the autumn flight is on',
        preheader="Two hundred birds, four routes and hot soup on 5 December.",
        now=now,
    )
    db.session.commit()
    planning_services.schedule(made, at=now, now=now)
    db.session.commit()
    campaign_id = made.id
    queue.nudge()
    click.echo("  Sending the campaign to the test inbox …")
    if not _wait(lambda: planning_queries.campaign(campaign_id).status is Status.FINISHED):
        click.echo("  The campaign is still sending. Its page shows the progress.")
        return None
    counts = delivery_queries.counts(campaign_id)
    click.echo(
        "  " + ", ".join(f"{number} {word}" for word, number in counts.by_word.items() if number) + "."
    )
    return campaign_id


def _draft(letters: List, *, name: str, subject: str, preheader: str = "", now: datetime) -> Campaign:
    sender = senders.find_or_create_sender(SENDER, now=now)
    return planning_services.create_campaign(
        name=name,
        subject=subject,
        preheader=preheader,
        from_name=sender.name,
        from_email=sender.email,
        lists=[letters],
        html=(SAMPLE / "autumn.html").read_text(encoding="utf-8"),
        now=now,
    )


def _read(campaign_id: int) -> None:
    config: Config = current_app.extensions["columba"]
    click.echo("  Simulating opens, clicks and unsubscribes …")
    db.session.commit()  # hold nothing while the web server writes
    readers.read_all(store.raw_messages(config), seed=campaign_id)


def _leave_more_to_do(letters: List, *, now: datetime) -> None:
    """A draft, a scheduled campaign, a second list, a suppressed address and a sending domain: pages with a life."""
    audience_services.create_list("Loft volunteers", opt_in=OptIn.DOUBLE, now=now)
    audience_services.suppress(
        "complaints@mail.example", reason=SuppressionReason.OPERATOR, note="Asked by phone", now=now
    )
    domain_services.create_domain(DOMAIN, now=now)
    for name, at in (("Winter training", None), ("The December letter", now + timedelta(days=6))):
        made = _draft(letters, name=name, subject=f"{name} – what the loft is up to", now=now)
        if at:
            planning_services.schedule(made, at=at, now=now)
    db.session.commit()


def _wait(is_done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        db.session.rollback()  # see what others have written since
        db.session.expire_all()
        if is_done():
            db.session.rollback()
            return True
        db.session.rollback()
        time.sleep(0.3)
    return False
