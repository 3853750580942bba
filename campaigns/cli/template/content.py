"""`flask template create`."""

from __future__ import annotations

from pathlib import Path

import click

from campaigns.cli.campaign.sources import FILE, content_of
from campaigns.cli.output import answer, as_json, command
from campaigns.cli.template.output import values_of
from campaigns.content.formats import Format
from campaigns.content.templates import services
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning import drafts


@click.command("create")
@click.argument("name")
@click.option(
    "--document", "document_file", type=FILE, help="What is written, as a document of blocks (JSON)."
)
@click.option("--mjml", "mjml_file", type=FILE, help="The same as MJML, of which HTML is made.")
@click.option("--markdown", "markdown_file", type=FILE, help="The same as Markdown.")
@click.option("--html", "html_file", type=FILE, help="The same as HTML.")
@click.option("--text", "text_file", type=FILE, help="The text part; alone, a plain-text email.")
@click.option("--subject", default="")
@click.option("--preheader", default="")
@click.option(
    "--layout", "is_layout", is_flag=True, help="Put campaigns where it says {{ campaign_content }}."
)
@as_json
@command
def create(
    name: str,
    document_file: Path | None,
    mjml_file: Path | None,
    markdown_file: Path | None,
    html_file: Path | None,
    text_file: Path | None,
    subject: str,
    preheader: str,
    is_layout: bool,
    wants_json: bool,
) -> None:
    """Create a template."""
    files = {"document": document_file, "mjml": mjml_file, "markdown": markdown_file, "html": html_file}
    content = content_of(files, text=text_file)
    format = content.pop("format", Format.HTML)
    values = {"name": name, "subject": subject, "preheader": preheader, "is_layout": is_layout, **content}
    made = services.create(values, format=format, by=None, place=drafts.place(), now=clock.now())
    db.session.commit()
    answer(
        values_of(made), wants_json=wants_json, sentence=f"Created template {made.name} (number {made.id})."
    )
