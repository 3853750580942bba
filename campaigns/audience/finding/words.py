"""What pages say of how many people are found."""

from __future__ import annotations

from typing import Any

from campaigns.audience.finding.keyset import Count
from campaigns.core.i18n import _, _n, number_text


def found(count: Count, *, is_narrow: bool) -> Any:
    """The sentence above a page of people."""
    if count.number is None:
        return _("Many people match")
    number = number_text(count.number)
    if not count.is_exact:
        return _("More than %(people)s people match", people=number)
    if is_narrow:
        return _n("%(people)s person matches", "%(people)s people match", count.number, people=number)
    return _n("%(people)s person", "%(people)s people", count.number, people=number)


def select_all(count: Count) -> Any:
    """What the link to acts on all of them says."""
    if count.number is None or not count.is_exact:
        return _("Select all results")
    number = number_text(count.number)
    return _n("Select all %(people)s result", "Select all %(people)s results", count.number, people=number)
