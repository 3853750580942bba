"""The messages that a lane has in hand: marked `sending`, with an outcome that is not recorded yet.

Each goes the same way: marked in the database, taken by a connection, answered, recorded. It may leave
earlier: not composed, deferred, held back. This keeps how far each came, in memory and in the journal, so
that none is forgotten: a lane is done when nothing is left here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from campaigns.delivery.ledger import outcomes
from campaigns.delivery.ledger.outcomes import Policy, Strain, Verdict
from campaigns.delivery.models import State
from campaigns.delivery.sender.ack_journal import Journal, Mark
from campaigns.delivery.sender.gate import Gate
from campaigns.delivery.sender.lease import Lease
from campaigns.delivery.sender.stop_rules import StopRules
from campaigns.delivery.sender.store import Copy
from campaigns.delivery.sender.timing import Terms
from campaigns.mail.smtp import Outcome, Result

SKIPPED_FOR_S, SKIPPED_AT_MOST_S = 60.0, 3600.0
CHECKED_EVERY_S = 0.8  # that waiting messages may still be sent
STALE_S = 3.0  # since the last check: nothing goes to the wire


@dataclass(slots=True)
class Mail:
    """A message in hand, until it is answered."""

    copy: Copy
    checked_s: float  # boot time of the last check that it may be sent
    is_refused: bool = False  # it may no longer be sent
    is_taken: bool = False  # by a connection, at least once


class InHand:
    """The wire calls `may_take`, `may_finish` and `answer`.

    `is_held`: nothing more goes to the wire; messages on it are finished. `is_stopped`: only messages that
    were handed over completely are waited for. `sent`: number accepted. `on_wire`: taken by a connection and
    not answered yet.
    """

    def __init__(
        self,
        journal: Journal,
        gate: Gate,
        rules: StopRules,
        lease: Lease,
        *,
        policy: Policy,
        terms: Terms,
    ) -> None:
        self.rules = rules
        self.lease = lease
        self.is_held = False
        self.is_stopped = False
        self.sent = 0
        self.on_wire = 0
        self.answers = 0
        self._journal = journal
        self._gate = gate
        self._policy = policy
        self._now = terms.now
        self._now_s = terms.machine.boot_s
        self._mails: dict[int, Mail] = {}
        self._answered: list[Verdict] = []
        self._recording: list[Verdict] = []  # a turn is writing these
        self._withdrawn: set[int] = set()  # deliveries whose recorded verdicts are taken back

    @property
    def is_empty(self) -> bool:
        """Whether the database holds the outcome of every message."""
        return not self._mails and not self.is_news

    @property
    def is_news(self) -> bool:
        """Whether there are outcomes that the database does not hold yet."""
        return bool(self._answered or self._recording or self._withdrawn)

    @property
    def waits(self) -> bool:
        """Whether some messages have not been taken by a connection."""
        return len(self._mails) > self.on_wire

    def group_of(self, key: int) -> str:
        """The receiver of a message."""
        return self._mails[key].copy.facts.group

    # -- before the wire

    def mark(self, copies: Iterable[Copy]) -> None:
        """Add messages that were just found sendable and marked `sending`."""
        at = self._now_s()
        self._mails |= {copy.facts.delivery_id: Mail(copy, at) for copy in copies}

    def to_check(self) -> list[int]:
        """Ids of the deliveries that are due for a check whether they may still be sent."""
        before = self._now_s() - CHECKED_EVERY_S
        return [key for key, mail in self._mails.items() if mail.checked_s < before]

    def checked(self, keys: Iterable[int], refused: Collection[int]) -> None:
        """Note the result of that check; those in `refused` may not be sent."""
        at = self._now_s()
        for key in keys:
            mail = self._mails.get(key)
            if mail is not None:
                mail.checked_s, mail.is_refused = at, mail.is_refused or key in refused

    def may_wait(self, key: int) -> bool:
        """Whether the message may wait for a connection."""
        return not self.is_held and not self._mails[key].is_refused

    def unmade(self, key: int, error: str) -> None:
        """The message could not be composed for this person."""
        self._judge(self._end(key, outcomes.not_composed(self._mails[key].copy.facts, error)))

    def give_back(self, keys: Iterable[int]) -> None:
        """These messages will not go to the wire: pending again, no attempt charged."""
        for key in list(keys):
            if key in self._mails:
                self._end(key, outcomes.given_back(self._mails[key].copy.facts))

    def give_all_back(self) -> None:
        """Give back all messages. Only when nothing is on the wire."""
        self.give_back(self._mails)

    def put_off(self, key: int, turn_s: float | None) -> None:
        """Defer the message by `turn_s` seconds because its receiver is slow; None: it answers nothing."""
        wait = timedelta(seconds=min(SKIPPED_FOR_S + (turn_s or 0), SKIPPED_AT_MOST_S))
        facts = self._mails[key].copy.facts
        self._end(key, outcomes.put_off(facts, until=self._now() + wait, is_stuck=turn_s is None))

    # -- on the wire

    def may_take(self, key: int) -> bool:
        """Whether its first byte may leave now; if so, it counts as on the wire."""
        mail, room = self._mails[key], self.rules.room
        if self.is_held or mail.is_refused or (room is not None and self.on_wire >= room):
            return False
        if not self.lease.holds or self._now_s() - mail.checked_s > STALE_S:
            return False
        if not mail.is_taken:
            mail.is_taken = True
            self.on_wire += 1
            self._gate.settle(used=1, unused=0)
        self._journal.write(key, mail.copy.facts.fence, Mark.HANDED)
        return True

    def may_finish(self, key: int) -> bool:
        """Whether the end of the message may be handed over: after that it cannot be taken back."""
        return not self.is_stopped and not self._mails[key].is_refused and self.lease.holds

    def answer(self, result: Result, *, is_late: bool) -> Verdict:
        """Judge what the wire reports about a message. It is in the journal before this returns."""
        key, mail = result.key, self._mails[result.key]
        is_ours = self._is_ours(result)
        if is_ours:
            verdict = outcomes.given_back(mail.copy.facts)
        else:
            verdict = self.rules.judge(result, mail.copy.facts, policy=self._policy, now=self._now())
        if is_late:
            verdict = verdict._replace(strain=verdict.strain or Strain.SOME)
        mark = _MARKS.get(result.outcome)
        if mark is not None and mail.is_taken:
            self._journal.write(key, verdict.fence, mark, verdict.code or 0)
        verdict = self._end(key, verdict)
        if not is_ours:
            self.answers += 1
            self._judge(verdict)
        return verdict

    def _is_ours(self, result: Result) -> bool:
        """Whether it was not sent for a reason on our side: the server did nothing wrong."""
        if result.outcome is Outcome.NOT_SENT:
            return not self.lease.holds
        return result.outcome is Outcome.HELD_BACK

    def _end(self, key: int, verdict: Verdict) -> Verdict:
        """It stays in hand until its verdict is recorded."""
        mail = self._mails.pop(key)
        if mail.is_taken:
            self.on_wire -= 1
        else:
            self._gate.settle(used=0, unused=1)
        if verdict.state is State.FAILED:
            verdict = verdict._replace(email=mail.copy.email)
        self._answered.append(verdict)
        return verdict

    def _judge(self, verdict: Verdict) -> None:
        self.sent += verdict.state is State.SENT
        self.rules.see(verdict)
        if self.rules.stop:
            self.is_held = True
        if self.rules.withdrawn:
            self._withdrawn |= outcomes.withdraw(self._answered, self.rules.withdrawn)
            self.rules.withdrawn = set()

    # -- after the wire

    def sync(self) -> None:
        """Write the journal to disk, so that it survives a power failure."""
        self._journal.sync()

    def news(self) -> tuple[list[Verdict], set[int]]:
        """Verdicts that the database does not hold yet, and ids whose recorded verdicts are taken back."""
        self._recording += self._answered
        self._answered = []
        return list(self._recording), set(self._withdrawn)

    def recorded(self, verdicts: Collection[Verdict], withdrawn: Iterable[int]) -> None:
        """The database holds these verdicts: forget them."""
        self.rules.recorded(verdicts)
        self._journal.forget(verdict.delivery_id for verdict in verdicts)
        self._recording.clear()
        self._withdrawn.difference_update(withdrawn)


_MARKS = {
    Outcome.ACCEPTED: Mark.ACCEPTED,
    Outcome.REFUSED: Mark.REFUSED,
    Outcome.UNSENDABLE: Mark.REFUSED,
    Outcome.NOT_SENT: Mark.NOT_SENT,
    Outcome.HELD_BACK: Mark.NOT_SENT,
}
