"""Reads of the image library."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from campaigns.content.media import imaging, stores
from campaigns.content.media.models import Media, MediaFile
from campaigns.core import config
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _

# The icons of social links by network; the number in their addresses rises when they are drawn anew.
ICONS = {file.stem: file for file in sorted(Path(__file__).with_name("social").glob("*.png"))}
_ICON = re.compile(r"/media/social/1/([a-z]+)\.png")
_PATH = re.compile(r"/media/([0-9a-f]{40})/([^/?#]+)\.(jpg|png|gif)")
SORTS = {"newest": Media.id.desc(), "oldest": Media.id.asc(), "name": sa.func.lower(Media.name)}


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the library is wanted: words in name or alt text, a folder with what is beneath, or the trash."""

    words: str = ""
    folder: str = ""
    sort: str = "newest"
    is_trash: bool = False


def media(media_id: int) -> Media:
    """The image; raises NotFound."""
    found = db.session.get(Media, media_id)
    if found is None:
        raise NotFound(_("This image doesn't exist."))
    return found


def matching(chosen: Filter) -> sa.Select[Any]:
    """The images that the filter leaves, in its order."""
    trashed = Media.deleted_at.is_not(None) if chosen.is_trash else Media.deleted_at.is_(None)
    statement = sa.select(Media).where(trashed).order_by(SORTS.get(chosen.sort, SORTS["newest"]), Media.id)
    for word in chosen.words.split()[:10]:
        statement = statement.where(
            sa.or_(Media.name.icontains(word, autoescape=True), Media.alt.icontains(word, autoescape=True))
        )
    if chosen.folder:
        below = Media.folder.startswith(f"{chosen.folder}/", autoescape=True)
        statement = statement.where(sa.or_(Media.folder == chosen.folder, below))
    return statement


def folders() -> Sequence[str]:
    """The folders that have images, in order."""
    found = sa.select(Media.folder).where(Media.deleted_at.is_(None), Media.folder != "").distinct()
    return sorted(db.session.scalars(found))


def has_any() -> bool:
    """Whether there is any image, in the trash or not."""
    return db.session.scalar(sa.select(Media.id).limit(1)) is not None


def url(file: MediaFile) -> str:
    """The address of a file for emails. Needs an app context."""
    return config.current().public_url + file.path


def bytes_for(address: str) -> tuple[bytes, str, str] | None:
    """(bytes, content type, file name) of an image of ours, by its URL or path; None for any other address.

    Raises NotFound if its file is gone and storage.Unavailable if the store can't be used.
    """
    path = _own_path(address)
    icon = _ICON.fullmatch(path)
    if icon and icon[1] in ICONS:
        return ICONS[icon[1]].read_bytes(), imaging.TYPES["png"], f"{icon[1]}.png"
    found = _PATH.fullmatch(path)
    if not found:
        return None
    key, name, kind = found.groups()
    return stores.current().get(f"{key}.{kind}"), imaging.TYPES[kind], f"{name}.{kind}"


def _own_path(address: str) -> str:
    """The path of an address on this site; empty for one elsewhere."""
    try:
        parts, own = urlsplit(address), urlsplit(config.current().public_url)
    except ValueError:
        return ""
    is_own = not parts.netloc or parts.netloc == own.netloc
    return parts.path.removeprefix(own.path) if is_own and parts.scheme in ("", "http", "https") else ""
