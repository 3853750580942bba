"""`flask audit …`: verify, export and shorten the audit log."""

from __future__ import annotations

import csv
import sys

import click

from campaigns.audit import queries
from campaigns.audit import services as audit_services
from campaigns.cli.output import answer, as_json, command
from campaigns.core import clock, config
from campaigns.core.db import db, reading


@click.group("audit")
def audit() -> None:
    """The audit log: who did what."""


@audit.command("verify")
@click.option(
    "--expect",
    metavar="NUMBER:HASH",
    help="An entry as `verify` printed it before: it must still be the same.",
)
@as_json
@command
def verify(expect: str | None, wants_json: bool) -> None:
    """Check that no entry was changed, removed or added; exit code 1 if one was.

    Prints the newest entry's number and hash. Keep them on another machine: given to --expect, they also show
    whether the whole log was made anew.
    """
    kept = _kept(expect)
    with reading():
        found = queries.verify(kept=kept)
    if found.broken:
        raise click.ClickException(
            f"The audit log is broken at entry {found.broken.number}: {found.broken.what}."
        )
    answer(
        {"entries": found.entries, "number": found.number, "hash": found.hash},
        wants_json=wants_json,
        sentence=f"{found.entries} entries, all unchanged. The newest one: {found.number}:{found.hash}",
    )


@audit.command("export")
@click.option("--who", default="", help="Only entries of users whose address contains this.")
@click.option("--action", default="", help="Only this action, like people.exported.")
@click.option("--since", default="", metavar="YYYY-MM-DD", help="From this day on (UTC).")
@click.option("--until", default="", metavar="YYYY-MM-DD", help="Up to and including this day (UTC).")
@command
def export(who: str, action: str, since: str, until: str) -> None:
    """Write the log as CSV to standard output, oldest entries first."""
    asked = {"who": who, "action": action, "since": since, "until": until}
    chosen = queries.filter_from(asked)
    for name in ("action", "since", "until"):
        if asked[name] and not getattr(chosen, name):
            raise click.UsageError(f"--{name} {asked[name]} is unknown.")
    audit_services.record_export(chosen, now=clock.now())
    db.session.commit()
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    for row in queries.export(chosen):
        writer.writerow(row)


@audit.command("shorten")
@click.option("--days", type=click.IntRange(1), help="Keep so many days. Default: AUDIT_DAYS.")
@as_json
@command
def shorten(days: int | None, wants_json: bool) -> None:
    """Delete entries that are older than the log is kept; the rest can still be verified."""
    kept_for = config.current().audit_days if days is None else days
    deleted = 0
    while number := audit_services.keep_for(kept_for, now=clock.now()):
        db.session.commit()
        deleted += number
    answer({"deleted": deleted}, wants_json=wants_json, sentence=f"{deleted} entries deleted.")


def _kept(expect: str | None) -> tuple[int, str] | None:
    if expect is None:
        return None
    number, _colon, hashed = expect.partition(":")
    if not number.isdigit() or len(hashed) != 64:
        raise click.UsageError("--expect takes what `audit verify` prints, like 17:ab12….")
    return int(number), hashed
