"""`flask people …`: import people, undo that, export people."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from campaigns.audience import exporter
from campaigns.audience import queries as audience_queries
from campaigns.audience.exporting import columns as export_columns
from campaigns.audience.exporting.models import Format
from campaigns.audience.imports import outlook, queries, runner, services, setup, undo
from campaigns.audience.imports.files import columns
from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.audience.models import Subscriber
from campaigns.audience.search import Search
from campaigns.audience.segments import queries as segment_queries
from campaigns.audience.segments import services as segment_services
from campaigns.cli.audience.segments import checked_rule, rule_file
from campaigns.cli.output import answer, as_json, command
from campaigns.core import clock
from campaigns.core.addresses import BadAddress
from campaigns.core.db import db
from campaigns.core.errors import Invalid, NotFound
from campaigns.core.i18n import _

BETWEEN_LOOKS_S = 0.5


@click.group("people")
def people() -> None:
    """People on lists."""


@people.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--list", "list_name", required=True, help="List to add them to.")
@click.option(
    "--map",
    "pairs",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="What a column contains: email, a field's name, new, new:number, new:date, new:yes_no, new:url, status,"
    " unsubscribed, bounced or ignore. Other columns are guessed.",
)
@click.option(
    "--dry-run", is_flag=True, help="Only say what would change; confirm it on the page of the import."
)
@as_json
@command
def import_(file: Path, list_name: str, pairs: tuple[str, ...], dry_run: bool, wants_json: bool) -> None:
    """Import people from a file, with a progress bar and counts at the end."""
    if not file.is_file():
        raise Invalid(_("There is no file named %(name)s.", name=str(file)))
    audience_queries.list_by_name(list_name)
    db.session.commit()  # hold no transaction while the file is read
    kept = setup.keep(file)
    into = audience_queries.list_by_name(list_name)
    targets = _targets(kept, pairs)
    made = setup.create_import(
        kept, file_name=file.name, list_=into, now=clock.now(), mapping=targets, is_dry_run=dry_run
    )
    db.session.commit()
    _run(made, quiet=wants_json)
    db.session.expire_all()
    done = queries.import_(made.id)
    if done.status not in (ImportStatus.FINISHED, ImportStatus.CHECKED):
        raise click.ClickException(done.error or f"The import is {done.status.value}.")
    answer(
        {"import": done.id, **done.counts},
        wants_json=wants_json,
        sentence=", ".join(f"{number} {name.replace('_', ' ')}" for name, number in done.counts.items())
        + ".",
    )


@people.command("undo")
@click.argument("import_id", metavar="IMPORT", type=int)
@as_json
@command
def undo_(import_id: int, wants_json: bool) -> None:
    """Undo an import of the last 30 days. What was changed since stays."""
    from campaigns.delivery import queries as delivery_queries  # large, and needed by no other of these

    services.ask_undo(queries.import_(import_id), now=clock.now())
    db.session.commit()
    while not undo.run(import_id, was_emailed=delivery_queries.emailed_since):
        time.sleep(BETWEEN_LOOKS_S)  # a worker has taken it: wait for it
    db.session.expire_all()
    done = outlook.undo(queries.import_(import_id))
    counts = {"restored": done.restored, "deleted": done.deleted, "kept": done.kept_people}
    reasons = {str(reason): number for reason, number in done.kept}
    answer(
        {"import": import_id, **counts, "unsuppressed": done.unsuppressed, "reasons": reasons},
        wants_json=wants_json,
        sentence=", ".join(f"{number} {name}" for name, number in counts.items())
        + "."
        + "".join(f"\n{reason}: {number}" for reason, number in reasons.items()),
    )


@people.command("export")
@click.option("--list", "list_name", help="Only people on this list.")
@click.option("--segment", "segment_name", help="Only people in this segment.")
@click.option("--columns", help="Columns separated by commas, such as email,city,tags.")
@click.option("--format", "format_", type=click.Choice([*Format]), default=Format.CSV, help="Default: csv.")
@click.option("--raw", is_flag=True, help="Don't escape values that a spreadsheet would run as formulas.")
@command
def export(
    list_name: str | None, segment_name: str | None, columns: str | None, format_: Format, raw: bool
) -> None:
    """Write the people of a list or segment to standard output, as CSV or JSON Lines."""
    if not list_name and not segment_name:
        raise click.UsageError("Name a list with --list or a segment with --segment.")
    wanted = Search(
        list_id=audience_queries.list_by_name(list_name).id if list_name else None,
        segment_id=segment_queries.segment_by_name(segment_name).id if segment_name else None,
        at=clock.now(),
    )
    names, of_list = [each.strip() for each in (columns or "").split(",")], wanted.list_id is not None
    chosen = (
        export_columns.chosen(names, of_list=of_list) if columns else export_columns.usual(of_list=of_list)
    )
    exporter.record(wanted)
    db.session.commit()
    form = exporter.Form(chosen, Format(format_), is_raw=raw)
    try:
        for piece in exporter.stream(wanted, form):
            sys.stdout.buffer.write(piece.removeprefix(exporter.MARK).encode())
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


@people.command("show")
@click.argument("address")
@as_json
@command
def show(address: str, wants_json: bool) -> None:
    """Show what is stored about a person; with --json everything, for somebody who asks for their data."""
    from campaigns.reports.person import export  # large, and needed by no other of these

    found, now = _person(address), clock.now()
    data = export.data_of(found, now=now)
    export.record(found, now=now)
    db.session.commit()
    lists = ", ".join(f"{each['list']} ({each['status']})" for each in data["lists"]) or "no list"
    counts = (f"{len(data[name])} {name}" for name in ("emails", "consent", "notes", "changes"))
    answer(data, wants_json=wants_json, sentence=f"{found.email}: {lists}; {', '.join(counts)}.")


@people.command("merge")
@click.argument("keep")
@click.argument("other")
@as_json
@command
def merge(keep: str, other: str, wants_json: bool) -> None:
    """Merge the person with the address OTHER into the one with the address KEEP. Where both have a value, that of
    KEEP stays; an unsubscribe or suppression of either always does. This can't be undone.
    """
    from campaigns.delivery.merging import services as merging_services  # large

    kept_id, other_id = _person(keep).id, _person(other).id
    done = merging_services.merge(kept_id, other_id, now=clock.now())
    db.session.commit()
    moved = dict(done.moved)
    answer(
        {"person": kept_id, "removed": other_id, **moved},
        wants_json=wants_json,
        sentence="Merged: " + ", ".join(f"{number} {name}" for name, number in moved.items()) + ".",
    )


def _person(address: str) -> Subscriber:
    """The person with that address; raises NotFound."""
    try:
        found = audience_queries.person_by_address(address)
    except BadAddress:
        found = None
    if found is None:
        raise NotFound(_("No person has the address %(address)s.", address=address))
    return found


def _targets(kept: setup.Kept, pairs: tuple[str, ...]) -> list[str]:
    """A guess, and what is said otherwise; raises Invalid for a column or field that isn't there."""
    fields = audience_queries.fields()
    seen = kept.seen
    targets = columns.guess(seen.columns, seen.samples, fields)
    headings = {heading.lower(): at for at, heading in reversed(list(enumerate(seen.columns)))}
    names = {each.label.lower(): each.key for each in fields} | {each.key: each.key for each in fields}
    said = {}
    for pair in pairs:
        column, _equals, field = pair.rpartition("=")
        if column.strip().lower() not in headings:
            raise Invalid(_("There is no column named %(column)s.", column=column or pair))
        target = names.get(field.strip().lower(), columns.SPOKEN.get(field.strip().lower()))
        if target is None:
            raise Invalid(_("There is no field named %(field)s.", field=field))
        said[headings[column.strip().lower()]] = target
    free = [target not in said.values() or target in columns.REPEATABLE for target in targets]
    return [said.get(at, target if free[at] else columns.IGNORE) for at, target in enumerate(targets)]


def _run(made: Import, *, quiet: bool) -> None:
    size = max(made.size_bytes or 0, 1)
    label = f"Importing {made.file_name}"
    with click.progressbar(length=size, label=label, hidden=quiet, file=sys.stderr) as bar:
        while not runner.run(made.id, on_progress=lambda done: bar.update(done - bar.pos)):
            time.sleep(BETWEEN_LOOKS_S)  # a worker has taken the import: wait for it
