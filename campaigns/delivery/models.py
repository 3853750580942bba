"""The ledger: one row per recipient from launch to the last word, and the batches workers claim."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.audience.models import Subscriber, SuppressionReason
from campaigns.core import statuses
from campaigns.core.db import BigId, Model, Number, Word
from campaigns.core.i18n import _
from campaigns.planning.models import PauseReason


class State(IntEnum):
    """Of one recipient. Everything from SENT on is final."""

    PENDING = 0
    SENDING = 1
    DEFERRED = 2
    SENT = 3
    FAILED = 4
    SKIPPED = 5
    EXPIRED = 6
    CANCELLED = 7
    UNKNOWN = 8

    @property
    def word(self) -> str:
        """The status as addresses, exports and commands name it."""
        return {State.PENDING: "queued", State.DEFERRED: "retrying"}.get(self, self.name.lower())

    @property
    def is_final(self) -> bool:
        return self >= State.SENT

    @property
    def label(self) -> str:
        return statuses.label(self.word)


# How many rows are in which state for which reason: `[state, reason, number]`, in this order.
Tally = Annotated[
    list[tuple[int, str | None, int]],
    mapped_column(sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")),
]
OPEN_STATES = (State.PENDING, State.SENDING, State.DEFERRED)


class Reason(StrEnum):
    """Why a recipient was left out or failed; the server's own words stand in `reply`."""

    UNCONFIRMED = "unconfirmed"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    DELETED = "deleted"
    BAD_ADDRESS = "bad_address"
    BAD_DOMAIN = "bad_domain"
    DISABLED = "disabled"
    MAILBOX_FULL = "mailbox_full"
    POLICY = "policy"
    PROTOCOL = "protocol"
    SERVER_REPLY = "server_reply"
    TOO_LATE = "too_late"
    TEMPORARY = "temporary"
    GREYLISTED = "greylisted"
    RECEIVER = "receiver"
    CONTENT = "content"
    IN_DOUBT = "in_doubt"
    CAMPAIGN_CANCELLED = "campaign_cancelled"
    RECEIVER_LIMIT = "receiver_limit"
    LIST_DELETED = "list_deleted"

    @property
    def label(self) -> str:
        return {
            Reason.UNCONFIRMED: _("has not confirmed the subscription"),
            Reason.UNSUBSCRIBED: _("has unsubscribed"),
            Reason.SUPPRESSED: _("is on the suppression list"),
            Reason.DELETED: _("has been deleted"),
            Reason.BAD_ADDRESS: _("the address does not exist"),
            Reason.BAD_DOMAIN: _("the domain doesn't accept email"),
            Reason.DISABLED: _("the mailbox is disabled"),
            Reason.MAILBOX_FULL: _("the mailbox is full"),
            Reason.POLICY: _("the receiving server rejected the email"),
            Reason.PROTOCOL: _("SMTP protocol error"),
            Reason.SERVER_REPLY: _("the sending server reported an internal problem"),
            Reason.TOO_LATE: _("could not be delivered within the retry period"),
            Reason.TEMPORARY: _("a temporary problem, will be retried"),
            Reason.GREYLISTED: _("the receiving server asked to retry later"),
            Reason.RECEIVER: _("the receiving server is rate-limiting us"),
            Reason.CONTENT: _("the message could not be rendered for this recipient"),
            Reason.IN_DOUBT: _("the connection was lost before the response"),
            Reason.CAMPAIGN_CANCELLED: _("the campaign was cancelled"),
            Reason.RECEIVER_LIMIT: _("waiting for this domain's rate limit"),
            Reason.LIST_DELETED: _("was on a list that has been deleted"),
        }[self]


# Answers after which the address may never get a mail: what counts against a list.
BOUNCES = (Reason.BAD_ADDRESS, Reason.BAD_DOMAIN, Reason.DISABLED)


class BatchState(IntEnum):
    READY = 0
    LEASED = 1
    DONE = 2


_LEASED = sa.text(f"state = {int(BatchState.LEASED)}")


def _of_readers(column: str) -> sa.Index:
    """Those who did something, which are few: reports count them without reading the whole campaign."""
    some = f"{column} IS NOT NULL AND is_latest"
    return sa.Index(
        f"ix_delivery_{column}",
        "campaign_id",
        column,
        postgresql_where=sa.text(some),
        sqlite_where=sa.text(f"{some} = 1"),
    )


