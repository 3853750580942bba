"""Three months of a small club, written as its operators and servers would have: no email is sent for it.

The steps are the product's own (drafts, schedules, launches, suppressions, unsubscribes), each at its moment in
the past; only the answers of servers and what readers do are made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

import sqlalchemy as sa

from campaigns.accounts import services as accounts_services
from campaigns.accounts.models import Operator, Role
from campaigns.audience import services as audience_services
from campaigns.audience.models import Consent, FieldKind, List, SuppressionReason
from campaigns.audit import services as audit_services
from campaigns.cli.demo_data import people, plan, reading, sending
from campaigns.cli.demo_data.plan import DemoCampaign
from campaigns.core.acting import Actor
from campaigns.core.db import db
from campaigns.delivery import services as delivery_services
from campaigns.delivery.dispatch import launch
from campaigns.delivery.ledger import staging
from campaigns.mail.security import Security
from campaigns.planning import services as planning_services
from campaigns.planning import states
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.settings import queries as settings_queries
from campaigns.settings import senders
from campaigns.settings import services as settings_services
from campaigns.settings import site as site_services
from campaigns.settings.domains import services as domain_services
from campaigns.settings.domains.records import Finding, State
from campaigns.settings.models import Sender, Server

EMAIL = "greta@example.com"
SERVER = "Loft relay"
WRITTEN_BEFORE = timedelta(days=2)  # a campaign is begun so long before it goes out


def write(password: str, *, now: datetime) -> None:
    """Write all of it; the operator comes last and in one transaction with the rest of the last step."""
    began = plan.moment(now, days_ago=plan.BEGAN_DAYS_AGO, at=time(9, 0))
    site_services.update_site(
        settings_queries.site(),
        name=plan.SITE,
        postal_address=plan.POSTAL_ADDRESS,
        language="en",
        time_zone=plan.ZONE.key,
    )
    server = _server(began, now=now)
    _domain(began, now=now)
    sender = senders.create_sender(name=plan.SITE, email=f"post@{plan.DOMAIN}", now=began)
    lists = _lists(sender, began)
    cast = people.read(now)
    for told in plan.SENT:
        campaign = _launched(told, lists, cast, sender, now=now)
        last = sending.write(campaign, server_id=server.id, bounces=told.bounces, key=_key())
        states.move(campaign.id, Status.FINISHED, now=last)
        staging.apply(campaign.id, now=last)
        reading.write(campaign, told, now=now)
    _pause_one(lists, cast, sender, server, now=now)
    people.add(_who_joined(cast, now), lists, cast, key=_key())
    _plan_more(lists, sender, now=now)
    _suppress(cast, now=now)
    reading.note_on_people()
    _operator(password, cast, lists, began, now=now)
    db.session.commit()


def _key() -> bytes:
    return settings_queries.link_key()


def _server(began: datetime, *, now: datetime) -> Server:
    """A server that is no test inbox to the app; `point_at_test_inbox` sees to it that its mail stays here."""
    made = settings_services.create_server(
        SERVER, host="127.0.0.1", port=25, security=Security.NONE, make_default=True, now=began
    )
    made.last_ok_at, made.measured_per_minute = now, sending.PER_MINUTE
    return made


def point_at_test_inbox() -> None:
    """Let the demo's server be the test inbox, whichever port that has today: nothing leaves this machine."""
    inbox = db.session.scalars(sa.select(Server).filter_by(is_practice=True)).one()
    for server in db.session.scalars(sa.select(Server).filter_by(name=SERVER)):
        server.host, server.port = inbox.host, inbox.port


def _domain(began: datetime, *, now: datetime) -> None:
    """A sending domain whose records were all found."""
    domain = domain_services.create_domain(plan.DOMAIN, now=began)
    found = [Finding("dkim", key.record_name, State.RIGHT, [key.record]) for key in domain.keys]
    found.append(Finding("spf", plan.DOMAIN, State.RIGHT, ["v=spf1 mx -all"]))
    found.append(Finding("dmarc", f"_dmarc.{plan.DOMAIN}", State.RIGHT, ["v=DMARC1; p=quarantine"]))
    domain_services.record_check(domain, found, now=now - timedelta(hours=7))


def _lists(sender: Sender, began: datetime) -> dict[str, List]:
    for label, key, kind in (
        ("First name", "first_name", FieldKind.TEXT),
        ("Last name", "last_name", FieldKind.TEXT),
        ("City", "city", FieldKind.TEXT),
        ("Reader since", "reader_since", FieldKind.DATE),
    ):
        audience_services.create_field(label, kind=kind, key=key)
    return {
        each.name: audience_services.create_list(
            each.name,
            opt_in=each.opt_in,
            description=each.description,
            is_public=each.is_public,
            sender_id=sender.id,
            now=began,
        )
        for each in plan.LISTS
    }


