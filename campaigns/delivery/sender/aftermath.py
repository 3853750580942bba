"""What a lane's answers lead to for the server and the campaign, during the lane and at its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.delivery import alerts, services
from campaigns.delivery.autopause import finishing
from campaigns.delivery.autopause.bounce_brake import BounceBrake
from campaigns.delivery.ledger.outcomes import Trouble, Verdict
from campaigns.delivery.models import State
from campaigns.delivery.routing import circuit_breaker, open_claims, server_selection
from campaigns.delivery.sender.stop_rules import Stop, StopRules
from campaigns.delivery.sender.timing import End
from campaigns.delivery.stored_text import said
from campaigns.planning.models import Campaign, PauseReason
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Server

UNEASED_AFTER = 50  # messages that an eased server accepted on each of its connections


class Aftermath:
    """Called after each recorded turn: stops the campaign at too many bounces, and lets a server that accepts
    messages have more connections again.
    """

    def __init__(
        self, campaign_id: int, server: Server, rules: StopRules, now: Callable[[], datetime]
    ) -> None:
        self._brake = BounceBrake(campaign_id, now)
        self._server_id = server.id
        self._rules = rules
        self._now = now
        self._noted: datetime | None = None
        self._wanted = UNEASED_AFTER * server.usable_connections if server.eased_to else 0
        self._accepted = 0

    def __call__(self, verdicts: list[Verdict]) -> None:
        if self._brake(verdicts):
            self._rules.stop = self._rules.stop or Stop(Trouble.BOUNCES, "")
        accepted = sum(each.state is State.SENT for each in verdicts)
        now = self._now()
        if not accepted or self._rules.trial or self._rules.stop:
            return
        self._accepted += accepted
        if self._noted is None or now - self._noted > circuit_breaker.OK_EVERY:
            self._note(now)
            db.session.commit()

    def _note(self, now: datetime) -> None:
        circuit_breaker.note_ok(self._server_id, now=now)
        self._noted = now
        if self._wanted and self._accepted >= self._wanted:
            circuit_breaker.unease(self._server_id)
            self._accepted = 0


def draw(
    campaign_id: int, server_id: int, rules: StopRules, end: End, *, is_trial: bool, now: datetime
) -> End:
    """Close the server, pause or finish the campaign, or neither; returns why the lane ended after all.

    UNREACHABLE: its server cannot be used for now and the campaign continues. The caller commits.
    """
    if end is End.NOTHING:
        rules.conclude()
    open_claims.write(campaign_id, server_id, rules.evidence.dump(), now=now)
    if rules.stop is not None:
        return _stop(campaign_id, settings_queries.server(server_id), rules.stop, now)
    if end is End.UNREACHABLE or rules.silent:
        times = circuit_breaker.OPEN_AT if end is End.UNREACHABLE else rules.silent
        times = times if rules.fails_everybody else 1
        circuit_breaker.note_failure(
            server_id, rules.said, times=times, is_trial=is_trial, is_away=rules.is_away, now=now
        )
    elif is_trial and rules.trial and end is not End.STOPPED:
        circuit_breaker.end_trial(server_id, now=now)
    if end in (End.NOTHING, End.LIMITED):
        finishing.finish(campaign_id, now=now)
    return end


def _stop(campaign_id: int, server: Server, stop: Stop, now: datetime) -> End:
    if stop.trouble is Trouble.BOUNCES:
        return End.STOPPED  # the brake has paused it
    if stop.trouble is Trouble.QUOTA:
        circuit_breaker.close(server.id, stop.said, until=now + circuit_breaker.QUOTA_CLOSED_FOR, now=now)
        return End.UNREACHABLE
    if stop.trouble is Trouble.THROTTLE:
        circuit_breaker.ease(server.id, stop.said, now=now)
        return End.UNREACHABLE
    if stop.trouble is Trouble.ACCOUNT:
        return _refused(campaign_id, server, stop, now)
    reason, detail = _cause(server, stop)
    services.stop_by_itself(campaign_id, reason=reason, detail=said(detail), now=now)
    return End.STOPPED


def _refused(campaign_id: int, server: Server, stop: Stop, now: datetime) -> End:
    """The server rejects us: another server takes over, or the campaign waits for an operator."""
    detail = _(
        "%(server)s is rejecting our email: %(said)s Correct its settings, test it, then resume.",
        server=server.name,
        said=stop.said,
    )
    circuit_breaker.refuse(server.id, stop.said, now=now)
    others = [
        each
        for each in server_selection.every(db.session.get_one(Campaign, campaign_id))
        if each.id != server.id
    ]
    if any(not circuit_breaker.is_closed(each, now=now) for each in others):
        alerts.post_about_server(server, said(detail), now=now)
        return End.UNREACHABLE
    services.stop_by_itself(campaign_id, reason=PauseReason.SERVER_REFUSES, detail=said(detail), now=now)
    return End.STOPPED


def _cause(server: Server, stop: Stop) -> tuple[PauseReason, object]:
    values = {"server": server.name, "said": stop.said}
    if stop.trouble is Trouble.POLICY:
        detail = _(
            "Too many emails were refused, the last one with: %(said)s No recipient was suppressed. Check the "
            "content and the sending domain, then resume.",
            **values,
        )
        return PauseReason.POLICY, detail
    if stop.trouble is Trouble.PROTOCOL:
        return PauseReason.ERROR_RATE, _("SMTP protocol error with %(server)s: %(said)s", **values)
    return PauseReason.CONTENT, _("The email could not be rendered for several people: %(said)s", **values)
