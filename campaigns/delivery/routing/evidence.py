"""Decides whose fault a reply is: replies are claims, and this weighs them against each other. Pure.

A claim about the server or our account is believed once at least two recipients at different receivers got it
with no acceptance in between; one about a receiver, once several of its recipients got it. Until then it
counts against the recipient who got it, but a claim about us never ends a recipient. So one recipient, domain
or message cannot stop the others, and a fault of ours cannot fail a recipient.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from campaigns.mail.protocol import Phase
from campaigns.mail.replies import BEFORE_MAIL, BROKEN, DOUBT, Klass, Meaning, Subject


class Charge(StrEnum):
    """Claims that are counted together."""

    SERVER = "server"
    ACCOUNT = "account"
    PROTOCOL = "protocol"
    CONTENT = "content"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Rule:
    """What it takes to believe a claim: this many recipients at this many receivers, none accepted between.

    A receiver counts for at most `each` of them; `alone` recipients of one receiver are enough to blame that
    receiver. `subject`: whose fault it then is.
    """

    subject: Subject
    recipients: int
    receivers: int
    each: int
    alone: int


CONTENT_IN_A_ROW = 16  # a campaign stops within twenty: an acceptance that is read late resets the count
CONTENT_AT_LEAST = 7  # where a few percent are refused anyway, fewer in a row are chance
CONTENT_IS_SERIOUS = 3  # in a row: from here on, only as many are on the wire as may be refused
CONTENT_OF_LAST, CONTENT_SHARE, CONTENT_EACH = 200, 0.10, 10
THROTTLED_OF_LAST, THROTTLED_AT_LEAST, THROTTLED_RECEIVERS = 40, 10, 3
MOST_RECEIVERS, MOST_WITNESSES = 64, 32  # stored for each claim, and for each receiver: more prove no more

RULES: Mapping[Charge, Rule] = {
    Charge.SERVER: Rule(Subject.SERVER, recipients=2, receivers=2, each=2, alone=3),
    Charge.ACCOUNT: Rule(Subject.ACCOUNT, recipients=2, receivers=2, each=2, alone=3),
    Charge.PROTOCOL: Rule(Subject.SERVER, recipients=5, receivers=2, each=4, alone=5),
    Charge.CONTENT: Rule(Subject.CONTENT, CONTENT_IN_A_ROW, receivers=2, each=8, alone=CONTENT_AT_LEAST),
    Charge.UNKNOWN: Rule(Subject.SERVER, recipients=10, receivers=3, each=4, alone=3),
}
_CHARGES: Mapping[Klass, Charge] = {
    Klass.SERVER: Charge.SERVER,
    Klass.THROTTLE: Charge.SERVER,
    Klass.DOUBT: Charge.SERVER,
    Klass.ACCOUNT: Charge.ACCOUNT,
    Klass.QUOTA: Charge.ACCOUNT,
    Klass.PROTOCOL: Charge.PROTOCOL,
    Klass.POLICY: Charge.CONTENT,
}


# Two witnesses are soon found again; claims that need many have to add up over lanes.
_KEPT = (Charge.CONTENT, Charge.PROTOCOL)


class Answer(NamedTuple):
    """A reply to one recipient. `is_suspect`: its last attempt also ended with a claim about the server."""

    meaning: Meaning
    phase: Phase
    recipient: int
    receiver: str
    first_tried: datetime
    is_suspect: bool = False
    said: str = ""


class Finding(NamedTuple):
    """Whose fault a reply is, as far as it can be told.

    `is_proven`: the server has accepted messages for others since the recipient was first tried.
    """

    subject: Subject
    is_proven: bool


@dataclass(slots=True)
class Run:
    """Who got a claim since the last acceptance: recipients by receiver."""

    by_receiver: dict[str, set[int]] = field(default_factory=dict)
    said: str = ""

    def add(self, recipient: int, receiver: str, said: str) -> None:
        """Add one witness."""
        self.said = said
        if receiver not in self.by_receiver and len(self.by_receiver) >= MOST_RECEIVERS:
            return
        some = self.by_receiver.setdefault(receiver, set())
        if len(some) < MOST_WITNESSES:
            some.add(recipient)

    @property
    def number(self) -> int:
        """Number of recipients."""
        return sum(len(each) for each in self.by_receiver.values())

    @property
    def receivers(self) -> int:
        return len(self.by_receiver)

    def weight(self, each: int) -> int:
        """Number of recipients, with at most `each` of one receiver."""
        return sum(min(each, len(some)) for some in self.by_receiver.values())

    @property
    def recipients(self) -> set[int]:
        return {recipient for some in self.by_receiver.values() for recipient in some}


class Evidence:
    """What one lane has heard from one server, starting with what earlier lanes left open.

    `lanes`: how many send the campaign together; each hears its part of the replies. `last_ok_at`: when the
    server last accepted a message, if known; `began_at`: when the campaign began.
    """

    def __init__(
        self, *, lanes: int = 1, last_ok_at: datetime | None = None, began_at: datetime | None = None
    ) -> None:
        self.lanes = lanes
        self.has_accepted = False  # in this lane
        self.has_served = False  # it replied to a recipient, so it accepts our session
        self.runs: dict[Charge, Run] = {}
        self._last_ok_at = last_ok_at
        self._began_at = began_at
        self._at: dict[
            tuple[Charge, str], set[int]
        ] = {}  # recipients of a receiver since its last acceptance
        self._throttled: deque[tuple[str, int] | None] = deque(maxlen=THROTTLED_OF_LAST)
        # Receivers that refused the content, and the recipients.
        self._refused: deque[tuple[str, int] | None] = deque(maxlen=CONTENT_OF_LAST)

    def accept(self, receiver: str) -> None:
        """A recipient at the receiver was accepted: open claims do not hold for everyone."""
        self.has_accepted = True
        self._throttled.append(None)
        self._refused.append(None)
        if self.runs:
            self.runs.clear()
        if self._at:
            for charge in Charge:
                self._at.pop((charge, receiver), None)

    def weigh(self, answer: Answer) -> Finding:
        """Decide whose fault a reply is, given everything heard before."""
        is_proven = self.has_accepted or self._has_accepted_since(answer.first_tried)
        return Finding(self._subject(answer, is_proven=is_proven), is_proven)

    def _has_accepted_since(self, moment: datetime | None) -> bool:
        return self._last_ok_at is not None and moment is not None and self._last_ok_at > moment

    def _subject(self, answer: Answer, *, is_proven: bool) -> Subject:
        meaning, receiver = answer.meaning, answer.receiver
        if answer.phase in BEFORE_MAIL:
            return meaning.subject  # before any recipient was named
        is_throttled, is_refused = meaning.klass is Klass.THROTTLE, meaning.klass is Klass.POLICY
        self._throttled.append((receiver, answer.recipient) if is_throttled else None)
        self._refused.append((receiver, answer.recipient) if is_refused else None)
        charge = _charge_of(meaning)
        if charge is None:
            self.has_served = True
            return meaning.subject
        if answer.is_suspect and (is_proven or self._has_accepted_since(self._began_at)):
            return Subject.RECIPIENT  # the same reply again, while others were accepted: not a witness
        return self._found(charge, answer)

    def _found(self, charge: Charge, answer: Answer) -> Subject:
        rule = RULES[charge]
        run = self.runs.setdefault(charge, Run())
        run.add(answer.recipient, answer.receiver, answer.said)
        if self._is_believed(charge, rule, run, knows_receiver=_knows_receiver(answer)):
            return rule.subject
        mine = self._at.setdefault((charge, answer.receiver), set())
        if len(mine) < MOST_WITNESSES:
            mine.add(answer.recipient)
        return Subject.RECEIVER if len(mine) >= rule.alone else Subject.RECIPIENT

    def _is_believed(self, charge: Charge, rule: Rule, run: Run, *, knows_receiver: bool) -> bool:
        wanted = self._wanted(charge, rule)
        if not knows_receiver and run.number >= wanted:
            return True
        if run.receivers >= rule.receivers and run.weight(rule.each) >= wanted:
            return True
        if charge is Charge.SERVER and self._is_throttled():
            return True
        return charge is Charge.CONTENT and self._is_much_refused()

    def _wanted(self, charge: Charge, rule: Rule) -> int:
        if charge is not Charge.CONTENT:
            return rule.recipients
        return max(CONTENT_AT_LEAST, rule.recipients // max(1, self.lanes))

    def _is_throttled(self) -> bool:
        """Whether a quarter of the last answers limit our rate: such a server accepts some in between."""
        claims = {each for each in self._throttled if each is not None}
        return len(claims) >= THROTTLED_AT_LEAST and len({each[0] for each in claims}) >= THROTTLED_RECEIVERS

    def _is_much_refused(self) -> bool:
        """Whether one in ten of the last 200 was refused, no receiver counting for more than half of that."""
        if len(self._refused) < CONTENT_OF_LAST:
            return False
        counts = Counter(each[0] for each in self._refused if each is not None)
        return sum(min(CONTENT_EACH, each) for each in counts.values()) >= CONTENT_SHARE * CONTENT_OF_LAST

    @property
    def refused(self) -> set[int]:
        """Recipients whose content was refused lately, including before an acceptance that was read late."""
        return {each[1] for each in self._refused if each is not None}

    @property
    def room(self) -> int | None:
        """How many messages may wait for an answer at the same time; None: as many as there are connections.

        If all of these are refused too, that is still no more than what stops the campaign.
        """
        run = self.runs.get(Charge.CONTENT)
        if run is None or run.number < CONTENT_IS_SERIOUS:
            return None
        rule = RULES[Charge.CONTENT]
        return max(1, self._wanted(Charge.CONTENT, rule) - run.weight(rule.each))

    def unanswered(self) -> Charge | None:
        """The open claim when no recipient is left and the server has accepted nothing; None without one.

        All recipients are at one receiver: whether it or we are at fault, only an operator can tell.
        """
        if self.has_accepted or self.has_served or self._has_accepted_since(self._began_at):
            return None
        for charge in (Charge.ACCOUNT, Charge.PROTOCOL, Charge.CONTENT):
            run = self.runs.get(charge)
            least = 1 if charge is Charge.ACCOUNT else RULES[charge].alone
            if run is not None and run.number >= least:
                return charge
        return None

    def dump(self) -> dict[str, Any] | None:
        """The open claims for the next lane, as JSON; None when there are none."""
        return {
            charge: {
                "said": run.said,
                "at": {name: sorted(some) for name, some in run.by_receiver.items()},
            }
            for charge, run in self.runs.items()
            if charge in _KEPT
        } or None

    def load(self, kept: Mapping[str, Any] | None) -> None:
        """Start with what `dump` gave; unknown entries are ignored."""
        for name, each in (kept or {}).items():
            if name not in set(Charge):
                continue
            charge, run = Charge(name), Run()
            for receiver, recipients in each.get("at", {}).items():
                for recipient in recipients:
                    run.add(int(recipient), str(receiver), str(each.get("said", "")))
                self._at[charge, receiver] = set(run.by_receiver.get(receiver, ()))
            self.runs[charge] = run


def _charge_of(meaning: Meaning) -> Charge | None:
    if meaning.klass is Klass.TEMPORARY and meaning.subject is Subject.UNKNOWN:
        return Charge.UNKNOWN
    return _CHARGES.get(meaning.klass)


def _knows_receiver(answer: Answer) -> bool:
    """Whether the receiver may have caused the reply: it was named, and the connection did not break."""
    return answer.phase is not Phase.MAIL and answer.meaning not in (BROKEN, DOUBT)
