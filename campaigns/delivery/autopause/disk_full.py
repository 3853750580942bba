"""A full disk, ours or the database's: nothing can be recorded, so nothing may be sent."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.delivery import services
from campaigns.delivery.stored_text import said
from campaigns.planning.models import PauseReason

log = logging.getLogger(__name__)


def pause(campaign_id: int, error: BaseException, *, now: datetime) -> None:
    """Pause the campaign until an operator has freed space. Commits; if even that fails, it is logged."""
    log.error("Campaign %s: the disk is full: %s", campaign_id, error)
    try:
        db.session.rollback()
        detail = said(_("The disk is full and nothing can be recorded. Free up space, then resume."))
        services.stop_by_itself(campaign_id, reason=PauseReason.DISK, detail=detail, now=now)
        db.session.commit()
    except SQLAlchemyError:
        db.session.rollback()
        log.exception("Campaign %s could not even be paused.", campaign_id)
