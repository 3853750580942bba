"""Files that are no text yet: gzip, zip, and workbooks. What comes out is a CSV file, within limits of size and ratio."""

from __future__ import annotations

import gzip
import secrets
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

LARGEST_UNPACKED = 2 << 30  # bytes
HIGHEST_RATIO = 200  # unpacked to packed; lists of people stay well below
RATIO_FROM = 1 << 20  # smaller files may be as dense as they like
MOST_ENTRIES = 1000
WORKBOOK_S = 360.0
READER = Path(__file__).with_name("workbook_reader.py")
_CHUNK = 1 << 20
_ZIP, _GZIP, _OLE = b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0"
_NOBODYS = ("__MACOSX/", ".DS_Store")
_SHEETS = {
    "damaged": _("The workbook is damaged or can't be read. Save it again, or as CSV."),
    "password": _("The workbook has a password. Save it without one."),
    "wide": _("The workbook has more than 1,000 columns. Remove the empty ones."),
}


def unpacked(path: Path) -> Path:
    """The file itself if it is not packed, else a new one beside it with what is in it; the packed one is deleted.
    Raises Invalid with a sentence.
    """
    with path.open("rb") as file:
        head = file.read(8)
    unpack = _way(path, head)
    if unpack is None:
        return path
    target = path.with_name(secrets.token_hex(16) + ".csv")
    try:
        unpack(path, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    path.unlink()
    return unpacked(target) if unpack is _unzip and _is_workbook(target) else target


def _way(path: Path, head: bytes) -> Callable[[Path, Path], None] | None:
    if head.startswith(_GZIP):
        return _gunzip
    if head.startswith(_OLE):
        return _sheet
    if head.startswith(_ZIP):
        return _sheet if _is_workbook(path) else _unzip
    return None


def _is_workbook(path: Path) -> bool:
    """Whether it is an XLSX or ODS file; False for one that is no zip file."""
    try:
        with zipfile.ZipFile(path) as opened:
            names = set(opened.namelist()[: MOST_ENTRIES * 10])
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return "[Content_Types].xml" in names or {"mimetype", "content.xml"} <= names


def _gunzip(path: Path, target: Path) -> None:
    try:
        with gzip.open(path) as source:
            _copy(cast(IO[bytes], source), target, packed=path.stat().st_size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _refused(_("The compressed file is damaged. Compress it again.")) from error


def _unzip(path: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(path) as opened:
            entry = _only(opened)
            with opened.open(entry) as source:
                _copy(source, target, packed=entry.compress_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise _refused(_("The compressed file is damaged. Compress it again.")) from error
    except RuntimeError as error:  # what zipfile raises for a password
        raise _refused(_("The zip file has a password. Save it without one.")) from error


def _only(opened: zipfile.ZipFile) -> zipfile.ZipInfo:
    entries = [
        each
        for each in opened.infolist()
        if not each.is_dir() and not any(name in each.filename for name in _NOBODYS)
    ]
    if len(entries) != 1:
        raise _refused(_("The zip file has %(number)d files in it. Put one in it.", number=len(entries)))
    if entries[0].file_size > LARGEST_UNPACKED:
        raise _too_large()
    return entries[0]


def _copy(source: IO[bytes], target: Path, *, packed: int) -> None:
    size = 0
    with target.open("xb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > LARGEST_UNPACKED or (size > RATIO_FROM and size > packed * HIGHEST_RATIO):
                raise _too_large()
            file.write(chunk)


def _sheet(path: Path, target: Path) -> None:
    _check_entries(path)
    command = [sys.executable, "-I", str(READER), str(path), str(target)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=WORKBOOK_S, env={}, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise _too_large() from error
    if done.returncode:  # killed by a limit, or it crashed
        raise _refused(_SHEETS["damaged"])
    if word := done.stdout.decode():
        raise _refused(_SHEETS[word])


def _check_entries(path: Path) -> None:
    """A workbook says how large it becomes, and the reader takes no more than that."""
    if not zipfile.is_zipfile(path):
        return  # an old workbook, which is not compressed
    with zipfile.ZipFile(path) as opened:
        entries = opened.infolist()
    size = sum(each.file_size for each in entries)
    if (
        len(entries) > MOST_ENTRIES
        or size > LARGEST_UNPACKED
        or (size > RATIO_FROM and size > path.stat().st_size * HIGHEST_RATIO)
    ):
        raise _too_large()


def _too_large() -> Invalid:
    return _refused(_("The file becomes too large when it is unpacked. Split it."))


def _refused(sentence: object) -> Invalid:
    return Invalid(sentence, field="file")
