"""From a server's answer to what it means for one recipient, the server and the campaign. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from campaigns.delivery.models import Reason, State
from campaigns.mail import replies
from campaigns.mail.replies import Klass, classify
from campaigns.mail.retry import next_attempt
from campaigns.mail.smtp import Outcome, Phase, Reply, Result

HORIZON = timedelta(hours=24)
LONGEST_REPLY = 300
BREAKS_ALLOWED = 4
_IN_MAIL = (Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY)


class Trouble(StrEnum):
    """What an answer says about the server or the campaign, beside the recipient."""

    UNREACHABLE = "unreachable"
    ACCOUNT = "account"
    THROTTLE = "throttle"
    QUOTA = "quota"
    POLICY = "policy"
    PROTOCOL = "protocol"


class Strain(StrEnum):
    """What an answer says about the receiver: it has trouble with this mail, or with all of ours."""

    SOME = "some"
    MUCH = "much"  # it said so itself: no use to come back within the hour


# A tuple, like Verdict: both are made for every mail, and a frozen dataclass takes three times as long.
class Facts(NamedTuple):
    """What the ledger knows of a recipient before the answer."""

    delivery_id: int
    fence: int
    attempts: int
    doubts: int
    started_at: datetime
    group: str = ""  # the receiver, as `mail.domains.group_of` names it


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator has decided: hold mails in doubt, and for how long to try."""

    holds: bool = False
    horizon: timedelta = HORIZON


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a row whose outcome nobody recorded."""

    state: State
    reason: Reason | None
    doubts: int
    code: int | None = None


class Verdict(NamedTuple):
    """The row's next state and all that is written with it."""

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
    email: str | None = None  # of a bounce

    @property
    def is_worth_an_attempt_row(self) -> bool:
        """Refusals and doubts are kept one by one; successes and our own troubles are not."""
        if self.state is State.SENT or self.phase is None:
            return False
        return self.state is not State.PENDING or self.doubts > 0


_TROUBLE = {
    Klass.SERVER: Trouble.UNREACHABLE,
    Klass.ACCOUNT: Trouble.ACCOUNT,
    Klass.THROTTLE: Trouble.THROTTLE,
    Klass.QUOTA: Trouble.QUOTA,
    Klass.POLICY: Trouble.POLICY,
    Klass.PROTOCOL: Trouble.PROTOCOL,
}
_FAILED = {
    Klass.BAD_ADDRESS: Reason.BAD_ADDRESS,
    Klass.BAD_DOMAIN: Reason.BAD_DOMAIN,
    Klass.DISABLED: Reason.DISABLED,
    Klass.MAILBOX_FULL: Reason.MAILBOX_FULL,
    Klass.POLICY: Reason.POLICY,
    Klass.PROTOCOL: Reason.PROTOCOL,
}
_DEFERRED = {
    Klass.GREYLIST: Reason.GREYLISTED,
    Klass.TEMPORARY: Reason.TEMPORARY,
    Klass.RECEIVER: Reason.RECEIVER,
}


_POLICY = Policy()


def judge(result: Result, facts: Facts, *, policy: Policy = _POLICY, now: datetime) -> Verdict:
    """What a result means for its row."""
    if result.outcome is Outcome.ACCEPTED and result.reply is not None:
        return _accepted(result, result.reply, facts)
    said = _said(result, facts)
    if result.outcome is Outcome.IN_DOUBT:
        return _doubtful(said, facts, holds=policy.holds)._replace(trouble=Trouble.UNREACHABLE)
    if result.outcome is Outcome.UNSENDABLE:
        return _failed(said, facts, _unsendable(said.enhanced))
    if result.outcome is Outcome.NOT_SENT and result.reply is None:
        return _broken(said._replace(trouble=Trouble.UNREACHABLE), facts, policy, now=now)
    return _refused(said, facts, classify(result.phase, result.reply), policy, now=now)


def given_back(facts: Facts) -> Verdict:
    """For a row that was marked and never handed to the wire: it waits again, nothing is charged."""
    return Verdict(
        facts.delivery_id,
        facts.fence,
        State.PENDING,
        attempts=facts.attempts,
        doubts=facts.doubts,
        group=facts.group,
    )


