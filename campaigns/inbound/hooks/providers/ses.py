"""Amazon SES through SNS: notifications of bounces, complaints and deliveries, and events of configuration sets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.inbound.hooks.providers import loose_json, sns
from campaigns.inbound.hooks.providers.event import LONGEST_NAME, NOTHING, Event, identity
from campaigns.inbound.hooks.providers.judging import about, finding
from campaigns.inbound.hooks.providers.original import ways_in
from campaigns.inbound.verdicts.verdict import Detail, Kind, Recipient

CONFIRM = (
    "SubscriptionConfirmation"  # the name of the event that asks for a confirmation; its way is the address
)
MOST_RECIPIENTS = 50
_PERMANENT = {"suppressed": Detail.USERUNKNOWN, "onaccountsuppressionlist": Detail.SUPPRESSED}
_TRANSIENT = {
    "mailboxfull": Detail.MAILBOXFULL,
    "messagetoolarge": Detail.MESGTOOBIG,
    "contentrejected": Detail.SPAMDETECTED,
    "attachmentrejected": Detail.CONTENTERROR,
    "customtimeoutexceeded": Detail.EXPIRED,
}
_DELAYS = {
    "mailboxfull": Detail.MAILBOXFULL,
    "spamdetected": Detail.SPAMDETECTED,
    "ipfailure": Detail.BLOCKED,
    "transientcommunicationfailure": Detail.NETWORKERROR,
}
_NO_COMPLAINTS = {"not-spam", "auth-failure", "virus"}


def verify(
    headers: Mapping[str, str], body: bytes, secret: str, now: datetime, certificates: sns.Certificates
) -> bool:
    """Whether Amazon has signed it for one of the topics in `secret`."""
    return sns.verify(body, secret, now, certificates)


def read(body: bytes) -> list[Event]:
    """Its events, one for each recipient; raises Unreadable."""
    envelope = sns.envelope(body)
    if envelope.type == sns.CONFIRMATION:
        ways = (envelope.subscribe_url,) if envelope.subscribe_url else ()
        return [Event(identity(envelope.id, CONFIRM), CONFIRM, None, NOTHING, ways)]
    if envelope.type != sns.NOTIFICATION:
        return [Event(identity(envelope.id, envelope.type), envelope.type[:LONGEST_NAME], None, NOTHING)]
    try:
        item = loose_json.mapping(loose_json.parse(envelope.message.encode()))
    except loose_json.Unreadable:
        item = {}  # Amazon says in words that a topic works
    return _events(envelope.id, item)


def _events(number: str, item: Mapping[str, Any]) -> list[Event]:
    name = loose_json.text(item, "eventType", "notificationType", longest=LONGEST_NAME)
    mail = loose_json.mapping(item.get("mail"))
    common = loose_json.mapping(mail.get("commonHeaders"))
    ways = (
        *filter(None, (loose_json.text(mail, "source"), loose_json.text(common, "messageId"))),
        *ways_in(mail.get("headers")),
    )
    said, at = _said(name.lower(), item)
    return [
        Event(
            id=identity(number, name, recipient.address, place),
            name=name or "unknown",
            kind=kind,
            recipient=recipient,
            ways=ways,
            at=loose_json.moment(at),
        )
        for place, (kind, recipient) in enumerate(said[:MOST_RECIPIENTS])
    ]


def _said(name: str, item: Mapping[str, Any]) -> tuple[list[tuple[Kind | None, Recipient]], Any]:
    held = loose_json.mapping(item.get({"deliverydelay": "deliveryDelay"}.get(name, name)))
    at = held.get("timestamp")
    if name == "bounce":
        return [_bounced(held, each) for each in loose_json.items(held.get("bouncedRecipients"))], at
    if name == "complaint":
        return [_complained(held, each) for each in loose_json.items(held.get("complainedRecipients"))], at
    if name == "deliverydelay":
        return [_delayed(held, each) for each in loose_json.items(held.get("delayedRecipients"))], at
    mail = loose_json.mapping(item.get("mail"))
    to = list(loose_json.texts(mail.get("destination"))) or [""]
    if name == "delivery":
        to = list(loose_json.texts(held.get("recipients"))) or to
        return [(Kind.RECEIPT, about(each[:320], Detail.DELIVERED)) for each in to], at
    if name == "reject":
        return [(Kind.BOUNCE, about(each[:320], Detail.VIRUSDETECTED)) for each in to], mail.get("timestamp")
    if name == "subscription":
        preferences = loose_json.mapping(held.get("newTopicPreferences"))
        kind = Kind.UNSUBSCRIBE if preferences.get("unsubscribeAll") is True else None
        return [(kind, about(each[:320], Detail.UNDEFINED)) for each in to], at
    return [(None, NOTHING)], at


def _bounced(held: Mapping[str, Any], item: Any) -> tuple[Kind | None, Recipient]:
    is_permanent = loose_json.text(held, "bounceType").lower() == "permanent"
    subtype = loose_json.text(held, "bounceSubType").lower()
    known, usual = (_PERMANENT, Detail.USERUNKNOWN) if is_permanent else (_TRANSIENT, Detail.UNDEFINED)
    words, status = loose_json.text(item, "diagnosticCode"), loose_json.text(item, "status")
    if subtype in _PERMANENT:  # Amazon's own words then, which say no more
        words, status = "", ""
    return Kind.BOUNCE, finding(
        _address(item), known.get(subtype, usual), is_permanent=is_permanent, status=status, diagnostic=words
    )


def _complained(held: Mapping[str, Any], item: Any) -> tuple[Kind | None, Recipient]:
    feedback = loose_json.text(held, "complaintFeedbackType").lower()
    kind = None if feedback in _NO_COMPLAINTS else Kind.COMPLAINT
    return kind, about(_address(item), Detail.FEEDBACK, feedback)


def _delayed(held: Mapping[str, Any], item: Any) -> tuple[Kind | None, Recipient]:
    otherwise = _DELAYS.get(loose_json.text(held, "delayType").lower(), Detail.ONHOLD)
    return Kind.DELAY, finding(
        _address(item),
        otherwise,
        is_permanent=False,
        status=loose_json.text(item, "status"),
        diagnostic=loose_json.text(item, "diagnosticCode"),
    )


def _address(item: Any) -> str:
    """Amazon may write it as `Name <address>`."""
    said = loose_json.text(item, "emailAddress", longest=320)
    return said.rpartition("<")[2].rstrip("> ") if "<" in said else said
