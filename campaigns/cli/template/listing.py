"""`flask template list`."""

from __future__ import annotations

import click

from campaigns.cli.output import answer, as_json, command
from campaigns.cli.template.output import values_of
from campaigns.content.templates import queries, services
from campaigns.content.templates.models import Template


@click.command("list")
@as_json
@command
def list_(wants_json: bool) -> None:
    """List the templates, last changed first."""
    found = queries.latest(most=services.MOST_TEMPLATES)
    lines = [_line(each) for each in found] or ["No templates yet."]
    answer(
        {"templates": [values_of(each) for each in found]}, wants_json=wants_json, sentence="\n".join(lines)
    )


def _line(template: Template) -> str:
    moment = f"{template.updated_at:%Y-%m-%d %H:%M}"
    return f"{template.id:>5}  {moment}  {template.format.value:<8}  version {template.version:<4}  {template.name}"
