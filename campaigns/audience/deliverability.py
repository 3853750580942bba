"""Whether a person can receive email, with the reason in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.audience.models import Status, Subscription, Suppression
from campaigns.core.i18n import _


@dataclass(frozen=True, slots=True)
class Deliverability:
    gets_mail: bool
    sentence: Any


def deliverability(subscriptions: Sequence[Subscription], suppression: Suppression | None) -> Deliverability:
    """What would happen to a campaign to this person's lists."""
    if suppression is not None:
        return Deliverability(
            False, _("No. The address is suppressed: %(reason)s.", reason=suppression.reason.label)
        )
    by_status = {
        status: ", ".join(each.list.name for each in subscriptions if each.status is status)
        for status in Status
    }
    if names := by_status[Status.SUBSCRIBED]:
        return Deliverability(True, _("Yes, campaigns to %(lists)s.", lists=names))
    if names := by_status[Status.UNCONFIRMED]:
        return Deliverability(
            False, _("No. The subscription to %(lists)s is not confirmed yet.", lists=names)
        )
    if names := by_status[Status.UNSUBSCRIBED]:
        return Deliverability(False, _("No. This person has unsubscribed from %(lists)s.", lists=names))
    return Deliverability(False, _("No. This person isn't on any list."))
