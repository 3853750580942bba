"""Emails in zip files: what is found, and what is refused before anything is unpacked."""

from __future__ import annotations

import io
import random
import stat
import zipfile

import pytest

from campaigns.content.importing import archives, importing
from campaigns.core.errors import Invalid

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", packed) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return data.getvalue()


def test_the_email_is_index_html_and_its_images_are_kept() -> None:
    kept: dict[str, bytes] = {}

    def keep(path: str, data: bytes) -> str:
        kept[path] = data
        return f"https://news.example.org/media/{len(kept)}.png"

    html = b'<p>Hi</p><img src="images/a%20b.png?x=1"><td background="./images/c.png">'
    data = zipped(("mail/index.html", html), ("mail/other.html", b"x"), ("mail/images/a b.png", PNG),
                  ("mail/images/c.png", PNG), ("__MACOSX/mail/._index.html", b"x"))  # fmt: skip
    found = importing.from_file(data, keep=keep)
    assert set(kept) == {"mail/images/a b.png", "mail/images/c.png"}
    assert 'src="https://news.example.org/media/1.png"' in found.html
    assert 'background="https://news.example.org/media/2.png"' in found.html
    assert not found.notes


def test_images_that_cannot_be_kept_are_named() -> None:
    found = importing.from_file(zipped(("a.html", b'<img src="b.png">'), ("b.png", PNG)))
    assert "b.png" in str(found.notes[0])


def test_what_the_html_misses_is_named() -> None:
    found = importing.from_file(zipped(("a.html", b'<img src="c.png"><a href="next.html">x</a>')))
    assert "c.png, next.html" in str(found.notes[0])


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([("../index.html", b"x")], "leads out"),
        ([("/etc/index.html", b"x")], "leads out"),
        ([("a\\..\\..\\index.html", b"x")], "leads out"),
        ([("C:/index.html", b"x")], "leads out"),
        ([("index.html", b"x"), ("more.zip", b"PK")], "another archive"),
        ([("a.html", b"x"), ("b.html", b"x")], "several HTML files"),
        ([("a.png", PNG)], "no HTML file"),
        ([("index.html", b" " * 30_000_000)], "more than 25 MB"),
        ([("index.html", random.Random(1).randbytes(3_000_000))], "larger than 2 MB"),
        ([(f"{number}.html", b"x") for number in range(600)], "600 files"),
    ],
)
def test_a_hostile_zip_file_is_refused_with_a_sentence(
    entries: list[tuple[str, bytes]], sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence) as caught:
        archives.read(zipped(*entries))
    assert caught.value.field == "file"


def test_a_size_that_lies_is_found_out() -> None:
    data = zipped(("index.html", b"<p>" + bytes(range(1, 250)) * 12_000), packed=zipfile.ZIP_STORED)
    size = (3 + 249 * 12_000).to_bytes(4, "little")
    with pytest.raises(Invalid):
        archives.read(data.replace(size, (10).to_bytes(4, "little")))


def test_a_link_in_a_zip_file_is_no_file() -> None:
    link = zipfile.ZipInfo("images/passwd.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = archives.read(zipped(("index.html", b"<p>x</p>"), (link, b"/etc/passwd")))
    assert archive.images == {}


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"PK\x03\x04" + b"\xff" * 500])
def test_a_damaged_zip_file_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match="damaged"):
        importing.from_file(data)
