"""`flask campaign …`: each subcommand is imported only when it is run."""

from __future__ import annotations

import click

from campaigns.cli.deferred import Deferred, Place

COMMANDS = {
    "create": Place("campaigns.cli.campaign.drafts", "create", "Create a draft."),
    "convert": Place(
        "campaigns.cli.campaign.content", "convert", "Write a draft in another format from now on."
    ),
    "preview": Place(
        "campaigns.cli.campaign.content", "preview", "Print what a person would get; nothing is sent."
    ),
    "schedule": Place(
        "campaigns.cli.campaign.drafts",
        "schedule",
        "Schedule a draft, or send it after a minute in which that can be undone.",
    ),
    "unschedule": Place(
        "campaigns.cli.campaign.drafts",
        "unschedule",
        "Take a scheduled campaign back to its draft; nothing is sent.",
    ),
    "versions": Place("campaigns.cli.campaign.versions", "versions", "Versions of a campaign, newest first."),
    "restore": Place(
        "campaigns.cli.campaign.versions", "restore", "Restore an earlier version of a draft's content."
    ),
    "status": Place(
        "campaigns.cli.campaign.status",
        "status",
        "Progress of a campaign: recipients by status, what they did, what came back, and why it is not sending.",
    ),
    "pause": Place("campaigns.cli.campaign.sending", "pause", "Pause a campaign that is sending."),
    "resume": Place(
        "campaigns.cli.campaign.sending",
        "resume",
        "Resume a paused campaign: it sends to the remaining recipients.",
    ),
    "cancel": Place(
        "campaigns.cli.campaign.sending", "cancel", "Cancel a campaign: the remaining recipients get nothing."
    ),
    "unsuppress": Place(
        "campaigns.cli.campaign.sending",
        "unsuppress",
        "Undo the suppressions that its bounces caused, pending ones too.",
    ),
}


@click.group("campaign")
def campaign() -> None:
    """Emails to lists."""


for name, place in COMMANDS.items():
    campaign.add_command(Deferred(name, place))
