"""Named reads of webhooks and their events."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.inbound.hooks.models import ProviderEvent, Webhook

MOST_EVENTS = 20


def webhooks() -> Sequence[Webhook]:
    """All webhooks by name."""
    return db.session.scalars(sa.select(Webhook).order_by(Webhook.name)).all()


def webhook(webhook_id: int) -> Webhook:
    """That webhook; raises NotFound."""
    found = db.session.get(Webhook, webhook_id)
    if found is None:
        raise NotFound(_("Webhook not found."))
    return found


def last_events(webhook_id: int) -> Sequence[ProviderEvent]:
    """Its last 20 events, the latest first."""
    of_it = sa.select(ProviderEvent).filter_by(provider_id=webhook_id)
    return db.session.scalars(of_it.order_by(ProviderEvent.id.desc()).limit(MOST_EVENTS)).all()
