"""Writes the demo's sample data: three months of a small club. No email is sent.

The product's own functions make drafts, schedules, launches, suppressions and unsubscribes, with dates in the
past. Only the answers of servers and the behaviour of readers are invented.
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
from campaigns.cli.demo_data import people, plan, reading, sending, templates
from campaigns.cli.demo_data.plan import DemoCampaign
from campaigns.content.templates.models import Template, TemplateVersion
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
WRITTEN_BEFORE = timedelta(days=2)  # how long before its launch a campaign is created


def write(password: str, *, now: datetime) -> None:
    """Write all sample data. The operator is created last, in the transaction of the last step."""
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
    """A sending server that the app does not treat as the test inbox; see `point_at_test_inbox`."""
    made = settings_services.create_server(
        SERVER, host="127.0.0.1", port=25, security=Security.NONE, make_default=True, now=began
    )
    made.last_ok_at, made.measured_per_minute = now, sending.PER_MINUTE
    return made


def point_at_test_inbox() -> None:
    """Set the demo server's port to that of the running test inbox, so that no email leaves this machine."""
    inbox = db.session.scalars(sa.select(Server).filter_by(is_practice=True)).one()
    for server in db.session.scalars(sa.select(Server).filter_by(name=SERVER)):
        server.host, server.port = inbox.host, inbox.port


def _domain(began: datetime, *, now: datetime) -> None:
    """A sending domain whose DNS records have all been found."""
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
    """The people who joined before this time and are not in the database yet."""
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
    """A launched campaign, with the people who were on its lists at the time."""
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
    """A campaign that was paused after half of its recipients."""
    campaign = _launched(plan.PAUSED, lists, cast, sender, now=now)
    last = sending.write(
        campaign, server_id=server.id, bounces=plan.PAUSED.bounces, key=_key(), batches=plan.PAUSED_AFTER
    )
    reading.write(campaign, plan.PAUSED, now=now)
    delivery_services.pause(
        campaign, reason=PauseReason.OPERATOR, detail=None, now=last + timedelta(seconds=20)
    )


def _plan_more(lists: dict[str, List], sender: Sender, *, now: datetime) -> None:
    """A scheduled campaign and two drafts, one of them in a layout."""
    ready = _written(plan.SCHEDULED, lists, sender, now - timedelta(days=1, hours=3))
    at = plan.moment(now, days_ago=plan.SCHEDULED.days_ago, at=plan.SCHEDULED.at)
    planning_services.schedule(ready, at=at, now=now - timedelta(hours=20))
    templates.write(lists, sender, now=now)
    _written(plan.DRAFT, lists, sender, now - timedelta(hours=2))


def _suppress(cast: people.Cast, *, now: datetime) -> None:
    """Two suppressions: a complaint, and a request by phone."""
    some = [each for each in cast.people if each.file][17:400:311]
    reasons = ((SuppressionReason.COMPLAINT, ""), (SuppressionReason.OPERATOR, "Asked by phone"))
    for person, (reason, note) in zip(some, reasons, strict=True):
        audience_services.suppress(person.email, reason=reason, note=note, now=now - timedelta(days=12))


def _operator(
    password: str, cast: people.Cast, lists: dict[str, List], began: datetime, *, now: datetime
) -> None:
    """The operator of the sample data, and the audit log of their actions."""
    greta = accounts_services.create_operator(
        EMAIL, role=Role.ADMIN, password=password, name="Greta Adler", time_zone=plan.ZONE.key, now=began
    )
    people.add_imports(cast, lists[plan.POST], operator_id=greta.id)
    db.session.execute(sa.update(Campaign).values(created_by_id=greta.id))
    db.session.execute(sa.update(Template).values(created_by_id=greta.id))
    db.session.execute(sa.update(TemplateVersion).values(saved_by_id=greta.id))
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
    acts += [
        (each.created_at, "template.created", each.name) for each in db.session.scalars(sa.select(Template))
    ]
    for campaign in db.session.scalars(sa.select(Campaign)):
        acts.append((campaign.created_at, "campaign.created", campaign.name))
        if campaign.send_at:
            acts.append((campaign.created_at + timedelta(hours=6), "campaign.scheduled", campaign.name))
        if campaign.paused_at:
            acts.append((campaign.paused_at, "campaign.paused", campaign.name))
    return acts


def operator() -> Operator | None:
    """The demo's operator; None if no sample data was written."""
    return db.session.scalar(sa.select(Operator).filter_by(address=EMAIL))
