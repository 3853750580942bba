"""`flask template …`: each subcommand is imported only when it is run."""

from __future__ import annotations

import click

from campaigns.cli.deferred import Deferred, Place

COMMANDS = {
    "create": Place("campaigns.cli.template.content", "create", "Create a template."),
    "list": Place("campaigns.cli.template.listing", "list_", "List the templates, last changed first."),
    "export": Place("campaigns.cli.template.exchange", "export", "Write a template as one JSON file."),
    "import": Place(
        "campaigns.cli.template.exchange", "import_", "Create a template from a file that `export` wrote."
    ),
}


@click.group("template")
def template() -> None:
    """Emails that campaigns begin with."""


for name, place in COMMANDS.items():
    template.add_command(Deferred(name, place))
