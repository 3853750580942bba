"""What rules ask of campaigns. The ledger lies above this package, so it is attached from there: `attach` names the
module, which is imported when a rule first asks for a campaign.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import sqlalchemy as sa

    from campaigns.audience.segments.facts import Mail


class Campaigns(Protocol):
    """What the attached module has."""

    def condition(self, act: str, campaign_id: int, *, since: datetime | None) -> sa.ColumnElement[bool]:
        """Whether a `Subscriber` got, opened, clicked or bounced a campaign's email, since a moment if given."""

    def bounced(self, *, since: datetime | None) -> sa.ColumnElement[bool]:
        """Whether any campaign's email to a `Subscriber` bounced."""

    def mails(
        self, subscriber_ids: Collection[int], campaign_ids: Iterable[int]
    ) -> Mapping[int, Mapping[int, Sequence[Mail]]]:
        """What became of these campaigns' emails to these people, by person and campaign."""

    def last_bounces(self, subscriber_ids: Collection[int]) -> Mapping[int, datetime]:
        """When an email to these people last bounced; only of those to whom one did."""

    def names(self, campaign_ids: Collection[int] | None = None) -> Mapping[int, str]:
        """Names of the campaigns that rules can name, newest first; of some of them if given."""


_module: list[str] = []


def attach(name: str) -> None:
    """Name the module that answers for campaigns."""
    _module[:] = [name]


def campaigns() -> Campaigns:
    """The attached module."""
    module: Any = import_module(_module[0])
    found: Campaigns = module
    return found
