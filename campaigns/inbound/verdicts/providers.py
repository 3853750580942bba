"""What single providers mean by their own words, where that isn't what anybody else would mean.

Each row names the source: the provider's page, or who found it out. A row holds where its sign stands in the
text and the reply comes from one of its hosts, recipients or, with neither named, from anybody.
"""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.inbound.verdicts.codes import Phase
from campaigns.inbound.verdicts.verdict import Detail


@dataclass(frozen=True, slots=True)
class Row:
    """`signs`: all of them stand in the text, in lower case. `domains`: ends of the recipient's or the server's."""

    detail: Detail
    signs: tuple[str, ...]
    domains: tuple[str, ...] = ()
    phases: frozenset[Phase] = frozenset()


_AFTER_RCPT = frozenset({Phase.DATA})
_JAPANESE_PHONES = (
    *("docomo.ne.jp", "ezweb.ne.jp", "au.com", "softbank.ne.jp", "i.softbank.jp", "vodafone.ne.jp"),
    *("disney.ne.jp", "uqmobile.jp", "biz.ezweb.ne.jp", "ido.ne.jp", "ymobile.ne.jp", "yahoo.ne.jp"),
)

ROWS: tuple[Row, ...] = (
    # Carriers' pages for bulk senders: at RCPT the user is unknown, after DATA the subscriber's filter refuses.
    Row(Detail.FILTERED, ("unknown",), _JAPANESE_PHONES, _AFTER_RCPT),
    Row(Detail.MAILBOXFULL, ("too much mail data",)),
    # Cisco's appliances (formerly IronPort): a recipient that its directory doesn't have.
    Row(Detail.USERUNKNOWN, ("5.1.0 address rejected",)),
    # Microsoft 365: directory-based edge blocking, 550 5.4.1.
    Row(Detail.USERUNKNOWN, ("5.4.1", "recipient address rejected", "access denied")),
    Row(Detail.SUSPEND, ("5.2.1", "mailbox", "disabled")),
    # Microsoft: Exchange's resolver and store, learn.microsoft.com (non-delivery reports).
    Row(Detail.USERUNKNOWN, ("resolver.adr.recipnotfound",)),
    Row(Detail.USERUNKNOWN, ("resolver.adr.recipientnotfound",)),
    Row(Detail.USERUNKNOWN, ("resolver.adr.exrecipnotfound",)),
    Row(Detail.USERUNKNOWN, ("resolver.adr.invalidinaddr",)),
    Row(Detail.USERUNKNOWN, ("resolver.adr.ambiguous",)),
    Row(Detail.EXCEEDLIMIT, ("resolver.rst.recipsizelimit",)),
    Row(Detail.SPEEDING, ("resolver.rst.reciplimit",)),
    Row(Detail.MESGTOOBIG, ("resolver.rst.sendsizelimit",)),
    Row(Detail.SECURITYERROR, ("resolver.rst.authrequired",)),
    Row(Detail.REJECTED, ("resolver.rst.notauthorized",)),
    Row(Detail.REJECTED, ("resolver.rst.rejectmessagesfrom",)),
    Row(Detail.SYSTEMERROR, ("resolver.fwd.loop",)),
    Row(Detail.MAILBOXFULL, ("storedrv.deliver", "mailbox full")),
    Row(Detail.SYSTEMERROR, ("storedrv.deliver", "storage")),
    Row(Detail.EXPIRED, ("queue.expired",)),
    Row(Detail.HOSTUNKNOWN, ("routing.nohost",)),
    Row(Detail.POLICYVIOLATION, ("transport.rules.rejectmessage",)),
    Row(Detail.BLOCKED, ("(s3140)",)),
    Row(Detail.BLOCKED, ("(s3150)",)),
    Row(Detail.BLOCKED, ("as(1",)),
    # Yahoo and AOL: senders.yahooinc.com/smtp-error-codes.
    Row(Detail.BADREPUTATION, ("[tss04]",)),
    Row(Detail.BLOCKED, ("[tss09]",)),
    Row(Detail.BLOCKED, ("[bl21]",)),
    Row(Detail.BLOCKED, ("[bl22]",)),
    Row(Detail.BLOCKED, ("[bl23]",)),
    Row(Detail.SUSPEND, ("554.30",)),
    Row(Detail.SUSPEND, ("mailbox is disabled",)),
    # Apple: support.apple.com/102322; the codes are those of its filter.
    Row(Detail.SPAMDETECTED, ("[cs01]",)),
    Row(Detail.SPAMDETECTED, ("[cs02]",)),
    Row(Detail.BLOCKED, ("[hm08]",)),
    # NetEase (163, 126): its page of codes of returned mail.
    Row(Detail.BADREPUTATION, ("hl:rep",)),
    Row(Detail.TOOMANYCONN, ("hl:icc",)),
    Row(Detail.SPEEDING, ("hl:ifc",)),
    Row(Detail.BLOCKED, ("hl:ipb",)),
    Row(Detail.BLOCKED, ("mi:ipb",)),
    Row(Detail.SPEEDING, ("mi:stc",)),
    Row(Detail.EXCEEDLIMIT, ("rp:rcl",)),
    Row(Detail.NORELAYING, ("rp:frl",)),
    Row(Detail.REJECTED, ("hl:mep",)),
    Row(Detail.SYNTAXERROR, ("mi:cel",)),
    Row(Detail.TOOMANYCONN, ("mi:dmc",)),
    Row(Detail.SYNTAXERROR, ("mi:ccl",)),
    Row(Detail.EXCEEDLIMIT, ("rp:drc",)),
    Row(Detail.SYNTAXERROR, ("rp:cel",)),
    Row(Detail.SPEEDING, ("mi:sfq",)),
    Row(Detail.SPEEDING, ("rp:qrc",)),
    Row(Detail.SPEEDING, ("rp:trc",)),
    Row(Detail.BLOCKED, ("dt:rbl",)),
    Row(Detail.SPAMDETECTED, ("dt:spm",)),
    Row(Detail.SPAMDETECTED, ("dt:sum",)),
    Row(Detail.AUTHFAILURE, ("mi:spf",)),
    Row(Detail.BLOCKED, ("wm:bli",)),
    Row(Detail.REJECTED, ("wm:blu",)),
    # Comcast: postmaster.comcast.net.
    Row(Detail.BLOCKED, ("bl000",)),
    Row(Detail.SPEEDING, ("rl000",)),
    Row(Detail.REQUIREPTR, ("permission to send denied", "ptr")),
    # Facebook: its postmaster page's response codes.
    Row(Detail.USERUNKNOWN, ("rcp-p1",)),
    Row(Detail.BLOCKED, ("blk-p",)),
    Row(Detail.TOOMANYCONN, ("con-t",)),
    Row(Detail.VIRUSDETECTED, ("msg-p1",)),
    Row(Detail.POLICYVIOLATION, ("pol-p",)),
    # Orange: postmaster.orange.fr.
    Row(Detail.USERUNKNOWN, ("ofr_416",)),
    Row(Detail.MAILBOXFULL, ("ofr_417",)),
    Row(Detail.BLOCKED, ("ofr_506",)),
    # Google: support.google.com/a/answer/3726730.
    Row(Detail.SPAMDETECTED, ("likely unsolicited mail",)),
    Row(Detail.BADREPUTATION, ("very low reputation",)),
    Row(Detail.SPEEDING, ("receiving mail at a rate",)),
    Row(Detail.SPEEDING, ("receiving mail too quickly",)),
    Row(Detail.SUSPEND, ("account that you tried to reach is disabled",)),
    Row(Detail.MAILBOXFULL, ("account that you tried to reach is over quota",)),
    Row(Detail.MAILBOXFULL, ("recipient's inbox is out of storage",)),
)


def find(text: str, hosts: tuple[str, ...], phase: Phase) -> Detail | None:
    """What a reply in lower case means by its provider's own words; `hosts` are the recipient's and the server's."""
    for row in ROWS:
        if row.phases and phase not in row.phases:
            continue
        if not all(sign in text for sign in row.signs):
            continue
        if not row.domains or any(_is_at(host, row.domains) for host in hosts):
            return row.detail
    return None


def _is_at(host: str, domains: tuple[str, ...]) -> bool:
    return host in domains or host.endswith(tuple(f".{domain}" for domain in domains))
