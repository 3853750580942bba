"""The ledger: one row for each recipient, from launch to final outcome, and the batches that lanes claim."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.audience.models import Subscriber, SuppressionReason
from campaigns.core import statuses
from campaigns.core.db import BigId, Model, Number, Word
from campaigns.delivery.reasons import Reason
from campaigns.planning.models import PauseReason


class State(IntEnum):
    """State of a recipient. SENT and those after it are final."""

    PENDING = 0
    SENDING = 1
    DEFERRED = 2
    SENT = 3
    FAILED = 4
    SKIPPED = 5
    EXPIRED = 6
    CANCELLED = 7
    UNKNOWN = 8
    BOUNCED = 9  # what pages call the sent that have `bounced_at`; no row has it

    @property
    def word(self) -> str:
        """The state as written in URLs, exports and commands."""
        return {State.PENDING: "queued", State.DEFERRED: "retrying"}.get(self, self.name.lower())

    @property
    def is_final(self) -> bool:
        return self >= State.SENT

    @property
    def label(self) -> str:
        return statuses.label(self.word)


# Number of rows by state and reason: `[state, reason, number]`, sorted.
Tally = Annotated[
    list[tuple[int, str | None, int]],
    mapped_column(sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")),
]
OPEN_STATES = (State.PENDING, State.SENDING, State.DEFERRED)
ACCEPTED = (State.SENT, State.UNKNOWN)  # by a server, or perhaps: what came back counts then


class BatchState(IntEnum):
    READY = 0
    LEASED = 1
    DONE = 2


_LEASED = sa.text(f"state = {int(BatchState.LEASED)}")


def outcome_of(state: State, bounced_at: datetime | None) -> State:
    """What pages call a recipient in that state."""
    return State.BOUNCED if bounced_at and state in ACCEPTED else state


def _of_readers(column: str) -> sa.Index:
    """A partial index on recipients who did something, which are few: reports count them without a scan."""
    some = f"{column} IS NOT NULL AND is_latest"
    return sa.Index(
        f"ix_delivery_{column}",
        "campaign_id",
        column,
        postgresql_where=sa.text(some),
        sqlite_where=sa.text(f"{some} = 1"),
    )


class Delivery(Model):
    """One intent: this campaign, this wave, this address. Written once, at launch (G1).

    One statement writes a wave from the current people, each of whom has one address
    (`subscriber.address_key` is unique) and occurs once: so no address occurs twice.
    """

    __tablename__ = "delivery"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # No foreign keys: checking them takes half the time of a launch in PostgreSQL. A campaign with rows is
    # never deleted (`wave` prevents it), and ids of erased people are never used again.
    campaign_id: Mapped[int]
    wave: Mapped[int] = mapped_column(sa.SmallInteger)
    address_key: Mapped[str] = mapped_column(sa.String(32))
    subscriber_id: Mapped[int] = mapped_column(BigId)
    batch_number: Mapped[int | None]  # None for those skipped at launch
    state: Mapped[State] = mapped_column(Number(State))
    # False once a later wave contains this person: counts use each person's latest row.
    is_latest: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    reason: Mapped[Reason | None] = mapped_column(Word(Reason))
    attempts: Mapped[int] = mapped_column(sa.SmallInteger, default=0, server_default="0")
    doubts: Mapped[int] = mapped_column(sa.SmallInteger, default=0, server_default="0")
    fence: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    next_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]  # first hand-over: the message's Date, unchanged on a retry
    tried_since: Mapped[datetime | None]  # start of the retry period (`outcomes.horizon_from`)
    done_at: Mapped[datetime | None]
    server_id: Mapped[int | None]
    code: Mapped[int | None] = mapped_column(sa.SmallInteger)
    enhanced: Mapped[str | None] = mapped_column(sa.String(11))
    reply: Mapped[str | None] = mapped_column(sa.String(300))
    opened_at: Mapped[datetime | None]
    clicked_at: Mapped[datetime | None]
    unsubscribed_at: Mapped[datetime | None]
    # What came back after the message was accepted.
    bounced_at: Mapped[datetime | None]
    complained_at: Mapped[datetime | None]
    replied_at: Mapped[datetime | None]

    subscriber: Mapped[Subscriber | None] = relationship(
        primaryjoin="foreign(Delivery.subscriber_id) == Subscriber.id", viewonly=True
    )

    @property
    def outcome(self) -> State:
        return outcome_of(self.state, self.bounced_at)

    # No index may contain a column that sending writes (state, reason, done_at, fence …), not even in its
    # condition: then PostgreSQL keeps updates on the row's own page. The indexes below are written once, in
    # order. One over address keys took two thirds of a launch; one over people would touch years of ledger.
    __table_args__ = (
        # Not "wave" before "subscriber_id": without statistics PostgreSQL would use it as the batch index.
        sa.UniqueConstraint("campaign_id", "subscriber_id", "wave"),
        sa.Index("ix_delivery_batch", "campaign_id", "wave", "batch_number"),
        *(_of_readers(name) for name in ("opened_at", "clicked_at", "unsubscribed_at")),
        *(_of_readers(name) for name in ("bounced_at", "complained_at", "replied_at")),
        {"postgresql_with": {"fillfactor": "33"}},
    )


class MergedDelivery(Model):
    """Whose an email is that a person got at an address from before a merge, in a campaign that they also got at the
    address that was kept: the ledger has one row per person, campaign and wave, so the other has the number
    `detached(delivery_id)` instead of a person's.
    """

    __tablename__ = "merged_delivery"

    delivery_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    subscriber_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("subscriber.id", ondelete="CASCADE"), index=True
    )


def detached(delivery_id: Any) -> Any:
    """What stands in such a row instead of a person's number: nobody has it, and each row has its own."""
    return -delivery_id


