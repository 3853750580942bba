"""What an inbound message turned out to be. Nothing in here is verified: a verdict is what the message claims."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from campaigns.core.i18n import Sentence, _


class Kind(StrEnum):
    """What the message is, as a whole."""

    BOUNCE = "bounce"  # a delivery failed for good
    DELAY = "delay"  # a warning: delivery goes on
    RECEIPT = "receipt"  # delivered, relayed, expanded, read, or reported as no spam
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    UNSUBSCRIBE = "unsubscribe"
    COMMAND = "command"
    REPLY = "reply"  # a person's answer, and whatever is none of the others

    @property
    def label(self) -> Sentence:
        """What pages call it."""
        return _KINDS[self]


class Cause(StrEnum):
    """Why a delivery failed, by what follows from it."""

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
        """What pages call it."""
        return _CAUSES[self]


class Detail(StrEnum):
    """Why a delivery failed, as exactly as the message says it."""

    USERUNKNOWN = "userunknown"  # no such mailbox
    HOSTUNKNOWN = "hostunknown"  # no such domain
    HASMOVED = "hasmoved"
    NOTACCEPT = "notaccept"  # the domain takes no email at all
    MAILBOXFULL = "mailboxfull"
    SUSPEND = "suspend"  # mailbox suspended or inactive
    SUPPRESSED = "suppressed"  # on the suppression list of a sending provider
    FILTERED = "filtered"  # refused on the recipient's side, without a word on whether the mailbox exists
    REJECTED = "rejected"  # the envelope sender is refused
    BLOCKED = "blocked"  # the sending host is refused
    BADREPUTATION = "badreputation"
    REQUIREPTR = "requireptr"
    NORELAYING = "norelaying"
    AUTHFAILURE = "authfailure"  # SPF, DKIM or DMARC
    SPAMDETECTED = "spamdetected"
    VIRUSDETECTED = "virusdetected"
    CONTENTERROR = "contenterror"
    POLICYVIOLATION = "policyviolation"
    SECURITYERROR = "securityerror"
    NOTCOMPLIANTRFC = "notcompliantrfc"
    MESGTOOBIG = "mesgtoobig"
    EXCEEDLIMIT = "exceedlimit"  # larger than what this recipient may get
    TOOMANYCONN = "toomanyconn"
    SPEEDING = "speeding"
    EXPIRED = "expired"  # given up after some time
    NETWORKERROR = "networkerror"
    SYSTEMERROR = "systemerror"
    SYSTEMFULL = "systemfull"
    MAILERERROR = "mailererror"  # the program that should have taken the message failed
    FAILEDSTARTTLS = "failedstarttls"
    SYNTAXERROR = "syntaxerror"  # the servers misunderstood each other
    ONHOLD = "onhold"  # there is an error, and nothing says which
    UNDEFINED = "undefined"
    FEEDBACK = "feedback"
    VACATION = "vacation"
    DELIVERED = "delivered"

    @property
    def cause(self) -> Cause:
        """The product's word for it."""
        return CAUSE_OF[self]

    @property
    def label(self) -> Sentence:
        """What pages call it: as its cause."""
        return self.cause.label


