"""`flask demo`: runs everything, with sample data of a small club for three months."""

from __future__ import annotations

import logging
import secrets
from datetime import datetime

import click
import sqlalchemy as sa

from campaigns.accounts import services as accounts_services
from campaigns.audience import queries as audience_queries
from campaigns.cli import up
from campaigns.cli.demo_data import history, inbox
from campaigns.cli.output import command
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning.models import Revision


@click.command("demo")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@command
def demo(host: str, port: int, workers: int) -> None:
    """Run everything on sample data: 2,000 people, four lists, ten campaigns."""
    up.run(host=host, port=port, workers=workers, prepare=prepare)


def prepare(url: str) -> list[str]:
    """Write the sample data at the first start and set a new password; the lines to print."""
    logging.getLogger("campaigns").setLevel(logging.WARNING)  # do not log the launches of past campaigns
    password = secrets.token_urlsafe(12)
    fill(password, now=clock.now(), url=url)
    history.point_at_test_inbox()
    db.session.commit()
    return [f"  Columba runs at {url} – sign in as {history.EMAIL} with the password {password}"]


def fill(password: str, *, now: datetime, url: str = "") -> None:
    """Write the sample data unless it is there; raises click.ClickException if the database has other data.

    Links in emails begin with `url`.
    """
    greta = history.operator()
    if greta is not None:
        accounts_services.give_password(greta, password)
        _lead_links_to(url)
        return
    if audience_queries.lists():
        raise click.ClickException("This data folder is in use. Set DATA_DIR to an empty one for the demo.")
    history.write(password, now=now)
    _lead_links_to(url)
    inbox.write()


def _lead_links_to(url: str) -> None:
    if url:
        db.session.execute(sa.update(Revision).values(public_url=url))
