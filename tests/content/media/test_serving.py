"""Images as readers of emails get them, and what is kept of them."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from campaigns.content.documents import blocks, schema
from campaigns.content.media import queries, services, storage, stores
from campaigns.content.media.models import Media
from campaigns.core import clock, config
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from tests.content.media import pictures


def added(name: str = "Café.jpg", data: bytes | None = None) -> Media:
    made = services.add(name, data or pictures.photo(1300, 650), alt="Two halves", now=clock.now())
    db.session.commit()
    return made


def test_an_image_is_served_for_a_year_and_does_no_harm(app: Flask, client: FlaskClient) -> None:
    path = added().widest.path
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.content_type == "image/jpeg"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    assert "caf" in path


def test_what_a_client_has_is_not_sent_again(app: Flask, client: FlaskClient) -> None:
    path = added().widest.path
    whole = client.get(path)
    assert client.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    part = client.get(path, headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.data) == (206, whole.data[:10])
    head = client.head(path)
    assert (head.data, head.headers["Content-Length"]) == (b"", str(len(whole.data)))


@pytest.mark.parametrize(
    "path",
    [
        "/media/" + "0" * 40 + "/a.jpg",
        "/media/..%2f..%2fsecret_key/a.jpg",
        "/media/" + "0" * 40 + "/a.html",
        "/media/" + "0" * 39 + "/a.jpg",
        "/media/" + "Z" * 40 + "/a",
    ],
)
def test_nothing_else_is_served(app: Flask, client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_an_image_has_an_address_that_only_changes_with_the_image(each_database: Flask) -> None:
    made = added()
    before = made.widest.key
    services.describe(made, name="Other", alt="", folder="A/B", now=clock.now())
    assert made.widest.key == before
    services.edit(made, crop=(0, 0, 100, 100), width=None, focal=(120, -4), now=clock.now())
    db.session.commit()
    assert made.widest.key != before
    assert (made.widest.width, made.focal_x, made.focal_y) == (100, 100, 0)
    assert stores.current().exists(f"{before}.jpg")


def test_the_same_file_twice_has_two_addresses(app: Flask) -> None:
    assert added().widest.key[:16] == added().widest.key[:16]
    assert added().widest.key != added().widest.key


def test_an_image_in_an_email_is_found_by_its_url(app: Flask) -> None:
    made = added()
    data, kind, name = queries.bytes_for(queries.url(made.in_emails)) or (b"", "", "")
    assert (len(data), kind) == (made.in_emails.size, "image/jpeg")
    assert name.endswith(".jpg")
    assert queries.bytes_for(made.widest.path) is not None
    elsewhere = "https://elsewhere.example" + made.widest.path
    assert [queries.bytes_for(each) for each in (elsewhere, "cid:a", "http://[", "")] == [None] * 4
    with pytest.raises(NotFound):
        queries.bytes_for("/media/" + "0" * 40 + "/a.jpg")


def test_search_is_of_names_alternative_texts_and_folders(each_database: Flask) -> None:
    services.add(
        "Sommerfest 100%.png", pictures.photo(20, 10, "PNG"), alt="People", folder="A/B", now=clock.now()
    )
    services.add("other.png", pictures.photo(20, 10, "PNG"), folder="AB", now=clock.now())
    db.session.commit()

    def found(**wanted: str) -> list[str]:
        return [each.name for each in db.session.scalars(queries.matching(queries.Filter(**wanted)))]  # type: ignore[arg-type]

    assert found(words="100% people") == ["Sommerfest 100%"]
    assert found(words="_") == []
    assert found(folder="A") == ["Sommerfest 100%"]
    assert found(sort="name") == ["other", "Sommerfest 100%"]
    assert queries.folders() == ["A/B", "AB"]


def test_a_full_disk_leaves_nothing_half(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    put, calls = storage.Disk.put, []

    def full(self: storage.Disk, name: str, data: bytes, content_type: str) -> None:
        calls.append(name)
        if len(calls) == 3:
            raise storage._refusal(OSError(errno.ENOSPC, "full"))
        put(self, name, data, content_type)

    monkeypatch.setattr(storage.Disk, "put", full)
    with pytest.raises(storage.Unavailable, match="disk is full"):
        services.add("a.jpg", pictures.photo(2000, 20), now=clock.now())
    db.session.rollback()
    assert not queries.has_any()
    assert [path for path in (config.current().data_dir / "media").rglob("*") if path.is_file()] == []


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "media").write_text("a file where the folder should be")
    with pytest.raises(storage.Unavailable):
        storage.Disk(tmp_path / "media").put("0" * 40 + ".png", b"x", "image/png")


def test_each_network_has_an_icon_that_is_kept_for_a_year(client: FlaskClient) -> None:
    for network in schema.NETWORKS:
        answer = client.get(f"{blocks.ICONS}{network}.png")
        assert answer.status_code == 200
        assert answer.mimetype == "image/png"
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Set-Cookie" not in answer.headers
        assert Image.open(io.BytesIO(answer.data)).size == (3 * blocks.ICON_SIZE, 3 * blocks.ICON_SIZE)
    assert client.get(f"{blocks.ICONS}myspace.png").status_code == 404
    assert client.get(f"{blocks.ICONS}..%2f..%2fviews.png").status_code == 404
