"""Handles a stored message: what it is, whose it is, and what that does. Once, in one transaction."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.models import Origin as Source
from campaigns.core.db import db, reading
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.signing import Purpose
from campaigns.inbound.effects import apply, brakes, commands, corrections, forwarding, owner
from campaigns.inbound.effects.owner import Mail, Tokens
from campaigns.inbound.loopback import services as loopback_services
from campaigns.inbound.models import Effect, Finding, InboundMessage, Stage
from campaigns.inbound.verdicts.classify import classify
from campaigns.inbound.verdicts.verdict import Cause, Kind, Recipient, Verdict
from campaigns.settings import queries as settings_queries
from campaigns.tracking import queries as tracking_queries
from campaigns.tracking import services as tracking_services

LONGEST_ADDRESS = 320
MOST_RECORDED = 20  # findings of one message that lead to nothing
LARGEST_BYTES = 10 * 1024 * 1024
ABOUT_RECIPIENTS = (Kind.BOUNCE, Kind.DELAY, Kind.COMPLAINT, Kind.RECEIPT)


@dataclass(frozen=True, slots=True)
class Handled:
    """What a message was, and the campaigns of which something came back."""

    kind: Kind
    campaigns: frozenset[int] = frozenset()


def handle(message_id: int, *, now: datetime) -> Handled:
    """Classify a stored message, find whose it is by its signed tokens, and do what it asks for.

    The caller commits, and asks the brakes of the campaigns (`settle`). Safe to repeat: a message that is handled
    already is not handled again. Raises NotFound.
    """
    found = handle_some([message_id], now=now)
    if not found:
        raise NotFound(_("Message not found."))
    return found[0]


def handle_some(message_ids: Sequence[int], *, now: datetime) -> list[Handled]:
    """The same for several messages in one transaction, in their order; those that are gone are left out."""
    ahead = _read_ahead(message_ids)
    statement = (
        sa.select(InboundMessage).where(InboundMessage.id.in_(message_ids)).order_by(InboundMessage.id)
    )
    fresh = statement.with_for_update().execution_options(populate_existing=True)
    if not ahead:
        fresh = fresh.options(sa.orm.undefer(InboundMessage.raw))
    messages = db.session.scalars(fresh).all()
    key = settings_queries.link_key()
    read = [
        _Read(each, ahead.get(each.id) or _judged(raw_of(each), key))
        for each in messages
        if each.stage is not Stage.HANDLED
    ]
    mails = owner.lock(number for each in read for number in each.tokens.mails)
    known = corrections.known_for(who for each in read for who in each.verdict.recipients)
    campaigns: dict[int, frozenset[int]] = {}
    with db.session.no_autoflush:  # written together at the end
        for each in read:
            theirs = [mails[number] for number in each.tokens.mails if number in mails]
            campaigns[each.message.id] = _apply(each, theirs, known, now)
    db.session.flush()
    return [Handled(each.kind or Kind.REPLY, campaigns.get(each.id, frozenset())) for each in messages]


@dataclass(frozen=True, slots=True)
class _Judged:
    """A message's bytes, what it is, and the tokens in it."""

    raw: bytes
    verdict: Verdict
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class _Read:
    """A message, and what its bytes say."""

    message: InboundMessage
    judged: _Judged

    @property
    def raw(self) -> bytes:
        return self.judged.raw

    @property
    def verdict(self) -> Verdict:
        return self.judged.verdict

    @property
    def tokens(self) -> Tokens:
        return self.judged.tokens


def _judged(raw: bytes, key: bytes) -> _Judged:
    verdict = classify(raw)
    ways = () if forwarding.is_our_own(raw, key) else verdict.ways
    return _Judged(raw, verdict, owner.tokens_in(ways, key))


def _read_ahead(message_ids: Sequence[int]) -> dict[int, _Judged]:
    """What the messages are, by id, found out before the transaction begins that nobody can write beside (SQLite).

    Somebody may send fifty that each take a second. Nothing within a transaction of the caller's.
    """
    if db.session.registry().in_transaction():
        return {}
    with reading():
        key = settings_queries.link_key()
        rows = db.session.execute(
            sa.select(InboundMessage.id, InboundMessage.raw).where(
                InboundMessage.id.in_(message_ids), InboundMessage.stage != Stage.HANDLED
            )
        ).all()
        db.session.rollback()
    return {number: _judged(_unpacked(raw), key) for number, raw in rows}


def _apply(read: _Read, mails: list[Mail], known: Mapping[str, Cause], now: datetime) -> frozenset[int]:
    """Do what the message says; the campaigns of which something came back."""
    message, verdict = read.message, read.verdict
    message.kind, message.action = verdict.kind, verdict.action[:32]
    message.is_signed = read.tokens.is_signed
    findings = [
        *_about_recipients(verdict, mails, known, now),
        *_from_the_reader(verdict, read.tokens, mails, now),
        *_from_an_operator(read, now),
        *_from_ourselves(read, now),
    ]
    message.stage, message.handled_at, message.error = Stage.HANDLED, now, None
    for finding in findings:
        finding.message = message  # without a look at what it had: nothing, until it is handled
    db.session.add_all(findings)
    if verdict.kind is Kind.REPLY and mails:
        db.session.flush()  # the next answer to the same mail may follow in this transaction, and is counted with it
        forwarding.forward(message, read.raw, mails[0], now=now)
    return frozenset(each.campaign_id for each in findings if each.campaign_id is not None)


