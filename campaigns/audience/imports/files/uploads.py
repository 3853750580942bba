"""Uploaded files: encoding, delimiter and header; stored as UTF-8 in the data folder."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from campaigns.audience.imports.files import seen, unpacking
from campaigns.core import addresses, config, csvfile, disk, files
from campaigns.core.csvfile import Record, Records
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

LARGEST_FILE_BYTES = 2 << 30
MOST_COLUMNS = 100
LONGEST_HEADER = 100
SAMPLES = 100  # rows used to guess the columns
MOST_BLANK = 1000  # blank rows skipped in search of those
_CHUNK = 1 << 20
_SAMPLE_BYTES = 1 << 16
# The encodings an operator can choose; of those that fit equally well, the first is the guess.
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "cp1252": "Western (Windows-1252)",
    "cp1250": "Central European (Windows-1250)",
    "cp1251": "Cyrillic (Windows-1251)",
    "cp1253": "Greek (Windows-1253)",
    "cp1254": "Turkish (Windows-1254)",
    "cp1255": "Hebrew (Windows-1255)",
    "cp1256": "Arabic (Windows-1256)",
    "cp1257": "Baltic (Windows-1257)",
    "gb18030": "Chinese (GB18030)",
    "big5": "Traditional Chinese (Big5)",
    "cp932": "Japanese (Shift JIS)",
    "cp949": "Korean (EUC-KR)",
}
_LEGACY = [name for name in ENCODINGS if not name.startswith("utf")]
_NOT_CSV = {
    b"PK\x03\x04": _("This is an archive in an archive. Unpack it and upload the file in it."),
    b"\x1f\x8b": _("This is an archive in an archive. Unpack it and upload the file in it."),
    b"%PDF": _("This is a PDF. Upload a CSV file instead."),
}
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|head|body|\?xml|script|table)\b", re.I)
_SEPARATOR_LINE = re.compile(rb'"?sep=(.)"?\r?\n', re.I)


@dataclass(frozen=True, slots=True)
class Look:
    """A file's columns, a sample of rows, and where the first row of people begins, in bytes."""

    delimiter: str
    columns: list[str]
    has_header: bool
    position: int
    line: int
    samples: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Upload:
    """A stored file: `raw` as uploaded, `path` as UTF-8 (the same file if it was UTF-8)."""

    raw: Path
    path: Path
    encoding: str
    size_bytes: int
    sha256: str  # of the file as uploaded


def folder() -> Path:
    """The folder for files of imports."""
    return config.current().files_dir / "imports"


def place() -> str:
    """The unique id of this data folder: hosts that share the folder may run its imports."""
    path = config.current().files_dir / "place"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unborn = path.with_name(f"place.{secrets.token_hex(4)}")
        unborn.write_text(secrets.token_hex(8))
        with suppress(FileExistsError):  # of two that start at the same time, one names it
            os.link(unborn, path)
        unborn.unlink()
    return path.read_text()


def keep(source: BinaryIO | Path) -> Upload:
    """Store a file and detect its encoding; raises Invalid if it cannot be a CSV file."""
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return keep(stream)
    try:
        raw = files.keep(source, folder(), suffix=".csv", limit_bytes=LARGEST_FILE_BYTES)
    except files.TooLarge as error:
        raise Invalid(_("The file is larger than 2 GB. Split it."), field="file") from error
    except OSError as error:
        raise _no_room(error) from error
    with raw.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    try:
        raw = unpacking.unpacked(raw)
        return as_utf8(raw, _encoding_of(raw), sha256=digest)
    except Invalid:
        forget(raw)
        raise
    except OSError as error:
        forget(raw)
        raise _no_room(error) from error


def _no_room(error: OSError) -> Exception:
    """The error as a sentence if it says that the disk is full; else itself."""
    if not disk.is_full(error):
        return error
    return Invalid(_("The disk is full. Free up space and upload the file again."), field="file")


def as_utf8(raw: Path, encoding: str, *, sha256: str) -> Upload:
    """The stored file as UTF-8 with line feeds: itself, or a second file next to it."""
    only_returns = _has_only_carriage_returns(raw, encoding)
    if encoding == "utf-8" and not only_returns:
        return Upload(raw, raw, encoding, raw.stat().st_size, sha256)
    path = raw.with_suffix(".utf8.csv")
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    with raw.open("rb") as source, path.open("wb") as target:
        while chunk := source.read(_CHUNK):
            text = decoder.decode(chunk)
            target.write((text.replace("\r", "\n") if only_returns else text).encode())
        target.write(decoder.decode(b"", final=True).encode())
    return Upload(raw, path, encoding, path.stat().st_size, sha256)


def forget(path: Path) -> None:
    """Delete the stored file, its UTF-8 version and what is kept beside it."""
    seen.forget(path)
    for each in {path, Path(str(path).replace(".utf8.csv", ".csv")), path.with_suffix(".utf8.csv")}:
        with suppress(FileNotFoundError):
            each.unlink()


def raw_of(path: Path) -> Path:
    """The file as uploaded, given its UTF-8 path."""
    return Path(str(path).replace(".utf8.csv", ".csv"))


