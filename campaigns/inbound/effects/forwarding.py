"""Forwards what people answer to the reply-to person of the campaign, once, and never in a circle."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.content.compiled.sender import reply_to_for
from campaigns.content.compiled.source import Source
from campaigns.core import addresses, mailtext, signing
from campaigns.core.db import db
from campaigns.core.mailtext import MailText
from campaigns.inbound.effects.owner import Mail
from campaigns.inbound.models import Finding, InboundMessage, Mailbox
from campaigns.inbound.reading import addresses as found_addresses
from campaigns.inbound.reading.facts import Facts, read
from campaigns.inbound.verdicts.verdict import Kind
from campaigns.notices import services as notices_services
from campaigns.notices.services import Extras
from campaigns.planning import queries as planning_queries
from campaigns.planning.models import Campaign, Revision
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Sender

KIND = "reply"
LOOP = "X-Columba-Forwarded"
MOST_FORWARDED = 50  # of one recipient's answers to one email
LARGEST_ATTACHED = 5 * 1024 * 1024
LONGEST_SHOWN = 20_000
MOST_IDS = 30
HORIZON = timedelta(days=2)
# Nobody reads what is sent there.
AUTOMATIC = re.compile(
    r"(?:no|do-?not|donot)[._-]?reply|mailer-daemon|postmaster|bounces?|nobody|noreply.*|devnull", re.I
)
_RECIPIENTS = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
_ID = re.compile(r"<[!-;=?-~]{3,250}>")


@dataclass(frozen=True, slots=True)
class Thread:
    """The ids by which mail programs put a message into its thread (RFC 5322 section 3.6.4)."""

    in_reply_to: str
    references: str


def is_our_own(raw: bytes, key: bytes) -> bool:
    """Whether it is a message that we forwarded, or gives one back: tokens in it are from somebody else's mail."""
    mark = f"{LOOP}: {signing.installation_name(key)}".encode().lower()
    beginning = raw[: 2 * 1024 * 1024].lower()
    if beginning.startswith(mark) or b"\n" + mark in beginning:
        return True
    return b"base64" in beginning and _gives_back_ours(raw, key)


def _gives_back_ours(raw: bytes, key: bytes) -> bool:
    """The same of a returned message that a gateway has encoded."""
    return signing.installation_name(key) in read(raw).original.all(LOOP.lower())


def forward(message: InboundMessage, raw: bytes, mail: Mail, *, now: datetime) -> bool:
    """Store a notice for the campaign's reply-to person with the answer attached; False if it goes to nobody.

    In the caller's transaction, and by the answer's Message-ID: an answer that comes in twice is forwarded once.
    """
    facts = read(raw)
    campaign = db.session.get(Campaign, mail.delivery.campaign_id)
    to = _recipient(campaign, facts, mail.delivery.subscriber_id) if campaign is not None else ""
    if campaign is None or not to or _are_too_many(message, mail.delivery.id):
        return False
    reader = _reader(facts)
    thread = thread_of(facts)
    headers = {LOOP: _installation(), "In-Reply-To": thread.in_reply_to, "References": thread.references}
    if reader:
        headers["Reply-To"] = reader
    is_whole = len(raw) <= LARGEST_ATTACHED and not message.is_cut
    site = settings_queries.site()
    extras = Extras(
        headers={name: value for name, value in headers.items() if value},
        attachment=raw if is_whole else None,
        from_name=f"{_name(facts, reader)} ({site.name})"[:100],
        has_null_path=True,
        horizon=HORIZON,
    )
    text = _text(facts, campaign, reader=reader, site=site.name, language=site.language, is_whole=is_whole)
    once = f"reply:{mail.delivery.id}:{_identity(message, facts)}"
    posted = notices_services.post_once(text, once=once, kind=KIND, to=to, now=now, extras=extras)
    return posted is not None