class Delivery(Model):
    """One intent: this campaign, this wave, this address. Written once at launch, never twice (G1).

    One statement writes a wave from the people as they are at that moment, when each has an address of their
    own (`subscriber.address_key` is unique) and here each stands once: so no address stands here twice.
    """

    __tablename__ = "delivery"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # No foreign keys: checking them is half the time of a launch in PostgreSQL. A campaign that has rows is never
    # deleted (`wave` holds it); the number of an erased person is never given again: their rows point at nobody.
    campaign_id: Mapped[int]
    wave: Mapped[int] = mapped_column(sa.SmallInteger)
    address_key: Mapped[str] = mapped_column(sa.String(32))
    subscriber_id: Mapped[int] = mapped_column(BigId)
    batch_number: Mapped[int | None]  # None for those left out at launch
    state: Mapped[State] = mapped_column(Number(State))
    # False once a later wave holds this person again: counts look at the latest row of each.
    is_latest: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    reason: Mapped[Reason | None] = mapped_column(Word(Reason))
    attempts: Mapped[int] = mapped_column(sa.SmallInteger, default=0, server_default="0")
    doubts: Mapped[int] = mapped_column(sa.SmallInteger, default=0, server_default="0")
    fence: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    next_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]  # when it was first handed over: the mail's Date, the same on a retry
    tried_since: Mapped[datetime | None]  # from when the horizon counts (`outcomes.horizon_from`)
    done_at: Mapped[datetime | None]
    server_id: Mapped[int | None]
    code: Mapped[int | None] = mapped_column(sa.SmallInteger)
    enhanced: Mapped[str | None] = mapped_column(sa.String(11))
    reply: Mapped[str | None] = mapped_column(sa.String(300))
    opened_at: Mapped[datetime | None]
    clicked_at: Mapped[datetime | None]
    unsubscribed_at: Mapped[datetime | None]

    subscriber: Mapped[Subscriber | None] = relationship(
        primaryjoin="foreign(Delivery.subscriber_id) == Subscriber.id", viewonly=True
    )

    # No index may name a column that sending writes (state, reason, done_at, next_at, fence …), not even as its
    # condition: with none, PostgreSQL keeps updates on the row's own page. Those below are written once, in order:
    # one over the address keys was two thirds of a launch; one over the people would touch a ledger of years.
    __table_args__ = (
        # Not "wave" before "subscriber_id": without statistics PostgreSQL would take it for a batch's index.
        sa.UniqueConstraint("campaign_id", "subscriber_id", "wave"),
        sa.Index("ix_delivery_batch", "campaign_id", "wave", "batch_number"),
        *(_of_readers(name) for name in ("opened_at", "clicked_at", "unsubscribed_at")),
        {"postgresql_with": {"fillfactor": "33"}},
    )


class Wave(Model):
    """How many people a wave was launched for: what the states must add up to (G2)."""

    __tablename__ = "wave"

    campaign_id: Mapped[int] = mapped_column(
        sa.ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True)
    audience: Mapped[int]
    left_out: Mapped[Tally]  # those without a batch
    # Between these are the ids of its rows: pages walk along them instead of sorting a million.
    first_id: Mapped[int | None] = mapped_column(BigId)
    last_id: Mapped[int | None] = mapped_column(BigId)
    launched_at: Mapped[datetime]


class Batch(Model):
    """Some hundred recipients that one lane holds at a time, under a lease and a fence token."""

    __tablename__ = "batch"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id", ondelete="CASCADE"))
    wave: Mapped[int] = mapped_column(sa.SmallInteger)
    number: Mapped[int]
    state: Mapped[BatchState] = mapped_column(Number(BatchState))
    fence: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    owner: Mapped[str | None] = mapped_column(sa.String(64))
    lease_until: Mapped[datetime | None]
    next_at: Mapped[datetime | None]
    # What a count of its rows would say, as long as nobody may write them; None: count them.
    tally: Mapped[Tally | None]
    last_at: Mapped[datetime | None]  # the latest `next_at` of its rows
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("campaign_id", "wave", "number"),
        sa.Index("ix_batch_claim", "campaign_id", "state", "next_at"),
        # Some dozen at a time: whoever looks for ended leases does not walk along the batches of years.
        sa.Index("ix_batch_leased", "id", postgresql_where=_LEASED, sqlite_where=_LEASED),
    )