def rows_in(path: Path) -> int:
    """Approximate number of rows: line feeds, plus a last line without one."""
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            count += chunk.count(b"\n")
            last = chunk[-1:]
    return count + (last != b"\n")


def look(path: Path, *, delimiter: str | None = None, has_header: bool | None = None) -> Look:
    """Columns and samples of a stored UTF-8 file; raises Invalid when there is nothing to read."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE_BYTES)
        position = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
        line = 1
        if said := _SEPARATOR_LINE.match(head, position):
            position, line = said.end(), 2
            delimiter = delimiter or said[1].decode(errors="replace")
        text = head[position:].decode(errors="replace")
        delimiter = delimiter or csvfile.guess_delimiter(text.splitlines()[: SAMPLES + 1])
        records = list(_some(Records(file, delimiter=delimiter, position=position, line=line)))
    if not records:
        raise Invalid(_("The file is empty."), field="file")
    first, header = records[0], has_header
    if first.fault:
        raise Invalid(_("The first row can't be read. Is this a CSV file?"), field="file")
    if header is None:
        header = not any(_is_address(cell) for cell in first.cells)
    rows = records[1:] if header else records
    if header and not rows:
        raise Invalid(_("The file has a header row but no people."), field="file")
    return Look(
        delimiter=delimiter,
        columns=_columns(first.cells, has_header=header),
        has_header=header,
        position=first.end if header else position,
        line=first.next_line if header else line,
        samples=[record.cells for record in rows if not record.fault],
    )


def _some(records: Records) -> Iterator[Record]:
    """The first non-blank rows. Raises Invalid if the file starts with too many blank ones."""
    taken = blank = 0
    for record in records:
        if any(cell.strip() for cell in record.cells) or record.fault:
            yield record
            taken += 1
        else:
            blank += 1
        if taken > SAMPLES or (taken and blank >= MOST_BLANK):
            return
        if blank >= MOST_BLANK:
            sentence = _(
                "The file starts with more than %(number)d blank lines. Remove them.", number=MOST_BLANK
            )
            raise Invalid(sentence, field="file")


def _columns(cells: list[str], *, has_header: bool) -> list[str]:
    if len(cells) > MOST_COLUMNS:
        raise Invalid(
            _("The file has %(number)d columns. Up to 100 can be read.", number=len(cells)), field="file"
        )
    names = [" ".join(cell.split())[:LONGEST_HEADER] if has_header else "" for cell in cells]
    return [name or f"Column {at}" for at, name in enumerate(names, start=1)]


def _is_address(text: str) -> bool:
    if "@" not in text:
        return False
    try:
        addresses.clean(text)
    except ValueError:
        return False
    return True


# -- encodings


def _encoding_of(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip():
        raise Invalid(_("The file is empty."), field="file")
    for magic, sentence in _NOT_CSV.items():
        if head.startswith(magic):
            raise Invalid(sentence, field="file")
    if _MARKUP.match(head.removeprefix(codecs.BOM_UTF8)):
        raise Invalid(_("This is a web page. Upload a CSV file instead."), field="file")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if half := _utf16_without_mark(head):
        return half
    if b"\0" in head and head.count(b"\0") > len(head) // 20:
        raise Invalid(_("This isn't a text file. Upload a CSV file instead."), field="file")
    return _legacy_encoding(path) if _is_not_utf8(path) else "utf-8"


def _utf16_without_mark(head: bytes) -> str | None:
    """UTF-16 without a byte order mark: every other byte of its ASCII text is zero. None if not."""
    pairs = len(head) // 2
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if pairs > 4 and zeros.count(0) > pairs * 0.6 and head.count(0) < pairs * 1.1:
            return name
    return None


def _is_not_utf8(path: Path) -> bool:
    """Whether the file as a whole is not UTF-8; a few broken rows are just rejected."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    broken = good = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if chunk.isascii():
                continue
            text = decoder.decode(chunk)
            wrong = text.count("�") - chunk.count("�".encode())
            broken += max(0, wrong)
            good += len(text) - len(text.encode("ascii", "ignore")) - max(0, wrong)
    return broken > 0 and broken * 2 > good


def _legacy_encoding(path: Path) -> str:
    """The most likely encoding of its non-ASCII lines."""
    sample = BytesIO()
    with path.open("rb") as file:
        while (line := file.readline(_SAMPLE_BYTES)) and sample.tell() < _SAMPLE_BYTES:
            if not line.isascii():
                sample.write(line)
    from charset_normalizer import from_bytes  # large, and few processes read files

    matches = list(from_bytes(sample.getvalue(), cp_isolation=_LEGACY))
    if not matches:
        return "cp1252"
    best = matches[0]
    close = [m for m in matches if m.chaos <= best.chaos + 0.01 and m.coherence >= best.coherence - 0.05]
    names = {name for match in close for name in (match.encoding, *match.could_be_from_charset)}
    return next((name for name in _LEGACY if name in names), best.encoding)


def _has_only_carriage_returns(path: Path, encoding: str) -> bool:
    """Old Mac line ends, which line readers do not understand."""
    with path.open("rb") as file:
        text = file.read(_SAMPLE_BYTES).decode(encoding, errors="replace")
    return "\r" in text.rstrip("\r") and "\n" not in text
