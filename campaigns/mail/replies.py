"""What a reply claims, by one table: its class, its subject, and the reason that a recipient would be given.

Order of evidence: the phase, texts that are known to come with a wrong code, the enhanced code, the reply
code. A claim is not a verdict: a reply about the server may have been provoked by one recipient
(`delivery.routing.evidence` weighs it). RFC 5321 section 4.2, RFC 3463.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from campaigns.mail.protocol import Phase, Reply


class Klass(StrEnum):
    """Kind of trouble, by what to do about it."""

    SERVER = "server"  # unavailable, or it ends the connection
    ACCOUNT = "account"  # our account or sender is refused
    THROTTLE = "throttle"  # too fast for the server
    QUOTA = "quota"  # the server's daily quota is used up
    RECEIVER = "receiver"  # the receiving domain wants no more of our mail for now
    GREYLIST = "greylist"  # retry in minutes
    TEMPORARY = "temporary"  # this recipient, later
    BAD_ADDRESS = "bad_address"  # never again: hard bounce
    BAD_DOMAIN = "bad_domain"  # its domain cannot be found: failed now; repeatedly means never
    DISABLED = "disabled"  # the mailbox is closed for now: likewise
    MAILBOX_FULL = "mailbox_full"  # failed now, the address stays valid
    POLICY = "policy"  # content or reputation refused: failed, never suppressed
    PROTOCOL = "protocol"  # client and server misunderstood each other: never the recipient's fault
    UNSENDABLE = "unsendable"  # it cannot be sent to this server as it is
    DOUBT = "doubt"  # its end was handed over and no answer came


class Subject(StrEnum):
    """What a reply is about; as a finding: whose fault it is."""

    RECIPIENT = "recipient"
    RECEIVER = "receiver"  # the provider of the recipient's domain
    SERVER = "server"  # the sending server
    ACCOUNT = "account"  # our account or sender address at the sending server
    CONTENT = "content"  # our content or reputation
    UNKNOWN = "unknown"  # cannot be told from one reply


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reply claims. `reason`: a word of `delivery.models.Reason` for the recipient it is held against.

    `is_hard`: if the claim is true, the address may not get email any more.
    """

    klass: Klass
    subject: Subject
    reason: str | None = None
    is_hard: bool = False

    @property
    def is_final(self) -> bool:
        """Whether the recipient has failed for good if the recipient is at fault."""
        return self.klass in _FINAL


_FINAL = {
    *(Klass.BAD_ADDRESS, Klass.BAD_DOMAIN, Klass.DISABLED, Klass.MAILBOX_FULL),
    *(Klass.POLICY, Klass.UNSENDABLE),
}

_SERVER = Meaning(Klass.SERVER, Subject.SERVER, "server_reply")
_ACCOUNT = Meaning(Klass.ACCOUNT, Subject.ACCOUNT, "server_reply")
_THROTTLE = Meaning(Klass.THROTTLE, Subject.SERVER, "server_reply")
_QUOTA = Meaning(Klass.QUOTA, Subject.ACCOUNT, "server_reply")
_RECEIVER = Meaning(Klass.RECEIVER, Subject.RECEIVER, "receiver")
_GREYLIST = Meaning(Klass.GREYLIST, Subject.RECIPIENT, "greylisted")
_TEMPORARY = Meaning(Klass.TEMPORARY, Subject.UNKNOWN, "temporary")
_MAILBOX = Meaning(Klass.TEMPORARY, Subject.RECIPIENT, "temporary")
_FULL_NOW = Meaning(Klass.TEMPORARY, Subject.RECIPIENT, "mailbox_full")
_BAD_ADDRESS = Meaning(Klass.BAD_ADDRESS, Subject.RECIPIENT, "bad_address", is_hard=True)
# A broken name server looks the same: the message has failed, the address is kept.
_BAD_DOMAIN = Meaning(Klass.BAD_DOMAIN, Subject.RECIPIENT, "bad_domain")
_DISABLED = Meaning(Klass.DISABLED, Subject.RECIPIENT, "disabled")
_MAILBOX_FULL = Meaning(Klass.MAILBOX_FULL, Subject.RECIPIENT, "mailbox_full")
_POLICY = Meaning(Klass.POLICY, Subject.CONTENT, "policy")
_PROTOCOL = Meaning(Klass.PROTOCOL, Subject.SERVER, "protocol")
_UNSENDABLE = Meaning(Klass.UNSENDABLE, Subject.RECIPIENT, "protocol")
_NO_PATH = Meaning(Klass.UNSENDABLE, Subject.RECIPIENT, "bad_address")
# The connection ended before the message did, without a reply.
BROKEN = Meaning(Klass.SERVER, Subject.SERVER, "temporary")
DOUBT = Meaning(Klass.DOUBT, Subject.SERVER, "in_doubt")

