"""`flask domain …`: create and check sending domains."""

from __future__ import annotations

from typing import Any

import click

from campaigns.cli.output import answer, as_json, command
from campaigns.core import clock, config
from campaigns.core.db import db
from campaigns.mail.dkim_records import Algorithm
from campaigns.mail.lookup import Resolver
from campaigns.settings.domains import bounces, page, queries, records, services, signing
from campaigns.settings.domains.models import SenderDomain

ALGORITHMS = {"both": services.BOTH, **{each.value: (each,) for each in Algorithm}}


@click.group("domain")
def domain() -> None:
    """Domains whose email is signed with DKIM."""


@domain.command("create")
@click.argument("name", metavar="DOMAIN")
@click.option("--algorithm", type=click.Choice(list(ALGORITHMS)), default="both", show_default=True)
@as_json
@command
def create(name: str, algorithm: str, wants_json: bool) -> None:
    """Create the DKIM keys of a domain and print the DNS records to publish."""
    made = services.create_domain(name, algorithms=ALGORITHMS[algorithm], now=clock.now())
    db.session.commit()
    sentence = f"Publish these records for {made.name}, then run: flask --app wsgi domain check {made.name}"
    answer(_facts(made), wants_json=wants_json, sentence="\n".join([sentence, *_to_publish(made)]))


@domain.command("check")
@click.argument("name", metavar="DOMAIN")
@as_json
@command
def check(name: str, wants_json: bool) -> None:
    """Check a domain's DNS records; keys with verified records start signing."""
    row = queries.domain_by_name(name)
    questions, pairs = signing.questions(row), queries.bounce_domains(row)
    db.session.commit()  # hold no transaction during DNS queries
    asked = Resolver(config.current().dns_server)
    found = records.look(questions, asked.texts) + bounces.look(pairs, asked.texts, asked.exchangers)
    row = queries.domain_by_name(name)
    services.record_check(row, found, now=clock.now())
    db.session.commit()
    answer(_facts(row), wants_json=wants_json, sentence="\n".join(_as_found(row)))


def _facts(row: SenderDomain) -> dict[str, Any]:
    shown = [each.facts() for each in page.everything(row)]
    is_signing = bool(row.signing_keys)
    return {
        "id": row.id,
        "domain": row.name,
        "health": row.health,
        "is_signing": is_signing,
        "records": shown,
    }


def _to_publish(row: SenderDomain) -> list[str]:
    return [f"{each.name}. TXT {each.zone_value}" for each in page.everything(row) if each.value]


def _as_found(row: SenderDomain) -> list[str]:
    lines = [f"{row.name}: {'mails are signed' if row.signing_keys else 'mails are not signed yet'}"]
    for each in page.everything(row):
        lines.append(" ".join([f"{each.state:>9}  {each.name}", *map(str, each.sentences)]))
        if each.state == "different":
            lines += [f"{'found':>11}  {text}" for text in each.found]
            lines += [f"{'wanted':>11}  {each.value}"] if each.value else []
    return lines