def _who_joined(cast: people.Cast, by: datetime) -> Sequence[people.Person]:
    """Those who have joined by then and are not written down yet."""
    return [each for each in cast.people if each.joined <= by and each.address not in cast.ids]


def _written(told: DemoCampaign, lists: dict[str, List], sender: Sender, at: datetime) -> Campaign:
    return planning_services.create_campaign(
        name=told.name,
        subject=told.subject,
        preheader=told.preheader,
        from_name=sender.name,
        from_email=sender.email,
        lists=[lists[name] for name in told.lists],
        html=told.html,
        now=at,
    )


def _launched(
    told: DemoCampaign, lists: dict[str, List], cast: people.Cast, sender: Sender, *, now: datetime
) -> Campaign:
    """The campaign on its way, to everybody who was on its lists at that moment."""
    at = plan.moment(now, days_ago=told.days_ago, at=told.at)
    people.add(_who_joined(cast, at), lists, cast, key=_key())
    campaign = _written(told, lists, sender, at - WRITTEN_BEFORE)
    planning_services.schedule(campaign, at=at, now=at)
    launch.launch(campaign.id, at)
    db.session.refresh(campaign)
    return campaign


def _pause_one(
    lists: dict[str, List], cast: people.Cast, sender: Sender, server: Server, *, now: datetime
) -> None:
    """A campaign that somebody has paused half-way."""
    campaign = _launched(plan.PAUSED, lists, cast, sender, now=now)
    last = sending.write(
        campaign, server_id=server.id, bounces=plan.PAUSED.bounces, key=_key(), batches=plan.PAUSED_AFTER
    )
    reading.write(campaign, plan.PAUSED, now=now)
    delivery_services.pause(
        campaign, reason=PauseReason.OPERATOR, detail=None, now=last + timedelta(seconds=20)
    )


def _plan_more(lists: dict[str, List], sender: Sender, *, now: datetime) -> None:
    """One campaign to come, and a draft."""
    ready = _written(plan.SCHEDULED, lists, sender, now - timedelta(days=1, hours=3))
    at = plan.moment(now, days_ago=plan.SCHEDULED.days_ago, at=plan.SCHEDULED.at)
    planning_services.schedule(ready, at=at, now=now - timedelta(hours=20))
    _written(plan.DRAFT, lists, sender, now - timedelta(hours=2))


def _suppress(cast: people.Cast, *, now: datetime) -> None:
    """A complaint, and somebody who has phoned."""
    some = [each for each in cast.people if each.file][17:400:311]
    reasons = ((SuppressionReason.COMPLAINT, ""), (SuppressionReason.OPERATOR, "Asked by phone"))
    for person, (reason, note) in zip(some, reasons, strict=True):
        audience_services.suppress(person.email, reason=reason, note=note, now=now - timedelta(days=12))


def _operator(
    password: str, cast: people.Cast, lists: dict[str, List], began: datetime, *, now: datetime
) -> None:
    """Who has done all this, with the audit log of it."""
    greta = accounts_services.create_operator(
        EMAIL, role=Role.ADMIN, password=password, name="Greta Adler", time_zone=plan.ZONE.key, now=began
    )
    people.add_imports(cast, lists[plan.POST], operator_id=greta.id)
    db.session.execute(sa.update(Campaign).values(created_by_id=greta.id))
    db.session.execute(sa.update(Consent).where(Consent.act == "imported").values(operator_id=greta.id))
    as_greta = Actor(greta.email, greta.id, "203.0.113.20")
    for at, action, subject in sorted(_acts(cast, began)):
        audit_services.record(action, subject, by=as_greta, now=at)


def _acts(cast: people.Cast, began: datetime) -> list[tuple[datetime, str, str]]:
    acts = [
        (began, "server.created", SERVER),
        (cast.first_file, "import.started", "people.csv"),
        (cast.second_file, "import.started", "harbour-fair.csv"),
    ]
    for campaign in db.session.scalars(sa.select(Campaign)):
        acts.append((campaign.created_at, "campaign.created", campaign.name))
        if campaign.send_at:
            acts.append((campaign.created_at + timedelta(hours=6), "campaign.scheduled", campaign.name))
        if campaign.paused_at:
            acts.append((campaign.paused_at, "campaign.paused", campaign.name))
    return acts


def operator() -> Operator | None:
    """The demo's operator; None where no history was written."""
    return db.session.scalar(sa.select(Operator).filter_by(address=EMAIL))
