"""Creates a campaign: from a starter, empty, or as a copy of another campaign."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from campaigns.accounts.models import Operator
from campaigns.content import starters
from campaigns.content.brands import queries as brands
from campaigns.content.formats import Format
from campaigns.planning import queries, services
from campaigns.planning.models import Campaign
from campaigns.settings import queries as settings_queries
from campaigns.settings import senders
from campaigns.settings.models import Sender, Site

BLANK = "blank"
COPY = "copy-"  # followed by the campaign's id


def begin(start: str, *, name: str, by: Operator, now: datetime) -> Campaign:
    """A draft from a starter's key, BLANK or COPY with a campaign's id.

    Uses the first sender (or the operator if there is none), and the list if there is only one.
    """
    if start.startswith(COPY):
        return _copied(int(start.removeprefix(COPY)), name=name, by=by, now=now)
    site, lists = settings_queries.site(), queries.lists_to_choose()
    sender = next(iter(settings_queries.senders()), None) or _own_sender(by, now)
    return services.create_campaign(
        name=name,
        **_content(start, by=by, site=site),
        from_name=sender.name,
        from_email=sender.email,
        reply_to=sender.reply_to,
        lists=lists if len(lists) == 1 else [],
        created_by=by,
        now=now,
    )


def _content(start: str, *, by: Operator, site: Site) -> dict[str, Any]:
    """The format of a new draft and what is written in it; a starter looks like the default brand."""
    if start == BLANK:
        return {"html": ""}
    written = starters.written(
        start,
        language=by.language,
        site=site.name,
        postal_address=site.postal_address,
        style=brands.default_style(),
    )
    return {"format": Format.DOCUMENT, "written": written}


def _own_sender(by: Operator, now: datetime) -> Sender:
    """A sender for the operator, for the case that none exists yet; another can be chosen later."""
    return senders.create_sender(name=by.name or by.email.partition("@")[0], email=by.email, now=now)


def _copied(campaign_id: int, *, name: str, by: Operator, now: datetime) -> Campaign:
    return services.copy_campaign(queries.campaign(campaign_id), now=now, created_by=by, name=name)
