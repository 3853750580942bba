"""Images in a bucket of a real S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.content.media import queries, services, storage
from campaigns.content.media.s3 import Bucket
from campaigns.core import clock, config
from campaigns.core.config import S3
from campaigns.core.db import db
from campaigns.core.errors import ConfigError, NotFound
from tests.content.media import pictures
from tests.running import free_port
from tests.servers import s3

NAME = "0" * 40 + ".png"
SECRET = "the secret of the bucket"
BUCKET = {"MEDIA_S3_BUCKET": s3.BUCKET, "MEDIA_S3_KEY": "key", "MEDIA_S3_SECRET": SECRET}
needs_server = pytest.mark.skipif(s3.S3Server.why_not() is not None, reason=s3.S3Server.why_not() or "")


def settings(endpoint: str, bucket: str = s3.BUCKET) -> S3:
    return S3(endpoint=endpoint, bucket=bucket, key="key", secret=SECRET)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3.running() as (url, _process):
        yield url


@needs_server
def test_what_is_put_can_be_read_and_deleted(endpoint: str) -> None:
    bucket = Bucket(settings(endpoint))
    assert not bucket.exists(NAME)
    bucket.put(NAME, b"bytes", "image/png")
    assert bucket.exists(NAME)
    assert bucket.get(NAME) == b"bytes"
    bucket.delete(NAME)
    bucket.delete(NAME)
    with pytest.raises(NotFound):
        bucket.get(NAME)


@needs_server
def test_an_image_in_a_bucket_is_served_by_us(app: Flask, client: FlaskClient, endpoint: str) -> None:
    app.extensions["columba"] = replace(config.current(), media_s3=settings(endpoint))
    made = services.add("a.png", pictures.photo(50, 20, "PNG"), now=clock.now())
    db.session.commit()
    path = made.widest.path
    whole = client.get(path)
    assert (whole.status_code, whole.content_type, len(whole.data)) == (200, "image/png", made.widest.size)
    assert client.get(path, headers={"Range": "bytes=0-9"}).data == whole.data[:10]
    assert client.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert queries.bytes_for(path) is not None
    assert not (config.current().data_dir / "media").exists()


@needs_server
def test_a_bucket_that_does_not_exist_is_named(endpoint: str) -> None:
    with pytest.raises(storage.Unavailable, match="MEDIA_S3_BUCKET"):
        Bucket(settings(endpoint, "elsewhere")).put(NAME, b"bytes", "image/png")


def test_an_unreachable_store_is_said_and_nothing_is_kept(app: Flask) -> None:
    unreachable = settings(f"http://127.0.0.1:{free_port()}")
    app.extensions["columba"] = replace(config.current(), media_s3=unreachable)
    with pytest.raises(storage.Unavailable, match="can't be reached") as caught:
        services.add("a.png", pictures.photo(50, 20, "PNG"), now=clock.now())
    db.session.rollback()
    assert SECRET not in repr(caught.value)
    assert SECRET not in repr(unreachable)
    assert not queries.has_any()


def test_the_bucket_comes_from_the_environment(tmp_path: object) -> None:
    environ = {"DATA_DIR": str(tmp_path), "MEDIA_S3_ENDPOINT": "https://s3.example.org/", **BUCKET}
    found = config.from_env(environ).media_s3
    assert found == S3("https://s3.example.org", s3.BUCKET, "key", SECRET)
    for name in BUCKET:
        with pytest.raises(ConfigError, match=name):
            config.from_env({each: value for each, value in environ.items() if each != name})
    with pytest.raises(ConfigError, match="MEDIA_S3_ENDPOINT"):
        config.from_env({**environ, "MEDIA_S3_ENDPOINT": "s3.example.org"})
