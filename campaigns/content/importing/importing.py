"""HTML from a file, a zip file or a web page, ready to be the HTML of an email."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from campaigns.content.importing import archives, charsets, links
from campaigns.content.language.merge_text import LARGEST_SOURCE
from campaigns.core import guarded_http
from campaigns.core.errors import Invalid
from campaigns.core.guarded_http import Internal
from campaigns.core.i18n import _
from campaigns.core.internal_hosts import InternalHosts

PATIENCE_S = 10.0
MOST_REDIRECTS = 5
_ZIP = b"PK\x03\x04"

# Keeps an image under its name and returns its URL; None if it can't be kept.
Keep = Callable[[str, bytes], str | None]


@dataclass(frozen=True, slots=True)
class Imported:
    """The HTML, and what its reader has to know: sentences."""

    html: str
    notes: tuple[Any, ...] = ()


def from_file(data: bytes, *, keep: Keep | None = None) -> Imported:
    """The email in an HTML or zip file; raises Invalid(field="file").

    `keep`: where images in a zip file are put; without it they are left out.
    """
    if data.startswith(_ZIP):
        return _from_zip(data, keep)
    if len(data) > archives.LARGEST_HTML:
        raise Invalid(_("The HTML file is larger than 2 MB."), field="file")
    html = _checked(charsets.text_of(data), field="file")
    return Imported(links.changed(html, lambda url: url), _missing(links.relative(html)))


def from_url(url: str, hosts: InternalHosts) -> Imported:
    """The web page at that URL, its links made absolute; raises Invalid(field="url") with a sentence."""
    url = url.strip()
    url = url if "://" in url else f"https://{url}"
    try:
        page = guarded_http.fetch(
            url, hosts, patience_s=PATIENCE_S, largest=archives.LARGEST_HTML, redirects=MOST_REDIRECTS
        )
    except Internal as error:
        raise Invalid(_("This address is not on the public internet."), field="url") from error
    except ValueError as error:
        raise Invalid(_("Enter a web address like https://example.com/email.html."), field="url") from error
    except OSError as error:
        raise Invalid(
            _("The page could not be loaded: %(reason)s.", reason=str(error)[:200]), field="url"
        ) from error
    if page.status != 200:
        raise Invalid(
            _("The page could not be loaded: the server answered %(status)d.", status=page.status),
            field="url",
        )
    kind, _semicolon, parameters = page.content_type.partition(";")
    if kind.strip().lower() not in ("text/html", "application/xhtml+xml", ""):
        raise Invalid(
            _("This address leads to a file of type %(type)s, not to HTML.", type=kind[:60]), field="url"
        )
    declared = parameters.partition("charset=")[2].strip(" \"'").partition(";")[0]
    html = _checked(charsets.text_of(page.body, declared=declared), field="url")
    return Imported(links.absolute(html, page.url))


def _from_zip(data: bytes, keep: Keep | None) -> Imported:
    archive = archives.read(data)
    html = charsets.text_of(archive.html)
    kept = {path: keep(path, image) for path, image in archive.images.items()} if keep else {}
    left_out: dict[str, None] = {}
    unknown: list[str] = []

    def change(url: str) -> str:
        path = archive.image(url)
        if path is None:
            return url
        if address := kept.get(path):
            return address
        left_out.setdefault(path)
        return url

    html = _checked(links.changed(html, change), field="file")
    unknown = [url for url in links.relative(html) if archive.image(url) is None]
    notes: tuple[Any, ...] = _missing(unknown)
    if left_out:
        names = archives.names(left_out)
        notes = (
            _("These images were not imported: %(names)s. Add them again in the editor.", names=names),
            *notes,
        )
    return Imported(html, notes)


def _checked(html: str, *, field: str) -> str:
    if not html.strip():
        raise Invalid(_("There is no HTML in it."), field=field)
    if len(html) > LARGEST_SOURCE:
        raise Invalid(_("The content is too large. Use at most 512 KB."), field=field)
    return html


def _missing(urls: list[str]) -> tuple[Any, ...]:
    if not urls:
        return ()
    names = archives.names(urls)
    return (
        _("These links lead to files beside the HTML and won't work in an email: %(names)s", names=names),
    )
