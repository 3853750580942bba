"""A zip file with an email in it: one HTML file and its images. Nothing of it is written anywhere."""

from __future__ import annotations

import io
import posixpath
import stat
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

LARGEST_FILE = 25 * 1024 * 1024  # bytes, of the zip file and of all that is in it
LARGEST_HTML = 2 * 1024 * 1024
LARGEST_IMAGE = 10 * 1024 * 1024
MOST_FILES = 500
HIGHEST_RATIO = 200  # unpacked to packed: text and images stay well below
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg")
_HTML = (".html", ".htm")
_ARCHIVES = (".zip", ".jar", ".7z", ".rar", ".gz", ".tar", ".tgz", ".bz2", ".xz")
_NOBODYS = ("__MACOSX/", ".DS_Store")


@dataclass(frozen=True, slots=True)
class Archive:
    """What a zip file holds: the bytes of its HTML, where that stands, and its images by path."""

    html: bytes
    path: str
    images: dict[str, bytes]

    def image(self, url: str) -> str | None:
        """The path of the image that a relative URL of the HTML means; None if it isn't there."""
        plain = unquote(url.partition("?")[0].partition("#")[0])
        found = posixpath.normpath(posixpath.join(posixpath.dirname(self.path), plain)).lstrip("/")
        return found if found in self.images else None


def read(data: bytes) -> Archive:
    """The email in a zip file; raises Invalid(field="file") with a sentence for one that can't be used."""
    if len(data) > LARGEST_FILE:
        raise _refused(_("The zip file is larger than 25 MB."))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            return _read(opened)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise _refused(_("The zip file is damaged or can't be read.")) from error
    except RuntimeError as error:  # what zipfile raises for a password
        raise _refused(_("The zip file has a password. Save it without one.")) from error


def _read(opened: zipfile.ZipFile) -> Archive:
    entries = [each for each in opened.infolist() if _is_wanted(each)]
    _check(entries)
    page = _page([each.filename for each in entries if each.filename.lower().endswith(_HTML)])
    files = {each.filename: each for each in entries}
    html = _bytes(opened, files[page], LARGEST_HTML)
    images = {
        name: _bytes(opened, each, LARGEST_IMAGE)
        for name, each in files.items()
        if name.lower().endswith(IMAGES)
    }
    return Archive(html, page, images)


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    """Files, but no folders, links or what operating systems add."""
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return not (entry.is_dir() or is_link or any(each in entry.filename for each in _NOBODYS))


def _check(entries: list[zipfile.ZipInfo]) -> None:
    """Raise for what is too much or has no business in an email, before anything is unpacked."""
    if len(entries) > MOST_FILES:
        raise _refused(
            _(
                "The zip file holds %(number)d files. Use at most %(most)d.",
                number=len(entries),
                most=MOST_FILES,
            )
        )
    names = [each.filename for each in entries]
    if bad := next((name for name in names if _climbs(name)), None):
        raise _refused(_("The zip file has a path that leads out of it: %(name)s", name=bad[:100]))
    if bad := next((name for name in names if name.lower().endswith(_ARCHIVES)), None):
        raise _refused(_("The zip file holds another archive: %(name)s. Unpack it first.", name=bad[:100]))
    if len(set(names)) < len(names):
        raise _refused(_("The zip file has two files of one name."))
    size, packed = sum(each.file_size for each in entries), sum(each.compress_size for each in entries)
    if size > LARGEST_FILE or size > HIGHEST_RATIO * max(packed, 1024):
        raise _refused(_("The zip file unpacks to more than 25 MB."))


def _climbs(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or not parts[0] or ":" in parts[0] or "\0" in name


def _page(names: list[str]) -> str:
    """The HTML file that is the email: index.html nearest the top, or the only one."""
    indexes = [name for name in names if posixpath.basename(name).lower() in ("index.html", "index.htm")]
    if indexes:
        return min(indexes, key=lambda name: (name.count("/"), name))
    if len(names) == 1:
        return names[0]
    if not names:
        raise _refused(_("The zip file has no HTML file."))
    raise _refused(_("The zip file has several HTML files. Name the email index.html."))


def _bytes(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, largest: int) -> bytes:
    """An unpacked file: what the zip file says of its size is not believed."""
    with opened.open(entry) as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise _refused(
            _("%(name)s is larger than %(most)d MB.", name=entry.filename[:100], most=largest >> 20)
        )
    return data


def names(paths: Iterable[str], *, most: int = 10) -> str:
    """Some file names for a sentence."""
    every = [posixpath.basename(path)[:60] for path in paths]
    return ", ".join(every[:most]) + (" …" if len(every) > most else "")


def _refused(sentence: object) -> Invalid:
    return Invalid(sentence, field="file")
