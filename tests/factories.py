"""`make_*`: rows for tests, with a default for every argument. They commit, so any process sees them.

The cast: Ada is an admin, Ben an editor, Cleo a viewer.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.accounts import passwords
from campaigns.accounts.models import Operator, Role
from campaigns.audience.models import Field, List, OptIn, Origin, Status, Subscriber, Subscription
from campaigns.core import addresses, signing
from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.delivery.models import Batch, BatchState, Delivery, State, Wave
from campaigns.mail.security import Security
from campaigns.planning.models import Campaign, Link, Revision
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Sender, Server

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PASSWORD = "correct horse battery staple"
OFFICE_HOURS = {  # as posted by the sending hours form
    "keeps_hours": "y",
    "window_days": ["0", "1", "2", "3", "4"],
    "window_start": "09:00",
    "window_end": "17:00",
    "window_zone": "Europe/Vienna",
}
CAST = {"ada": Role.ADMIN, "ben": Role.EDITOR, "cleo": Role.VIEWER}

_numbers = itertools.count(1)
_password_hash: list[str] = []


def _kept(row: Any) -> Any:
    db.session.add(row)
    db.session.commit()
    return row


def make_operator(email: str = "", *, role: Role = Role.ADMIN, **values: Any) -> Operator:
    email = email or f"operator{next(_numbers)}@example.com"
    if not _password_hash:  # argon2 is slow on purpose: hash once
        _password_hash.append(passwords.hashed(PASSWORD))
    values = {"name": "", "created_at": NOON, "password_hash": _password_hash[0], **values}
    return _kept(Operator(email=email, address=addresses.normalise(email), role=role, **values))


def make_cast_member(name: str) -> Operator:
    found = db.session.query(Operator).filter_by(address=f"{name}@example.com").one_or_none()
    return found or make_operator(f"{name}@example.com", role=CAST[name], name=name.title())


def make_list(name: str = "", *, opt_in: OptIn = OptIn.SINGLE, **values: Any) -> List:
    number = next(_numbers)
    values = {"created_at": NOON, "public_id": f"list{number}", **values}
    return _kept(List(name=name or f"List {number}", opt_in=opt_in, **values))


def make_field(key: str = "first_name", **values: Any) -> Field:
    return _kept(Field(key=key, label=values.pop("label", key.replace("_", " ").capitalize()), **values))


def make_subscriber(
    email: str = "",
    *,
    lists: tuple[List, ...] | list[List] = (),
    status: Status = Status.SUBSCRIBED,
    **values: Any,
) -> Subscriber:
    email = email or f"person{next(_numbers)}@example.org"
    address = addresses.normalise(email)
    values = {"created_at": NOON, "updated_at": NOON, "fields": {}, **values}
    key = signing.address_key(settings_queries.link_key(), address)
    subscriber = Subscriber(email=email, address=address, address_key=key, **values)
    subscriber.subscriptions = [
        Subscription(list_id=each.id, status=status, origin=Origin.OPERATOR, created_at=NOON, changed_at=NOON)
        for each in lists
    ]
    return _kept(subscriber)


def make_server(name: str = "", *, host: str = "127.0.0.1", port: int = 2525, **values: Any) -> Server:
    values = {"security": Security.NONE, "created_at": NOON, "connections": 2, **values}
    return _kept(Server(name=name or f"Server {next(_numbers)}", host=host, port=port, **values))


def make_sender(email: str = "", **values: Any) -> Sender:
    values = {"name": "The Pigeon Post", "created_at": NOON, **values}
    return _kept(Sender(email=email or f"news{next(_numbers)}@example.com", **values))


def make_campaign(*, lists: tuple[List, ...] | list[List] = (), **values: Any) -> Campaign:
    values = {
        "name": f"Campaign {next(_numbers)}",
        "subject": "Hello {{ first_name | default('friend') }}",
        "from_name": "The Pigeon Post",
        "from_email": "news@example.com",
        "html": "<html><body><h1>Hello {{ first_name | default('friend') }}</h1>"
        '<p>Read <a href="https://example.com/one">the first</a> and '
        '<a href="https://example.com/two">the second</a>.</p>'
        '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>',
        "created_at": NOON,
        "updated_at": NOON,
        **values,
    }
    return _kept(Campaign(lists=list(lists), **values))


def make_revision(campaign: Campaign, *, links: tuple[str, ...] = (), **values: Any) -> Revision:
    """A campaign's frozen content, with its tracked links numbered from 1."""
    says = ("subject", "preheader", "from_name", "from_email", "reply_to", "html", "text")
    values = {name: getattr(campaign, name) for name in says} | {
        "track_opens": True,
        "track_clicks": True,
        "sha256": "0" * 64,
        "created_at": NOON,
        **values,
    }
    revision: Revision = _kept(Revision(campaign_id=campaign.id, **values))
    for number, url in enumerate(links, start=1):
        db.session.add(Link(revision_id=revision.id, number=number, url=url))
    campaign.revision_id = revision.id
    db.session.commit()
    return revision


def make_delivery(
    campaign: Campaign, subscriber: Subscriber, *, state: State = State.SENT, **values: Any
) -> Delivery:
    """A ledger row as after sending."""
    values = {"wave": 1, "batch_number": 1, "done_at": NOON, "started_at": NOON, **values}
    batch = {"campaign_id": campaign.id, "wave": values["wave"], "number": values["batch_number"]}
    db.session.execute(insert(Batch).values(**batch, state=BatchState.DONE).on_conflict_do_nothing())
    wave = {"campaign_id": campaign.id, "number": values["wave"], "launched_at": NOON}
    written = insert(Wave).values(**wave, audience=1, left_out=[])
    db.session.execute(
        written.on_conflict_do_update(
            index_elements=["campaign_id", "number"], set_={"audience": Wave.audience + 1}
        )
    )
    return _kept(
        Delivery(
            campaign_id=campaign.id,
            subscriber_id=subscriber.id,
            address_key=subscriber.address_key,
            state=state,
            **values,
        )
    )
