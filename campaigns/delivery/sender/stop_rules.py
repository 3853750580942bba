"""What a lane's answers say about the server and the campaign: when to stop, and what to say. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from campaigns.delivery.autopause.failure_rate import is_much_unmade
from campaigns.delivery.ledger.outcomes import Trouble, Verdict
from campaigns.delivery.models import Reason, State

# The campaign stops within twenty: an acceptance that is read late begins a row anew, up to one a connection.
POLICY_IN_A_ROW = 16
POLICY_AT_LEAST = 7  # where a few mails in a hundred are refused anyway, fewer in a row are chance
POLICY_IS_SERIOUS = 3  # in a row: from then on no more go out than may be refused
POLICY_OF_LAST = 200
POLICY_SHARE = 0.10
PROTOCOL_IN_A_ROW = 5
UNMADE_IN_A_ROW = 5
WINDOWS = 20
WINDOWS_WITHIN_S = 60.0

_AT_ONCE = (Trouble.ACCOUNT, Trouble.THROTTLE, Trouble.QUOTA)


@dataclass(frozen=True, slots=True)
class Stop:
    """Why nothing more may be handed to the wire, in the server's words. `trouble` None: the content."""

    trouble: Trouble | None
    said: str


@dataclass
class StopRules:
    """Fed with each verdict as it comes; `stop` is set once and stays.

    `tries`: so many windows in a row without an answer, and the server counts as gone. `trial`: so many
    mails have to be accepted one by one before it is trusted with more. `lanes`: so many send the campaign
    together, and each sees its part of the refusals. `has_stand_in`: another server can take the mail.
    """

    tries: int = 5
    trial: int = 0
    lanes: int = 1
    has_stand_in: bool = False
    stop: Stop | None = None
    silent: int = 0  # windows in a row that nobody answered
    said: str = ""
    accepted: int = 0
    _answered: int = 0  # in this window
    _unreachable: int = 0
    _windows: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=WINDOWS))
    _policy_row: int = 0
    _protocol_row: int = 0
    _unmade_row: int = 0
    _unmade: int = 0
    _seen: int = 0
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=POLICY_OF_LAST))

    def see(self, verdict: Verdict) -> None:
        """Take one verdict into account."""
        said = _words(verdict)
        if verdict.state is State.SENT:
            self.accepted += 1
            self.trial = max(0, self.trial - 1)
        if verdict.trouble is Trouble.UNREACHABLE:
            self._unreachable += 1
            self.said = said
            return
        self._answered += verdict.code is not None
        self._count(verdict)
        if self.stop is None:
            self.stop = self._reason_to_stop(verdict, said)

    def end_window(self, at: float, *, hangs: bool = False) -> bool:
        """After each window, with the time in seconds: True when the server counts as gone.

        `hangs`: it let us wait for a connection in vain. Another server waits for no second time.
        """
        answered, unreachable = self._answered, self._unreachable
        self._answered = self._unreachable = 0
        if not answered and not unreachable:
            return False
        self.silent = 0 if answered else self.silent + 1
        self._windows.append((at, unreachable > 0 and unreachable >= answered))
        if hangs and self.has_stand_in and self.silent:
            return True
        return self.silent >= self.tries or self._is_flapping(at)

    @property
    def room(self) -> int | None:
        """How many may wait for an answer at the same time; None: as many as there are connections for.

        If all of them are refused as policy too, it is still not more than the campaign stops at.
        """
        if self._policy_row < POLICY_IS_SERIOUS:
            return None
        return max(1, self._policy_most - self._policy_row)

    @property
    def _policy_most(self) -> int:
        return max(POLICY_AT_LEAST, POLICY_IN_A_ROW // self.lanes)

    def _is_flapping(self, at: float) -> bool:
        """Half of the last windows failed, within a minute."""
        if len(self._windows) < WINDOWS or at - self._windows[0][0] > WINDOWS_WITHIN_S:
            return False
        return 2 * sum(failed for _at, failed in self._windows) >= WINDOWS

    def _count(self, verdict: Verdict) -> None:
        self._policy_row = self._policy_row + 1 if verdict.trouble is Trouble.POLICY else 0
        self._protocol_row = self._protocol_row + 1 if verdict.trouble is Trouble.PROTOCOL else 0
        is_unmade = verdict.reason is Reason.CONTENT
        self._unmade_row = self._unmade_row + 1 if is_unmade else 0
        self._unmade += is_unmade
        self._seen += 1
        self._recent.append(verdict.trouble is Trouble.POLICY)

    def _reason_to_stop(self, verdict: Verdict, said: str) -> Stop | None:
        if verdict.trouble in _AT_ONCE:
            return Stop(verdict.trouble, said)
        many = len(self._recent) == POLICY_OF_LAST and sum(self._recent) >= POLICY_SHARE * POLICY_OF_LAST
        if verdict.trouble is Trouble.POLICY and (many or self._policy_row >= self._policy_most):
            return Stop(Trouble.POLICY, said)
        if self._protocol_row >= PROTOCOL_IN_A_ROW:
            return Stop(Trouble.PROTOCOL, said)
        is_unmade = self._unmade_row >= UNMADE_IN_A_ROW or is_much_unmade(self._unmade, self._seen)
        return Stop(None, said) if is_unmade else None


def _words(verdict: Verdict) -> str:
    return " ".join(str(part) for part in (verdict.code, verdict.reply) if part)
