"""Bounces: whether a message is one, whom it is about, and why."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from campaigns.inbound.reading import addresses, limits
from campaigns.inbound.reading.addresses import domain_of
from campaigns.inbound.reading.facts import Facts
from campaigns.inbound.verdicts import signs
from campaigns.inbound.verdicts.dialogue import Allowance
from campaigns.inbound.verdicts.envelopes import Mention, Place, is_summary, mentions, without_summary
from campaigns.inbound.verdicts.reasons import recipient
from campaigns.inbound.verdicts.texts import listed
from campaigns.inbound.verdicts.verdict import Detail, Kind, Recipient, Verdict

_DONE = {"delivered": "delivered", "relayed": "relayed", "expanded": "expanded", "deliverable": "delivered"}
_GOES_ON = {"delayed", "delay", "deferred", "warning", "retrying"}
_DIGIT = re.compile(r"\d")
_LOCAL_DOMAINS = ("localhost", "localdomain", "localhost.localdomain", "local")


def read(facts: Facts) -> Verdict | None:
    """The verdict on a bounce, a warning or a receipt of delivery; None for what is none of them."""
    if facts.reading is not None or facts.report_type == "disposition-notification":
        return None
    if facts.feedback is not None or facts.report_type == "feedback-report":
        return None
    if facts.report is not None and facts.report.recipients:
        return _of_report(facts)
    return _of_text(facts) if is_one(facts) else None


def is_one(facts: Facts) -> bool:
    """Whether a message without a report is a bounce: who sent it, and what it says, agree on it."""
    if facts.headers.has("x-failed-recipients"):
        return True
    is_reported = facts.report is not None
    says_subject = signs.subject_fails(facts.subject)
    from_daemon = is_from_daemon(facts)
    by_nobody = facts.return_path == ""
    if not (from_daemon or by_nobody or is_reported) and _is_of_somebody(facts):
        return False
    if not (from_daemon or by_nobody or says_subject or is_reported):
        return False
    if facts.headers.has("in-reply-to") and not (from_daemon or by_nobody or is_reported):
        return False
    says = signs.text_fails(facts.text)
    gives_back = facts.has_returned_part or bool(facts.original)
    if from_daemon or is_reported:
        return says or (says_subject and (from_daemon or gives_back))
    # An answer of a person's program comes from nobody too, and may say that it delivers nothing.
    return says and (
        (says_subject and by_nobody)
        or ((says_subject or by_nobody) and (gives_back or _has_entry(facts, by_nobody=by_nobody)))
    )


def _is_of_somebody(facts: Facts) -> bool:
    """Whether a person passes it on, or a list of readers gets it: it only tells of a bounce."""
    if any(facts.headers.has(name) for name in ("list-unsubscribe", "list-post")):
        return True
    return facts.subject.lower().lstrip().startswith(listed("passed on"))


def _has_entry(facts: Facts, *, by_nobody: bool) -> bool:
    """Whether an address stands as programs list those that failed; people name one in a sentence."""
    furthest = Place.SAID if by_nobody else Place.ALONE
    return any(each.place <= furthest for each in mentions(facts.text, _ours(facts)))


def is_from_daemon(facts: Facts) -> bool:
    """Whether a mail system wrote it."""
    value = facts.headers.get("from").lower()
    if facts.sender.startswith(listed("daemon")) or value.strip() == "<>":
        return True
    # Spam calls itself so too, and comes from an address of its own.
    is_own = bool(facts.sender) and (facts.return_path or "").lower() == facts.sender
    return not is_own and any(name in value for name in listed("daemon name"))


# Reports.


def _of_report(facts: Facts) -> Verdict:
    assert facts.report is not None
    own = _ours(facts)
    near = {each.address.lower(): each for each in mentions(facts.text, own)}
    groups = [(group, _action(group, facts)) for group in _some_of_each(facts.report.recipients)]
    said = _Said(near, without_summary(facts.text), _recipients_of_original(facts))
    failed = [group for group, action in groups if action == "failed"]
    if failed:
        found = [_of_group(group, facts, said) for group in failed]
        return Verdict(Kind.BOUNCE, _once(found), "failed")
    late = [group for group, action in groups if action == "delayed"]
    if late:
        found = [_of_group(group, facts, said, is_delay=True) for group in late]
        return Verdict(Kind.DELAY, _once(found), "delayed")
    done = [_delivered(group, facts, said.known) for group, _action in groups]
    return Verdict(Kind.RECEIPT, _once(done), groups[0][1])


@dataclass(slots=True)
class _Said:
    """What a message says of its recipients: `near` the address of each, of all of them, and to whom it was sent."""

    near: dict[str, Mention]
    far: str
    known: list[str]
    allowance: Allowance = field(default_factory=Allowance)


def _some_of_each(groups: list[dict[str, str]]) -> list[dict[str, str]]:
    """The groups without further ones of the same recipient: they say no more."""
    counts: Counter[str] = Counter()
    kept = []
    for group in groups:
        name = group.get("final-recipient", "").lower()
        counts[name] += 1
        if not name or counts[name] <= _MOST_OF_ONE:
            kept.append(group)
    return kept


_MOST_OF_ONE = 3


def _action(group: dict[str, str], facts: Facts) -> str:
    words = group.get("action", "").lower().replace("(", " ").split()
    word = words[0].strip(".,;") if words else ""
    if word in _DONE:
        return _DONE[word]
    if word in _GOES_ON:
        return "delayed"
    if word.startswith("fail"):
        return "failed"
    if group.get("status", "").strip().startswith("2"):
        return "delivered"
    return "delayed" if signs.is_warning(facts.subject, facts.text) else "failed"


def _of_group(group: dict[str, str], facts: Facts, all_said: _Said, *, is_delay: bool = False) -> Recipient:
    address = _address_of(group, facts, all_said.known)
    near = all_said.near
    kind, semicolon, said = group.get("diagnostic-code", "").partition(";")
    is_typed = (
        bool(semicolon)
        and kind.strip().replace("-", "").replace("_", "").isalpha()
        and len(kind) < _MOST_TYPE
    )
    said = said.strip() if is_typed else group.get("diagnostic-code", "")
    names = [address, addresses.typed(group.get("final-recipient", ""))]
    mention = next((near[name.lower()] for name in names if name.lower() in near), None)
    around = _in_order(mention.near) if mention else []
    evidence = [said, *around]
    if kind.strip().lower() in ("x-unix", "x-notes", "x-local") or len(said) < _SHORT:
        evidence = [*around, said]
    status = _status_of(group.get("status", ""))
    is_only = facts.report is None or len(facts.report.recipients) == 1
    far = [all_said.far] if is_only or not any(each.strip() for each in evidence) else []
    return recipient(
        address,
        *all_said.allowance.of(evidence, far),
        status=status,
        hosts=_hosts(group),
        is_delay=is_delay,
    )


_MOST_TYPE = 20
_SHORT = 8  # letters of a diagnostic that says nothing by itself


def _status_of(value: str) -> str:
    """The code at the beginning of a status, which may have a comment."""
    code = value.split()[0].strip("().,;#") if value.split() else ""
    pieces = code.split(".")
    is_code = len(pieces) == 3 and all(piece.isdigit() and len(piece) <= 3 for piece in pieces)
    return code if is_code else ""


def _hosts(group: dict[str, str]) -> tuple[str, ...]:
    words = group.get("remote-mta", "").partition(";")[2].lower().replace("(", " ").split()
    return (words[0].strip(".[]"),) if words else ()


def _address_of(group: dict[str, str], facts: Facts, known: list[str]) -> str:
    """The address that failed, as the sender knows it: the final one, unless that is a local name."""
    given = [
        addresses.typed(group.get(name, ""))
        for name in ("final-recipient", "original-recipient", "x-actual-recipient")
    ]
    for address in given:
        if _is_whole(address):
            return address
    if len(known) == 1 or (known and facts.report is not None and len(facts.report.recipients) == 1):
        return known[0]
    return next((each for each in given if each), "")


def _is_whole(address: str) -> bool:
    domain = domain_of(address)
    return bool(domain) and ("." in domain or domain.startswith("[")) and not domain.endswith(_LOCAL_DOMAINS)


def _delivered(group: dict[str, str], facts: Facts, known: list[str]) -> Recipient:
    said = group.get("diagnostic-code", "")
    return Recipient(
        _address_of(group, facts, known),
        Detail.DELIVERED.cause,
        Detail.DELIVERED,
        False,
        group.get("status", "")[:9],
        said[:200],
    )


def _subject(facts: Facts) -> str:
    """The subject without that of the message that failed."""
    known = [
        facts.original.get("subject"),
        *(line.partition(":")[2] for line in facts.text.split("\n") if is_summary(line)),
    ]
    subject = facts.subject
    for each in known:
        subject = subject.replace(each.strip(), " ") if len(each.strip()) > 3 else subject
    return subject


# Texts.


def _of_text(facts: Facts) -> Verdict | None:
    is_delay = signs.is_warning(facts.subject, facts.text)
    chosen = _chosen(facts) or [Mention("", Place.ELSEWHERE)]
    far = [without_summary(facts.text), _subject(facts)]
    found, allowance = [], Allowance()
    for each in chosen:
        near = _in_order(each.near)
        is_lonely = len(chosen) == 1 or not any(text.strip() for text in near)
        evidence = allowance.of(near, far if is_lonely else [])
        found.append(recipient(each.address, *evidence, is_delay=is_delay))
    kind = Kind.DELAY if is_delay else Kind.BOUNCE
    return Verdict(kind, _once(found), "delayed" if is_delay else "failed")


def _in_order(near: list[str]) -> list[str]:
    """What is said near an address: first what has a code."""
    return sorted(near, key=lambda text: _DIGIT.search(text) is None)


def _chosen(facts: Facts) -> list[Mention]:
    """Whom a text is about: those in its most telling places."""
    own = _ours(facts)
    found = mentions(facts.text, own)
    by_name = {each.address.lower(): each for each in found}
    named = [
        address for value in facts.headers.all("x-failed-recipients") for address in addresses.all_in(value)
    ]
    if named:
        named = list(dict.fromkeys(named))[: limits.ADDRESSES]
        return [by_name.get(address.lower(), Mention(address, Place.ALONE)) for address in named]
    known = _recipients_of_original(facts)
    for place in (Place.ALONE, Place.LABELLED, Place.SAID):
        best = [each for each in found if each.place is place]
        if best:
            return _without_helpers(best, {address.lower() for address in known})
    elsewhere = [by_name[address.lower()] for address in known if address.lower() in by_name]
    if elsewhere:
        return elsewhere
    if known:
        return [Mention(known[0], Place.ELSEWHERE)]
    return found[:1]


def _without_helpers(found: list[Mention], known: set[str]) -> list[Mention]:
    """Without addresses to write to: where one stands that the message was sent to, another must have failed."""
    if len(found) == 1 or not any(each.address.lower() in known for each in found):
        return found
    return [each for each in found if each.address.lower() in known or any(map(_says_why, each.near))]


def _says_why(text: str) -> bool:
    return _DIGIT.search(text) is not None or signs.text_fails(text)


def _ours(facts: Facts) -> set[str]:
    """Addresses that are ours or the reporting system's: nobody in there has failed."""
    values = [facts.headers.get(name) for name in ("to", "from", "reply-to", "delivered-to", "return-path")]
    values += [facts.original.get(name) for name in ("from", "sender", "return-path", "reply-to")]
    found = {address.lower() for value in values for address in addresses.all_in(value)}
    return found - {address.lower() for address in _recipients_of_original(facts)[:1]}


def _recipients_of_original(facts: Facts) -> list[str]:
    names = ("x-rcpt-to", "envelope-to", "x-envelope-to", "x-original-to", "to", "cc")
    found = [
        address for name in names for value in facts.original.all(name) for address in addresses.all_in(value)
    ]
    for value in facts.original.all("received"):
        found += addresses.all_in(value.partition(" for ")[2][:400])[:1]
    return list(dict.fromkeys(found))


def _once(found: list[Recipient]) -> tuple[Recipient, ...]:
    """Each address once, and the harder finding of two."""
    by_address: dict[str, Recipient] = {}
    for each in found:
        key = each.address.lower()
        if key not in by_address or (each.hard and not by_address[key].hard):
            by_address[key] = each
    return tuple(by_address.values())