CAUSE_OF = {
    Detail.USERUNKNOWN: Cause.BAD_ADDRESS,
    Detail.HASMOVED: Cause.BAD_ADDRESS,
    Detail.HOSTUNKNOWN: Cause.BAD_DOMAIN,
    Detail.NOTACCEPT: Cause.BAD_DOMAIN,
    Detail.MAILBOXFULL: Cause.MAILBOX_FULL,
    Detail.SUSPEND: Cause.DISABLED,
    Detail.SUPPRESSED: Cause.DISABLED,
    Detail.FILTERED: Cause.BLOCKED_SENDER,
    Detail.REJECTED: Cause.BLOCKED_SENDER,
    Detail.BLOCKED: Cause.BLOCKED_SENDER,
    Detail.BADREPUTATION: Cause.BLOCKED_SENDER,
    Detail.REQUIREPTR: Cause.BLOCKED_SENDER,
    Detail.NORELAYING: Cause.BLOCKED_SENDER,
    Detail.AUTHFAILURE: Cause.AUTH_FAILURE,
    Detail.SPAMDETECTED: Cause.SPAM_CONTENT,
    Detail.VIRUSDETECTED: Cause.SPAM_CONTENT,
    Detail.CONTENTERROR: Cause.SPAM_CONTENT,
    Detail.POLICYVIOLATION: Cause.SPAM_CONTENT,
    Detail.SECURITYERROR: Cause.SPAM_CONTENT,
    Detail.NOTCOMPLIANTRFC: Cause.SPAM_CONTENT,
    Detail.MESGTOOBIG: Cause.TOO_BIG,
    Detail.EXCEEDLIMIT: Cause.THROTTLED,
    Detail.TOOMANYCONN: Cause.THROTTLED,
    Detail.SPEEDING: Cause.THROTTLED,
    Detail.EXPIRED: Cause.TEMPORARY,
    Detail.NETWORKERROR: Cause.TEMPORARY,
    Detail.SYSTEMERROR: Cause.TEMPORARY,
    Detail.SYSTEMFULL: Cause.TEMPORARY,
    Detail.MAILERERROR: Cause.TEMPORARY,
    Detail.FAILEDSTARTTLS: Cause.TEMPORARY,
    Detail.SYNTAXERROR: Cause.UNKNOWN,
    Detail.ONHOLD: Cause.UNKNOWN,
    Detail.UNDEFINED: Cause.UNKNOWN,
    Detail.FEEDBACK: Cause.COMPLAINT,
    Detail.VACATION: Cause.AUTO_REPLY,
    Detail.DELIVERED: Cause.UNKNOWN,
}
MOST_DIAGNOSTIC = 500  # characters


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient that the message speaks of.

    `address` as reported, "" when unknown; `status` is an enhanced code like 5.1.1, or "" (RFC 3463);
    `diagnostic` is the text that the reason was read from, at most 500 characters.
    """

    address: str
    reason: Cause
    detail: Detail
    hard: bool = False
    status: str = ""
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a message is and whom it is about.

    `action` is that of a delivery report (failed, delayed, delivered, relayed, expanded; RFC 3464 section
    2.3.3), the type of a complaint (abuse, not-spam, …; RFC 5965), or "". `ways` are the addresses and ids in
    the message in which a token of ours may stand, unverified.
    """

    kind: Kind
    recipients: tuple[Recipient, ...] = ()
    action: str = ""
    ways: tuple[str, ...] = ()


_KINDS = {
    Kind.BOUNCE: _("Bounce"),
    Kind.DELAY: _("Delay warning"),
    Kind.RECEIPT: _("Receipt"),
    Kind.COMPLAINT: _("Spam complaint"),
    Kind.AUTO_REPLY: _("Automatic reply"),
    Kind.UNSUBSCRIBE: _("Unsubscribe request"),
    Kind.COMMAND: _("Command"),
    Kind.REPLY: _("Reply"),
}
_CAUSES = {
    Cause.BAD_ADDRESS: _("Address does not exist"),
    Cause.BAD_DOMAIN: _("Domain does not accept email"),
    Cause.MAILBOX_FULL: _("Mailbox full"),
    Cause.DISABLED: _("Mailbox disabled"),
    Cause.BLOCKED_SENDER: _("Sender blocked"),
    Cause.AUTH_FAILURE: _("SPF, DKIM or DMARC failed"),
    Cause.SPAM_CONTENT: _("Refused as spam or by policy"),
    Cause.TOO_BIG: _("Message too large"),
    Cause.THROTTLED: _("Too much email"),
    Cause.TEMPORARY: _("Temporary problem"),
    Cause.COMPLAINT: _("Marked as spam"),
    Cause.AUTO_REPLY: _("Answered automatically"),
    Cause.UNKNOWN: _("Unknown reason"),
}
