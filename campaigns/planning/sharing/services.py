"""Shares an email by a link, and takes comments on it."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.accounts.models import Operator
from campaigns.audit import services as audit_services
from campaigns.core import config, mailtext
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _
from campaigns.core.signing import secret_hash
from campaigns.notices import services as notices_services
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.models import Campaign
from campaigns.planning.sharing import queries
from campaigns.planning.sharing.models import OWN, Comment, ShareLink

DAYS = (1, 7, 30)
MOST_SHARES = 20  # working links of one campaign
MOST_COMMENTS = 300  # of one campaign, with replies
LONGEST_NAME = 80
LONGEST_TEXT = 2000
SEEN_EVERY = timedelta(minutes=10)


def create(campaign: Campaign, *, days: int, by: Operator, now: datetime, language: str = "") -> str:
    """The secret of a new link, which can't be read again. Raises Invalid for days or a language that are not offered.

    `language`: the only one that it shows (OWN: the campaign's own content), or empty for all of them.
    The link shows the email as it is at the time: who comments on a draft sees what became of the comments.
    """
    if days not in DAYS:
        raise Invalid(_("Choose how long the link works."), field="days")
    if len(queries.shares(campaign.id, now=now)) >= MOST_SHARES:
        raise Invalid(_("Use at most %(number)d links. Revoke one first.", number=MOST_SHARES), field="days")
    if language and language not in {OWN, *language_queries.tags(campaign.id)}:
        raise Invalid(_("Choose a language."), field="language")
    secret = secrets.token_urlsafe(32)  # 256 bits
    db.session.add(
        ShareLink(
            campaign_id=campaign.id,
            secret_hash=secret_hash(secret),
            created_by=by,
            created_at=now,
            expires_at=now + timedelta(days=days),
            language=language,
        )
    )
    db.session.flush()
    audit_services.record("campaign.shared", campaign.name, days=days, now=now)
    return secret


def revoke(share: ShareLink, *, now: datetime) -> None:
    """Delete a link; comments made by it stay."""
    audit_services.record("campaign.share_revoked", share.campaign.name, now=now)
    db.session.delete(share)
    db.session.flush()


def is_news(share: ShareLink, *, now: datetime) -> bool:
    """Whether it is worth writing down that somebody looks now."""
    return share.last_seen_at is None or now - share.last_seen_at >= SEEN_EVERY


def note_seen(share_id: int, *, now: datetime) -> None:
    """Write down that somebody looked at the email by this link."""
    db.session.execute(sa.update(ShareLink).where(ShareLink.id == share_id).values(last_seen_at=now))


def comment(
    share: ShareLink, *, author: str, text: str, now: datetime, language: str = ""
) -> tuple[Comment, int | None]:
    """A comment by somebody who has the link, and the id of the notice to its maker, to be enqueued.

    `language`: of the content it is about. One notice an hour for each link. Raises Invalid with the
    field, Conflict when there are too many.
    """
    made = _written(share.campaign_id, author=author, text=text, now=now)
    made.share_id, made.language = share.id, language
    db.session.flush()
    audit_services.record("campaign.commented", share.campaign.name, link=share.id, now=now)
    return made, _tell(share, made, now=now)


def answer(
    campaign: Campaign, *, text: str, by: Operator, now: datetime, parent: Comment | None = None
) -> Comment:
    """A comment by an operator, or the reply to one; raises as `comment`."""
    made = _written(campaign.id, author=by.name or by.email, text=text, now=now)
    made.operator_id, made.parent_id = by.id, parent.id if parent else None
    made.language = parent.language if parent else ""
    db.session.flush()
    audit_services.record("campaign.commented", campaign.name, now=now)
    return made


def resolve(comment: Comment, campaign: Campaign, *, is_resolved: bool, now: datetime) -> None:
    """Resolve a comment, or open it again."""
    comment.resolved_at = now if is_resolved else None
    audit_services.record("campaign.comment_resolved", campaign.name, resolved=is_resolved, now=now)


def _written(campaign_id: int, *, author: str, text: str, now: datetime) -> Comment:
    name = " ".join("".join(each if each.isprintable() else " " for each in author).split())
    kept = "".join(each for each in text.replace("\r\n", "\n") if each.isprintable() or each == "\n").strip()
    if not name or len(name) > LONGEST_NAME:
        sentence = _("Enter your name, in at most %(number)d characters.", number=LONGEST_NAME)
        raise Invalid(sentence, field="author")
    if not kept or len(kept) > LONGEST_TEXT:
        sentence = _("Enter a comment of at most %(number)d characters.", number=LONGEST_TEXT)
        raise Invalid(sentence, field="text")
    # Locked, so that many at the same time don't pass the limit together.
    db.session.scalar(sa.select(Campaign.id).filter_by(id=campaign_id).with_for_update())
    if queries.count(campaign_id) >= MOST_COMMENTS:
        raise Conflict(_("There are too many comments on this email already."))
    made = Comment(campaign_id=campaign_id, author=name, text=kept, created_at=now)
    db.session.add(made)
    return made


def _tell(share: ShareLink, made: Comment, *, now: datetime) -> int | None:
    """The notice to who made the link; None when they were told within the hour, or can't sign in any more."""
    maker = share.created_by
    if maker is None or maker.is_disabled:
        return None
    link = f"{config.current().public_url.rstrip('/')}/campaigns/{share.campaign_id}/share"
    text = mailtext.render(
        "comment",
        language=maker.language,
        campaign=share.campaign.name,
        author=made.author,
        text=made.text,
        link=link,
    )
    hour = f"{now:%Y%m%d%H}"
    return notices_services.post_once(
        text, once=f"comment:{share.id}:{hour}", kind="comment", to=maker.email, now=now
    )
