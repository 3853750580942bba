"""Opens a lane for a campaign, and acts on how it ended."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from campaigns.content.language.merge_text import ContentError
from campaigns.core import addresses, clock, config, disk, queue
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _
from campaigns.delivery import services
from campaigns.delivery.autopause import disk_full, restored_backup
from campaigns.delivery.ledger.outcomes import Policy, Verdict
from campaigns.delivery.limits import sending_hours
from campaigns.delivery.limits import server_throttle as throttles
from campaigns.delivery.limits.domain_backoff import Receivers
from campaigns.delivery.limits.domain_throttle import Quotas
from campaigns.delivery.routing import circuit_breaker, open_claims, server_selection
from campaigns.delivery.routing.evidence import Evidence
from campaigns.delivery.routing.server_selection import Place
from campaigns.delivery.sender import aftermath, composer, recovery
from campaigns.delivery.sender.ack_journal import Journal
from campaigns.delivery.sender.aftermath import Aftermath
from campaigns.delivery.sender.gate import Gate
from campaigns.delivery.sender.in_hand import InHand
from campaigns.delivery.sender.lane import Lane
from campaigns.delivery.sender.lease import Lease
from campaigns.delivery.sender.machine import Machine, deferred_signals
from campaigns.delivery.sender.stop_rules import StopRules
from campaigns.delivery.sender.store import Store
from campaigns.delivery.sender.timing import End, Terms, Timing
from campaigns.delivery.stored_text import said
from campaigns.delivery.wire.connections import Wire
from campaigns.delivery.wire.fair_order import MOST_ASIDE
from campaigns.mail.traits import Observation, Trait
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.settings import lessons, limits
from campaigns.settings import queries as settings_queries
from campaigns.settings import services as settings_services
from campaigns.settings.models import Server

log = logging.getLogger(__name__)

WINDOWS_UNRECORDED = 4
ENOUGH_TO_MEASURE = 50  # messages by one lane
_TIMING = Timing()
_MACHINE = Machine()
Heard = Callable[[list[Verdict]], None]


def journals() -> Path:
    """The folder of ack journals on this host."""
    return config.current().run_dir / "acks"


def name_of_process() -> str:
    """A unique name for a holder of batches, new at every call."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"


def _nobody_listens(verdicts: list[Verdict]) -> None:
    pass


def send(
    campaign_id: int,
    *,
    timing: Timing = _TIMING,
    should_yield: Callable[[], bool] = lambda: False,
    heard: Heard = _nobody_listens,
    place: Place | None = None,
    now: Callable[[], datetime] = clock.now,
    machine: Machine = _MACHINE,
) -> End:
    """Send a campaign for some seconds; returns why it ended. Nothing to do is no error. Commits.

    `place`: the reserved campaign and server; without it, this chooses a server. `heard` gets the recorded
    verdicts.
    """
    with deferred_signals() as has_signal:
        terms = Terms(timing, machine, now, should_yield, lambda: has_signal() or queue.leaving.is_set())
        try:
            return _send(campaign_id, terms, heard, place)
        except (OSError, DBAPIError) as error:
            if not disk.is_full(error):
                raise
            disk_full.pause(campaign_id, error, now=now())
            return End.STOPPED


def _send(campaign_id: int, terms: Terms, heard: Heard, place: Place | None) -> End:
    now = terms.now
    db.session.rollback()  # SQLite has one writer, and the next line writes over its own connection
    if restored_backup.check(now=now()):
        return End.STOPPED
    recovery.recover(journals(), owner=name_of_process(), now=now())
    campaign = db.session.get(Campaign, campaign_id)
    if campaign is None or campaign.status is not Status.SENDING:
        db.session.rollback()
        return End.STOPPED
    server = _server(place) or server_selection.choose(campaign, now=now())
    if server is None:
        return _no_server(campaign, now())
    if sending_hours.next_opening(campaign, now()):
        db.session.rollback()
        return End.CLOSED
    if lessons.drop_old(server, now=now()):
        db.session.commit()
    owner = place.owner if place else name_of_process()
    throttle = throttles.of_lane(server, campaign_id=campaign_id, owner=owner, lease_s=terms.timing.lease_s)
    gate = Gate(throttle, terms)
    gate.keep_to(campaign.sending_hours, now())
    try:
        lane, journal = _open(campaign, server, gate, owner, heard, terms)
    except (ContentError, DomainError) as error:
        return _unable(campaign_id, error, now())
    server_id, address = server.id, (server.host, server.port)
    is_trial = circuit_breaker.is_on_trial(server)
    db.session.rollback()  # no transaction stays open while the lane runs
    end: End | None = None
    try:
        end = _run(lane, gate, server_id, is_trial=is_trial, now=now)
    finally:
        # Kept while batches are unsettled: whoever settles them reads it. After an exception that is always
        # assumed.
        journal.close(remove=end is not None and lane.is_empty_handed)
        throttle.leave()
    if throttle.is_gone:
        log.warning(
            "Campaign %s: server %s was deleted in mid-send. Others go on with it.", campaign_id, server_id
        )
        return End.STOPPED
    lessons.note(server_id, _learned(lane, throttle), place=address, now=now())
    end = aftermath.draw(campaign_id, server_id, lane.rules, end, is_trial=is_trial, now=now())
    if end in (End.MORE, End.NOTHING) and not throttle.is_limited and lane.sent >= ENOUGH_TO_MEASURE:
        lanes = 1 + sum(throttles.lanes_on([server_id]).get(server_id, {}).values())
        circuit_breaker.note_rate(server_id, per_minute=round(lane.per_minute * lanes))
    db.session.commit()
    return end


