"""What the list of campaigns and the page before sending show: tabs, who remains, and where a finding is mended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import get_locale

from campaigns.accounts.guards import Action, operator
from campaigns.accounts.policy import can
from campaigns.audience.segments.models import Segment
from campaigns.content.checks.findings import Finding
from campaigns.core import statuses
from campaigns.core.i18n import _, _n
from campaigns.page_parts import Tab
from campaigns.planning.attachments import queries as attachment_queries
from campaigns.planning.languages import choice
from campaigns.planning.models import Campaign
from campaigns.planning.recipients import Funnel
from campaigns.settings.models import Server

ALL = "all"
NAMES = {
    ALL: _("All"),
    "draft": _("Drafts"),
    "scheduled": statuses.label("scheduled"),
    "under-way": statuses.label("sending"),
    "finished": statuses.label("finished"),
    "cancelled": statuses.label("cancelled"),
}
ALWAYS_SHOWN = (ALL, "draft", "finished")
# The part of the editor that a finding is about; others are about a setting.
PLACES = {"from_email": "sender"}


def tabs(counts: Mapping[str, int], *, chosen: str, search: str) -> list[Tab]:
    """Campaigns by status: a status that no campaign has is left out, unless it is looked at."""
    return [
        Tab(
            label,
            url_for("planning.index", status=name if name != ALL else None, q=search or None),
            name == chosen,
            counts[name],
        )
        for name, label in NAMES.items()
        if counts[name] or name in (*ALWAYS_SHOWN, chosen)
    ]


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """A step of the funnel: what it starts with, who is taken off, or who remains."""

    kind: str
    label: Any
    value: int
    href: str | None = None
    note: Any = None

    @property
    def is_minus(self) -> bool:
        return self.kind == "minus"

    @property
    def icon(self) -> str:
        return {"minus": "minus", "result": "arrow-right"}.get(self.kind, "users")


def funnel_rows(campaign: Campaign, funnel: Funnel) -> list[FunnelRow]:
    """Who gets the campaign, step by step. Of one list, each step leads to the people behind its number."""
    list_id = campaign.lists[0].id if len(campaign.lists) == 1 else None
    start = url_for("audience.list_show", list_id=list_id) if list_id else url_for("audience.lists")
    left = [
        FunnelRow("minus", _("On more than one list"), funnel.duplicates, note=_("Sent once per person.")),
        FunnelRow("minus", _("Not confirmed yet"), funnel.unconfirmed, _people(list_id, "unconfirmed")),
        FunnelRow(
            "minus", statuses.label("unsubscribed"), funnel.unsubscribed, _people(list_id, "unsubscribed")
        ),
        FunnelRow(
            "minus",
            statuses.label("suppressed"),
            funnel.suppressed,
            _people(list_id, "suppressed") or url_for("audience.suppressions"),
            _("Addresses that bounced, complained or unsubscribed from everything."),
        ),
        FunnelRow(
            "minus",
            _("Not in %(segments)s", segments=", ".join(each.name for each in campaign.segments)),
            funnel.not_in_segment,
            _only_segment(campaign.segments),
        ),
        FunnelRow(
            "minus",
            _("Left out: %(names)s", names=", ".join(campaign.left_out_names)),
            funnel.excluded,
            _only_segment(campaign.excluded_segments),
        ),
    ]
    # The page of people does not leave out who is suppressed: its number would be another.
    is_narrowed = funnel.suppressed or funnel.not_in_segment or funnel.excluded
    all_subscribed = None if is_narrowed else _people(list_id, "subscribed")
    return [
        FunnelRow("start", _("People on %(lists)s", lists=campaign.list_names), funnel.on_lists, start),
        *(row for row in left if row.value),
        FunnelRow("result", _("Recipients"), funnel.will_get_it, all_subscribed),
    ]


def _only_segment(segments: Sequence[Segment]) -> str | None:
    """The page of the one segment of these; None for several."""
    return url_for("segments.show", segment_id=segments[0].id) if len(segments) == 1 else None


def _people(list_id: int | None, status: str) -> str | None:
    return url_for("audience.index", list=list_id, status=status) if list_id else None


@dataclass(frozen=True, slots=True)
class Way:
    """A link to where something is mended."""

    label: Any
    url: str


def with_ways(
    findings: Iterable[Finding], campaign: Campaign, server: Server | None
) -> list[tuple[Finding, Way | None, str]]:
    """Each finding with the link to where this operator can mend it, and the other language it is about."""
    return [(each, _way(each, campaign, server), language_of(each)) for each in findings]


def _way(finding: Finding, campaign: Campaign, server: Server | None) -> Way | None:
    if finding.where == "site":
        return Way(_("General settings"), url_for("settings.site"))
    if finding.where == "domains":
        return Way(_("Sending domains"), url_for("settings.sending_domains"))
    if finding.where == "files" and can(operator(), Action.EDIT_CAMPAIGNS):
        return Way(_("Attachments"), url_for("planning.attachments", campaign_id=campaign.id))
    if finding.where == "server" and server is None:
        return Way(_("Sending servers"), url_for("settings.servers"))
    if finding.where == "server" and server and server.is_practice and can(operator(), Action.PRACTISE):
        return Way(_("Test inbox"), url_for("practice.index"))
    if not can(operator(), Action.EDIT_CAMPAIGNS):
        return None
    anchor, line = PLACES.get(finding.where, finding.where), finding.line or None
    if finding.where == "html" and campaign.layout:
        line = None  # counted with the layout, which isn't in the editor
    url = url_for("planning.edit", campaign_id=campaign.id, line=line, _anchor=anchor)
    if tag := finding.language:
        url = url_for(
            "planning.edit_language", campaign_id=campaign.id, language=tag, line=line, _anchor=anchor
        )
    return Way(_("Line %(line)d", line=line) if line else _("Fix"), url)


def language_of(finding: Finding) -> str:
    """The name of the language that a finding is about; empty for the campaign's own content."""
    reader = str(get_locale() or "en")
    return choice.name(finding.language, reader=reader) if finding.language else ""


def attached_words(campaign: Campaign) -> Any:
    """What goes with a draft's emails, as the link to the page on which it is changed."""
    number, event = len(attachment_queries.of(campaign)), attachment_queries.event(campaign)
    if event is not None and number:
        return _n("%(num)d file and an event attached", "%(num)d files and an event attached", number)
    if event is not None:
        return _("Invites to an event")
    if number:
        return _n("%(num)d file attached", "%(num)d files attached", number)
    return _("Images attached") if campaign.attach_images else _("Attach files, images or an event")
