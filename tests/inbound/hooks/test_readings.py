"""What each provider's events say in our words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.inbound.hooks.kinds import Provider
from campaigns.inbound.hooks.providers import loose_json
from campaigns.inbound.hooks.providers.event import MOST_EVENTS, Event
from campaigns.inbound.hooks.providers.loose_json import Unreadable
from campaigns.inbound.hooks.registry import WAYS
from campaigns.inbound.verdicts.verdict import Cause, Detail, Kind
from tests.content.calls import calls
from tests.inbound.hooks.amazon import SUBSCRIBE_URL, Amazon

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
OURS = "<abcdefgh@news.example.com>"


def read(provider: Provider, value: Any) -> list[Event]:
    return WAYS[provider].read(json.dumps(value).encode())


def only(provider: Provider, value: Any) -> Event:
    (event,) = read(provider, value)
    return event


def ses(item: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "Notification", "MessageId": "m-1", "Message": json.dumps(item)}


def ses_bounce(type_: str, subtype: str, code: str = "", status: str = "") -> dict[str, Any]:
    one = {"emailAddress": "lin@example.org", "action": "failed", "status": status, "diagnosticCode": code}
    bounce = {"bounceType": type_, "bounceSubType": subtype, "bouncedRecipients": [one]}
    return ses({"notificationType": "Bounce", "bounce": {**bounce, "timestamp": "2026-11-30T12:00:00.000Z"}})


def sendgrid(event: str, **more: Any) -> list[dict[str, Any]]:
    return [{"email": "lin@example.org", "timestamp": 1796040000, "event": event, **more}]


def postmark(type_: str, details: str = "") -> dict[str, Any]:
    return {"RecordType": "Bounce", "Type": type_, "ID": 42, "Email": "lin@example.org", "Details": details}


def mailgun(event: str, **more: Any) -> dict[str, Any]:
    return {"event-data": {"event": event, "recipient": "lin@example.org", "id": "x", **more}}


def brevo(event: str, reason: str = "") -> dict[str, Any]:
    return {"event": event, "email": "lin@example.org", "ts_epoch": 1796040000000, "reason": reason}


def sparkpost(type_: str, **more: Any) -> list[dict[str, Any]]:
    event = {"type": type_, "rcpt_to": "lin@example.org", "event_id": "1", "timestamp": "1796040000", **more}
    return [{"msys": {"message_event": event}}]


def mailjet(event: str, **more: Any) -> dict[str, Any]:
    return {"event": event, "email": "lin@example.org", "time": 1796040000, **more}


def resend(type_: str, **more: Any) -> dict[str, Any]:
    return {"type": type_, "data": {"email_id": "1", "to": ["lin@example.org"], **more}}


UNKNOWN_USER = "smtp; 550 5.1.1 <lin@example.org>: user unknown"
BLOCKED = "550 5.7.1 Service unavailable; client host blocked using Spamhaus"
FULL = "552 5.2.2 The mailbox is over quota"
DMARC = "550 5.7.26 This mail has been blocked because the sender is unauthenticated (DMARC)"
HARD, SOFT = True, False

FAILURES = [
    ("ses", ses_bounce("Permanent", "General", UNKNOWN_USER, "5.1.1"), Detail.USERUNKNOWN, HARD),
    ("ses", ses_bounce("Permanent", "NoEmail"), Detail.USERUNKNOWN, HARD),
    ("ses", ses_bounce("Permanent", "Suppressed", "Amazon SES has suppressed"), Detail.USERUNKNOWN, HARD),
    ("ses", ses_bounce("Permanent", "OnAccountSuppressionList"), Detail.SUPPRESSED, SOFT),
    ("ses", ses_bounce("Permanent", "General", BLOCKED, "5.7.1"), Detail.BLOCKED, SOFT),
    ("ses", ses_bounce("Permanent", "General", DMARC), Detail.AUTHFAILURE, SOFT),
    ("ses", ses_bounce("Transient", "MailboxFull"), Detail.MAILBOXFULL, SOFT),
    ("ses", ses_bounce("Transient", "General"), Detail.UNDEFINED, SOFT),
    ("ses", ses_bounce("Transient", "MessageTooLarge"), Detail.MESGTOOBIG, SOFT),
    ("ses", ses_bounce("Undetermined", "Undetermined"), Detail.UNDEFINED, SOFT),
    ("sendgrid", sendgrid("bounce", type="bounce", reason=UNKNOWN_USER), Detail.USERUNKNOWN, HARD),
    ("sendgrid", sendgrid("bounce", type="bounce", reason=FULL), Detail.MAILBOXFULL, SOFT),
    ("sendgrid", sendgrid("bounce", type="blocked", reason=UNKNOWN_USER), Detail.USERUNKNOWN, SOFT),
    ("sendgrid", sendgrid("bounce", type="blocked"), Detail.BLOCKED, SOFT),
    ("sendgrid", sendgrid("dropped", reason="Bounced Address"), Detail.USERUNKNOWN, HARD),
    ("sendgrid", sendgrid("dropped", reason="Spam Content"), Detail.SPAMDETECTED, SOFT),
    ("postmark", postmark("HardBounce", UNKNOWN_USER), Detail.USERUNKNOWN, HARD),
    ("postmark", postmark("HardBounce", DMARC), Detail.AUTHFAILURE, SOFT),
    ("postmark", postmark("SoftBounce"), Detail.UNDEFINED, SOFT),
    ("postmark", postmark("Blocked"), Detail.BLOCKED, SOFT),
    ("mailgun", mailgun("failed", severity="permanent", reason="bounce"), Detail.USERUNKNOWN, HARD),
    ("mailgun", mailgun("failed", severity="permanent", reason="suppress-bounce"), Detail.USERUNKNOWN, HARD),
    ("mailgun", mailgun("failed", severity="permanent", reason="old"), Detail.EXPIRED, SOFT),
    (
        "mailgun",
        mailgun("failed", severity="permanent", **{"delivery-status": {"code": 552, "message": FULL[4:]}}),
        Detail.MAILBOXFULL,
        SOFT,
    ),
    ("brevo", brevo("hard_bounce", " RecipientError: " + UNKNOWN_USER), Detail.USERUNKNOWN, HARD),
    ("brevo", brevo("soft_bounce", FULL), Detail.MAILBOXFULL, SOFT),
    ("brevo", brevo("invalid_email"), Detail.USERUNKNOWN, HARD),
    ("brevo", brevo("blocked"), Detail.SUPPRESSED, SOFT),
    ("sparkpost", sparkpost("bounce", bounce_class="10", raw_reason=UNKNOWN_USER), Detail.USERUNKNOWN, HARD),
    ("sparkpost", sparkpost("out_of_band", bounce_class="22"), Detail.MAILBOXFULL, SOFT),
    ("sparkpost", sparkpost("bounce", bounce_class="51"), Detail.BLOCKED, SOFT),
    ("sparkpost", sparkpost("bounce", bounce_class="999"), Detail.UNDEFINED, SOFT),
    ("mailjet", mailjet("bounce", hard_bounce=True, error="user unknown"), Detail.USERUNKNOWN, HARD),
    ("mailjet", mailjet("bounce", hard_bounce=False, error="user unknown"), Detail.USERUNKNOWN, SOFT),
    ("mailjet", mailjet("bounce", hard_bounce=True, error="sender blocked"), Detail.BLOCKED, SOFT),
    ("resend", resend("email.bounced", bounce={"type": "Permanent"}), Detail.USERUNKNOWN, HARD),
    ("resend", resend("email.bounced", bounce={"type": "Permanent", "subType": "Suppressed"}), Detail.SUPPRESSED, SOFT),
    ("resend", resend("email.bounced", bounce={"type": "Transient", "message": FULL}), Detail.MAILBOXFULL, SOFT),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "value", "detail", "is_hard"), FAILURES)
def test_a_failure_is_read_with_its_reason(provider: str, value: Any, detail: Detail, is_hard: bool) -> None:
    event = only(Provider(provider), value)
    found = event.recipient
    assert (event.kind, found.address) == (Kind.BOUNCE, "lin@example.org")
    assert (found.detail, found.hard) == (detail, is_hard)


OTHERS = [
    ("ses", ses({"eventType": "DeliveryDelay", "deliveryDelay": {"delayedRecipients": [{"emailAddress": "a@b.c"}]}}),
     Kind.DELAY),
    ("ses", ses({"eventType": "Delivery", "delivery": {"recipients": ["lin@example.org"]}}), Kind.RECEIPT),
    ("ses", ses({"eventType": "Reject", "reject": {}, "mail": {"destination": ["a@b.c"]}}), Kind.BOUNCE),
    ("ses", ses({"eventType": "Open", "open": {}}), None),
    ("ses", {"Type": "Notification", "Message": "Successfully validated SNS topic for Amazon SES event publishing."},
     None),
    ("sendgrid", sendgrid("spamreport"), Kind.COMPLAINT),
    ("sendgrid", sendgrid("dropped", reason="Spam Reporting Address"), Kind.COMPLAINT),
    ("sendgrid", sendgrid("group_unsubscribe"), Kind.UNSUBSCRIBE),
    ("sendgrid", sendgrid("deferred", response="450 4.7.1 greylisted"), Kind.DELAY),
    ("sendgrid", sendgrid("delivered"), Kind.RECEIPT),
    ("sendgrid", sendgrid("open"), None),
    ("sendgrid", sendgrid("invented_last_week"), None),
    ("postmark", {"RecordType": "SpamComplaint", "Email": "lin@example.org"}, Kind.COMPLAINT),
    ("postmark", postmark("AutoResponder"), Kind.AUTO_REPLY),
    ("postmark", postmark("Transient"), Kind.DELAY),
    ("postmark", {"RecordType": "Delivery", "Recipient": "lin@example.org"}, Kind.RECEIPT),
    ("postmark", {"RecordType": "SubscriptionChange", "SuppressSending": True, "Origin": "Recipient",
                  "SuppressionReason": "ManualSuppression"}, Kind.UNSUBSCRIBE),
    ("postmark", {"RecordType": "SubscriptionChange", "SuppressSending": True, "SuppressionReason": "SpamComplaint"},
     Kind.COMPLAINT),
    ("postmark", {"RecordType": "SubscriptionChange", "SuppressSending": False, "Origin": "Recipient"}, None),
    ("postmark", {"RecordType": "SubscriptionChange", "SuppressSending": True, "Origin": "Admin"}, None),
    ("mailgun", mailgun("complained"), Kind.COMPLAINT),
    ("mailgun", mailgun("failed", severity="temporary", reason="generic"), Kind.DELAY),
    ("mailgun", mailgun("unsubscribed"), Kind.UNSUBSCRIBE),
    ("mailgun", mailgun("clicked"), None),
    ("brevo", brevo("spam"), Kind.COMPLAINT),
    ("brevo", brevo("deferred"), Kind.DELAY),
    ("brevo", brevo("proxy_open"), None),
    ("sparkpost", sparkpost("spam_complaint"), Kind.COMPLAINT),
    ("sparkpost", sparkpost("bounce", bounce_class="60"), Kind.AUTO_REPLY),
    ("sparkpost", sparkpost("bounce", bounce_class="90"), Kind.UNSUBSCRIBE),
    ("sparkpost", sparkpost("delay"), Kind.DELAY),
    ("mailjet", mailjet("spam", source="JMRPP"), Kind.COMPLAINT),
    ("mailjet", mailjet("unsub"), Kind.UNSUBSCRIBE),
    ("mailjet", mailjet("blocked", error="spam reporter"), Kind.COMPLAINT),
    ("mailjet", mailjet("open"), None),
    ("resend", resend("email.complained"), Kind.COMPLAINT),
    ("resend", resend("email.delivery_delayed"), Kind.DELAY),
    ("resend", resend("email.opened"), None),
    ("resend", resend("contact.created"), None),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "value", "kind"), OTHERS)
def test_what_is_no_failure_is_told_apart(provider: str, value: Any, kind: Kind | None) -> None:
    event = only(Provider(provider), value)
    assert event.kind is kind
    assert not event.recipient.hard


def test_a_report_that_something_is_no_spam_is_no_complaint() -> None:
    def reported(feedback: str | None) -> Kind | None:
        complaint = {
            "complainedRecipients": [{"emailAddress": "lin@example.org"}],
            "complaintFeedbackType": feedback,
        }
        return only(Provider.SES, ses({"eventType": "Complaint", "complaint": complaint})).kind

    assert [reported(each) for each in (None, "abuse", "not-spam")] == [Kind.COMPLAINT, Kind.COMPLAINT, None]


def test_each_recipient_of_a_notification_has_an_event() -> None:
    both = [{"emailAddress": "a@example.org"}, {"emailAddress": "Lin <b@example.org>"}]
    bounce = {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": both}
    events = read(Provider.SES, ses({"notificationType": "Bounce", "bounce": bounce}))
    assert [each.recipient.address for each in events] == ["a@example.org", "b@example.org"]
    assert len({each.id for each in events}) == 2


def test_the_request_to_confirm_carries_its_address() -> None:
    (event,) = WAYS[Provider.SES].read(Amazon().asking(at=NOON))
    assert (event.name, event.kind, event.ways) == ("SubscriptionConfirmation", None, (SUBSCRIBE_URL,))


WITH_WAYS = [
    ("ses", ses({"eventType": "Delivery", "mail": {"headers": [{"name": "Message-ID", "value": OURS}]}})),
    ("ses", ses({"eventType": "Delivery", "mail": {"source": OURS}})),
    ("sendgrid", sendgrid("delivered", **{"smtp-id": OURS})),
    ("sendgrid", sendgrid("delivered", columba=OURS)),
    ("postmark", {"RecordType": "Delivery", "Metadata": {"mail": OURS}}),
    ("postmark", {**postmark("HardBounce"), "Content": f"Dear sender,\r\n\r\n  Message-ID: {OURS}\r\n"}),
    ("mailgun", mailgun("delivered", message={"headers": {"message-id": OURS}})),
    ("mailgun", mailgun("delivered", **{"user-variables": {"mail": OURS}})),
    ("brevo", {**brevo("delivered"), "message-id": OURS}),
    ("brevo", {**brevo("delivered"), "X-Mailin-custom": OURS}),
    ("sparkpost", sparkpost("delivery", msg_from=OURS)),
    ("sparkpost", sparkpost("delivery", rcpt_meta={"mail": OURS})),
    ("mailjet", mailjet("sent", CustomID=OURS)),
    ("resend", resend("email.delivered", headers=[{"name": "X-Mail", "value": OURS}])),
    ("resend", resend("email.delivered", message_id=OURS)),
]


@pytest.mark.parametrize(("provider", "value"), WITH_WAYS)
def test_the_places_where_our_own_token_may_stand_are_kept(provider: str, value: Any) -> None:
    assert any(OURS in way for way in only(Provider(provider), value).ways)


@pytest.mark.parametrize(("provider", "value"), WITH_WAYS)
def test_the_same_event_has_the_same_id(provider: str, value: Any) -> None:
    assert only(Provider(provider), value).id == only(Provider(provider), value).id


@pytest.mark.parametrize(
    ("provider", "first", "second"),
    [
        ("sendgrid", sendgrid("bounce", sg_event_id="a"), sendgrid("bounce", sg_event_id="b")),
        ("sendgrid", sendgrid("bounce"), sendgrid("bounce", reason="another")),
        ("postmark", postmark("HardBounce"), {**postmark("HardBounce"), "ID": 43}),
        ("mailgun", mailgun("failed", id="1"), mailgun("failed", id="2")),
        ("brevo", brevo("spam"), {**brevo("spam"), "ts_epoch": 1796040001000}),
        ("sparkpost", sparkpost("bounce", event_id="2"), sparkpost("bounce", event_id="3")),
        ("mailjet", mailjet("bounce", time=1), mailjet("bounce", time=2)),
        ("resend", resend("email.bounced", email_id="1"), resend("email.bounced", email_id="2")),
    ],
)
def test_another_event_has_another_id(provider: str, first: Any, second: Any) -> None:
    assert only(Provider(provider), first).id != only(Provider(provider), second).id


def test_a_moment_is_read_in_seconds_milliseconds_and_words() -> None:
    at = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
    for value in (
        1796040000,
        1796040000.0,
        1796040000000,
        "1796040000",
        "2026-11-30T12:00:00Z",
        "2026-11-30 12:00:00",
    ):
        assert loose_json.moment(value) == at
    for wrong in (None, "", "soon", -1, 1e300, float("nan"), [], "9" * 400, {}):
        assert loose_json.moment(wrong) is None


def test_sparkposts_ping_has_no_events() -> None:
    assert read(Provider.SPARKPOST, [{"msys": {}}]) == []


@pytest.mark.parametrize(
    "provider", [Provider.SENDGRID, Provider.BREVO, Provider.SPARKPOST, Provider.MAILJET]
)
def test_a_request_has_only_so_many_events(provider: Provider) -> None:
    one = {"msys": {"a": {"type": "x"}}, "event": "x"}
    assert len(read(provider, [one] * (MOST_EVENTS + 5))) == MOST_EVENTS


@pytest.mark.parametrize("provider", Provider)
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b"9" * 100_000])
def test_a_broken_body_is_said_to_be_unreadable(provider: Provider, body: bytes) -> None:
    with pytest.raises(loose_json.Unreadable):
        WAYS[provider].read(body)


_NAMES = st.sampled_from(
    [
        *(
            "event-data",
            "event",
            "email",
            "bounce",
            "data",
            "type",
            "signature",
            "msys",
            "message_event",
            "mail",
        ),
        *("headers", "RecordType", "Type", "Message", "to", "eventType", "recipients", "reason", "timestamp"),
        *("bouncedRecipients", "delivery-status", "bounce_class", "SubscribeURL"),
    ]
)
_WORDS = st.sampled_from(["bounce", "Bounce", "Notification", "failed", "email.bounced", "SpamComplaint"])
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | _WORDS
_ANY = st.recursive(
    _LEAVES,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(_NAMES, each, max_size=4),
    max_leaves=12,
)


@given(_ANY, st.sampled_from(Provider))
def test_nothing_that_is_json_breaks_a_reader(value: Any, provider: Provider) -> None:
    try:
        events = WAYS[provider].read(json.dumps(value).encode())
    except loose_json.Unreadable:
        return
    for event in events:
        assert len(event.id) == 64
        assert len(event.name) <= 60
        assert len(event.recipient.address) <= 320
        assert "\0" not in event.recipient.diagnostic + event.name + event.recipient.address
        (event.recipient.diagnostic + "".join(event.ways) + event.name).encode()


def test_causes_are_the_products_own() -> None:
    found = only(Provider.SES, ses_bounce("Permanent", "General", UNKNOWN_USER)).recipient
    assert (found.reason, found.status) == (Cause.BAD_ADDRESS, "5.1.1")
    assert found.diagnostic == UNKNOWN_USER.removeprefix("smtp; ")


@pytest.mark.parametrize("provider", list(Provider))
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_what_is_nested_deep_is_said_to_be_unreadable(provider: Provider, opening: bytes) -> None:
    """Python reads almost as deep as it can write: the same value could then not be told from others."""
    closing = {b"[": b"]", b'{"a":': b"}"}[opening]
    for depth in (60, 300, *range(900, 1000, 2), 100_000):
        body = b'[{"event":"bounce","Type":"x","x":%s1%s}]' % (opening * depth, closing * depth)
        with pytest.raises(Unreadable):
            WAYS[provider].read(body)


def test_what_is_said_of_a_failure_is_read_no_further_than_it_is_kept() -> None:
    """One request has thousands of events."""
    words = b"550 mailbox user unknown quota full mx.b.example "

    def body(times: int) -> bytes:
        events = (b'{"event":"bounce","reason":"%s"}' % (words * times) for _each in range(20))
        return b"[" + b",".join(events) + b"]"

    few, many = (calls(partial(WAYS[Provider.SENDGRID].read, body(each))) for each in (11, 40))
    assert many < 1.2 * few
