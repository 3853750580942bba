"""What a server's reply means for one recipient, the server and the campaign. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from campaigns.delivery.models import Reason, State
from campaigns.mail import replies
from campaigns.mail.replies import Klass, Meaning, Subject, classify
from campaigns.mail.retry import next_attempt
from campaigns.mail.smtp import Outcome, Phase, Result

HORIZON = timedelta(hours=24)
LONGEST_REPLY = 300
BREAKS_ALLOWED = 4
_IN_MAIL = (Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY)
IN_WIRE = (*_IN_MAIL, Phase.END)


class Trouble(StrEnum):
    """What a reply says about the server or the campaign, apart from the recipient."""

    UNREACHABLE = "unreachable"
    ACCOUNT = "account"
    THROTTLE = "throttle"
    QUOTA = "quota"
    POLICY = "policy"
    PROTOCOL = "protocol"
    BOUNCES = "bounces"  # too many addresses are reported unknown: the campaign is already paused


class Strain(StrEnum):
    """What a reply says about the receiver: it has trouble with this message, or with all of ours."""

    SOME = "some"
    MUCH = "much"  # the receiver said so itself: a retry within the hour is pointless


# NamedTuple, like Verdict: both are made for every message, and a frozen dataclass takes three times as
# long.
class Facts(NamedTuple):
    """What the ledger knows about a recipient before the reply."""

    delivery_id: int
    fence: int
    attempts: int
    doubts: int
    started_at: datetime  # the message's Date
    group: str = ""  # the receiver, as `mail.domains.group_of` names it
    reason: Reason | None = None  # of the last failed attempt
    is_first: bool = False  # it was never handed over before, so the Date is the time of marking
    due_at: datetime | None = None  # when a retry was due
    tried_since: datetime | None = None

    @property
    def is_suspect(self) -> bool:
        """Whether the last attempt ended with a claim about the server or our content."""
        return self.reason in (Reason.SERVER_REPLY, Reason.PROTOCOL, Reason.POLICY)

    @property
    def former_date(self) -> datetime | None:
        """The Date that the row had before it was marked; None if it had none."""
        return None if self.is_first else self.started_at

    def horizon_from(self, now: datetime) -> datetime:
        """The moment from which the row's retry period counts."""
        return horizon_from(self.tried_since, self.due_at, now=now)


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's settings: whether to hold messages in doubt, and for how long to retry."""

    holds: bool = False
    horizon: timedelta = HORIZON


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a row whose outcome was never recorded."""

    state: State
    reason: Reason | None
    doubts: int
    code: int | None = None
    was_handed: bool = True  # as far as is known


class Verdict(NamedTuple):
    """A row's next state and everything that is written with it."""

    delivery_id: int
    fence: int
    state: State
    reason: Reason | None = None
    attempts: int = 0
    doubts: int = 0
    next_at: datetime | None = None
    code: int | None = None
    enhanced: str | None = None
    reply: str | None = None
    phase: Phase | None = None
    trouble: Trouble | None = None
    is_hard_bounce: bool = False
    strain: Strain | None = None
    group: str = ""
    email: str | None = None  # set for a bounce
    started_at: datetime | None = None
    tried_since: datetime | None = None

    @property
    def is_worth_an_attempt_row(self) -> bool:
        """Whether this attempt gets a row: refusals and doubts do; successes and our own faults do not."""
        if self.state is State.SENT or self.phase is None:
            return False
        return self.state is not State.PENDING or self.doubts > 0


_TROUBLE = {
    Klass.SERVER: Trouble.UNREACHABLE,
    Klass.DOUBT: Trouble.UNREACHABLE,
    Klass.ACCOUNT: Trouble.ACCOUNT,
    Klass.THROTTLE: Trouble.THROTTLE,
    Klass.TEMPORARY: Trouble.THROTTLE,
    Klass.QUOTA: Trouble.QUOTA,
    Klass.POLICY: Trouble.POLICY,
    Klass.PROTOCOL: Trouble.PROTOCOL,
}
_OURS = (Subject.SERVER, Subject.ACCOUNT, Subject.CONTENT)
_POLICY = Policy()


