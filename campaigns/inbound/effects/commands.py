"""Commands by mail: an operator answers an alert with a word, and the campaign pauses, resumes or is cancelled.

Who answers proves to be an operator by the one-time token in the alert's Reply-To, or by a DKIM signature of the
domain that the mail comes from. Each command is done once, is on the audit log, and is answered.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import sqlalchemy as sa

from campaigns.accounts.models import Operator
from campaigns.accounts.policy import Action, can
from campaigns.audit import services as audit_services
from campaigns.core import addresses, config, mailtext
from campaigns.core.acting import Actor, acting_as
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.mailtext import force_locale
from campaigns.delivery import services as delivery_services
from campaigns.inbound.effects import forwarding
from campaigns.inbound.models import Effect, Finding, InboundMessage
from campaigns.inbound.reading.facts import Facts, read
from campaigns.mail.dkim_check import is_signed_by
from campaigns.mail.errors import Unanswered
from campaigns.mail.lookup import Resolver
from campaigns.notices import services as notices_services
from campaigns.notices.services import Extras
from campaigns.planning.by_mail.models import MailCommand
from campaigns.planning.models import Campaign, PauseReason

KIND = "command"
# "Stop" pauses: that can be undone.
VERBS = {"pause": "pause", "stop": "pause", "resume": "resume", "continue": "resume", "cancel": "cancel"}
FRESH_FOR = timedelta(hours=24)
MOST_REFUSALS = 5  # told for one address
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Order:
    """A command that came in, and the address by its number that it came to."""

    message: InboundMessage
    raw: bytes
    facts: Facts
    invitation: MailCommand

    @property
    def once(self) -> str:
        own = self.facts.headers.get("message-id").strip() or self.message.digest
        return f"command:{hashlib.sha256(own.encode()).hexdigest()[:40]}"


def obey(message: InboundMessage, raw: bytes, word: str, number: int, *, now: datetime) -> list[Finding]:
    """Do what the word says to the campaign of the address with that number, and answer; the finding.

    In the caller's transaction. Safe to repeat: a message that was answered is not done again.
    """
    invitation = db.session.get(MailCommand, number, with_for_update=True)
    if invitation is None:
        return []
    order = Order(message, raw, read(raw), invitation)
    if notices_services.is_posted(order.once):
        return []
    if not invitation.is_good(now) and invitation.refusals >= MOST_REFUSALS:
        return [Finding(campaign_id=invitation.campaign_id, effect=Effect.RECORDED)]
    operator = _operator(order, now)
    verb = VERBS.get(word, "")
    outcome = "unproven" if operator is None else _done(invitation.campaign, operator, verb, now)
    finding = Finding(address=invitation.operator.email, campaign_id=invitation.campaign_id)
    finding.effect = Effect.COMMANDED if outcome == "done" else Effect.RECORDED
    if outcome == "done":
        invitation.used_at = invitation.used_at or now
    elif invitation.refusals >= MOST_REFUSALS:
        return [finding]
    else:
        invitation.refusals += 1
    db.session.flush()  # another message to the same address may follow in this transaction
    _answer(order, operator or invitation.operator, verb, outcome, now)
    return [finding]


def _operator(order: Order, now: datetime) -> Operator | None:
    """Who gave the command, as far as it is proven."""
    if order.invitation.is_good(now):
        return order.invitation.operator
    return _signed_by(order, now)


def _signed_by(order: Order, now: datetime) -> Operator | None:
    """The operator from whose domain it bears a signature, if it was written lately."""
    try:
        sender = addresses.normalise(order.facts.author)
        written = parsedate_to_datetime(order.facts.headers.get("date"))
    except (ValueError, TypeError, IndexError):
        return None
    if written.tzinfo is None or abs(now - written) > FRESH_FOR:
        return None
    operator = db.session.scalar(sa.select(Operator).where(Operator.address == sender))
    if operator is None:
        return None
    texts = Resolver(config.current().dns_server, patience_s=PATIENCE_S).texts
    try:
        return operator if is_signed_by(order.raw, addresses.domain_of(sender), texts) else None
    except Unanswered:  # the answer says that the command was not believed, and can be sent again
        return None


def _done(campaign: Campaign, operator: Operator, verb: str, now: datetime) -> str:
    """`done`, or why nothing was: `unknown`, `forbidden`, or the sentence of a refusal."""
    if not verb:
        return "unknown"
    if not can(operator, Action.EDIT_CAMPAIGNS):
        return "forbidden"
    with acting_as(Actor(name=operator.email, operator_id=operator.id)):
        try:
            _act(campaign, verb, now)
        except DomainError as error:
            with force_locale(operator.language):
                return str(error)
        audit_services.record("campaign.commanded", campaign.name, command=verb, now=now)
    return "done"


def _act(campaign: Campaign, verb: str, now: datetime) -> None:
    if verb == "pause":
        delivery_services.pause(campaign, reason=PauseReason.OPERATOR, detail=None, now=now)
    elif verb == "resume":
        delivery_services.resume(campaign, now=now)
    else:
        delivery_services.cancel(campaign, now=now)


def _answer(order: Order, operator: Operator, verb: str, outcome: str, now: datetime) -> None:
    """Tell the operator, at the address of the account, what came of it."""
    if operator.is_disabled:
        return
    campaign = order.invitation.campaign
    known = ("done", "unknown", "forbidden", "unproven")
    text = mailtext.render(
        "command",
        language=operator.language,
        campaign=campaign.name,
        verb=verb,
        outcome=outcome if outcome in known else "refused",
        sentence="" if outcome in known else outcome,
        link=f"{config.current().public_url}/campaigns/{campaign.id}",
    )
    thread = forwarding.thread_of(order.facts)
    own = thread.references.rpartition(" ")[2]
    headers = {"Auto-Submitted": "auto-replied", "In-Reply-To": own, "References": thread.references}
    extras = Extras(headers={name: value for name, value in headers.items() if value}, has_null_path=True)
    notices_services.post_once(text, once=order.once, kind=KIND, to=operator.email, now=now, extras=extras)
