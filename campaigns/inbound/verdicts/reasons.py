"""Why a delivery failed, from what is said of one recipient.

Order of evidence: the provider's own words, a text that is known to come with a wrong code or with none, the
enhanced code in its phase, the reply code in its phase, weak words; and then the next text, which is less near
to the recipient.
"""

from __future__ import annotations

import re

from campaigns.inbound.reading.addresses import find
from campaigns.inbound.verdicts import codes, providers, texts
from campaigns.inbound.verdicts.codes import Phase
from campaigns.inbound.verdicts.dialogue import Reply, is_generic, read
from campaigns.inbound.verdicts.phrases import normal
from campaigns.inbound.verdicts.verdict import MOST_DIAGNOSTIC, Detail, Recipient

HARD = {Detail.USERUNKNOWN, Detail.HOSTUNKNOWN, Detail.HASMOVED, Detail.NOTACCEPT}
# What a text says in passing, while an exact code says more.
_SOFT_TEXTS = {
    *(Detail.SYSTEMERROR, Detail.EXPIRED, Detail.NETWORKERROR, Detail.SYNTAXERROR, Detail.MAILERERROR),
    *(Detail.FILTERED, Detail.POLICYVIOLATION),
}
_EXACT = {
    *(
        Detail.USERUNKNOWN,
        Detail.MAILBOXFULL,
        Detail.HASMOVED,
        Detail.MESGTOOBIG,
        Detail.SUSPEND,
        Detail.HOSTUNKNOWN,
    ),
    *(Detail.AUTHFAILURE, Detail.REQUIREPTR, Detail.REJECTED, Detail.EXCEEDLIMIT),
}


def recipient(
    address: str,
    near: list[str],
    far: list[str],
    *,
    status: str = "",
    hosts: tuple[str, ...] = (),
    is_delay: bool = False,
) -> Recipient:
    """The finding for one address. `near` are texts about it, the nearest first; `far` speak of all recipients.

    What is clear counts before what is weak, and then what is near before what is far.
    """
    names = (*hosts, address.rpartition("@")[2].lower())
    replies = [read(text) for text in (*near, *far) if text.strip()]
    found, chosen = _decided(replies, status, names)
    code = _status(status, chosen)
    detail = found or _without_text(code, chosen, has_text=bool(replies))
    return Recipient(
        address=address,
        reason=detail.cause,
        detail=detail,
        hard=not is_delay and _is_hard(detail, code, chosen),
        status=code,
        diagnostic=" ".join(chosen.text.split())[:MOST_DIAGNOSTIC],
    )


def _decided(replies: list[Reply], status: str, names: tuple[str, ...]) -> tuple[Detail | None, Reply]:
    """The reason, and the reply that it was read from; without one the first reply."""
    phase = next((reply.phase for reply in replies if reply.phase), Phase.UNKNOWN)
    for decide in (_clear, _weak):
        for reply in replies:
            found = decide(reply, status, names, reply.phase or phase)
            if found is not None:
                return found, reply
    return None, replies[0] if replies else read("")


def _clear(reply: Reply, status: str, names: tuple[str, ...], phase: Phase) -> Detail | None:
    """What the provider's own words, a plain text or an exact code say."""
    enhanced = reply.enhanced if not is_generic(reply.enhanced) else status
    own = providers.find(f"{_without_addresses(reply.text).lower()} {enhanced}", names, phase)
    if own is not None:
        return own
    said = _said(reply, names)
    meant = None if is_generic(enhanced) else codes.by_enhanced(enhanced, phase)
    if said is not None and meant in _EXACT and said in _SOFT_TEXTS:
        return meant
    if meant is Detail.REJECTED and said in HARD:
        return meant  # x.1.7 and x.1.8 are about the sender
    if said is Detail.USERUNKNOWN and _is_a_filter(reply, enhanced, phase):
        return Detail.FILTERED
    found = said or _EXACT_REPLIES.get(reply.code) or meant
    return _softer(reply, phase) or found if found in HARD else found


def _softer(reply: Reply, phase: Phase) -> Detail | None:
    """What an unknown address or domain means in a reply that isn't about the recipient, or not for ever."""
    if phase in _BEFORE_RCPT:
        return _BEFORE_RCPT[phase]  # what is unknown there is ours
    if reply.code in _OF_AUTH:
        return Detail.SECURITYERROR
    return Detail.SYSTEMERROR if " temporar" in f" {_without_addresses(reply.words)}".lower() else None