# No message has been named yet, so no recipient has provoked these.
BEFORE_MAIL = {
    *(Phase.RESOLVE, Phase.CONNECT, Phase.BANNER, Phase.EHLO, Phase.STARTTLS, Phase.AUTH, Phase.RSET),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; an omitted column matches everything."""

    meaning: Meaning
    phases: frozenset[Phase] | None = None
    codes: str | None = None
    enhanced: str | None = None
    text: str | None = None

    def matches(self, phase: Phase, reply: Reply) -> bool:
        if self.phases is not None and phase not in self.phases:
            return False
        if self.codes and not re.fullmatch(self.codes, str(reply.code)):
            return False
        if self.enhanced and not re.fullmatch(self.enhanced, _enhanced(reply)):
            return False
        return not self.text or re.search(self.text, reply.text, re.IGNORECASE) is not None


_AUTH = frozenset({Phase.AUTH})
_MAIL = frozenset({Phase.MAIL})
_RCPT = frozenset({Phase.RCPT})
_CONTENT = frozenset({Phase.DATA, Phase.BODY, Phase.END})

_NOBODY = (
    r"user unknown|unknown user|user not found|no such (user|mailbox|recipient|person|address|account)"
    r"|does not exist|doesn'?t exist|doesn'?t have an? .{0,30}account|not our customer"
    r"|mailbox (unavailable|not found|unknown)|recipient (address )?(not found|unknown)"
    r"|invalid (recipient|mailbox|address)|address unknown|(recipient|user|mailbox|address|>) is unknown\b"
    r"|unknown (recipient|mailbox|address)|not a valid (mailbox|recipient)|no mailbox here|user not local"
)
_DISABLED_TEXT = (
    r"(account|mailbox|user|recipient|address) (that you tried to reach )?(is|has been|was)"
    r" (\w+ )?(disabled|suspended|inactive|deactivated|locked|blocked|expired)"
    r"|(disabled|inactive|suspended|deactivated) (account|mailbox|user|recipient)"
)
_BLOCKED = (
    r"spam|block(ed|list)|blacklist|dnsbl|\brbl\b|spamhaus|reputation|policy|denied|unsolicited|banned"
    r"|not authori[sz]ed|authenticat|dmarc|\bspf\b|\bdkim\b|\bptr\b|reverse dns|\bAUP#|\[TSS09\]"
)
_FAST = (
    r"too many|too fast|too quickly|\brate\b|throttl|quota exceeded|exceeded .{0,80}(limit|quota)"
    r"|slow down|speeding"
)
_CROWDED = (
    r"too many (concurrent |simultaneous |open |smtp )*(connections|sessions)|connections? (rate )?limit"
)
# The daily quota at our provider (SES, Google, Microsoft, hosters): useless until it is reset.
_DAILY = (
    r"(daily|monthly) .{0,40}(quota|limit|credits)|(quota|limit).{0,30}(per|a|each) (day|month)"
    r"|24.?hour (sending )?(quota|limit)|(quota|limit).{0,30}24.?hours|SubmissionQuotaExceeded"
    r"|credits? (are |have been )?(exhausted|used up)|(out of|no more|insufficient) credits"
)
_ALLOWANCE = (
    r"(daily|hourly|sending|outgoing|outbound|rate)\b.{0,30}\b(quota|limit)"
    r"|exceeded .{0,30}(daily|hourly|sending|outgoing|outbound)|rate (was |is )?exceeded|frequency limited"
)
# From the receiver itself, in its provider's words, whatever server relays our mail.
_RECEIVER_SAYS = (
    r"\[TSS?0\d\]"  # Yahoo and AOL
    r"|unusual (rate|amount) of|unsolicited mail originating from your (IP|SPF|DKIM)"  # Gmail 4.7.28
    r"|\bAS\(?(7\d\d|49\d)|\bS77\d{2,3}\b|\b(RP|SC|DY|OU)-00\d\b"  # Microsoft
    r"|\[(CS|HM|IC)\d\d\]"  # Apple
    r"|\[IR\w*\]|\bRL0{3}\d\b"  # Comcast
    r"|LPN007_|OFR_\d\d\d|too many (connections|messages|mails) from your (ip|host|domain|network)"  # La Poste, Orange
)
# A mailbox that gets too much, from everyone: no trouble between its provider and us.
_BUSY_MAILBOX = r"is receiving (e?mail|messages) (too quickly|at a rate)|trying to contact is receiving"
# What a mailbox itself cannot hold, whatever "quota" and "exceeded" may mean elsewhere.
_FULL_MAILBOX = (
    r"(mailbox|inbox|recipient)\b.{0,40}\b(quota|full|out of storage)"
    r"|\b(quota|full).{0,40}(mailbox|inbox|recipient)"
)
_GREY = r"gr[ea]y-?list|postgrey|try again in \d+ (second|minute)|come back (later|in)"
# The server refuses us, not the message.
_OURS = (
    r"relay(ing)? (access )?(is )?(denied|not (permitted|allowed))|(unable|not (permitted|allowed)) to relay"
    r"|we do not relay|allowed rcpthosts|sender (address )?(rejected|denied|refused|not )|sender verif"
    r"|(bad|invalid) (outbound )?sender|authentication (is )?required|smtp auth(entication)? (is )?(required|disabled)"
    r"|address is not verified|(account|sending).{0,30}(is )?(paused|suspended|disabled) (for|from) sending"
    r"|not authori[sz]ed to (send|relay)|client was not authenticated|SendAsDenied"
    r"|(unable|failed|could not|cannot|can't) (to )?verify (the )?(sender|envelope)|must issue a starttls"
    r"|\b(helo|ehlo)\b.{0,40}(fqdn|required|invalid|rejected|should|syntax)"
)
_SEQUENCE = (
    r"(bad|wrong|improper|out of) sequence|pipelin|synchroni[sz]ation|syntax error|unexpected command"
    r"|command (is )?(not recogni[sz]ed|unrecogni[sz]ed|unknown|not implemented)|(unrecogni[sz]ed|unknown) command"
)
_FULL = (
    r"over ?quota|quota|mailbox (is )?full|insufficient (system )?storage|storage allocation"
    r"|out of (storage )?space|inbox is full"
)

TABLE: tuple[Row, ...] = (
    # The receiver's own words take precedence over what relays make of them.
    Row(_GREYLIST, _RCPT, codes="4..", text=_GREY),
    Row(_MAILBOX, _RCPT | _CONTENT, codes="4..", text=_BUSY_MAILBOX),
    Row(_RECEIVER, _RCPT | _CONTENT, codes="4..", text=_RECEIVER_SAYS),
    Row(_RECEIVER, _RCPT | _CONTENT, codes="4..", enhanced=r"4\.7\.(28|6\d\d|5\d\d)"),
    Row(_FULL_NOW, _RCPT | _CONTENT, codes="4..", enhanced=r"4\.2\.2"),
    Row(_FULL_NOW, _RCPT | _CONTENT, codes="4..", text=_FULL_MAILBOX),
    # The connection itself.
    Row(_THROTTLE, codes="4..", text=_CROWDED),
    Row(_ACCOUNT, _AUTH, codes="5.."),
    Row(_SERVER, frozenset(BEFORE_MAIL)),
    Row(_SERVER, codes="421"),
    Row(_ACCOUNT, codes="530|534|535|538"),
    # Replies known to have a wrong code: the text counts.
    Row(_GREYLIST, codes="4..", text=_GREY),
    Row(_ACCOUNT, codes="5..", enhanced=r"5\.1\.[78]|5\.7\.8"),
    Row(_QUOTA, text=_DAILY, codes="[45]..", enhanced=r"(?![45]\.2\.[12]).*"),
    Row(_ACCOUNT, codes="5..", text=_OURS),
    Row(_THROTTLE, codes="5..", text=_ALLOWANCE, enhanced=r"(?!5\.2\.[12]).*"),
    Row(_POLICY, _RCPT, codes="55[0-4]", text=_BLOCKED, enhanced=r"5\.7\..*|"),
    Row(_DISABLED, _RCPT, codes="525|55[0-4]", text=_DISABLED_TEXT),
    Row(_MAILBOX_FULL, codes="5..", text=_FULL, enhanced=r"5\.2\.[12]|5\.0\.0|"),
    Row(_BAD_ADDRESS, _RCPT, codes="55[0-4]", text=_NOBODY),
    # About us, at MAIL.
    Row(_THROTTLE, _MAIL, codes="4.."),
    Row(_UNSENDABLE, _MAIL, codes="552"),
    Row(_PROTOCOL, _MAIL, codes="50[0-4]"),
    Row(_ACCOUNT, _MAIL, codes="5.."),
    # One mailbox, temporarily: 4.2.x and 4.1.x are about nothing else (RFC 3463 sections 3.2, 3.3).
    Row(_GREYLIST, _RCPT, codes="45[01]", text="try again later"),
    Row(_MAILBOX, _RCPT | _CONTENT, codes="4..", enhanced=r"4\.2\..*|4\.1\.[1-6]"),
    # About our rate.
    Row(_THROTTLE, codes="45[0-2]|454", enhanced=r"4\.3\.2|4\.7\.0"),
    Row(_THROTTLE, codes="4..", text=_FAST, enhanced=r"4\.[37]\..*|4\.0\.0|"),
    Row(_THROTTLE, _RCPT, codes="452", text=r"too many"),
    # This recipient, temporarily.
    Row(_GREYLIST, _RCPT, codes="45[01]", enhanced=r"4\.7\.1"),
    Row(_TEMPORARY, codes="4.."),
    Row(_TEMPORARY, _RCPT, codes="552", text=r"too many"),  # RFC 5321 section 4.5.3.1.10
    # This recipient, permanently: only where the code or the text says so.
    Row(_BAD_DOMAIN, _RCPT | _CONTENT, enhanced=r"5\.1\.2|5\.4\.4"),
    Row(_BAD_ADDRESS, _RCPT | _CONTENT, enhanced=r"5\.1\.(1|3|6|10)"),
    Row(
        _BAD_ADDRESS, _RCPT, codes="550", enhanced=r"5\.4\.1", text=r"recipient address rejected"
    ),  # Microsoft 365
    Row(_MAILBOX_FULL, enhanced=r"5\.2\.2"),
    Row(_DISABLED, _RCPT, enhanced=r"5\.2\.1|5\.7\.13"),
    # Client and server misunderstood each other.
    Row(_PROTOCOL, codes="50[0-4]"),
    Row(_PROTOCOL, codes="5..", text=_SEQUENCE),
    Row(_PROTOCOL, enhanced=r"5\.5\..*"),
    # The receiver's opinion of the message or of us, and everything not understood.
    Row(_POLICY, codes="5.."),
)

# Anything that is not a valid reply: close the connection and treat the server as unavailable.
_UNSOUND = _SERVER


def classify(phase: Phase, reply: Reply | None) -> Meaning:
    """What a reply in a phase claims; None (no reply) means that the connection or the server failed."""
    if reply is None:
        return DOUBT if phase is Phase.END else _SERVER
    return next((row.meaning for row in TABLE if row.matches(phase, reply)), _UNSOUND)


def unsendable(enhanced: str | None) -> Meaning:
    """The meaning of a message that the client refused to send, by the code a server would have given."""
    return _NO_PATH if (enhanced or "").startswith("5.1") else _UNSENDABLE


def _enhanced(reply: Reply) -> str:
    """The enhanced code, unless it contradicts the reply code: then the reply code's class counts."""
    found = reply.enhanced or ""
    return found if found[:1] == str(reply.code)[:1] else ""
