"""The flask commands, in one list."""

from __future__ import annotations

from flask import Flask

from campaigns.cli import campaign, demo, domains, lists, operators, people, roles, servers, up

COMMANDS = (
    up.up,
    demo.demo,
    roles.worker,
    roles.dispatcher,
    roles.practice,
    operators.operator,
    lists.lists,
    people.people,
    servers.server,
    domains.domain,
    campaign.campaign,
)


def register(app: Flask) -> None:
    """Attach the commands to the app."""
    for command in COMMANDS:
        app.cli.add_command(command)