def horizon_from(tried_since: datetime | None, due_at: datetime | None, *, now: datetime) -> datetime:
    """The moment from which a row's retry period counts: its first refusal, or `now` if it had none.

    It moves by the time for which the row was due and not sent: a pause, closed hours, a server outage.
    """
    if tried_since is None:
        return now
    return tried_since + max(now - (due_at or now), timedelta(0))


def meaning_of(result: Result) -> Meaning | None:
    """What the reply claims; None for an acceptance."""
    if result.outcome is Outcome.ACCEPTED and result.reply is not None:
        return None
    if result.outcome is Outcome.UNSENDABLE:
        return replies.unsendable(result.reply.enhanced if result.reply else None)
    if result.outcome is Outcome.IN_DOUBT:
        return replies.DOUBT
    if result.outcome is Outcome.NOT_SENT and result.reply is None:
        return replies.BROKEN
    return classify(result.phase, result.reply)


def accepted(result: Result, facts: Facts) -> Verdict:
    """The verdict of an acceptance: by far the most frequent one, so it is built directly."""
    reply = result.reply
    assert reply is not None
    return Verdict(
        facts.delivery_id,
        facts.fence,
        State.SENT,
        attempts=facts.attempts + 1,
        doubts=facts.doubts,
        code=reply.code,
        enhanced=reply.enhanced or None,
        reply=reply.text[:LONGEST_REPLY],
        phase=result.phase,
        group=facts.group,
    )


def judge(
    result: Result,
    facts: Facts,
    *,
    subject: Subject | None = None,
    is_proven: bool = False,
    policy: Policy = _POLICY,
    now: datetime,
) -> Verdict:
    """What a result means for its row. `subject`: whose fault it is by all the evidence; None: as the reply
    claims.

    `is_proven`: the server accepts others meanwhile, so if it repeats its reply, this recipient has failed.
    """
    meaning = meaning_of(result)
    if meaning is None:
        return accepted(result, facts)
    subject = subject or meaning.subject
    said = _said(result, facts)
    if subject in _OURS:
        said = said._replace(trouble=_TROUBLE.get(meaning.klass))
    if meaning.klass is Klass.DOUBT:
        return _doubtful(said, facts, holds=policy.holds)
    if meaning is replies.BROKEN:
        return _broken(said, facts, policy, now=now)
    if subject in _OURS:
        return said  # waits as before, no attempt charged
    if subject is Subject.RECEIVER:
        return _held_by_receiver(said, meaning, facts, policy, now=now)
    return _held_against(said, meaning, facts, policy, is_proven=is_proven, now=now)


def given_back(facts: Facts) -> Verdict:
    """For a row that was marked and never handed to the wire: it is pending again, as it was before."""
    return Verdict(
        facts.delivery_id,
        facts.fence,
        State.PENDING,
        attempts=facts.attempts,
        doubts=facts.doubts,
        group=facts.group,
        reason=facts.reason if facts.is_suspect else None,
        started_at=facts.former_date,
        next_at=facts.due_at,
        tried_since=facts.tried_since,
    )


def put_off(facts: Facts, *, until: datetime, is_stuck: bool) -> Verdict:
    """For a row whose receiver is too slow to get more now: deferred until then, no attempt charged.

    `is_stuck`: the receiver leaves messages unanswered, and all lanes are told.
    """
    since = facts.tried_since and facts.horizon_from(until)  # our own choice: the horizon moves with it
    waits = given_back(facts)._replace(
        state=State.DEFERRED, reason=Reason.RECEIVER, next_at=until, tried_since=since
    )
    return waits._replace(strain=Strain.SOME) if is_stuck else waits


def doubtful(doubts: int, *, holds: bool) -> Fate:
    """A row in doubt: retried once if it was not before and the policy allows it, else unknown."""
    if holds or doubts:
        return Fate(State.UNKNOWN, Reason.IN_DOUBT, doubts + 1)
    return Fate(State.PENDING, None, doubts + 1)


def not_composed(facts: Facts, error: str) -> Verdict:
    """For a message that could not be composed for this person."""
    return Verdict(
        facts.delivery_id,
        facts.fence,
        State.FAILED,
        Reason.CONTENT,
        attempts=facts.attempts + 1,
        doubts=facts.doubts,
        reply=error[:LONGEST_REPLY],
        started_at=facts.former_date,
    )


