"""The site, its sending servers and its senders."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.db import Json, Model, Word
from campaigns.core.i18n import translate
from campaigns.mail import bounce_addresses
from campaigns.mail.bounce_addresses import Bounces
from campaigns.mail.security import Security
from campaigns.mail.traits import Trait, Traits


class Site(Model):
    """The only row (id 1) of settings for the whole site."""

    __tablename__ = "site"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), default="Columba")
    postal_address: Mapped[str] = mapped_column(sa.String(500), default="")
    language: Mapped[str] = mapped_column(sa.String(8), default="en")
    time_zone: Mapped[str] = mapped_column(sa.String(64), default="UTC")
    # How long messages are retried, in hours from the first attempt.
    retry_hours: Mapped[int] = mapped_column(default=24, server_default="24")
    # Whether campaigns that were paused because no server could be reached resume once one can be.
    resumes_by_itself: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    # Signs every public link. Separate from SECRET_KEY, so that changing that keeps old links working.
    link_key: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    # The look of public pages: a colour like #155e75 and a logo; NULL: the app's own.
    colour: Mapped[str | None] = mapped_column(sa.String(7))
    logo: Mapped[bytes | None] = mapped_column(sa.LargeBinary, deferred=True)
    logo_type: Mapped[str | None] = mapped_column(sa.String(20))
    created_at: Mapped[datetime]

    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)

    @property
    def colour_digits(self) -> str:
        """The colour as it stands in the address of its style."""
        return (self.colour or "").removeprefix("#")


class Server(Model):
    """An SMTP server that sends our mail, and its recent state."""

    __tablename__ = "server"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    host: Mapped[str] = mapped_column(sa.String(255))
    port: Mapped[int]
    security: Mapped[Security] = mapped_column(Word(Security))
    verify_certificate: Mapped[bool] = mapped_column(default=True)
    # Certificates (PEM) to trust instead of the system's; NULL: the system's.
    authorities: Mapped[str | None] = mapped_column(sa.Text)
    username: Mapped[str | None] = mapped_column(sa.String(320))
    password_sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    # OAuth 2 instead of a password, if there is a token URL.
    token_url: Mapped[str | None] = mapped_column(sa.String(500))
    client_id: Mapped[str | None] = mapped_column(sa.String(500))
    client_secret_sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    refresh_token_sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    token_scope: Mapped[str | None] = mapped_column(sa.String(500))
    connections: Mapped[int] = mapped_column(default=5)  # at once, for all lanes on all hosts together
    # Limits for all lanes together; NULL: no limit.
    per_second: Mapped[int | None]
    per_minute: Mapped[int | None]
    per_hour: Mapped[int | None]
    per_day: Mapped[int | None]
    per_connection: Mapped[int | None]  # messages before a new connection is opened; NULL: 100
    # Warm-up: messages allowed on each day from that day on; afterwards no limit of this kind.
    warm_up_from: Mapped[date | None]
    warm_up_curve: Mapped[list[int] | None] = mapped_column(Json)
    is_practice: Mapped[bool] = mapped_column(default=False)
    is_default: Mapped[bool] = mapped_column(default=False)
    # Its share of campaigns that name no server; 0: only when the others are down.
    weight: Mapped[int] = mapped_column(default=0, server_default="0")
    # Domains that it may send for, separated by spaces; empty: all.
    sender_domains: Mapped[str] = mapped_column(sa.String(500), default="", server_default="")
    created_at: Mapped[datetime]
    # State: written during sending and by the test button.
    failures: Mapped[int] = mapped_column(default=0)
    closed_until: Mapped[datetime | None]
    down_since: Mapped[datetime | None]  # since then the circuit breaker has been open or on trial
    # After it asked for less: the connections allowed for now, and how often in a row it has asked.
    eased_to: Mapped[int | None]
    eased: Mapped[int] = mapped_column(default=0, server_default="0")
    last_ok_at: Mapped[datetime | None]
    last_error_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(sa.String(500))
    measured_per_minute: Mapped[int | None]  # the rate it last accepted unhindered, messages a minute
    # What it does not support, as `mail.traits` stores it.
    traits: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")

    __table_args__ = (
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
        sa.CheckConstraint("connections BETWEEN 1 AND 100", name="connections"),
    )

    @property
    def signs_in_by_token(self) -> bool:
        return self.token_url is not None

    @property
    def usable_connections(self) -> int:
        """How many connections to use at once for now."""
        learned = Traits.read(self.traits).number(Trait.CONNECTIONS)
        return min(self.connections, self.eased_to or self.connections, learned or self.connections)

    @property
    def security_text(self) -> str:
        """How its connections are protected, in the current language."""
        return translate("Not encrypted") if self.security is Security.NONE else self.security.label

    @property
    def health(self) -> str:
        """`working`, `broken` or, if nothing was sent or tested yet, `untested`."""
        if not self.is_healthy:
            return "broken"
        return "working" if self.last_ok_at else "untested"

    @property
    def is_healthy(self) -> bool:
        return self.last_error_at is None or (
            self.last_ok_at is not None and self.last_ok_at > self.last_error_at
        )


class DomainLimit(Model):
    """The limit of a receiver (a domain, or the provider behind it), over all servers."""

    __tablename__ = "domain_limit"

    id: Mapped[int] = mapped_column(primary_key=True)
    domain: Mapped[str] = mapped_column(sa.String(255), unique=True)
    per_minute: Mapped[int]
    # What it was sent lately (by slices of time), and until when messages are deferred. Locked to count.
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    queued_until: Mapped[datetime | None]


class Sender(Model):
    """A name and address that campaigns are sent from."""

    __tablename__ = "sender"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    email: Mapped[str] = mapped_column(sa.String(320), unique=True)
    reply_to: Mapped[str | None] = mapped_column(sa.String(320))
    # Where bounces go, as `core.mail_addresses` says; empty: to `email`.
    bounce_address: Mapped[str] = mapped_column(sa.String(320), default="", server_default="")
    is_vouched: Mapped[bool] = mapped_column(default=False)  # an admin has saved it
    created_at: Mapped[datetime]

    @property
    def bounces(self) -> Bounces:
        return bounce_addresses.kind_of(self.bounce_address or "")

    @property
    def bounce_mailbox(self) -> str:
        """The bounce address that takes a plus; empty for others."""
        return self.bounce_address if self.bounces is Bounces.PLUS else ""

    @property
    def bounce_domain(self) -> str:
        """The sub-domain for bounces; empty for others."""
        return self.bounce_address.lstrip("@") if self.bounces is Bounces.SUBDOMAIN else ""

    @property
    def bounce_sample(self) -> str:
        """What the bounce address of an email looks like; empty for the sender's own."""
        return bounce_addresses.sample(self.bounce_address or "")
