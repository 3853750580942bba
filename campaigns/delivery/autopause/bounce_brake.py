"""A lane's side of the bounce brake: decides after which turns the whole campaign's bounces are counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from campaigns.core.db import db, reading
from campaigns.delivery.autopause import bounce_finding, bounce_limits, failure_rate
from campaigns.delivery.ledger.outcomes import Verdict
from campaigns.delivery.ledger.suppression import is_bounce
from campaigns.delivery.models import State

OF_LAST, SUSPICIOUS = (
    50,
    3,
)  # this many bounces in a lane's last answers: the server may have begun to refuse everyone
PART = 8  # a lane alone counts again after this fraction of the bounces left before the brake
PATIENCE = 30  # bounces until the next count, when a single domain was the cause


class BounceBrake:
    """Called with the verdicts of each recorded turn; True when the campaign was stopped for its bounces.

    Turns without a bounce cost nothing. After others, the bounces of all lanes are counted in the database,
    as soon as this lane has seen a fraction of those left before the brake, or several among its last
    answers.
    """

    def __init__(self, campaign_id: int, now: Callable[[], datetime]) -> None:
        self._campaign_id = campaign_id
        self._now = now
        self._last: deque[bool] = deque(maxlen=OF_LAST)
        self._uncounted = 0
        self._count_at = 1
        self._not_before = 1

    def __call__(self, verdicts: Sequence[Verdict]) -> bool:
        ended = [is_bounce(each) for each in verdicts if each.state in (State.SENT, State.FAILED)]
        self._last.extend(ended[-OF_LAST:])
        if not any(ended):
            return False
        self._uncounted += sum(ended)
        is_suspicious = sum(self._last) >= SUSPICIOUS and self._uncounted >= self._not_before
        return (is_suspicious or self._uncounted >= self._count_at) and self._is_pulled()

    def _is_pulled(self) -> bool:
        with reading():
            found = bounce_finding.look(self._campaign_id, latest=True)
            db.session.rollback()
        left = bounce_limits.left_before_the_brake(found.total.number, found.total.answered)
        self._uncounted = 0
        self._not_before = PATIENCE if found.excuses else 1
        self._count_at = max(self._not_before, left // PART)
        if found.bad is None:
            return False
        failure_rate.stop_for_bounces(self._campaign_id, found, now=self._now())
        db.session.commit()
        return True