def _said(result: Result, facts: Facts) -> Verdict:
    """The row pending again, with the reply. If the message was not handed over, its Date does not change."""
    reply = result.reply
    text = reply.text if reply else result.text
    return given_back(facts)._replace(
        code=reply.code if reply else None,
        enhanced=(reply.enhanced or None) if reply else None,
        reply=" ".join(text.split())[:LONGEST_REPLY] or None,
        phase=result.phase,
        started_at=facts.started_at if result.phase in IN_WIRE else facts.former_date,
    )


def _broken(said: Verdict, facts: Facts, policy: Policy, *, now: datetime) -> Verdict:
    """The connection broke before the end of the message: pending again. A message that keeps breaking
    connections is delayed, so that others get through.
    """
    if said.phase not in _IN_MAIL:
        return said
    attempts = facts.attempts + 1
    if attempts < BREAKS_ALLOWED:
        return said._replace(attempts=attempts, next_at=now, tried_since=facts.horizon_from(now))
    return _later(said, attempts, Reason.TEMPORARY, facts, policy, now=now)


def _doubtful(said: Verdict, facts: Facts, *, holds: bool) -> Verdict:
    fate = doubtful(facts.doubts, holds=holds)
    next_at = None if fate.state.is_final else said.next_at
    return said._replace(state=fate.state, reason=fate.reason, doubts=fate.doubts, next_at=next_at)


def _held_by_receiver(
    said: Verdict, meaning: Meaning, facts: Facts, policy: Policy, *, now: datetime
) -> Verdict:
    """The receiver refuses all our messages: only those that are refused for good are charged an attempt."""
    is_told = meaning.klass is Klass.RECEIVER or not _is_temporary(said)
    said = said._replace(strain=Strain.MUCH if is_told else Strain.SOME)
    if meaning.klass is Klass.POLICY:
        return _failed(said, facts, Reason.POLICY)
    later = _later(said, facts.attempts + 1, Reason.RECEIVER, facts, policy, now=now)
    return later._replace(attempts=facts.attempts)


def _held_against(
    said: Verdict, meaning: Meaning, facts: Facts, policy: Policy, *, is_proven: bool, now: datetime
) -> Verdict:
    """The reply is about the recipient, or it is a claim about others that no one else confirms."""
    assert meaning.reason is not None
    reason = Reason(meaning.reason)
    if meaning.is_final:
        return _failed(said, facts, reason)._replace(is_hard_bounce=meaning.is_hard)
    is_about_us = reason is Reason.SERVER_REPLY
    if is_about_us and not _is_temporary(said) and facts.is_suspect and is_proven:
        return _failed(said, facts, Reason.POLICY)  # repeated, and only for this recipient
    if _is_temporary(said) and meaning.subject is not Subject.RECIPIENT:
        said = said._replace(strain=Strain.SOME)
    return _later(said, facts.attempts + 1, reason, facts, policy, now=now)


def _is_temporary(said: Verdict) -> bool:
    return said.code is None or said.code < 500


def withdraw(verdicts: list[Verdict], ids: Collection[int]) -> set[int]:
    """Take back the refusals of these deliveries, because the fault was ours: they are pending again, once.

    Changes `verdicts`; returns the ids that it did not contain.
    """
    left = set(ids)
    for number, verdict in enumerate(verdicts):
        if verdict.delivery_id in left:
            verdicts[number] = verdict._replace(state=State.PENDING, reason=Reason.POLICY, strain=None)
            left.discard(verdict.delivery_id)
    return left


def _later(
    said: Verdict, attempts: int, reason: Reason, facts: Facts, policy: Policy, *, now: datetime
) -> Verdict:
    since = facts.horizon_from(now)
    due = next_attempt(
        attempts,
        now=now,
        first_attempt_at=since,
        horizon=policy.horizon,
        is_greylisted=reason is Reason.GREYLISTED,
    )
    if due is None:
        return said._replace(state=State.EXPIRED, reason=Reason.TOO_LATE, attempts=attempts, next_at=None)
    return said._replace(
        state=State.DEFERRED, reason=reason, attempts=attempts, next_at=due, tried_since=since
    )


def _failed(said: Verdict, facts: Facts, reason: Reason) -> Verdict:
    return said._replace(state=State.FAILED, reason=reason, attempts=facts.attempts + 1, next_at=None)
