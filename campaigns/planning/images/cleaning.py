"""Files that no email has are deleted after a while: of images in the trash, and of versions that were replaced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.content.media import stores
from campaigns.content.media.models import Media, MediaFile
from campaigns.core.db import db
from campaigns.planning.images import uses

EVERY_S = 3600.0
KEPT_FOR = timedelta(days=30)
AT_ONCE = 20  # versions looked at in one go: each is searched for in all that was written


def clean_up(now: datetime) -> int:
    """Delete unused files of versions that nobody can choose any more; the number of files. Commits.

    A row goes before its file: what is interrupted leaves a file too many, never an image without one.
    """
    deleted = 0
    for media_id, version in _old_versions(now - KEPT_FOR):
        files = _files(media_id, version)
        if uses.is_anywhere(file.key for file in files):
            for file in files:  # asked again when the time is over once more
                file.created_at = now
        else:
            deleted += _delete(media_id, files)
        db.session.commit()
    return deleted


def _old_versions(before: datetime) -> Sequence[tuple[int, int]]:
    is_over = sa.or_(Media.deleted_at < before, MediaFile.version < Media.version)
    statement = (
        sa.select(MediaFile.media_id, MediaFile.version)
        .join(Media)
        .where(is_over, MediaFile.created_at < before)
        .distinct()
        .limit(AT_ONCE)
    )
    return [(row.media_id, row.version) for row in db.session.execute(statement)]


def _files(media_id: int, version: int) -> Sequence[MediaFile]:
    chosen = sa.select(MediaFile).where(MediaFile.media_id == media_id, MediaFile.version == version)
    return db.session.scalars(chosen).all()


def _delete(media_id: int, files: Sequence[MediaFile]) -> int:
    names = [file.object_name for file in files]
    for file in files:
        db.session.delete(file)
    db.session.flush()
    db.session.execute(
        sa.delete(Media).where(Media.id == media_id, ~sa.exists().where(MediaFile.media_id == media_id))
    )
    db.session.commit()
    store = stores.current()
    for name in names:
        store.delete(name)
    return len(names)