_OF_AUTH = {"530", "534", "535", "538"}  # RFC 4954: whom the server doesn't know is us
_EXACT_REPLIES = {"521": Detail.NOTACCEPT, "556": Detail.NOTACCEPT}  # RFC 7504
_BEFORE_RCPT = {Phase.MAIL: Detail.REJECTED, Phase.CONNECT: Detail.BLOCKED, Phase.HELLO: Detail.BLOCKED}


def _is_a_filter(reply: Reply, enhanced: str, phase: Phase) -> bool:
    """Whether "unknown user" hides a recipient's filter, as Japanese carriers document it: the recipient was taken
    and refused after the message, or the code is about the mailbox and not about the address."""
    if "unknown" not in reply.words.lower():
        return False
    return enhanced == "5.2.0" or (
        phase is Phase.DATA and is_generic(reply.enhanced) and is_generic(enhanced)
    )


def _said(reply: Reply, names: tuple[str, ...]) -> Detail | None:
    """What the words of the reply say; what stands before its code is asked after them."""
    for text in dict.fromkeys((reply.words, reply.text)):
        found = texts.strong().find(normal(_without_names(text, names)))
        if found is not None:
            return found
    return None


def _weak(reply: Reply, _status: str, names: tuple[str, ...], phase: Phase) -> Detail | None:
    weak = texts.weak().find(normal(_without_names(reply.words, names)))
    if weak is Detail.USERUNKNOWN and reply.is_about_more:
        return Detail.FILTERED  # servers refuse an address in these words for any reason
    return weak or codes.by_reply(reply.code, phase)


_HOST = re.compile(r"[\w.-]+")
_BEFORE_HOSTS = (
    *(
        " host",
        " host:",
        " with",
        " by",
        " to",
        " from",
        " at",
        " server",
        " for",
        " domain",
        " mta",
        "name=",
        ";",
    ),
)


def _without_names(text: str, names: tuple[str, ...]) -> str:
    """The text without addresses and the names of servers: their words are no words of a reason."""
    text = " " + (_without_addresses(text) if "@" in text else text)
    out, at = [], 0
    for found in _HOST.finditer(text):
        meant = _meant(text, found[0].lower().strip("."), found.start(), names)
        if meant is not None:
            out += [text[at : found.start()], meant]
            at = found.end()
    return " ".join([*out, text[at:]])


def _meant(text: str, word: str, start: int, names: tuple[str, ...]) -> str | None:
    """What stands for a word: nothing for a server's name, "ip" for a number, None for itself."""
    if "." not in word:
        return None
    if word.count(".") == 3 and word.replace(".", "").isdigit():
        return "" if _is_a_servers(text, start) else "ip"
    before = text[max(0, start - 12) : start].rstrip(" <('\"").lower()
    is_name = before.endswith(_BEFORE_HOSTS) or any(each and word.endswith(each) for each in names)
    return "" if is_name and not any(sign in word for sign in texts.listed("list")) else None


def _is_a_servers(text: str, start: int) -> bool:
    """Whether a number stands behind a server's name, as in `mx.b.example[192.0.2.1]`: it is not the sender's."""
    return text[start - 1 : start] in ("[", "(") and text[max(0, start - 2) : start - 1].strip().isalnum()


def _without_addresses(text: str) -> str:
    """The text with a sign for each address: the name in one is no word of a reason."""
    out, at = [], 0
    for found in find(text):
        out.append(text[at : found.start])
        out.append(" , ")
        at = found.end
    out.append(text[at:])
    return "".join(out)


def _status(status: str, reply: Reply) -> str:
    """The code of the report, unless it is generic and the text has one that isn't."""
    if is_generic(status) and not is_generic(reply.enhanced):
        return reply.enhanced
    return status or reply.enhanced


def _without_text(code: str, reply: Reply, *, has_text: bool) -> Detail:
    found = None if is_generic(code) else codes.by_enhanced(code, reply.phase)
    if found is None and reply.code:
        found = codes.by_reply(reply.code, reply.phase)
    if found is not None:
        return found
    if code.startswith("5.7."):
        return Detail.POLICYVIOLATION
    if code.startswith("4") or reply.code.startswith("4"):
        return Detail.EXPIRED
    return Detail.ONHOLD if has_text or code else Detail.UNDEFINED


def _is_hard(found: Detail, status: str, reply: Reply) -> bool:
    if found not in HARD:
        return False
    if found is Detail.NOTACCEPT:
        return not (status.startswith("4") or reply.code.startswith("4"))
    return not (is_temporary(status, reply))


def is_temporary(status: str, reply: Reply) -> bool:
    """Whether the codes say that the failure may pass; a text's own codes count more than a report's."""
    if reply.code:
        return reply.code.startswith("4")
    if reply.enhanced:
        return reply.enhanced.startswith("4")
    return status.startswith("4")
