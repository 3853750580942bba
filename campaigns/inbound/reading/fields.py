"""The fields of a delivery report, RFC 3464, also of one that is badly folded, badly divided or plain text."""

from __future__ import annotations

from dataclasses import dataclass, field

from campaigns.inbound.reading import limits

OF_MESSAGE = {
    *("reporting-mta", "received-from-mta", "arrival-date", "original-envelope-id", "dsn-gateway"),
    *("x-postfix-queue-id", "x-postfix-sender", "x-original-message-id", "reporting-ua"),
}
OF_RECIPIENT = {
    *("final-recipient", "original-recipient", "action", "status", "diagnostic-code", "remote-mta"),
    *("last-attempt-date", "will-retry-until", "final-log-id", "x-actual-recipient", "x-display-name"),
    *("x-supplementary-info", "disposition", "x-original-to", "x-failed-recipient"),
}
_MOST_NAME = 40


@dataclass(slots=True)
class Report:
    """The fields of the message, and of each recipient, by their names in lower case."""

    of_message: dict[str, str] = field(default_factory=dict)
    recipients: list[dict[str, str]] = field(default_factory=list)


def report(text: str) -> Report:
    """The report in a text; lines that are no fields belong to the field before them."""
    made = Report()
    group: dict[str, str] = {}
    name = ""
    after_gap = False
    for line in text.split("\n", limits.FIELDS)[: limits.FIELDS]:
        if len(made.recipients) > limits.GROUPS:
            break
        if not line.strip():
            after_gap = True
            continue
        found = None if line[0] in " \t" and name and not after_gap else _field(line)
        if found is None:
            _append(group if name in group else made.of_message, name, line)
            continue
        name, value = found
        if name in OF_MESSAGE:
            made.of_message.setdefault(name, value)
            after_gap = False
            continue
        if _begins_a_group(name, group, after_gap):
            _keep(made, group)
            group = {}
        after_gap = False
        if name not in group:
            group[name] = value
        elif name == "diagnostic-code":
            group[name] += " " + value
    _keep(made, group)
    del made.recipients[limits.GROUPS :]
    return made


def _begins_a_group(name: str, group: dict[str, str], after_gap: bool) -> bool:
    if name in ("final-recipient", "original-recipient"):
        return name in group or (after_gap and "final-recipient" in group)
    return after_gap and "final-recipient" in group and name in group


def _keep(made: Report, group: dict[str, str]) -> None:
    if not group:
        return
    if "final-recipient" in group or "original-recipient" in group or "x-actual-recipient" in group:
        made.recipients.append(group)
    elif made.recipients and not made.recipients[-1].keys() & group.keys() and OF_RECIPIENT & group.keys():
        made.recipients[-1].update(group)  # an empty line amid the fields of one recipient
    else:
        for name, value in group.items():
            made.of_message.setdefault(name, value)


def _field(line: str) -> tuple[str, str] | None:
    name, colon, value = line.strip().partition(":")
    name = name.strip().lower()
    if not colon or len(name) > _MOST_NAME or not name or not name.replace("-", "").isalnum():
        return None
    is_one = name in OF_MESSAGE or name in OF_RECIPIENT or name.startswith(("x-", "original-"))
    return (name, value.strip()) if is_one else None


def _append(group: dict[str, str], name: str, line: str) -> None:
    if name in group and len(group[name]) < limits.HEADER:
        group[name] += " " + line.strip()


def pairs(text: str) -> dict[str, list[str]]:
    """The fields of a feedback report or a notification of a reading: each name with all its values."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.split("\n")[: limits.FIELDS]:
        if line[:1] in (" ", "\t") and name:
            if len(found[name][-1]) < limits.HEADER:
                found[name][-1] += " " + line.strip()
            continue
        before, colon, value = line.partition(":")
        key = before.strip().lower()
        if colon and key and len(key) <= _MOST_NAME and key.replace("-", "").isalnum():
            name = key
            found.setdefault(name, []).append(value.strip())
    return found
