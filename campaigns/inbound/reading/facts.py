"""What stands in a message, put where it is looked for: the facts that a verdict is made from."""

from __future__ import annotations

from dataclasses import dataclass, field

from campaigns.inbound.reading import addresses, limits
from campaigns.inbound.reading.fields import Report, pairs, report
from campaigns.inbound.reading.headers import Headers, split
from campaigns.inbound.reading.parts import Part, parse
from campaigns.inbound.reading.returned import divide

_RETURNED = {
    *(
        "message/rfc822",
        "text/rfc822-headers",
        "message/global",
        "message/global-headers",
        "message/rfc822-headers",
    ),
    *("text/rfc822", "message/rfc822-delivery-headers"),
}
_STATUS = {"message/delivery-status", "message/global-delivery-status", "text/delivery-status"}
_READING = {"message/disposition-notification", "message/global-disposition-notification"}
_FEEDBACK = {"message/feedback-report", "text/feedback-report"}
_XARF = {"text/x-arf", "application/json", "text/yaml", "message/x-arf"}


@dataclass(slots=True)
class Facts:
    """`text` is what the message itself says, without what it quotes or gives back; `original` is the head of
    the message that it gives back."""

    headers: Headers
    kind: str = ""
    report_type: str = ""
    text: str = ""
    report: Report | None = None
    reading: dict[str, list[str]] | None = None
    feedback: dict[str, list[str]] | None = None
    original: Headers = field(default_factory=lambda: Headers([]))
    original_text: str = ""
    has_returned_part: bool = False

    @property
    def subject(self) -> str:
        return self.headers.get("subject")

    @property
    def sender(self) -> str:
        """The address of From in lower case, or ""; of several the first, so that it proves nothing."""
        value = self.headers.get("from")
        return self.author or (addresses.first_in(value) or value.strip(" <>\"'")).lower()

    @property
    def author(self) -> str:
        """The address of From in lower case if it names one person; "" otherwise."""
        return addresses.author(self.headers.written("from")).lower()

    @property
    def return_path(self) -> str | None:
        """The address that it came from by the envelope; "" for none, None where nothing says it."""
        for name in ("return-path", "x-return-path", "x-envelope-from"):
            if self.headers.has(name):
                return addresses.first_in(self.headers.get(name))
        return None


def read(raw: bytes) -> Facts:
    """The facts of a raw message; takes any bytes."""
    top = parse(raw)
    facts = Facts(top.headers, top.kind, top.options.get("report-type", "").lower())
    texts: list[str] = []
    markups: list[str] = []
    for part in top.walk():
        _take(part, facts, texts, markups)
    text = "\n\n".join(texts)
    if len(text.strip()) < _LITTLE:
        text = "\n\n".join([text, *markups]) if text.strip() else "\n\n".join(markups)
    _divide(facts, text[: limits.TEXT])
    _look_for_a_report(facts)
    return facts


_LITTLE = 40  # letters: a text part with less says nothing that its HTML doesn't say


def _take(part: Part, facts: Facts, texts: list[str], markups: list[str]) -> None:
    kind = part.kind
    if kind in _STATUS:
        found = report(part.text())
        if facts.report is None or not facts.report.recipients:
            facts.report = found
        else:
            facts.report.recipients += found.recipients[: limits.GROUPS - len(facts.report.recipients)]
    elif kind in _READING and facts.reading is None:
        facts.reading = pairs(part.text())
    elif kind in _FEEDBACK and facts.feedback is None:
        facts.feedback = pairs(part.text())
    elif kind in _RETURNED:
        _take_returned(part, facts)
    elif kind in _XARF and _is_xarf(part):
        facts.feedback = facts.feedback or pairs(part.text())
    elif part.children or facts.has_returned_part:
        return
    elif kind == "text/html":
        _add(markups, part)
    elif kind.startswith(("text/", "multipart/")) or (part.body and not kind.startswith(_NO_TEXT)):
        _add(texts, part)


def _add(texts: list[str], part: Part) -> None:
    """The text of a part, unless there is as much as is looked at already."""
    if sum(map(len, texts)) < limits.TEXT:
        texts.append(part.text())


_NO_TEXT = ("image/", "audio/", "video/", "application/", "font/", "message/partial")


def _is_xarf(part: Part) -> bool:
    return b"eport" in part.body[:4_000] and part.kind != "application/json"


def _take_returned(part: Part, facts: Facts) -> None:
    if facts.has_returned_part:
        return
    facts.has_returned_part = True
    content = part.content().lstrip(b"\n\0").replace(b"\r\n", b"\n")
    original, body = split(content)
    facts.original = original
    facts.original_text = body[: limits.HEADER].decode("utf-8", "replace")


def _divide(facts: Facts, text: str) -> None:
    """A text that gives back a message itself."""
    own, original = divide(text)
    facts.text = text if original and len(own.strip()) < _LITTLE else own
    if original and not facts.original:
        facts.original = original


def _look_for_a_report(facts: Facts) -> None:
    """A report that stands in the text, for its type was lost on the way."""
    if facts.report is not None and facts.report.recipients:
        return
    if "Final-Recipient:" in facts.text or "final-recipient:" in facts.text.lower():
        found = report(facts.text)
        if found.recipients:
            facts.report = found


def ways(facts: Facts) -> tuple[str, ...]:
    """The addresses and ids in which a token of ours may stand, unverified, the likeliest first."""
    found: list[str] = []
    for name in ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-rcpt-to", "cc"):
        for value in facts.headers.all(name):
            found += addresses.all_in(value)
    for value in facts.headers.all("received"):
        _before, given, after = value.partition(" for ")
        found += addresses.all_in(after[:400])[:1] if given else []
    if facts.report is not None:
        found.append(facts.report.of_message.get("original-envelope-id", ""))
    found += [address for value in facts.original.all("return-path") for address in addresses.all_in(value)]
    found += _ids(facts)
    return tuple(dict.fromkeys(each for each in found if each))[:_MOST_WAYS]


_MOST_WAYS = 100
_MOST_WAY = 1_000


def _ids(facts: Facts) -> list[str]:
    found = []
    for headers in (facts.original, facts.headers):
        for name in ("message-id", "in-reply-to", "references", "original-message-id", "feedback-id"):
            if headers is facts.headers and name == "message-id":
                continue
            found += [word for value in headers.all(name) for word in value[:_MOST_WAY].split()]
    for name in facts.original.names():
        if name.startswith("x-") or name in ("list-unsubscribe", "reply-to", "from", "sender"):
            found += [value[:_MOST_WAY].strip() for value in facts.original.all(name)]
    for fields in (facts.feedback or {}, facts.reading or {}):
        for name in ("original-mail-from", "original-envelope-id", "original-message-id", "original-rcpt-to"):
            found += [value.strip("<> ") for value in fields.get(name, ())]
    return found
