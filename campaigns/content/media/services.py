"""What is done to images of the library."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from campaigns.accounts.models import Operator
from campaigns.audit import services as audit_services
from campaigns.content.media import imaging, names, storage, stores
from campaigns.content.media.imaging import Picture
from campaigns.content.media.models import LONGEST, Media, MediaFile
from campaigns.core.db import db
from campaigns.core.errors import DomainError, Invalid
from campaigns.core.i18n import _


def add(
    name: str, data: bytes, *, alt: str = "", folder: str = "", by: Operator | None = None, now: datetime
) -> Media:
    """A new image of the library from a file's name and bytes, flushed.

    Raises Invalid(field="file") for what is no usable image, and storage.Unavailable when it can't be kept.
    """
    pictures = imaging.make(data)
    made = Media(
        name=names.clean(name),
        alt=_line(alt)[: LONGEST["alt"]],
        folder=names.folder(folder),
        created_by_id=by.id if by else None,
        created_at=now,
        updated_at=now,
        version=1,
    )
    made.files = _kept(pictures, version=1, now=now)
    db.session.add(made)
    db.session.flush()
    audit_services.record("image.added", made.name, now=now)
    return made


def describe(media: Media, *, name: str, alt: str, folder: str, now: datetime) -> None:
    """Change what an image is called, its text for those who can't see it, and its folder."""
    if not name.strip():
        raise Invalid(_("Enter a name."), field="name")
    if len(alt) > LONGEST["alt"]:
        raise Invalid(_("Shorten the alternative text to 500 characters."), field="alt")
    media.name, media.alt, media.folder = names.clean(name), _line(alt), names.folder(folder)
    media.updated_at = now
    db.session.flush()
    audit_services.record("image.edited", media.name, now=now)


def edit(
    media: Media,
    *,
    crop: tuple[int, int, int, int] | None,
    width: int | None,
    focal: tuple[int, int] | None,
    now: datetime,
) -> None:
    """Cut (left, top, width, height in pixels), make narrower, or set the point that matters (in percent).

    Cutting and resizing make a new version with a new URL; emails keep the one they have.
    """
    if crop or (width and width < media.widest.width):
        data = stores.current().get(media.widest.object_name)
        _renew(media, imaging.make(data, crop=crop, width=width), now=now)
    if focal:
        media.focal_x, media.focal_y = (min(max(each, 0), 100) for each in focal)
    media.updated_at = now
    db.session.flush()
    audit_services.record("image.edited", media.name, now=now)


def replace(media: Media, data: bytes, *, now: datetime) -> None:
    """Make another file the newest version of the image; emails keep the one they have."""
    _renew(media, imaging.make(data), now=now)
    media.updated_at = now
    db.session.flush()
    audit_services.record("image.replaced", media.name, now=now)


def delete(media: Media, *, now: datetime) -> None:
    """Move the image to the trash. Its files stay as long as an email has them."""
    if media.deleted_at is None:
        media.deleted_at = now
        audit_services.record("image.deleted", media.name, now=now)


def restore(media: Media, *, now: datetime) -> None:
    """Take the image out of the trash."""
    if media.deleted_at is not None:
        media.deleted_at = None
        audit_services.record("image.restored", media.name, now=now)


def _renew(media: Media, pictures: Sequence[Picture], *, now: datetime) -> None:
    files = _kept(pictures, version=media.version + 1, now=now)
    media.version += 1
    media.files.extend(files)
    media.files.sort(key=lambda each: -each.width)


def _kept(pictures: Sequence[Picture], *, version: int, now: datetime) -> list[MediaFile]:
    """The pictures in the store; all of them or, when one can't be kept, none."""
    store = stores.current()
    kept: list[MediaFile] = []
    for each in pictures:
        file = MediaFile(
            version=version,
            key=_new_key(each.data),
            type=each.type,
            width=each.width,
            height=each.height,
            size=len(each.data),
            created_at=now,
        )
        try:
            store.put(file.object_name, each.data, imaging.TYPES[each.type])
        except DomainError:
            _take_back(store, kept)
            raise
        kept.append(file)
    return kept


def _take_back(store: storage.Store, files: Sequence[MediaFile]) -> None:
    for file in files:
        with suppress(DomainError):
            store.delete(file.object_name)


def _new_key(data: bytes) -> str:
    """16 digits of the content, by which damage shows, and 24 that nobody can guess."""
    return hashlib.sha256(data).hexdigest()[:16] + secrets.token_hex(12)


def _line(text: str) -> str:
    return " ".join(text.replace("\0", "").split())
