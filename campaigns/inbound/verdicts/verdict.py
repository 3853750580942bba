"""What a message that came back is, and what it says of each recipient."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from campaigns.core.i18n import Sentence, _

LONGEST_DIAGNOSTIC = 500


class Kind(StrEnum):
    """Kind of message."""

    BOUNCE = "bounce"  # it failed for at least one recipient
    DELAY = "delay"  # still being retried by a server on the way
    RECEIPT = "receipt"  # delivered, relayed or read (RFC 3464 section 2.3.3, RFC 8098)
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    UNSUBSCRIBE = "unsubscribe"
    COMMAND = "command"
    REPLY = "reply"  # from a person, and everything else

    @property
    def label(self) -> Sentence:
        return _KINDS[self]


class Cause(StrEnum):
    """Why a message came back."""

    BAD_ADDRESS = "bad_address"
    BAD_DOMAIN = "bad_domain"
    MAILBOX_FULL = "mailbox_full"
    DISABLED = "disabled"
    BLOCKED_SENDER = "blocked_sender"
    AUTH_FAILURE = "auth_failure"
    SPAM_CONTENT = "spam_content"
    TOO_BIG = "too_big"
    THROTTLED = "throttled"
    TEMPORARY = "temporary"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    UNKNOWN = "unknown"

    @property
    def label(self) -> Sentence:
        return _CAUSES[self]


class Detail(StrEnum):
    """The same, finer."""

    USER_UNKNOWN = "userunknown"
    MAILBOX_FULL = "mailboxfull"
    EXPIRED = "expired"
    FILTERED = "filtered"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    HOST_UNKNOWN = "hostunknown"
    FEEDBACK = "feedback"
    AUTH_FAILURE = "authfailure"
    NETWORK_ERROR = "networkerror"
    SUSPEND = "suspend"
    POLICY_VIOLATION = "policyviolation"
    REQUIRE_PTR = "requireptr"
    SPAM_DETECTED = "spamdetected"
    SYSTEM_ERROR = "systemerror"
    NOT_ACCEPT = "notaccept"
    SECURITY_ERROR = "securityerror"
    MAILER_ERROR = "mailererror"
    NOT_COMPLIANT_RFC = "notcompliantrfc"
    NO_RELAYING = "norelaying"
    ON_HOLD = "onhold"
    HAS_MOVED = "hasmoved"
    TOO_MANY_CONNECTIONS = "toomanyconn"
    VACATION = "vacation"
    DELIVERED = "delivered"
    EXCEED_LIMIT = "exceedlimit"
    MESSAGE_TOO_BIG = "mesgtoobig"
    BAD_REPUTATION = "badreputation"
    CONTENT_ERROR = "contenterror"
    VIRUS_DETECTED = "virusdetected"
    SYNTAX_ERROR = "syntaxerror"
    SPEEDING = "speeding"
    UNDEFINED = "undefined"
    FAILED_STARTTLS = "failedstarttls"
    SYSTEM_FULL = "systemfull"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Recipient:
    """What a message says of one recipient.

    `address`: as reported, empty when it cannot be told. `is_hard`: the address may not get email any more.
    `status`: enhanced code like 5.1.1, or empty. `diagnostic`: the text that it was read from.
    """

    address: str
    reason: Cause
    detail: Detail
    is_hard: bool
    status: str = ""
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a message is.

    `action`: of a delivery report (failed, delayed, …), or the type of a complaint; empty for others. `ways`: the
    addresses and ids in which a signed token of ours may stand; nobody has verified them.
    """

    kind: Kind
    recipients: tuple[Recipient, ...] = ()
    action: str = ""
    ways: tuple[str, ...] = ()


_KINDS = {
    Kind.BOUNCE: _("Bounce"),
    Kind.DELAY: _("Delay notice"),
    Kind.RECEIPT: _("Receipt"),
    Kind.COMPLAINT: _("Complaint"),
    Kind.AUTO_REPLY: _("Automatic reply"),
    Kind.UNSUBSCRIBE: _("Unsubscribe request"),
    Kind.COMMAND: _("Command"),
    Kind.REPLY: _("Reply"),
}

_CAUSES = {
    Cause.BAD_ADDRESS: _("The address does not exist"),
    Cause.BAD_DOMAIN: _("The domain does not accept email"),
    Cause.MAILBOX_FULL: _("The mailbox is full"),
    Cause.DISABLED: _("The mailbox is disabled"),
    Cause.BLOCKED_SENDER: _("Our server or address is blocked"),
    Cause.AUTH_FAILURE: _("SPF, DKIM or DMARC failed"),
    Cause.SPAM_CONTENT: _("The content was rejected"),
    Cause.TOO_BIG: _("The message is too large"),
    Cause.THROTTLED: _("Too many messages or connections"),
    Cause.TEMPORARY: _("A temporary problem"),
    Cause.COMPLAINT: _("Marked as spam"),
    Cause.AUTO_REPLY: _("Automatic reply"),
    Cause.UNKNOWN: _("No reason given"),
}