def thread_of(facts: Facts) -> Thread:
    """Where an answer that is passed on stands: in the thread, beneath the answer itself."""
    before = _ID.findall(facts.headers.get("references")) or _ID.findall(facts.headers.get("in-reply-to"))
    own = _ID.findall(facts.headers.get("message-id"))[:1]
    ids = [*before[:1], *before[1:][-MOST_IDS:], *own]
    return Thread(
        in_reply_to=" ".join(_ID.findall(facts.headers.get("in-reply-to"))[:1]),
        references=" ".join(dict.fromkeys(ids)),
    )


def _recipient(campaign: Campaign, facts: Facts, person_id: int) -> str:
    """The first that a person reads and that is not read by us; empty without one."""
    revision = db.session.get(Revision, campaign.revision_id) if campaign.revision_id else None
    frozen = revision or campaign
    sender = settings_queries.sender_by_email(frozen.from_email)
    own = _reply_to(frozen, person_id)
    wanted = (own, sender.reply_to if sender else None, frozen.from_email)
    for each in wanted:
        if each and not AUTOMATIC.fullmatch(each.rpartition("@")[0]) and not _is_read_by_us(each, facts):
            return each
    return ""


def _reply_to(frozen: Campaign | Revision, person_id: int) -> str | None:
    """The address that this person's copy had in Reply-To, by the fields they have now."""
    if "{" not in (frozen.reply_to or ""):
        return frozen.reply_to
    person = db.session.get(Subscriber, person_id)
    source = Source("", "", frozen.from_email, "", "", reply_to=frozen.reply_to)
    return reply_to_for(source, planning_queries.values_of(person) if person else {})


def _is_read_by_us(address: str, facts: Facts) -> bool:
    """Whether what is sent there comes back to us, or has got the answer already."""
    wanted = _normal(address)
    local, _at, domain = wanted.rpartition("@")
    named = [each for name in _RECIPIENTS for value in facts.headers.all(name) for each in _all_in(value)]
    named += db.session.scalars(sa.select(Mailbox.username).where(Mailbox.is_active)).all()
    bounces = db.session.scalars(sa.select(Sender.bounce_address).where(Sender.bounce_address != "")).all()
    if wanted in {_normal(each) for each in named}:
        return True
    for each in bounces:
        own, _at, place = each.lower().rpartition("@")
        if domain == place and (not own or local.partition("+")[0] == own):
            return True
    return False


def _are_too_many(message: InboundMessage, delivery_id: int) -> bool:
    """Whoever answers without end fills nobody's mailbox."""
    answers = sa.select(Finding.id).join(InboundMessage)
    answers = answers.where(
        Finding.delivery_id == delivery_id, InboundMessage.kind == Kind.REPLY, InboundMessage.id != message.id
    )
    return len(db.session.scalars(answers.limit(MOST_FORWARDED)).all()) >= MOST_FORWARDED


def _reader(facts: Facts) -> str:
    """Where an answer to the reader goes; empty where there is no usable address."""
    for name in ("reply-to", "from"):
        for each in _all_in(facts.headers.get(name))[:1]:
            try:
                return addresses.clean(each)
            except ValueError:
                continue
    return ""


def _name(facts: Facts, reader: str) -> str:
    written = facts.headers.get("from").partition("<")[0].strip(" \"'")
    return written if written and "@" not in written else reader or "?"


def _text(
    facts: Facts, campaign: Campaign, *, reader: str, site: str, language: str, is_whole: bool
) -> MailText:
    written = mailtext.render(
        "reply",
        language=language,
        reader=reader or _name(facts, ""),
        campaign=campaign.name,
        site=site,
        said=facts.text.strip()[:LONGEST_SHOWN],
        is_whole=is_whole,
    )
    subject = " ".join(facts.subject.split())[:900]
    return MailText(subject=subject or written.subject, text=written.text)


def _identity(message: InboundMessage, facts: Facts) -> str:
    own = facts.headers.get("message-id").strip() or message.digest
    return hashlib.sha256(own.encode()).hexdigest()[:40]


def _installation() -> str:
    return signing.installation_name(settings_queries.link_key())


def _all_in(value: str) -> list[str]:
    return found_addresses.all_in(value)


def _normal(address: str) -> str:
    try:
        return addresses.normalise(address)
    except ValueError:
        return address.strip().lower()
