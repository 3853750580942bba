"""What a new place has to do until its email reaches people, with the way to each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import url_for

from campaigns.accounts.guards import Action, operator
from campaigns.accounts.policy import can
from campaigns.core.i18n import _
from campaigns.reports.home import Steps


@dataclass(frozen=True, slots=True)
class FirstStep:
    """A step; `url` leads to where it is done, None for somebody who may not do it."""

    title: Any
    text: Any
    done: bool
    url: str | None
    action: Any


def first_steps(steps: Steps) -> list[FirstStep]:
    """All steps in the order in which they are best done."""
    return [*_of_campaigns(steps), *_of_sending(steps)]


def _of_campaigns(steps: Steps) -> list[FirstStep]:
    campaigns = url_for("planning.index") if steps.has_campaign else None
    return [
        FirstStep(
            _("Import people"),
            _("Paste addresses or upload a CSV file. The list is created with them."),
            steps.has_people and steps.has_list,
            _if_may(Action.EDIT_PEOPLE, url_for("audience.import_create")),
            _("Import"),
        ),
        FirstStep(
            _("Create campaign"),
            _("Add a subject and content. Send yourself a test email to see the result."),
            steps.has_campaign,
            _if_may(Action.EDIT_CAMPAIGNS, url_for("planning.create")),
            _("Write"),
        ),
        FirstStep(
            _("Send campaign"),
            _("You can review the recipients before sending and undo for 60 seconds."),
            steps.has_sent,
            _if_may(Action.EDIT_CAMPAIGNS, campaigns),
            _("Campaigns"),
        ),
    ]


def _of_sending(steps: Steps) -> list[FirstStep]:
    domain = url_for("settings.sending_domain_create")
    return [
        FirstStep(
            _("Add sender"),
            _("Your sender name and address"),
            steps.has_sender,
            _if_may(Action.EDIT_CAMPAIGNS, url_for("settings.sender_create", then="home")),
            _("Add sender"),
        ),
        FirstStep(
            _("Add postal address"),
            _("Required in newsletters in many countries."),
            steps.has_address,
            _if_may(Action.ADMINISTER, url_for("settings.site", then="home", _anchor="postal_address")),
            _("Add address"),
        ),
        _server(steps),
        FirstStep(
            _("Add sending domain"),
            _("Signed email from your own domain reaches more inboxes."),
            steps.has_domain,
            _if_may(Action.ADMINISTER, domain),
            _("Add domain"),
        ),
    ]


def _server(steps: Steps) -> FirstStep:
    """Add a server, or let campaigns go by the one that was added."""
    add = url_for("settings.server_create", then="home")
    url = url_for("settings.servers") if steps.has_other_server else add
    return FirstStep(
        _("Add sending server"),
        _("Until then emails go to the test inbox and aren't delivered.")
        if steps.has_practice
        else _("Your SMTP server"),
        steps.has_server,
        _if_may(Action.ADMINISTER, url),
        _("Make default") if steps.has_other_server else _("Add server"),
    )


def _if_may(action: Action, url: str | None) -> str | None:
    return url if can(operator(), action) else None
