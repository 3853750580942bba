"""Why a campaign is waiting or slow: one explanation for its page and for `campaign status`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.core import statuses
from campaigns.core.db import db
from campaigns.core.i18n import Sentence, _, datetime_text, join_sentences, number_text
from campaigns.delivery.ledger import tallies
from campaigns.delivery.limits import receiver_rows, server_throttle
from campaigns.delivery.models import Batch, BatchState, CampaignRun, Reason, State
from campaigns.delivery.progress import holdups
from campaigns.delivery.progress.holdups import Holdup
from campaigns.delivery.progress.server_faults import ServerFault, fault_of
from campaigns.delivery.routing import circuit_breaker, server_selection
from campaigns.planning.models import Campaign, Status
from campaigns.settings.models import Server

NOTICED_AFTER = timedelta(seconds=5)  # between two lanes there is a short gap, which is no standstill
RECEIVERS_NAMED = 3
DAY_AND_TIME = "EEE d MMM, HH:mm"


@dataclass(frozen=True, slots=True)
class Explanation:
    """`code` is stable, for programs; `sentence` and `more` are for people, in their language and zone.

    `until`: when sending continues (UTC), if known. `is_waiting`: nothing is sent; otherwise it is only
    slower.
    """

    code: str
    sentence: str
    more: str = ""
    until: datetime | None = None
    server: str = ""
    is_waiting: bool = True

    @property
    def is_trouble(self) -> bool:
        """Whether a server does what it should not, rather than what it was told."""
        is_as_told = self.code in ("warm_up", "connections") or self.code.startswith("limit_")
        return bool(self.server) and not is_as_told

    @property
    def text(self) -> str:
        """The explanation on one line."""
        return " ".join(part for part in (self.sentence, self.more) if part)


def explanation_of(campaign: Campaign, *, now: datetime) -> Explanation | None:
    """Why nothing is sent, or why it is slow; None when nothing slows the campaign, or it is over."""
    if campaign.status is Status.SENDING:
        return _sending(campaign, now)
    explain = _BEFORE_AND_AFTER.get(campaign.status)
    return explain(campaign) if explain else None


def _scheduled(campaign: Campaign) -> Explanation | None:
    when = datetime_text(campaign.send_at, "full")
    return Explanation("scheduled", str(_("Scheduled for %(when)s.", when=when)), until=campaign.send_at)


def _preparing(_campaign: Campaign) -> Explanation | None:
    return Explanation("preparing", str(_("Preparing the recipients.")))


def _draft(campaign: Campaign) -> Explanation | None:
    if not campaign.pause_detail:
        return None
    return Explanation(
        f"draft_{campaign.pause_reason or 'content'}",
        str(_("This campaign was not sent.")),
        campaign.pause_detail,
    )


def _paused(campaign: Campaign) -> Explanation | None:
    reason = campaign.pause_reason
    label = str(reason.label if reason else statuses.label("paused"))
    rest = campaign.pause_detail or str(_("The remaining recipients are still queued."))
    is_sentence = label.endswith((".", "。"))
    return Explanation(f"paused_{reason or 'operator'}", label if is_sentence else f"{label}.", rest)


_BEFORE_AND_AFTER: dict[Status, Callable[[Campaign], Explanation | None]] = {
    Status.DRAFT: _draft,
    Status.SCHEDULED: _scheduled,
    Status.PREPARING: _preparing,
    Status.PAUSED: _paused,
}


def _sending(campaign: Campaign, now: datetime) -> Explanation | None:
    held = holdups.holdup_of(campaign, now=now)
    if held and held.kind == "hours":
        return _of_holdup(held)
    found = _of_servers(campaign, now)
    if found is None and held and held.until:
        found = _of_holdup(held)
    if found is None:
        found = _of_recipients(campaign, now)
    return found or (_of_holdup(held) if held else None)


# -- servers


def _of_servers(campaign: Campaign, now: datetime) -> Explanation | None:
    """All servers are closed, or none has accepted anything since it failed."""
    every = server_selection.every(campaign)
    usable = server_selection.usable(campaign, now=now)
    if every and not usable:
        closed = [each for each in every if each.closed_until]
        return of_server(min(closed, key=lambda each: each.closed_until or now), now=now)
    if usable and all(each.failures and not each.is_healthy for each in usable):
        return of_server(usable[0], now=now)
    return None


def of_server(server: Server, *, now: datetime) -> Explanation:
    """What is wrong with a failing server, and when it is tried next."""
    fault = fault_of(server.last_error)
    sentence = str(_FAULTS[fault](server.name))
    until = server.closed_until if circuit_breaker.is_closed(server, now=now) else None
    if until is not None:
        sentence = join_sentences([sentence, _next_attempt(until)])
    advice = _ADVICE.get(fault)
    more = [server.last_error and server.last_error.rstrip(".") + ".", advice and str(advice)]
    return Explanation(
        fault.value, sentence, join_sentences([each for each in more if each]), until, server.name
    )


def _next_attempt(until: datetime) -> str:
    return str(_("Next attempt: %(when)s.", when=datetime_text(until, "short")))


_FAULTS: dict[ServerFault, Callable[[str], Sentence]] = {
    ServerFault.CERTIFICATE: lambda name: _("The certificate of %(server)s isn't trusted.", server=name),
    ServerFault.ENCRYPTION: lambda name: _(
        "Can't establish an encrypted connection to %(server)s.", server=name
    ),
    ServerFault.MECHANISM: lambda name: _(
        "%(server)s doesn't offer a sign-in method that Columba supports.", server=name
    ),
    ServerFault.SIGN_IN: lambda name: _("%(server)s rejected the user name or password.", server=name),
    ServerFault.ASKS_TO_WAIT: lambda name: _("%(server)s asked us to wait.", server=name),
    ServerFault.UNREACHABLE: lambda name: _("Can't connect to %(server)s.", server=name),
}
_ADVICE = {
    ServerFault.CERTIFICATE: _("Fix the certificate, or add its CA certificate in the server settings."),
    ServerFault.ENCRYPTION: _("Check port and security in its settings."),
    ServerFault.MECHANISM: _("Check user name, port and security in its settings."),
    ServerFault.SIGN_IN: _("Correct them in the server settings, then test again."),
}


# -- limits and hours


def _of_holdup(held: Holdup) -> Explanation:
    until = datetime_text(held.until, "HH:mm:ss" if held.kind == "minute" else DAY_AND_TIME)
    code = held.kind if held.kind in ("hours", "warm_up") else f"limit_{held.kind}"
    if held.until is None:
        return Explanation(code, _limited(held), server=held.server, is_waiting=False)
    if held.kind == "hours":
        why = _("Waiting until %(when)s.", when=until)
        more = str(_("Outside sending hours: %(hours)s.", hours=held.words))
    elif held.kind == "warm_up":
        why = _("Today's warm-up volume (%(number)s emails) has been sent.", number=number_text(held.number))
        more = str(_("The rest is sent from %(when)s.", when=until))
    else:
        why = _("Rate limit reached for %(server)s.", server=held.server)
        more = join_sentences([_limited(held), str(_("Sending resumes at %(when)s.", when=until))])
    return Explanation(code, str(why), more, held.until, held.server)


def _limited(held: Holdup) -> str:
    values = {"number": number_text(held.number), "server": held.server}
    return str(
        {
            "second": _("Limited to %(number)s a second by %(server)s.", **values),
            "minute": _("Limited to %(number)s a minute by %(server)s.", **values),
            "hour": _("Limited to %(number)s an hour by %(server)s.", **values),
            "day": _("Limited to %(number)s a day by %(server)s.", **values),
        }.get(held.kind, _("Warm-up of %(server)s: %(number)s emails today.", **values))
    )


# -- recipients and workers


def _of_recipients(campaign: Campaign, now: datetime) -> Explanation | None:
    """All waiting recipients are deferred; or some are due and no worker sends."""
    found = tallies.of(campaign.id)
    if any(state is State.SENDING for state, _reason in found):
        return None
    if not any(state is State.PENDING for state, _reason in found):
        put_off = {reason for state, reason in found if state is State.DEFERRED}
        return _put_off(campaign, put_off, now) if put_off else None
    return _of_workers(campaign, now)


def _put_off(campaign: Campaign, reasons: set[Reason | None], now: datetime) -> Explanation | None:
    until = db.session.scalar(
        sa.select(sa.func.min(Batch.next_at)).where(
            Batch.campaign_id == campaign.id, Batch.state == BatchState.READY
        )
    )
    if until is None or until <= now:
        return None
    then = _next_attempt(until)
    if Reason.RECEIVER in reasons:
        names = _names(receiver_rows.in_trouble(now=now, most=RECEIVERS_NAMED + 1))
        why = _("The receiving domains of all remaining recipients are deferring our email.")
        return Explanation("receivers", join_sentences([str(why), then]), names, until)
    if reasons == {Reason.RECEIVER_LIMIT}:
        why = _("All remaining recipients are at domains with a rate limit.")
        return Explanation("receiver_limit", join_sentences([str(why), then]), until=until)
    why = _("Receiving servers have deferred all remaining recipients.")
    return Explanation("retries", join_sentences([str(why), then]), until=until)


def _names(receivers: Sequence[Any]) -> str:
    named = [f"{each.name} ({each.said})" if each.said else each.name for each in receivers[:RECEIVERS_NAMED]]
    return ", ".join([*named, "…"] if len(receivers) > RECEIVERS_NAMED else named)


def _of_workers(campaign: Campaign, now: datetime) -> Explanation | None:
    """No worker sends the campaign although nothing prevents it; None if one does, or did a moment ago."""
    servers = server_selection.usable(campaign, now=now)
    lanes = server_throttle.lanes_on([each.id for each in servers])
    if any(campaign.id in of_server for of_server in lanes.values()):
        return None
    run = db.session.get(CampaignRun, campaign.id)
    since = run.served_at if run and run.epoch == campaign.epoch else campaign.updated_at
    if now - since < NOTICED_AFTER:
        return None
    full = [each for each in servers if sum(lanes.get(each.id, {}).values()) >= each.usable_connections]
    if servers and len(full) == len(servers):
        why = _("Other campaigns are using all connections to %(server)s.", server=servers[0].name)
        return Explanation("connections", str(why), server=servers[0].name)
    return Explanation("workers", str(_("Waiting for a worker. All workers are busy or none is running.")))
