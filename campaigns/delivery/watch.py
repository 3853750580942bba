"""What a lane's answers say about the server and the campaign: when to stop, and what to say. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from campaigns.delivery.models import Reason, State
from campaigns.delivery.outcomes import Trouble, Verdict

POLICY_IN_A_ROW = 20
POLICY_OF_LAST = 200
POLICY_SHARE = 0.10
PROTOCOL_IN_A_ROW = 5
UNMADE_IN_A_ROW = 5

_AT_ONCE = (Trouble.ACCOUNT, Trouble.THROTTLE, Trouble.QUOTA)


@dataclass(frozen=True, slots=True)
class Stop:
    """Why nothing more may be handed to the wire, in the server's words. `trouble` None: the content."""

    trouble: Trouble | None
    said: str


@dataclass
class Watch:
    """Fed with each verdict as it comes; `stop` is set once and stays."""

    stop: Stop | None = None
    accepted: int = 0  # since `fresh_look`
    unreachable: int = 0
    said: str = ""
    _policy_row: int = 0
    _protocol_row: int = 0
    _unmade_row: int = 0
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=POLICY_OF_LAST))

    def see(self, verdict: Verdict) -> None:
        """Take one verdict into account."""
        said = _words(verdict)
        if verdict.state is State.SENT:
            self.accepted += 1
        if verdict.trouble is Trouble.UNREACHABLE:
            self.unreachable += 1
            self.said = said
            return
        self._policy_row = self._policy_row + 1 if verdict.trouble is Trouble.POLICY else 0
        self._protocol_row = self._protocol_row + 1 if verdict.trouble is Trouble.PROTOCOL else 0
        self._unmade_row = self._unmade_row + 1 if verdict.reason is Reason.CONTENT else 0
        self._recent.append(verdict.trouble is Trouble.POLICY)
        if self.stop is None:
            self.stop = self._reason_to_stop(verdict, said)

    def fresh_look(self) -> None:
        """Begin to count what the next window brings."""
        self.accepted = self.unreachable = 0

    def _reason_to_stop(self, verdict: Verdict, said: str) -> Stop | None:
        if verdict.trouble in _AT_ONCE:
            return Stop(verdict.trouble, said)
        many = len(self._recent) == POLICY_OF_LAST and sum(self._recent) >= POLICY_SHARE * POLICY_OF_LAST
        if verdict.trouble is Trouble.POLICY and (many or self._policy_row >= POLICY_IN_A_ROW):
            return Stop(Trouble.POLICY, said)
        if self._protocol_row >= PROTOCOL_IN_A_ROW:
            return Stop(Trouble.PROTOCOL, said)
        return Stop(None, said) if self._unmade_row >= UNMADE_IN_A_ROW else None


def _words(verdict: Verdict) -> str:
    return " ".join(str(part) for part in (verdict.code, verdict.reply) if part)
