"""`flask people …`: import and export people."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import click

from campaigns.audience import exporter, import_setup, importer, services
from campaigns.audience import queries as audience_queries
from campaigns.audience.models import Import, ImportStatus
from campaigns.audience.search import Search
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
    kept = import_setup.keep(file)
    into = audience_queries.list_by_name(list_name)
    made = services.create_import(kept, file_name=file.name, list_=into, now=clock.now())
    db.session.commit()
    _run(made, quiet=wants_json)
    db.session.expire_all()
    done = audience_queries.import_(made.id)
    if done.status is ImportStatus.FAILED:
        raise click.ClickException(done.error or "The import failed.")
    counts = {name: getattr(done, name) for name in ("created", "updated", "skipped", "rejected")}
    answer(
        {"id": done.id, "list": into.name, **counts},
        wants_json=wants_json,
        sentence=", ".join(f"{number} {name}" for name, number in counts.items()) + ".",
    )


@people.command("export")
@click.option("--list", "list_name", required=True, help="List to export.")
@click.option("--raw", is_flag=True, help="Don't escape values that a spreadsheet would run as formulas.")
@command
def export(list_name: str, raw: bool) -> None:
    """Write the people of a list as CSV to standard output."""
    wanted = audience_queries.list_by_name(list_name)
    exporter.record(Search(list_id=wanted.id))
    db.session.commit()
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    try:
        for row in exporter.rows(Search(list_id=wanted.id), raw=raw):
            writer.writerow(row)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, like `head`, has ended
        sys.stderr.close()


def _run(made: Import, *, quiet: bool) -> None:
    size = max(made.size_bytes or 0, 1)
    label = f"Importing {made.file_name}"
    with click.progressbar(length=size, label=label, hidden=quiet, file=sys.stderr) as bar:
        while not importer.run(made.id, on_progress=lambda done: bar.update(done - bar.pos)):
            time.sleep(BETWEEN_LOOKS_S)  # a worker has taken the import: wait for it