def put_off(facts: Facts, *, until: datetime, is_stuck: bool) -> Verdict:
    """For a row whose receiver is too slow for more of them now: nothing is charged.

    `is_stuck`: it leaves mails unanswered, and all lanes shall know.
    """
    waits = given_back(facts)._replace(state=State.DEFERRED, reason=Reason.RECEIVER, next_at=until)
    return waits._replace(strain=Strain.SOME) if is_stuck else waits


def doubtful(doubts: int, *, holds: bool) -> Fate:
    """A row in doubt: one more try if it had none and the policy allows it, else unknown."""
    if holds or doubts:
        return Fate(State.UNKNOWN, Reason.IN_DOUBT, doubts + 1)
    return Fate(State.PENDING, None, doubts + 1)


def not_composed(facts: Facts, error: str) -> Verdict:
    """For a mail that could not be made for this person."""
    return Verdict(
        facts.delivery_id,
        facts.fence,
        State.FAILED,
        Reason.CONTENT,
        attempts=facts.attempts + 1,
        doubts=facts.doubts,
        reply=error[:LONGEST_REPLY],
    )


def _accepted(result: Result, reply: Reply, facts: Facts) -> Verdict:
    """By far the most frequent verdict, made in one go."""
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


def _said(result: Result, facts: Facts) -> Verdict:
    """The row waiting again, with what the server said."""
    reply = result.reply
    text = reply.text if reply else result.text
    return given_back(facts)._replace(
        code=reply.code if reply else None,
        enhanced=(reply.enhanced or None) if reply else None,
        reply=" ".join(text.split())[:LONGEST_REPLY] or None,
        phase=result.phase,
    )


def _broken(said: Verdict, facts: Facts, policy: Policy, *, now: datetime) -> Verdict:
    """The connection broke before the mail's end: it waits again. A mail that breaks one connection
    after the other has to stand back, so that the others get through."""
    if said.phase not in _IN_MAIL:
        return said
    attempts = facts.attempts + 1
    if attempts < BREAKS_ALLOWED:
        return said._replace(attempts=attempts)
    return _later(said, attempts, Reason.TEMPORARY, facts, policy, now=now)


def _doubtful(said: Verdict, facts: Facts, *, holds: bool) -> Verdict:
    fate = doubtful(facts.doubts, holds=holds)
    return said._replace(state=fate.state, reason=fate.reason, doubts=fate.doubts)


def _unsendable(enhanced: str | None) -> Reason:
    return Reason.BAD_ADDRESS if (enhanced or "").startswith("5.1") else Reason.PROTOCOL


def _refused(
    said: Verdict, facts: Facts, verdict: replies.Meaning, policy: Policy, *, now: datetime
) -> Verdict:
    said = said._replace(trouble=_TROUBLE.get(verdict.klass), strain=_strain(verdict.klass, said))
    if verdict.klass is Klass.UNSENDABLE:
        return _failed(said, facts, _unsendable(said.enhanced))
    if verdict.klass in _FAILED:
        return _failed(said, facts, _FAILED[verdict.klass])._replace(is_hard_bounce=verdict.is_hard)
    if verdict.klass not in _DEFERRED:
        return said
    reason = Reason.MAILBOX_FULL if said.enhanced == "4.2.2" else _DEFERRED[verdict.klass]
    later = _later(said, facts.attempts + 1, reason, facts, policy, now=now)
    return later if verdict.is_charged else later._replace(attempts=facts.attempts)


def _strain(klass: Klass, said: Verdict) -> Strain | None:
    """4.2.x is about one mailbox; what a receiver has against our pace it says in its own words."""
    if klass is Klass.RECEIVER:
        return Strain.MUCH
    is_mailbox = (said.enhanced or "").startswith("4.2.")
    return Strain.SOME if klass is Klass.TEMPORARY and not is_mailbox else None


def _later(
    said: Verdict, attempts: int, reason: Reason, facts: Facts, policy: Policy, *, now: datetime
) -> Verdict:
    due = next_attempt(
        attempts,
        now=now,
        first_attempt_at=facts.started_at,
        horizon=policy.horizon,
        is_greylisted=reason is Reason.GREYLISTED,
    )
    if due is None:
        return said._replace(state=State.EXPIRED, reason=Reason.TOO_LATE, attempts=attempts)
    return said._replace(state=State.DEFERRED, reason=reason, attempts=attempts, next_at=due)


def _failed(said: Verdict, facts: Facts, reason: Reason) -> Verdict:
    return said._replace(state=State.FAILED, reason=reason, attempts=facts.attempts + 1)
