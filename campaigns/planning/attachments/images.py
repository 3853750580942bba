"""Images of the library that go with each email: shown inside the HTML by their Content-ID (RFC 2392).

Only the `src` of an `img` is replaced: mail clients load no backgrounds from the message they stand in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from campaigns.content.compiled.source import Source
from campaigns.content.html import markup
from campaigns.content.language import merge_text
from campaigns.content.media import queries as media_queries
from campaigns.content.media.models import MediaFile
from campaigns.core.db import db
from campaigns.core.errors import Invalid, NotFound
from campaigns.core.i18n import _
from campaigns.mail.mime.parts import LARGEST_TOTAL, Part

MOST_IMAGES = 100  # in one email
# An image by the key of its file, or an icon of a social link by its network.
_OURS = re.compile(r"/media/(?:([0-9a-f]{40})/[^/?#]+|social/1/([a-z]+))\.(?:jpg|png|gif)$")
_DOMAIN = re.compile(r"[A-Za-z0-9.-]{1,100}")


def read(sources: Iterable[Source]) -> list[Part]:
    """The images that are used in any of the sources, with their bytes; one whose file is gone is left out.

    Raises Invalid for too many or too large ones, Unavailable when the store can't be used, ContentError.
    """
    used = _used(sources)
    known = _sizes(used)
    if len(known) > MOST_IMAGES:
        raise Invalid(_("Attach at most %(number)d images.", number=MOST_IMAGES), field="html")
    refuse_too_large(sum(known.values()))
    read_ = [_read(key, *used[key]) for key in used if key in known]
    return [part for part in read_ if part is not None]


def inside(source: Source, parts: Sequence[Part]) -> Source:
    """The source with those of the parts that its HTML shows, and shows from the email now."""
    ids = {_key(part): part for part in parts}
    document = _document(source)
    used: dict[str, Part] = {}
    pieces, end = [], 0
    for start, stop in _places(document):
        part = ids.get(_key_in(document.text[start:stop]))
        if part is not None:
            used[part.content_id] = part
            pieces += [document.text[end:start], f"cid:{part.content_id}"]
            end = stop
    if not used:
        return source
    html = document.restored("".join([*pieces, document.text[end:]]))
    return replace(source, html=html, parts=(*used.values(), *source.parts))


def sizes(sources: Iterable[Source]) -> list[int]:
    """The bytes of each image that would go with an email, as the library knows them; raises ContentError."""
    return list(_sizes(_used(sources)).values())


def refuse_too_large(size: int) -> None:
    """Raise Invalid for more bytes than may go with one email."""
    if size > LARGEST_TOTAL:
        sentence = _(
            "Attachments and images can have at most 10 MB together. Use smaller images or link to files."
        )
        raise Invalid(sentence, field="files")


def _sizes(keys: Iterable[str]) -> dict[str, int]:
    """The bytes of those images that the library has, and of icons."""
    icons = {key: media_queries.ICONS[key].stat().st_size for key in keys if key in media_queries.ICONS}
    others = [key for key in keys if key not in icons]
    statement = sa.select(MediaFile.key, MediaFile.size).where(MediaFile.key.in_(others))
    return icons | {row.key: row.size for row in db.session.execute(statement)} if others else icons


def _read(key: str, url: str, domain: str) -> Part | None:
    """The image at that address; None when its file is gone, and for one of another site."""
    try:
        file = media_queries.bytes_for(url)
    except NotFound:
        return None
    return Part(file[2], file[1], file[0], content_id=f"{key}@{domain}") if file else None


def _used(sources: Iterable[Source]) -> Mapping[str, tuple[str, str]]:
    """By the key of its file: the URL of each image that looks like ours, and the domain of its Content-ID."""
    found: dict[str, tuple[str, str]] = {}
    for source in sources:
        domain = source.message_id_domain if _DOMAIN.fullmatch(source.message_id_domain) else "columba"
        document = _document(source)
        for start, stop in _places(document):
            url = document.text[start:stop]
            if key := _key_in(url):
                found.setdefault(key, (url, domain))
    return found


def _document(source: Source) -> markup.Marked:
    html = merge_text.readable(source.html)
    merge_text.parse(html, where="html")  # raises ContentError: marks are made of what can be read
    return markup.protect(html, where="html")


def _places(document: markup.Marked) -> Iterable[tuple[int, int]]:
    """Where the addresses of images stand."""
    for part in document.parts:
        if part.kind == "start" and part.name == "img":
            yield from ((each.start, each.end) for each in part.attributes[:50] if each.name == "src")


def _key_in(url: str) -> str:
    """The key of an address that looks like ours; empty for another one."""
    found = _OURS.search(url)
    return (found[1] or found[2]) if found else ""


def _key(part: Part) -> str:
    return part.content_id.partition("@")[0]
