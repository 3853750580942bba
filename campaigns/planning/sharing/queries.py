"""Reads links and comments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.signing import secret_hash
from campaigns.planning.languages import choice
from campaigns.planning.sharing.models import Comment, ShareLink

LONGEST_SECRET = 100


@dataclass(frozen=True, slots=True)
class Thread:
    """A comment with its replies, oldest first; `language`: what that of its content is called, if there are several."""

    comment: Comment
    replies: list[Comment]
    language: str = ""


def share_by_secret(secret: str, *, now: datetime) -> ShareLink:
    """The link with that secret; raises NotFound for an unknown, revoked or expired one."""
    found = None
    if len(secret) <= LONGEST_SECRET:
        found = db.session.scalar(sa.select(ShareLink).filter_by(secret_hash=secret_hash(secret)))
    if found is None or found.expires_at <= now:
        raise NotFound(_("This link has expired or was revoked. Ask the person who sent it for a new one."))
    return found


def share(campaign_id: int, share_id: int) -> ShareLink:
    """That link of the campaign; raises NotFound."""
    found = db.session.scalar(sa.select(ShareLink).filter_by(id=share_id, campaign_id=campaign_id))
    if found is None:
        raise NotFound(_("This link was already revoked."))
    return found


def shares(campaign_id: int, *, now: datetime) -> list[ShareLink]:
    """The campaign's links that work, newest first."""
    statement = sa.select(ShareLink).where(ShareLink.campaign_id == campaign_id, ShareLink.expires_at > now)
    return list(
        db.session.scalars(
            statement.options(selectinload(ShareLink.created_by)).order_by(ShareLink.id.desc())
        )
    )


def comment(campaign_id: int, comment_id: int) -> Comment:
    """That comment on the campaign, which is no reply; raises NotFound."""
    found = db.session.scalar(
        sa.select(Comment).filter_by(id=comment_id, campaign_id=campaign_id, parent_id=None)
    )
    if found is None:
        raise NotFound(_("Comment not found. It may have been deleted."))
    return found


def threads(campaign_id: int, *, reader: str = "en", are_open: bool = False) -> list[Thread]:
    """The comments on a campaign with their replies, oldest first; `are_open`: without resolved ones.

    `reader`: in which language those of the content are named.
    """
    statement = sa.select(Comment).filter_by(campaign_id=campaign_id).order_by(Comment.id)
    found = list(db.session.scalars(statement))
    return [
        Thread(
            each,
            [reply for reply in found if reply.parent_id == each.id],
            choice.name(each.language, reader=reader) if each.language else "",
        )
        for each in found
        if each.parent_id is None and not (are_open and each.resolved_at)
    ]


def open_count(campaign_id: int) -> int:
    """Number of comments that are not resolved."""
    statement = sa.select(sa.func.count()).select_from(Comment)
    unresolved = statement.filter_by(campaign_id=campaign_id, parent_id=None, resolved_at=None)
    return db.session.scalar(unresolved) or 0


def count(campaign_id: int) -> int:
    """Number of comments and replies."""
    statement = sa.select(sa.func.count()).select_from(Comment).filter_by(campaign_id=campaign_id)
    return db.session.scalar(statement) or 0
