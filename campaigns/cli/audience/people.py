"""`flask people …`: import and export people."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import click

from campaigns.audience import exporter
from campaigns.audience import queries as audience_queries
from campaigns.audience.imports import queries, runner, setup
from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.audience.search import Search
from campaigns.audience.segments import queries as segment_queries
from campaigns.audience.segments import services as segment_services
from campaigns.cli.audience.segments import checked_rule, rule_file
from campaigns.cli.output import answer, as_json, command
from campaigns.core import clock
from campaigns.core.db import db

BETWEEN_LOOKS_S = 0.5


@click.group("people")
def people() -> None:
    """People on lists."""


@people.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--list", "list_name", required=True, help="List to add them to.")
@as_json
@command
def import_(file: Path, list_name: str, wants_json: bool) -> None:
    """Import people from a CSV file, with a progress bar and counts at the end."""
    audience_queries.list_by_name(list_name)
    db.session.commit()  # hold no transaction while the file is read
    kept = setup.keep(file)
    into = audience_queries.list_by_name(list_name)
    made = setup.create_import(kept, file_name=file.name, list_=into, now=clock.now())
    db.session.commit()
    _run(made, quiet=wants_json)
    db.session.expire_all()
    done = queries.import_(made.id)
    if done.status is ImportStatus.FAILED:
        raise click.ClickException(done.error or "The import failed.")
    counts = {name: getattr(done, name) for name in ("created", "updated", "skipped", "rejected")}
    answer(
        {"id": done.id, "list": into.name, **counts},
        wants_json=wants_json,
        sentence=", ".join(f"{number} {name}" for name, number in counts.items()) + ".",
    )


@people.command("export")
@click.option("--list", "list_name", help="Only people on this list.")
@click.option("--segment", "segment_name", help="Only people in this segment.")
@click.option("--raw", is_flag=True, help="Don't escape values that a spreadsheet would run as formulas.")
@command
def export(list_name: str | None, segment_name: str | None, raw: bool) -> None:
    """Write the people of a list or segment as CSV to standard output."""
    if not list_name and not segment_name:
        raise click.UsageError("Name a list with --list or a segment with --segment.")
    wanted = Search(
        list_id=audience_queries.list_by_name(list_name).id if list_name else None,
        segment_id=segment_queries.segment_by_name(segment_name).id if segment_name else None,
        at=clock.now(),
    )
    exporter.record(wanted)
    db.session.commit()
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    try:
        for row in exporter.rows(wanted, raw=raw):
            writer.writerow(row)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, like `head`, has ended
        sys.stderr.close()


@people.command("count")
@click.option("--segment", "segment_name", help="Only people in this segment.")
@click.option("--rule", "file", type=rule_file, help="File with a rule as JSON: only people who match it.")
@as_json
@command
def count(segment_name: str | None, file: Path | None, wants_json: bool) -> None:
    """Count people: all, those in a segment, or those who match a rule."""
    if segment_name and file:
        raise click.UsageError("Use --segment or --rule, not both.")
    now = clock.now()
    if segment_name:
        number = segment_services.count_again(segment_queries.segment_by_name(segment_name), now=now)
        db.session.commit()
    elif file:
        number = segment_queries.count(checked_rule(file), now=now)
    else:
        number = audience_queries.people_count()
    answer({"people": number}, wants_json=wants_json, sentence=f"{number} people.")


def _run(made: Import, *, quiet: bool) -> None:
    size = max(made.size_bytes or 0, 1)
    label = f"Importing {made.file_name}"
    with click.progressbar(length=size, label=label, hidden=quiet, file=sys.stderr) as bar:
        while not runner.run(made.id, on_progress=lambda done: bar.update(done - bar.pos)):
            time.sleep(BETWEEN_LOOKS_S)  # a worker has taken the import: wait for it
