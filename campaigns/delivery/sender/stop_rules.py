"""What a lane's answers say about the server and the campaign: when to stop, and the reason. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.delivery.autopause import bounce_limits
from campaigns.delivery.autopause.failure_rate import is_much_unmade
from campaigns.delivery.ledger import outcomes
from campaigns.delivery.ledger.outcomes import IN_WIRE, Facts, Policy, Trouble, Verdict
from campaigns.delivery.ledger.suppression import is_bounce
from campaigns.delivery.models import Reason, State
from campaigns.delivery.routing.evidence import Answer, Charge, Evidence, Run
from campaigns.mail.protocol import Phase, in_words
from campaigns.mail.smtp import Result

UNMADE_IN_A_ROW = 5
WINDOWS = 20
WINDOWS_WITHIN_S = 60.0
EVERYBODY = 3  # recipients during whose messages the server failed: then no single message is the cause


@dataclass(frozen=True, slots=True)
class Stop:
    """Why nothing more may be handed to the wire, in the server's words. `trouble` None: the content.

    `recipients` at `receivers` different receivers got that answer.
    """

    trouble: Trouble | None
    said: str
    recipients: int = 0
    receivers: int = 0


@dataclass
class StopRules:
    """Fed with each answer and verdict; `stop` is set once and stays.

    `tries`: after this many windows in a row without an answer the server counts as gone. `trial`: number of
    messages that have to be accepted one by one before the server gets more. `has_stand_in`: another server
    can take over. `withdrawn`: recipients whose verdicts are taken back, because the fault was ours.
    """

    evidence: Evidence = field(default_factory=Evidence)
    tries: int = 5
    trial: int = 0
    has_stand_in: bool = False
    stop: Stop | None = None
    silent: int = 0  # windows in a row without an answer
    said: str = ""
    fails_before_mails: bool = False  # it failed before any recipient was named
    hangs: bool = False  # its last connection was neither refused nor answered in time
    accepted: int = 0
    withdrawn: set[int] = field(default_factory=set)
    _withdrawn_before: set[int] = field(default_factory=set)
    _answered: int = 0  # in this window
    _unreachable: int = 0
    _failed: set[int] = field(
        default_factory=set
    )  # recipients during whose messages it failed since the last acceptance
    _windows: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=WINDOWS))
    _bounce_row: int = 0
    _unrecorded: int = 0  # bounces
    _unmade_row: int = 0
    _unmade: int = 0
    _seen: int = 0

    def judge(self, result: Result, facts: Facts, *, policy: Policy, now: datetime) -> Verdict:
        """The verdict of a result for its row, given all answers so far."""
        meaning = outcomes.meaning_of(result)
        if meaning is None:
            self.evidence.accept(facts.group)
            return outcomes.accepted(result, facts)
        if facts.reason is Reason.POLICY:
            self._withdrawn_before.add(facts.delivery_id)
        text = result.reply.text if result.reply else result.text
        said = in_words(result.reply.code if result.reply else None, text)
        found = self.evidence.weigh(
            Answer(
                meaning,
                result.phase,
                facts.delivery_id,
                facts.group,
                first_tried=facts.started_at,
                is_suspect=facts.is_suspect,
                said=said,
            )
        )
        return outcomes.judge(
            result, facts, subject=found.subject, is_proven=found.is_proven, policy=policy, now=now
        )

    def see(self, verdict: Verdict) -> None:
        """Take one verdict into account."""
        if verdict.state is State.SENT:
            self._note_acceptance()
        if verdict.trouble is Trouble.UNREACHABLE:
            self._unreachable += 1
            self.said = in_words(verdict.code, verdict.reply)
            self._note_failure(verdict)
            return
        self._answered += verdict.code is not None
        self._count(verdict)
        if self.stop is None:
            self.stop = self._reason_to_stop(verdict)

    def _note_acceptance(self) -> None:
        self.accepted += 1
        self.fails_before_mails = False
        if self.trial:
            self.trial -= 1
        if self._failed:
            self._failed.clear()

    @property
    def fails_everybody(self) -> bool:
        """Whether the server's failure probably affects other messages too, so that it may be closed."""
        return self.fails_before_mails or len(self._failed) >= EVERYBODY

    @property
    def is_away(self) -> bool:
        """Whether it takes no connection and says so at once: to ask again costs neither time nor recipients."""
        return self.fails_before_mails and not self.hangs

    def recorded(self, verdicts: Iterable[Verdict]) -> None:
        """The database holds these verdicts, and the campaign-wide count of bounces has included them."""
        self._unrecorded -= sum(is_bounce(each) for each in verdicts)

    def conclude(self) -> None:
        """No recipient is left: an open claim about the only receiver stops the campaign."""
        charge = self.evidence.unanswered()
        if charge is not None and self.stop is None:
            self.stop = self._stop(_TROUBLE_OF[charge], self.evidence.runs[charge].said, charge)

    def end_window(self, at: float, *, hangs: bool = False) -> bool:
        """After each window; `at`: time in seconds. Returns True when the server counts as gone.

        `hangs`: it gave us no connection in time. If another server can take over, once is enough.
        """
        answered, unreachable = self._answered, self._unreachable
        self._answered = self._unreachable = 0
        self.hangs = hangs
        if not answered and not unreachable:
            return False
        self.silent = 0 if answered else self.silent + 1
        self._windows.append((at, unreachable > 0 and unreachable >= answered))
        if hangs and self.has_stand_in and self.silent:
            return True
        return self.silent >= self.tries or self._is_flapping(at)

    @property
    def room(self) -> int | None:
        """How many messages may wait for an answer at the same time; None: as many as there are connections.

        0: none before the next turn.
        """
        room = self.evidence.room
        if not self._bounce_row:  # called for each message, and nearly always true
            return room
        after_bounces = bounce_limits.room(self._bounce_row, self._unrecorded)
        return min((each for each in (room, after_bounces) if each is not None), default=None)

    def _is_flapping(self, at: float) -> bool:
        """Whether half of the last windows failed, within a minute."""
        if len(self._windows) < WINDOWS or at - self._windows[0][0] > WINDOWS_WITHIN_S:
            return False
        return 2 * sum(failed for _at, failed in self._windows) >= WINDOWS

    def _count(self, verdict: Verdict) -> None:
        if verdict.state is State.SENT:
            self._bounce_row = 0
        elif is_bounce(verdict):
            self._bounce_row += 1
            self._unrecorded += 1
        is_unmade = verdict.reason is Reason.CONTENT
        self._unmade_row = self._unmade_row + 1 if is_unmade else 0
        self._unmade += is_unmade
        self._seen += 1

    def _note_failure(self, verdict: Verdict) -> None:
        if verdict.phase is Phase.CONNECT and verdict.code is not None:
            return  # said to another recipient, on whose connection it was
        self.fails_before_mails |= verdict.phase not in IN_WIRE
        if len(self._failed) < EVERYBODY:
            self._failed.add(verdict.delivery_id)

    def _reason_to_stop(self, verdict: Verdict) -> Stop | None:
        if verdict.trouble is not None:  # the recipient is proven not to be at fault
            return self._stop(
                verdict.trouble, in_words(verdict.code, verdict.reply), CHARGE_OF[verdict.trouble]
            )
        is_unmade = self._unmade_row >= UNMADE_IN_A_ROW or is_much_unmade(self._unmade, self._seen)
        return Stop(None, in_words(verdict.code, verdict.reply)) if is_unmade else None

    def _stop(self, trouble: Trouble, said: str, charge: Charge) -> Stop:
        run = self.evidence.runs.get(charge) or self.evidence.runs.get(Charge.UNKNOWN) or Run()
        if trouble is Trouble.POLICY:
            self.withdrawn |= (run.recipients | self.evidence.refused) - self._withdrawn_before
        return Stop(trouble, said, recipients=run.number, receivers=run.receivers)


CHARGE_OF = {
    Trouble.ACCOUNT: Charge.ACCOUNT,
    Trouble.QUOTA: Charge.ACCOUNT,
    Trouble.THROTTLE: Charge.SERVER,
    Trouble.POLICY: Charge.CONTENT,
    Trouble.PROTOCOL: Charge.PROTOCOL,
}
_TROUBLE_OF = {
    Charge.ACCOUNT: Trouble.ACCOUNT,
    Charge.PROTOCOL: Trouble.PROTOCOL,
    Charge.CONTENT: Trouble.POLICY,
}
