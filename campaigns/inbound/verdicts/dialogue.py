"""The SMTP dialogue in a text: which command was answered, with which codes, by which words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from campaigns.inbound.reading import limits
from campaigns.inbound.verdicts.codes import Phase
from campaigns.inbound.verdicts.texts import listed

_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,2}\.\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(r"(?<![\w.:/@+-])([245][0-5]\d)(?=[ -]|\s*$|[:;,]\s|\")", re.MULTILINE)
_DIGITS = frozenset("0123456789")
_SAYS = (
    "said:",
    "<<<",
    "smtp;",
    "smtp; ",
    "(reason:",
    "returned:",
    "response:",
    "message:",
    "error:",
    "#",
    "due to:",
    "me:",
    "]:",
    "was:",
    "said ",
    "reply:",
    "replied:",
    "returned '",
    "because:",
    "by server:",
)
# What stands near a reply when it answered that command; the first row that matches wins.
_PHASES = tuple(
    (phase, listed(phase.value)) for phase in (Phase.DATA, Phase.RCPT, Phase.MAIL, Phase.HELLO, Phase.CONNECT)
)
_COMMANDS = (
    ("rcpt", Phase.RCPT),
    ("mail", Phase.MAIL),
    ("data", Phase.DATA),
    ("ehlo", Phase.HELLO),
    ("helo", Phase.HELLO),
    ("bdat", Phase.DATA),
    (".", Phase.DATA),
    ("auth", Phase.AUTH),
    ("starttls", Phase.HELLO),
)
_SENT = (">>>", "sent >>>", "->", "c:")
MOST = 8_000  # letters of a text that are looked at


@dataclass(frozen=True, slots=True)
class Reply:
    """What a text says of a reply; "" for what it doesn't say."""

    code: str
    enhanced: str
    phase: Phase
    text: str
    words: str = ""  # of the text, those from the code on

    @property
    def is_temporary(self) -> bool:
        """Whether the codes say that it may pass: the enhanced one counts, for it is the more exact."""
        return (self.enhanced or self.code).startswith("4")

    @property
    def is_about_more(self) -> bool:
        """Whether the codes say that the reason is a rule or the moment, and not the address."""
        return self.is_temporary or self.enhanced.startswith("5.7.")


def read(text: str) -> Reply:
    """The reply in a text."""
    text = text[:MOST]
    enhanced = enhanced_in(text)
    code, start = _code(text, enhanced)
    words = text[start:] if len(text) - start > _FEW else text
    return Reply(code, enhanced, _phase(text), text, words)


_FEW = 12  # letters that are no words of a reply


def enhanced_in(text: str) -> str:
    """The enhanced code of a failure in a text: one that says something before one that ends with zeros."""
    found = [match for match in _ENHANCED.findall(text[:MOST]) if match[0] != "2"]
    return next((each for each in found if not is_generic(each)), found[0] if found else "")


def is_generic(code: str) -> bool:
    """Whether an enhanced code says no more than that something failed."""
    return not code or code.endswith(".0.0") or code.startswith("2")


def _code(text: str, enhanced: str) -> tuple[str, int]:
    """The reply code that stands where one says a code, and where it stands."""
    best, best_rank, start = "", 9, 0
    for match in _REPLY.finditer(text):
        code = match[1]
        if code[0] == "2":
            continue
        before = text[max(0, match.start() - 14) : match.start()].lower().rstrip()
        after = text[match.end() : match.end() + 12].lstrip(' -#"')
        rank = 3
        if before.endswith(_SAYS) or not before or text[match.start() - 1] == "\n":
            rank = 1
        if _ENHANCED.match(after) and (not enhanced or after.startswith(code[0])):
            rank = 0
        if rank < best_rank:
            best, best_rank, start = code, rank, match.start()
    return (best, start) if best_rank < 3 or best in _CODES else ("", 0)


_CODES = {
    *(
        "421",
        "450",
        "451",
        "452",
        "454",
        "500",
        "501",
        "502",
        "503",
        "504",
        "521",
        "523",
        "525",
        "530",
        "534",
        "535",
    ),
    *("538", "550", "551", "552", "553", "554", "555", "556", "571"),
}


def _phase(text: str) -> Phase:
    lower = text.lower()
    for phase, signs in _PHASES:
        if any(sign in lower for sign in signs):
            return phase
    return _transcript_phase(lower)


def _transcript_phase(lower: str) -> Phase:
    """The command before the first reply of failure in a transcript like `>>> RCPT To:<…>`, `<<< 550 …`."""
    last = Phase.UNKNOWN
    for line in lower.split("\n")[:200]:
        bare = line.strip()
        if bare.startswith(_SENT):
            command = bare.rpartition(">>> ")[2].removeprefix("->").removeprefix("c:").strip(" >")
            last = next((phase for name, phase in _COMMANDS if command.startswith(name)), last)
        elif last and bare.startswith(("<<<", "received <<<", "<-", "s:", "received >>>", "[received]")):
            code = next((word for word in bare.split() if word[:1].isdigit()), "")
            if code.startswith(("4", "5")):
                return last
    return last


@dataclass(slots=True)
class Allowance:
    """How many letters reasons may still be read from in one message: its recipients share them."""

    left: int = limits.JUDGED

    def of(self, near: list[str], far: list[str]) -> tuple[list[str], list[str]]:
        """The texts about a recipient; none once there is not enough left: then its status alone speaks."""
        wanted = sum(min(len(text), MOST) for text in (*near, *far))
        if wanted > self.left:
            return [], []
        self.left -= wanted
        return near, far
