"""Where a text ends and the message that it gives back begins, told by the form of a head."""

from __future__ import annotations

from campaigns.inbound.reading import limits
from campaigns.inbound.reading.headers import Headers

_KNOWN = {
    *(
        "received",
        "return-path",
        "message-id",
        "from",
        "to",
        "subject",
        "date",
        "mime-version",
        "cc",
        "sender",
    ),
    *("content-type", "content-transfer-encoding", "reply-to", "delivered-to", "x-mailer", "dkim-signature"),
    *("in-reply-to", "references", "list-unsubscribe", "envelope-to", "x-original-to", "content-disposition"),
    *("x-priority", "user-agent", "x-originating-ip", "list-id", "precedence", "organization", "importance"),
}
_SURE = {"received", "message-id", "return-path", "mime-version", "dkim-signature"}
_SEPARATORS = (
    "message header", "original message", "returned message", "copy of the message", "copy of your message",
    "message headers", "original headers", "mail header", "message follows", "message text follows",
    "unsent message", "rejected message", "headers follow", "offending message", "undelivered message",
    "returned mail", "original mail", "message is attached", "ursprüngliche nachricht", "nachricht folgt",
    "message d'origine", "mensaje original", "message contents", "message content follows", "failed message",
    "元のメール", "元のメッセージ", "原邮件", "header of your", "header follows", "your message was",
    "begin forwarded", "text of the message", "message body", "message/rfc822",
)  # fmt: skip


def divide(text: str) -> tuple[str, Headers]:
    """What a text says by itself, and the head of the message that it gives back, empty where it gives none."""
    lines = text.split("\n")[: limits.LINES]
    named = [_name(line) for line in lines]
    for number, name in enumerate(named):
        if not _may_begin(lines, number, name):
            continue
        end = _end_of_run(lines, named, number)
        names = {each for each in named[number:end] if each}
        if _is_head(names, is_marked=_is_marked(lines, number)):
            return "\n".join(lines[:number]), Headers(_fields(lines[number:end]))
    return "\n".join(lines), Headers([])


def _may_begin(lines: list[str], number: int, name: str | None) -> bool:
    if not name or name not in _KNOWN:
        return name is not None and name.startswith("x-") and _previous_is_empty(lines, number)
    return True


def _previous_is_empty(lines: list[str], number: int) -> bool:
    before = _bare(lines[number - 1]).strip() if number else ""
    return not before or not before[0].isalnum()


def _bare(line: str) -> str:
    """Without the mark of a quotation."""
    return line[2:] if line.startswith("> ") else line[1:] if line[:1] in (">", "|") else line


def _name(line: str) -> str | None:
    bare = _bare(line)
    before, colon, _value = bare.partition(":")
    if not colon or not 1 < len(before) <= 40 or not before[:1].isalpha():
        return None
    name = before.lower()
    return name if name.replace("-", "").isalnum() and name.isascii() else None


def _end_of_run(lines: list[str], named: list[str | None], start: int) -> int:
    """The first line from there on that can belong to no head."""
    end = min(len(lines), start + limits.HEADERS)
    for number in range(start, end):
        if not named[number] and not _goes_on(_bare(lines[number])):
            return number
    return end


def _goes_on(bare: str) -> bool:
    """Whether a line that names no field may stand in a head: a folded one, or one of an envelope."""
    return (bare[:1] in (" ", "\t") and bool(bare.strip())) or bare.startswith("From ")


def _fields(lines: list[str]) -> list[tuple[str, str]]:
    """The fields of a head."""
    fields: list[tuple[str, str]] = []
    for line in lines:
        bare = _bare(line)
        name = _name(line)
        if name:
            fields.append((name, bare.partition(":")[2].strip()))
        elif bare[:1] in (" ", "\t") and bare.strip() and fields:
            known, value = fields[-1]
            if len(value) < limits.HEADER:
                fields[-1] = (known, value + " " + bare.strip())
    return fields


def _is_marked(lines: list[str], number: int) -> bool:
    """Whether a line shortly before says that a message follows."""
    before = " ".join(lines[max(0, number - 4) : number]).lower()
    return any(each in before for each in _SEPARATORS)


def _is_head(names: set[str], *, is_marked: bool) -> bool:
    if names & {"final-recipient", "diagnostic-code", "reporting-mta"}:
        return False
    known = len(names & _KNOWN)
    if names & _SURE:
        return known >= 2
    if is_marked:
        return known >= 2 or bool(names & {"subject", "to"})
    return {"from", "to", "subject", "date"} <= names