def _learned(lane: Lane, throttle: throttles.Throttle) -> list[Observation]:
    """What the lane has learned about the server; its connections include those of other lanes."""
    return [
        each._replace(number=each.number + throttle.elsewhere) if each.trait is Trait.CONNECTIONS else each
        for each in lane.observations
    ]


def _server(place: Place | None) -> Server | None:
    """The reserved server, if it still exists."""
    return db.session.get(Server, place.server_id) if place and place.server_id is not None else None


def _both(first: Heard, second: Heard) -> Heard:
    def tell(verdicts: list[Verdict]) -> None:
        first(verdicts)
        second(verdicts)

    return tell


def _no_server(campaign: Campaign, now: datetime) -> End:
    """All servers are closed for now; or there is none, which only an operator can change."""
    if server_selection.every(campaign):
        db.session.rollback()
        return End.STOPPED
    domain = addresses.domain_of(campaign.from_email)
    detail = _("No sending server accepts email from %(domain)s. Add one, then resume.", domain=domain)
    services.stop_by_itself(campaign.id, reason=PauseReason.SERVER_DOWN, detail=said(detail), now=now)
    db.session.commit()
    return End.STOPPED


def _run(lane: Lane, gate: Gate, server_id: int, *, is_trial: bool, now: Callable[[], datetime]) -> End:
    """Run the lane once it has a share of the connections."""
    if is_trial:
        is_ours = circuit_breaker.take_trial(server_id, now=now())
        db.session.commit()
        if not is_ours:
            return End.STOPPED
    return lane.run() if gate.begin() else End.FULL


def _open(
    campaign: Campaign, server: Server, gate: Gate, owner: str, heard: Heard, terms: Terms
) -> tuple[Lane, Journal]:
    timing, machine = terms.timing, terms.machine
    site = settings_queries.site()  # kept in the session: otherwise each use would read it again
    content = composer.content_of(campaign)
    policy = Policy(holds=campaign.holds_in_doubt, horizon=timedelta(hours=site.retry_hours))
    known = lessons.traits_of(server)
    connection = replace(known.applied_to(settings_services.connection(server)), helo=content.host)
    has_stand_in = server_selection.has_stand_in(campaign, server, now=terms.now())
    if has_stand_in:
        connection = replace(connection, timeouts=connection.timeouts.hurried(timing.hurry_s))
    # One window on the wire, one answered and not yet recorded, one being handed over.
    mails = WINDOWS_UNRECORDED * max(timing.window, connection.connections * max(2, connection.depth))
    mails += MOST_ASIDE  # from earlier windows
    journal = Journal(journals(), owner, mails=mails)
    store = Store(
        db.engine,
        campaign_id=campaign.id,
        epoch=campaign.epoch,
        owner=owner,
        server_id=server.id,
        lease_s=timing.lease_s,
        folder=journals(),
        needs_fields=content.needs_fields,
        needs_language=content.needs_language,
        address_key=bytes(site.link_key),
        receivers=Receivers(horizon=policy.horizon),
        quotas=Quotas(limits.limited_domains()),
        sleep=machine.sleep,
    )
    is_trial = circuit_breaker.is_on_trial(server)
    evidence = Evidence(last_ok_at=server.last_ok_at, began_at=campaign.started_at)
    evidence.load(open_claims.read(campaign.id, server.id))
    rules = StopRules(
        evidence=evidence,
        tries=1 if is_trial else circuit_breaker.OPEN_AT - server.failures,
        trial=circuit_breaker.GOOD_ON_TRIAL if is_trial else 0,
        has_stand_in=has_stand_in,
    )
    lease = Lease(terms, note=journal.lives_until)
    in_hand = InHand(journal, gate, rules, lease, policy=policy, terms=terms)
    wire = Wire(connection, in_hand, slow_s=timing.slow_s, clock=machine.tick_s, connect=machine.connect)
    on_turn = _both(Aftermath(campaign.id, server, rules, terms.now), heard)
    return Lane(store, content, wire, in_hand, gate, terms, on_turn=on_turn), journal


def _unable(campaign_id: int, error: Exception, now: datetime) -> End:
    db.session.rollback()
    is_content = isinstance(error, ContentError)
    reason = PauseReason.CONTENT if is_content else PauseReason.SERVER_REFUSES
    services.stop_by_itself(campaign_id, reason=reason, detail=said(error), now=now)
    db.session.commit()
    return End.STOPPED
