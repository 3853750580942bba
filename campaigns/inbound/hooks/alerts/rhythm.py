"""When the team is told of an alert again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

# After it fired; then daily. How often its source repeats it makes no difference.
REMINDERS = (timedelta(hours=1), timedelta(hours=4))
DAILY = timedelta(days=1)
# A storm: after so many mails of a source within the span, its news is collected for a moment.
MOST_MAILS = 10
SPAN = timedelta(minutes=10)
COLLECTED_FOR = timedelta(minutes=5)


def next_reminder(fired_at: datetime, *, now: datetime) -> datetime:
    """The next moment after now at which a firing alert is told again."""
    for each in REMINDERS:
        if fired_at + each > now:
            return fired_at + each
    return fired_at + DAILY * ((now - fired_at) // DAILY + 1)


def is_storm(mails: int, since: datetime | None, *, now: datetime) -> bool:
    """Whether a source that has had so many mails since then gets no more at once."""
    return since is not None and now < since + SPAN and mails >= MOST_MAILS
