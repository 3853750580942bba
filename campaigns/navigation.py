"""The sidebar: the app's areas, in the order of daily work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from flask import current_app, request, url_for
from flask_login import current_user

from campaigns.accounts import policy
from campaigns.accounts.policy import Action
from campaigns.core.i18n import _

# The key that leads to a place after a "g", by the place's icon.
KEYS = {"home": "h", "send": "c", "users": "p", "shield-check": "d", "settings": "s"}


@dataclass(frozen=True, slots=True)
class Item:
    label: object
    url: str
    icon: str
    active: bool
    children: list[Item] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether the current page is in this group."""
        return self.active or any(child.active for child in self.children)

    @property
    def key(self) -> str | None:
        """What is pressed after a "g" to come here."""
        return KEYS.get(self.icon)


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in the sidebar: it is current for endpoints that start with one of `prefixes`."""

    label: object
    endpoint: str
    icon: str
    prefixes: tuple[str, ...]
    action: Action
    children: tuple[Entry, ...] = ()


TEAM = (
    "accounts.operators",
    "accounts.invite",
    "accounts.edit",
    "accounts.create_",
    "accounts.delete",
)

PEOPLE = (
    "audience.index",
    "audience.person",
    "audience.create_",
    "audience.deletion",
    "audience.export_",
    "audience.results_page",
    "audience.unsubscription",
)

ENTRIES = (
    Entry(_("Home"), "reports.home", "home", ("reports.home",), Action.READ_REPORTS),
    Entry(
        _("Campaigns"),
        "planning.index",
        "send",
        (),
        Action.READ_CAMPAIGNS,
        children=(
            Entry(
                _("All campaigns"),
                "planning.index",
                "send",
                ("planning.", "delivery.", "reports.campaign", "content."),
                Action.READ_CAMPAIGNS,
            ),
            Entry(
                _("Templates"),
                "templates.index",
                "template",
                ("templates.", "blocks."),
                Action.READ_CAMPAIGNS,
            ),
            Entry(_("Images"), "media.index", "photo", ("media.",), Action.READ_CAMPAIGNS),
        ),
    ),
    Entry(
        _("People"),
        "audience.index",
        "users",
        (),
        Action.READ_PEOPLE,
        children=(
            Entry(_("All people"), "audience.index", "users", PEOPLE, Action.READ_PEOPLE),
            Entry(
                _("Lists"), "audience.lists", "list", ("audience.lists", "audience.list_"), Action.READ_PEOPLE
            ),
            Entry(_("Segments"), "segments.index", "filter", ("segments.",), Action.READ_PEOPLE),
            Entry(_("Imports"), "audience.imports", "upload", ("audience.import",), Action.READ_PEOPLE),
            Entry(_("Fields"), "audience.fields", "tag", ("audience.field",), Action.READ_PEOPLE),
            Entry(_("Tags"), "audience.tags", "tag", ("audience.tag",), Action.READ_PEOPLE),
            Entry(
                _("Recent changes"), "audience.changes", "history", ("audience.changes",), Action.READ_PEOPLE
            ),
        ),
    ),
    Entry(
        _("Deliverability"),
        "settings.deliverability",
        "shield-check",
        ("settings.deliverability",),
        Action.READ_SETTINGS,
        children=(
            Entry(
                _("Sending servers"), "settings.servers", "server", ("settings.server",), Action.READ_SETTINGS
            ),
            Entry(
                _("Sending domains"),
                "settings.sending_domains",
                "world",
                ("settings.sending_domain",),
                Action.READ_SETTINGS,
            ),
            Entry(
                _("Mailboxes"), "inbound.mailboxes", "mail-opened", ("inbound.mailbox",), Action.READ_SETTINGS
            ),
            Entry(
                _("Incoming"),
                "inbound.incoming",
                "inbox",
                ("inbound.incoming", "inbound.message", "inbound.create_retry"),
                Action.READ_PEOPLE,
            ),
            Entry(
                _("Provider webhooks"),
                "hooks.webhooks_page",
                "plug-connected",
                ("hooks.webhook",),
                Action.READ_SETTINGS,
            ),
            Entry(_("Domain limits"), "settings.domains", "filter", ("settings.domain",), Action.ADMINISTER),
            Entry(
                _("Suppressions"),
                "audience.suppressions",
                "ban",
                ("audience.suppression",),
                Action.READ_PEOPLE,
            ),
            Entry(_("Loopback test"), "loopback.tests", "refresh", ("loopback.",), Action.READ_SETTINGS),
            Entry(_("Rules for email"), "rules.rules_page", "wand", ("rules.",), Action.ADMINISTER),
            Entry(_("Test inbox"), "practice.index", "mailbox", ("practice.",), Action.PRACTISE),
        ),
    ),
    Entry(
        _("Settings"),
        "settings.index",
        "settings",
        ("settings.index",),
        Action.READ_SETTINGS,
        children=(
            Entry(_("General"), "settings.site", "world", ("settings.site",), Action.ADMINISTER),
            Entry(
                _("Senders"),
                "settings.senders",
                "at",
                ("settings.sender_", "settings.senders"),
                Action.READ_SETTINGS,
            ),
            Entry(_("Brands"), "brands.index", "palette", ("brands.",), Action.READ_CAMPAIGNS),
            Entry(
                _("Scheduled emails"), "timed.timed_mails", "calendar-time", ("timed.",), Action.READ_PEOPLE
            ),
            Entry(
                _("Monitoring alerts"),
                "hooks.alerts",
                "bell",
                ("hooks.alert",),
                Action.READ_SETTINGS,
            ),
            Entry(_("Team"), "accounts.operators", "users-group", TEAM, Action.ADMINISTER),
            Entry(
                _("Sign-in"), "accounts.sign_in_rules", "lock", ("accounts.sign_in_rules",), Action.ADMINISTER
            ),
            Entry(_("Audit log"), "audit.index", "history", ("audit.",), Action.ADMINISTER),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Navigation:
    items: list[Item]


def navigation() -> Navigation:
    """The sidebar for the operator of this request; empty without one."""
    if not current_user or not current_user.is_authenticated:
        return Navigation([])
    return Navigation([_item(entry) for entry in ENTRIES if _visible(entry)])


def _visible(entry: Entry) -> bool:
    known: Callable[..., object] | None = current_app.view_functions.get(entry.endpoint)
    return known is not None and policy.can(current_user.operator, entry.action)


def _item(entry: Entry) -> Item:
    endpoint = request.endpoint or ""
    children = [_item(child) for child in entry.children if _visible(child)]
    return Item(
        label=entry.label,
        url=url_for(entry.endpoint),
        icon=entry.icon,
        active=endpoint.startswith(entry.prefixes),
        children=children,
    )