class Wave(Model):
    """The number of people of a wave: what its states must add up to (G2)."""

    __tablename__ = "wave"

    campaign_id: Mapped[int] = mapped_column(
        sa.ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True)
    audience: Mapped[int]
    left_out: Mapped[Tally]  # those without a batch
    # First and last id of its rows: pages read the range instead of sorting a million rows.
    first_id: Mapped[int | None] = mapped_column(BigId)
    last_id: Mapped[int | None] = mapped_column(BigId)
    launched_at: Mapped[datetime]


class Batch(Model):
    """A few hundred recipients that one lane holds at a time, under a lease and a fence."""

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
    # The count of its rows by state, while none may change them; None: count the rows.
    tally: Mapped[Tally | None]
    last_at: Mapped[datetime | None]  # the latest `next_at` of its rows
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("campaign_id", "wave", "number"),
        sa.Index("ix_batch_claim", "campaign_id", "state", "next_at"),
        # A few dozen at a time: looking for ended leases does not scan the batches of years.
        sa.Index("ix_batch_leased", "id", postgresql_where=_LEASED, sqlite_where=_LEASED),
    )


class Attempt(Model):
    """A refusal or a doubt, kept to explain why someone got no email; successes need no row."""

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
    """How far a bounce has come towards suppressing its address."""

    COUNTED = 0  # suppresses no address by itself
    STAGED = 1
    APPLIED = 2
    DROPPED = 3  # not believed, because too many bounced along with it
    UNDONE = 4  # by an operator


class Bounce(Model):
    """A reply after which the address may not get email any more: what the bounce brake counts.

    `suppresses`: the reason of the suppression, once the brake has passed (`ledger.suppression`).
    """

    __tablename__ = "bounce"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)  # in order of arrival
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id", ondelete="CASCADE"))
    delivery_id: Mapped[int] = mapped_column(BigId, unique=True)
    # Of the address and its domain: keyed hashes, so that no name is left after an erasure.
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
    """Counts of a campaign when an operator resumed it after such a pause: later counts start from there.

    `answered`: recipients with an answer. `number`: id of the latest bounce, or number of recipients with the
    trouble.
    """

    __tablename__ = "resumption"

    campaign_id: Mapped[int] = mapped_column(
        sa.ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    reason: Mapped[PauseReason] = mapped_column(Word(PauseReason), primary_key=True)
    answered: Mapped[int]
    number: Mapped[int] = mapped_column(sa.BigInteger)


class Receiver(Model):
    """A group of domains served by one provider (`mail.domains`), while it has trouble with our mail."""

    __tablename__ = "receiver"

    name: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    troubles: Mapped[int] = mapped_column(sa.SmallInteger, default=0)
    since: Mapped[datetime]  # of the first trouble
    backoff_s: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]  # its messages wait until then
    said: Mapped[str] = mapped_column(sa.String(300), default="")


class ReceiverDomain(Model):
    """The receiver of a domain in trouble, by its mail exchangers; None until they were looked up."""

    __tablename__ = "receiver_domain"

    domain: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    receiver: Mapped[str | None] = mapped_column(sa.String(255))
    looked_up_at: Mapped[datetime | None]


class Lease(Model):
    """A role that one process holds at a time (such as the dispatcher), by the database's clock."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    owner: Mapped[str | None] = mapped_column(sa.String(64))
    fence: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    until: Mapped[datetime | None]


class Meter(Model):
    """What was sent over a server lately, by slices of time (`limits.sliding_window`); locked to count."""

    __tablename__ = "meter"

    server_id: Mapped[int] = mapped_column(sa.ForeignKey("server.id", ondelete="CASCADE"), primary_key=True)
    counts: Mapped[dict[str, Any]]


class CampaignRun(Model):
    """When lanes last served a campaign that is being sent, by which workers are shared (`dispatch.fairness`).

    A table of its own, because workers write it often and the campaign's row has to stay free for operators.
    """

    __tablename__ = "campaign_run"

    campaign_id: Mapped[int] = mapped_column(
        sa.ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    epoch: Mapped[int]  # of the campaign when it was last served
    begun: Mapped[int]  # number of lanes so far: a worker takes the campaign only if it is still what it read
    served_at: Mapped[datetime]  # when a lane last began or ended
    moved_at: Mapped[datetime | None]  # when a lane last ended that had recorded an answer


class OpenClaims(Model):
    """Claims of a server's replies in a campaign that are not proven yet (`routing.evidence`)."""

    __tablename__ = "open_claims"

    campaign_id: Mapped[int] = mapped_column(
        sa.ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    server_id: Mapped[int] = mapped_column(sa.ForeignKey("server.id", ondelete="CASCADE"), primary_key=True)
    claims: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class Share(Model):
    """What one lane holds of a server: connections and reserved messages. Under a lease."""

    __tablename__ = "share"

    owner: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    server_id: Mapped[int] = mapped_column(sa.ForeignKey("server.id", ondelete="CASCADE"), index=True)
    campaign_id: Mapped[int]
    connections: Mapped[int]
    messages: Mapped[int] = mapped_column(default=0)
    until: Mapped[datetime]
    created_at: Mapped[datetime]