class Attempt(Model):
    """A refusal or a doubt, kept for "why did Ana not get it?"; successes need no row."""

    __tablename__ = "attempt"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("delivery.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[datetime]
    phase: Mapped[str] = mapped_column(sa.String(16))
    code: Mapped[int | None] = mapped_column(sa.SmallInteger)
    enhanced: Mapped[str | None] = mapped_column(sa.String(11))
    text: Mapped[str] = mapped_column(sa.String(500), default="")
    server_id: Mapped[int | None]


class Stage(IntEnum):
    """How far a bounce has come on its way to a suppression."""

    COUNTED = 0  # it suppresses nobody by itself
    STAGED = 1
    APPLIED = 2
    DROPPED = 3  # too many bounced with it for it to be believed
    UNDONE = 4  # by an operator


class Bounce(Model):
    """An answer after which the address may never get an email: what the bounce brake counts.

    `suppresses` says as what the address is suppressed once the brake has passed (`ledger.suppression`).
    """

    __tablename__ = "bounce"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)  # in the order in which they came
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id", ondelete="CASCADE"))
    delivery_id: Mapped[int] = mapped_column(BigId, unique=True)
    # Of the address that was written to and of its domain: keyed hashes, so that an erasure leaves no name.
    address_key: Mapped[str] = mapped_column(sa.String(32), index=True)
    domain_key: Mapped[str] = mapped_column(sa.String(32))
    suppresses: Mapped[SuppressionReason | None] = mapped_column(Word(SuppressionReason))
    stage: Mapped[Stage] = mapped_column(Number(Stage))
    at: Mapped[datetime]
    judged_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index("ix_bounce_campaign_id", "campaign_id", "id"),
        sa.Index(
            "ix_bounce_staged",
            "campaign_id",
            "id",
            postgresql_where=sa.text("stage = 1"),
            sqlite_where=sa.text("stage = 1"),
        ),
    )


class Resumption(Model):
    """Where a campaign stood when an operator last resumed it after such a pause: counts begin from there.

    `answered`: recipients that had an answer. `number`: the id of the latest bounce, or how many had the trouble.
    """

    __tablename__ = "resumption"

    campaign_id: Mapped[int] = mapped_column(
        sa.ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    reason: Mapped[PauseReason] = mapped_column(Word(PauseReason), primary_key=True)
    answered: Mapped[int]
    number: Mapped[int] = mapped_column(sa.BigInteger)


class Receiver(Model):
    """A group of domains that one provider receives for (`mail.domains`), while it has trouble with us."""

    __tablename__ = "receiver"

    name: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    troubles: Mapped[int] = mapped_column(sa.SmallInteger, default=0)
    since: Mapped[datetime]  # of the first of them
    backoff_s: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]  # its mails wait until then
    said: Mapped[str] = mapped_column(sa.String(300), default="")


class ReceiverDomain(Model):
    """Which receiver a domain in trouble belongs to, by its mail exchangers; None until they were asked for."""

    __tablename__ = "receiver_domain"

    domain: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    receiver: Mapped[str | None] = mapped_column(sa.String(255))
    looked_up_at: Mapped[datetime | None]


class Lease(Model):
    """A role that one process holds at a time (the dispatcher), by the database's clock."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    owner: Mapped[str | None] = mapped_column(sa.String(64))
    fence: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    until: Mapped[datetime | None]


class Meter(Model):
    """What a server was given lately, in numbers per piece of time (`delivery.allowance`); locked to count."""

    __tablename__ = "meter"

    server_id: Mapped[int] = mapped_column(sa.ForeignKey("server.id", ondelete="CASCADE"), primary_key=True)
    counts: Mapped[dict[str, Any]]


class CampaignRun(Model):
    """When lanes last served a campaign that goes out: by it they share the workers (`dispatch.fairness`).

    A row of its own, because workers write it, and the campaign's row is for who pauses it.
    """

    __tablename__ = "campaign_run"

    campaign_id: Mapped[int] = mapped_column(
        sa.ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    epoch: Mapped[int]  # in which it was last served
    begun: Mapped[int]  # lanes so far: who chooses it counts on from what it has seen
    served_at: Mapped[datetime]  # a lane was begun, or has ended
    moved_at: Mapped[datetime | None]  # a lane has ended that had recorded an answer


class Watermark(Model):
    """The one row (id 1) that counts up while campaigns are under way, as `delivery.watermark` says."""

    __tablename__ = "watermark"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(sa.BigInteger)


class OpenClaims(Model):
    """What a server has said against itself, our account or our content in a campaign (`routing.evidence`)."""

    __tablename__ = "open_claims"

    campaign_id: Mapped[int] = mapped_column(
        sa.ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    server_id: Mapped[int] = mapped_column(sa.ForeignKey("server.id", ondelete="CASCADE"), primary_key=True)
    claims: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class Share(Model):
    """What one lane holds of a server: connections, and mails that it may send. Under a lease."""

    __tablename__ = "share"

    owner: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    server_id: Mapped[int] = mapped_column(sa.ForeignKey("server.id", ondelete="CASCADE"), index=True)
    campaign_id: Mapped[int]
    connections: Mapped[int]
    messages: Mapped[int] = mapped_column(default=0)
    until: Mapped[datetime]
    created_at: Mapped[datetime]