def settle(campaign_ids: Iterable[int], *, now: datetime) -> None:
    """Ask the brakes of these campaigns, and of those whose turn was missed. Commits after each."""
    for campaign_id in sorted({*campaign_ids, *brakes.to_judge()}):
        brakes.check(campaign_id, now=now)
        db.session.commit()


def raw_of(message: InboundMessage) -> bytes:
    """The message as it came, as far as it is kept; empty once it is not."""
    return _unpacked(message.raw)


def _unpacked(raw: bytes | None) -> bytes:
    return b"" if raw is None else zlib.decompressobj().decompress(bytes(raw), LARGEST_BYTES)


def _about_recipients(
    verdict: Verdict, mails: list[Mail], known: Mapping[str, Cause], now: datetime
) -> list[Finding]:
    """What it says of each recipient; applied where a mail of ours to that recipient is named."""
    if verdict.kind not in ABOUT_RECIPIENTS:
        return []
    is_only = len(verdict.recipients) <= 1
    found: list[Finding] = []
    taken: set[int] = set()
    for reported in verdict.recipients:
        recipient = corrections.corrected(reported, known)
        mail = owner.mail_to(recipient.address, mails, is_only=is_only)
        effect = Effect.RECORDED
        if mail is not None:
            is_first = mail.delivery.id not in taken
            taken.add(mail.delivery.id)
            effect = (
                apply.apply_to(mail.delivery, verdict.kind, recipient, now=now) if is_first else Effect.NONE
            )
        found.append(_finding(recipient, mail, effect))
    found += _complaints_without_names(verdict, mails, taken, now)
    return _without_most_of_nobodys(found)


def _without_most_of_nobodys(found: list[Finding]) -> list[Finding]:
    """Anybody may send thousands of reports, each of hundreds of addresses that are none of ours."""
    kept: list[Finding] = []
    left = MOST_RECORDED
    for each in found:
        if each.delivery_id is None:
            left -= 1
        if each.delivery_id is not None or left >= 0:
            kept.append(each)
    return kept


def _complaints_without_names(
    verdict: Verdict, mails: list[Mail], taken: set[int], now: datetime
) -> list[Finding]:
    """A complaint often hides the address: then its mail says whose it is (RFC 6650 section 4.4)."""
    if verdict.kind is not Kind.COMPLAINT or taken:
        return []
    return [
        _finding(None, mail, apply.apply_to(mail.delivery, Kind.COMPLAINT, None, now=now)) for mail in mails
    ]


def _from_the_reader(verdict: Verdict, tokens: Tokens, mails: list[Mail], now: datetime) -> list[Finding]:
    """What a person, or a mail program in the person's place, has sent us."""
    if verdict.kind is Kind.UNSUBSCRIBE:
        return _unsubscribe(tokens, now)
    if verdict.kind in (Kind.REPLY, Kind.AUTO_REPLY):
        return [
            _finding(None, mail, apply.apply_to(mail.delivery, verdict.kind, None, now=now))
            for mail in mails[:1]
        ]
    return []


def _from_an_operator(read: _Read, now: datetime) -> list[Finding]:
    """A command, or an answer to an alert in which there is none."""
    numbers, verdict = read.tokens[Purpose.COMMAND][:1], read.verdict
    if not numbers or verdict.kind not in (Kind.COMMAND, Kind.REPLY):
        return []
    word = verdict.action if verdict.kind is Kind.COMMAND else ""
    return commands.obey(read.message, read.raw, word, numbers[0], now=now)


def _from_ourselves(read: _Read, now: datetime) -> list[Finding]:
    """A loopback test that has arrived; a bounce of one is none."""
    if read.verdict.kind not in (Kind.REPLY, Kind.AUTO_REPLY):
        return []
    numbers = read.tokens[Purpose.LOOPBACK][:1]
    has_arrived = [each for each in numbers if loopback_services.arrived(each, read.raw, now=now)]
    return [Finding(effect=Effect.ARRIVED) for _each in has_arrived]


def _unsubscribe(tokens: Tokens, now: datetime) -> list[Finding]:
    found = []
    for delivery_id in tokens[Purpose.UNSUBSCRIBE][:1]:
        letter = tracking_queries.letter(delivery_id)
        if letter is None:
            continue
        visitor = tracking_services.Visitor()
        tracking_services.record_unsubscribe(delivery_id, visitor, at=now, origin=Source.EMAIL)
        mail = Mail(letter.delivery, letter.subscriber.address if letter.subscriber else None)
        found.append(_finding(None, mail, Effect.UNSUBSCRIBED))
    return found


def _finding(recipient: Recipient | None, mail: Mail | None, effect: Effect) -> Finding:
    address = recipient.address if recipient and recipient.address else (mail.address if mail else None)
    finding = Finding(address=(address or "")[:LONGEST_ADDRESS], effect=effect)
    if recipient is not None:
        finding.reason, finding.detail = recipient.reason, recipient.detail
        finding.is_hard = recipient.hard
        finding.status, finding.diagnostic = recipient.status[:11], recipient.diagnostic[:500]
    if mail is not None:
        finding.delivery_id = mail.delivery.id
        finding.campaign_id = mail.delivery.campaign_id
        finding.subscriber_id = mail.delivery.subscriber_id
    return finding
