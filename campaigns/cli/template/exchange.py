"""`flask template export` and `import`."""

from __future__ import annotations

from pathlib import Path

import click

from campaigns.cli.campaign.sources import FILE
from campaigns.cli.output import answer, as_json, command
from campaigns.cli.template.output import values_of
from campaigns.content.templates import files, queries, services
from campaigns.content.templates.models import Template
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning import drafts
from campaigns.planning.templates import attachments


@click.command("export")
@click.argument("template_id", type=int)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The file to write; standard output if omitted.",
)
@command
def export(template_id: int, output: Path | None) -> None:
    """Write a template as one JSON file."""
    text = _text_of(queries.template(template_id))
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output} can't be written: {error.strerror}.") from error
    click.echo(f"Wrote template {template_id} to {output}.", err=True)


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--name", help="What it is called here; its name in the file if omitted.")
@as_json
@command
def import_(file: Path, name: str | None, wants_json: bool) -> None:
    """Create a template from a file that `export` wrote. What couldn't be sent is refused."""
    with file.open("rb") as stream:
        format, values, attached = files.from_file(stream.read(files.LARGEST_BYTES + 1))
    if name is not None:
        values["name"] = name
    made = services.create(values, format=format, by=None, place=drafts.place(), now=clock.now())
    for file_name, data in attached:
        attachments.add(made, file_name, data, now=clock.now())
    db.session.commit()
    answer(
        values_of(made), wants_json=wants_json, sentence=f"Created template {made.name} (number {made.id})."
    )


def _text_of(template: Template) -> str:
    return files.to_file(template, attachments.contents(template))
