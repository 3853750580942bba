"""The recipients of a bounce that is no report, told by how their addresses stand in the text.

Mail systems write an address alone on its line, before a colon and the reason (qmail, Postfix, Courier), over
indented lines (Exim, sendmail, Exchange), behind a label (`Recipient:`, `RCPT TO:`) or within a reply. What
stands in the most telling place counts; what follows it up to the next empty line is what is said of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from campaigns.inbound.reading import addresses, limits
from campaigns.inbound.reading.addresses import Found
from campaigns.inbound.verdicts.texts import listed


class Place(IntEnum):
    """How telling the place of an address is; the lowest counts."""

    ALONE = 0
    LABELLED = 1
    SAID = 2
    ELSEWHERE = 3


@dataclass(slots=True)
class Mention:
    """An address in a text: how telling its best place is, and what is said behind each."""

    address: str
    place: Place
    near: list[str] = field(default_factory=list)


_DECORATION = " \t*-•·>.:<([{\"'`|#=&0123456789)"
_ENDS = (
    "",
    ":",
    ",",
    ";",
    ".",
    ">",
    ">:",
    ">,",
    ">.",
    ")",
    '"',
    "'",
    "':",
    '":',
    ">;",
    "]",
    ">)",
    "*",
    "**",
    "|",
)
_OTHERS = listed("others")
_SUMMARY = frozenset(listed("summary"))
_NOBODYS = (
    "postmaster@",
    "mailer-daemon@",
    "abuse@",
    "noreply@",
    "no-reply@",
    "donotreply@",
    "mailerdaemon@",
)


def mentions(text: str, own: set[str]) -> list[Mention]:
    """The addresses in a text that may have failed, in their order; `own` are ours, in lower case."""
    lines = text.split("\n")[: limits.LINES]
    found: dict[str, Mention] = {}
    for number, line in enumerate(lines):
        if "@" not in line:
            continue
        for one in addresses.find(line, most=50):
            key = one.address.lower()
            if key in own or len(found) >= limits.ADDRESSES:
                continue
            place = _place(line, one, _line_above(lines, number))
            if place is None:
                continue
            mention = found.setdefault(key, Mention(one.address, place))
            mention.place = min(mention.place, place)
            if len(mention.near) < _MOST_NEAR:
                mention.near.append(_near(lines, number, one))
    return list(found.values())


_MOST_NEAR = 6


# What the line above an address has when it is one to write to.
_ASKED = ("questions", "assistance", "contact", "directed to", "administrator at", "complain")


def _place(line: str, one: Found, previous: str) -> Place | None:
    """How telling the place is; None for an address that is surely no recipient's."""
    if one.address.lower().startswith(_NOBODYS):
        return None
    before = line[: one.start].lower()
    label = before.strip(_DECORATION)
    after = line[one.end :].strip()
    if _is_of_others(label):
        return None
    if not label:
        if previous.rstrip().endswith(":") and any(each in previous.lower() for each in _ASKED):
            return None
        return Place.ALONE if _is_alone(after) else Place.SAID
    if label.endswith(_LABEL_ENDS) and label.split()[-1].strip("<(\"':") != "from":
        return Place.LABELLED
    if _has_reply(line) or _has_reply(previous):
        return Place.SAID
    return Place.ELSEWHERE


_LABEL_ENDS = tuple(start + each for each in listed("recipient") for start in ("", " "))


def _line_above(lines: list[str], number: int) -> str:
    """The line above, past one empty line."""
    above = lines[number - 1] if number else ""
    return above if above.strip() or number < 2 else lines[number - 2]


def _is_of_others(label: str) -> bool:
    tail = label[-60:]
    return any(tail == each or tail.endswith((f" {each}", f"\t{each}")) for each in _OTHERS) or any(
        each in tail for each in _OTHERS if len(each) > 5
    )


def _is_alone(after: str) -> bool:
    """Whether what follows an address at the beginning of its line is a reason, or nothing."""
    bare = after.lstrip(">)\"'*] ")
    return (
        after in _ENDS
        or bare[:1] in (":", "(", "-", "[", "|", ";", "=")
        or bare.startswith(("...", "on ", "->", "not "))
    )


def _has_reply(line: str) -> bool:
    words = line.lower()
    return any(
        code in words
        for code in (
            "550",
            "551",
            "552",
            "553",
            "554",
            "450",
            "451",
            "452",
            "5.1.",
            "unknown",
            "no such",
            "<<<",
            ">>>",
        )
    )


def _near(lines: list[str], number: int, one: Found) -> str:
    """What is said behind an address: the rest of its line and the lines up to the next empty one."""
    rest = lines[number][one.end :].strip().lstrip(">)\"'*:,; ")
    before = lines[number][: one.start].strip()
    said = [before if _has_reply(before) else "", rest]
    for line in lines[number + 1 : number + _MOST_LINES]:
        if not line.strip():
            if any(each.strip() for each in said):
                break
            continue
        if _begins_another(line, one.address) or _is_back(line, lines[number], lines[number + 1]):
            break
        if is_summary(line):
            continue
        said.append(line.strip())
    return "\n".join(each for each in said if each)


_MOST_LINES = 25


def _is_back(line: str, own: str, first: str) -> bool:
    """Whether a line stands as far in as the address itself, where its reason stands further: Exim's lists."""
    depth = _depth(own)
    return 0 < depth < _depth(first) and _depth(line) <= depth


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def is_summary(line: str) -> bool:
    """Whether a line tells of the message that failed, as in `Subject: …`."""
    name = line.replace("：", ":").partition(":")[0].strip(" \t*>-|").lower()
    return name in _SUMMARY


def without_summary(text: str) -> str:
    """The text without the lines that tell of the message that failed."""
    return "\n".join(line for line in text.split("\n") if not is_summary(line))


def _begins_another(line: str, address: str) -> bool:
    """Whether a line begins with another address: the same one may stand at the beginning of a folded line."""
    found = addresses.find(line, most=1)
    if not found or found[0].address.lower() == address.lower():
        return False
    return not line[: found[0].start].strip(_DECORATION) and _is_alone(line[found[0].end :].strip())
